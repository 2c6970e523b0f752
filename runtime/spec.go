package resil

import (
	"errors"
	"fmt"
	"time"
)

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
	Lazy        bool        // methods are registered as they are met, so overrides may name one that has not been
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
	Ignore     func(error) bool `json:"-"` // errors=ignore: the dependency answered; nil = none
	Failure    func(error) bool `json:"-"` // errors=failure: counts although a default answer; nil = none
	Fallbacks  []Fallback       // tried in order
	Levels     Actions          // what the method does at each level
	Streams    bool             // the result outlives the call; generated code ties cancel to its end with [CallStream]
}

// WithDefaults returns m with what its policies and levels leave out filled in:
// what is in force when nothing overrides it.
func (m MethodSpec) WithDefaults() MethodSpec {
	if m.Retry != nil {
		r := m.Retry.WithDefaults()
		m.Retry = &r
	}
	if m.Rate != nil {
		r := m.Rate.WithDefaults()
		m.Rate = &r
	}
	if m.Hedge != nil {
		h := m.Hedge.WithDefaults()
		m.Hedge = &h
	}
	fallbacks := make([]Fallback, len(m.Fallbacks))
	for i, f := range m.Fallbacks {
		fallbacks[i] = f.WithDefaults()
	}
	m.Fallbacks = fallbacks
	m.Levels, _ = MergeActions(DefaultActions(m.Kind, m.Essential, fallbacks), m.Levels)
	return m
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

// ValidName reports whether s can name a dependency: a lower-case letter, then
// lower-case letters, digits, '-', '_' and '.'.
func ValidName(s string) bool {
	for i, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z':
		case i > 0 && (c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.'):
		default:
			return false
		}
	}
	return s != "" && len(s) <= MaxName
}

// MaxName is the length of the longest name of a dependency.
const MaxName = 100

// validate returns every reason why g cannot work, joined and with its place.
func (g GuardSpec) validate() error {
	var p problems
	if !ValidName(g.Dependency) {
		p.add("%q is no name; want lower-case letters, digits, '-', '_' and '.', a letter first", g.Dependency)
	}
	if g.Criticality > Critical {
		p.add("unknown criticality %d", g.Criticality)
	}
	if g.Down != 0 && !g.Down.Valid() {
		p.add("unknown level %d", g.Down)
	}
	if g.Breaker != nil {
		p.include(g.Breaker.ValidatePart()) // whether the parts add up is asked of the whole
	}
	if g.Bulkhead != nil {
		p.include(g.Bulkhead.Validate())
	}
	if g.Rate != nil {
		p.include(g.Rate.Validate())
	}
	if err := p.join(); err != nil {
		return fmt.Errorf("dependency %q (%s): %w", g.Dependency, g.Position, err)
	}
	return nil
}

// validate returns every reason why m cannot work, joined.
func (m MethodSpec) validate() error {
	errs := []error{m.Timeout.Validate()}
	if m.Retry != nil {
		errs = append(errs, m.Retry.Validate())
		if m.Kind == Write && !m.Idempotent {
			errs = append(errs, errors.New("retry of a write that is not idempotent"))
		}
	}
	if m.Bulkhead != nil {
		errs = append(errs, m.Bulkhead.Validate())
	}
	if m.Rate != nil {
		errs = append(errs, m.Rate.Validate())
	}
	if m.Hedge != nil {
		errs = append(errs, m.Hedge.Validate())
		if m.Kind == Write && !m.Idempotent {
			errs = append(errs, errors.New("hedge of a write that is not idempotent"))
		}
	}
	for _, f := range m.Fallbacks {
		if f.Strategy < StrategyCall || f.Strategy > StrategyOutbox {
			errs = append(errs, fmt.Errorf("unknown fallback strategy %d", f.Strategy))
		}
		errs = append(errs, f.Validate())
	}
	if m.Levels != (Actions{}) {
		for i, a := range m.Levels {
			if a < ActCall || a > ActShed || i > 0 && a < m.Levels[i-1] {
				errs = append(errs, fmt.Errorf("actions %v fall as levels worsen, or are unknown", m.Levels))
				break
			}
		}
	}
	if m.Timeout.Total > 0 && m.Timeout.Attempt > 0 && m.Retry != nil {
		if worst := m.Retry.WithDefaults().WorstCase(m.Timeout.Attempt); worst > m.Timeout.Total {
			errs = append(errs, fmt.Errorf("%d attempts of %s and their waits may take %s, more than total=%s", m.Retry.Attempts, m.Timeout.Attempt, worst, m.Timeout.Total))
		}
	}
	return errors.Join(errs...)
}
