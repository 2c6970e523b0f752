package resil

import (
	"slices"
	"strings"
	"time"

	"github.com/resilgo/resil/runtime/internal/breaker"
	"github.com/resilgo/resil/runtime/internal/mono"
)

// BreakerState is the state of a dependency's breaker.
type BreakerState uint8

// The states.
const (
	BreakerClosed BreakerState = iota
	BreakerOpen
	BreakerHalfOpen
)

// String returns "closed", "open" or "half-open".
func (s BreakerState) String() string {
	switch s {
	case BreakerOpen:
		return "open"
	case BreakerHalfOpen:
		return "half-open"
	default:
		return "closed"
	}
}

// MarshalText returns the state's name.
func (s BreakerState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Transition is one change of the level.
type Transition struct {
	From, To Level
	Reason   string
	At       time.Time
}

// ChangeKind is what a [Change] is about.
type ChangeKind uint8

// The kinds of changes.
const (
	ChangeLevel    ChangeKind = iota + 1 // From and To are levels
	ChangeBreaker                        // From and To are breaker states
	ChangeHealth                         // From and To are "up" or "down", by health checks
	ChangeForced                         // an override by hand began or ended: To "open", "closed", a level, "off" (the kill switch) or ""
	ChangeReloaded                       // overrides were loaded
)

var changeNames = [...]string{"", "level", "breaker", "health", "forced", "reloaded"}

// String returns the kind's name.
func (k ChangeKind) String() string {
	if int(k) < len(changeNames) {
		return changeNames[k]
	}
	return "change"
}

// MarshalText returns the kind's name.
func (k ChangeKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Change is one change of the system's state.
type Change struct {
	Kind       ChangeKind
	Dependency string // "" for the system
	From, To   string
	Reason     string
	At         time.Time
}

// Status is the state of a system at one moment. Reading it changes nothing.
type Status struct {
	Level        Level
	Since        time.Time // of the level
	Reason       string    // why the level holds: Cause in words
	Cause        Cause     // why the level holds
	Score        float64   // 0..100
	Disabled     bool      // kill switch on, by overrides or by hand
	Killed       *Forced   // kill switch on by hand; see [System.Disable]
	Forced       *Forced   // the level is forced by hand
	Expected     time.Time // when Optimal is expected, by the length of past outages; zero when unknown or not needed
	Started      bool
	Closed       bool
	Dependencies []DependencyStatus // sorted by name
	Chaos        *InjectorStatus    // what injects faults; nil = nothing, or nothing that tells
}

// Ready reports whether the system serves: it is started, not closed, and not
// in Emergency. A degraded one serves, and must not be taken out of rotation by
// its own check.
func (s Status) Ready() bool { return s.Started && !s.Closed && s.Level != Emergency }

// Forced is an override by hand.
type Forced struct {
	To     string // "open", "closed", a level, or "off"
	Reason string
	Until  time.Time
}

// DependencyStatus is the state of one dependency.
type DependencyStatus struct {
	Name        string
	Criticality Criticality
	Down        Level // the level while it is down
	Up          bool
	Expected    time.Time // when it is expected to be up, by the length of past outages; zero when unknown or up
	Breaker     BreakerState
	OpenUntil   time.Time // zero unless open
	Forced      *Forced
	Disabled    bool         // its policies are off
	Checked     bool         // it has a health check
	Healthy     bool         // by health checks; true when there is none
	CheckError  string       // class of the last failed check's error; "" when healthy
	SlowShare   float64      // share of slow calls in the window
	Waiting     int          // entries in the outbox
	InFlight    int          // calls in the shared bulkhead; 0 without one
	Limits      GuardSpec    // effective policies, defaults filled in
	Methods     []MethodSpec // effective policies, defaults filled in, sorted by name

	Stated   []GuardStated      // what each guard states, in the order of their making
	Override DependencyOverride // what overrides put above it
}

// GuardStated is what the code or the directives of one guard state.
type GuardStated struct {
	Guard   GuardSpec
	Methods []MethodStated // as registered
}

// MethodStated is a method as its guard states it and as it is in force, with
// overrides and defaults.
type MethodStated struct{ Stated, InForce MethodSpec }

// Code reports whether code states it, with [System.Dependency], and not the
// directives of an interface.
func (g GuardStated) Code() bool { return g.Guard.Interface == doInterface }

// Status returns the state of the system, with effective policies. It changes
// nothing: a recovery that is due but that no call, timer or [System.Level] has
// noticed yet is not in it.
func (s *System) Status() Status {
	var depth map[string]int
	if s.store != nil {
		depth = s.store.Depth()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{Disabled: s.disabled(), Killed: s.killed, Started: s.started, Closed: s.closed, Chaos: s.injectorStatus()}
	now := mono.Now()
	deps := s.sorted()
	for _, d := range deps {
		st.Dependencies = append(st.Dependencies, d.status(now, depth[d.name]))
	}
	l := &s.levels
	l.mu.Lock()
	defer l.mu.Unlock()
	s.define()
	st.Level, st.Since, st.Score = Level(l.engine.Level()), l.since, l.engine.Score()
	st.Cause, st.Forced = causeOf(l.engine.Reason()), l.forced
	st.Reason = st.Cause.String()
	wall := time.Now()
	if d, ok := l.engine.Recovery(wall); ok && st.Level != Optimal {
		st.Expected = wall.Add(d)
	}
	for i, d := range deps {
		of := &st.Dependencies[i]
		of.Healthy, of.CheckError, of.Forced = !d.ailing, d.sick, d.forced
		if left, ok := l.engine.Remaining(wall, d.id); ok {
			of.Expected = wall.Add(left)
		}
	}
	return st
}

// status returns the state of d but for what levels.mu guards. Requires sys.mu.
func (d *dependency) status(now mono.Time, waiting int) DependencyStatus {
	b := d.breaker.Status()
	st := DependencyStatus{
		Name: d.name, Criticality: d.spec.Criticality, Down: d.spec.Down,
		Up: !d.down.Load(), Breaker: BreakerState(b.State), Disabled: d.disabled,
		Checked: d.checked.Load(), SlowShare: b.Share, Waiting: waiting, Limits: d.spec,
	}
	if b.State == breaker.Open && b.Forced == nil {
		st.OpenUntil = mono.Wall(b.Until, now)
	}
	if d.shared.bulkhead != nil {
		st.InFlight = int(d.shared.bulkhead.used.Load())
	}
	st.Override = d.sys.overrides.Dependencies[d.name]
	for _, g := range d.order {
		stated := GuardStated{Guard: g.spec}
		for _, m := range g.methods {
			inForce := m.effective(st.Override).WithDefaults()
			stated.Methods = append(stated.Methods, MethodStated{m.spec, inForce})
			st.Methods = append(st.Methods, inForce)
		}
		st.Stated = append(st.Stated, stated)
	}
	slices.SortStableFunc(st.Methods, func(a, b MethodSpec) int { return strings.Compare(a.Name, b.Name) })
	return st
}
