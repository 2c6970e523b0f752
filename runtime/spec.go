package resil

import "time"

// Generation1 is the handshake between generated code and this package:
// generated code names it, so that it does not compile against a runtime too
// old for it. If you are here because of such an error, upgrade
// github.com/resilgo/resil or run resilgen again.
const Generation1 = true

// GuardSpec describes one guarded interface. Generated constructors pass it to
// [System.Guard]; it is data only and safe to copy.
type GuardSpec struct {
	Dependency  string      // the guard's NAME
	Interface   string      // for reports: "import/path.Name"
	Position    string      // "file.go:line" of the guard directive, base name only
	Criticality Criticality // 0 = not stated
	Down        Level       // 0 = not stated
	Breaker     *Breaker    // nil = not stated; as written, without defaults
	Bulkhead    *Bulkhead   // shared by all methods of the dependency; nil = none stated
	Rate        *Rate       // shared by all methods of the dependency; nil = none stated
}

// MethodSpec describes one guarded method: the effective policies, as written
// or inherited, without defaults filled in (Levels excepted: complete data).
type MethodSpec struct {
	Name       string
	Kind       Kind
	Idempotent bool // a write that may be repeated
	Essential  bool
	NoContext  bool // no context parameter: the call runs on context.Background
	Health     bool // the probe of its dependency
	Timeout    Timeout
	Retry      *Retry
	Bulkhead   *Bulkhead // of its own, inside the shared one
	Rate       *Rate     // of its own, inside the shared one
	Hedge      *Hedge
	Ignore     func(error) bool // errors=ignore: the dependency answered; nil = none
	Failure    func(error) bool // errors=failure: counts although a default answer; nil = none
	Fallbacks  []Fallback       // tried in order
	Levels     Actions          // what the method does at each level
	Streams    bool             // the result outlives the call; generated code ties cancel to its end with [Stream]
}

// WorstCase returns the longest a call of m can take by its own policies, 0
// when no attempt timeout bounds it.
func (m MethodSpec) WorstCase() time.Duration {
	if m.Timeout.Attempt == 0 {
		return m.Timeout.Total
	}
	worst := m.Timeout.Attempt
	if m.Retry != nil {
		worst = m.Retry.WithDefaults().WorstCase(m.Timeout.Attempt)
	}
	if m.Timeout.Total > 0 {
		worst = min(worst, m.Timeout.Total)
	}
	return worst
}
