package resil

import "fmt"

// Level is how much of the service still works, from Optimal (1, everything
// up) to Emergency (5, essential calls only). The zero Level is not a level:
// where one is optional it means "not stated".
type Level uint8

// The five levels, from best to worst.
const (
	Optimal   Level = iota + 1 // all services up
	Degraded                   // for example no cache: slower
	Limited                    // for example no AI features
	Minimal                    // read-only, writes blocked
	Emergency                  // status page and essential calls only
)

// Levels lists all levels from best to worst.
func Levels() [5]Level { return [5]Level{Optimal, Degraded, Limited, Minimal, Emergency} }

var levelNames = [...]string{"", "optimal", "degraded", "limited", "minimal", "emergency"}

// String returns the level as directives spell it, for example "degraded".
func (l Level) String() string {
	if l.Valid() {
		return levelNames[l]
	}
	return fmt.Sprintf("level(%d)", uint8(l))
}

// Valid reports whether l is one of the five levels.
func (l Level) Valid() bool { return l >= Optimal && l <= Emergency }

// ParseLevel returns the level that String spells as s.
func ParseLevel(s string) (Level, error) {
	for _, l := range Levels() {
		if levelNames[l] == s {
			return l, nil
		}
	}
	return 0, fmt.Errorf("unknown level %q; want optimal, degraded, limited, minimal or emergency", s)
}

// MarshalText returns the level's name; the zero Level gives "".
func (l Level) MarshalText() ([]byte, error) {
	if l == 0 {
		return nil, nil
	}
	if !l.Valid() {
		return nil, fmt.Errorf("invalid level %d", uint8(l))
	}
	return []byte(levelNames[l]), nil
}

// UnmarshalText is the reverse of MarshalText.
func (l *Level) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*l = 0
		return nil
	}
	v, err := ParseLevel(string(text))
	if err != nil {
		return err
	}
	*l = v
	return nil
}

// Criticality is how much the service needs a dependency. The zero value means
// "not stated" and counts as Medium.
type Criticality uint8

// Criticalities from least to most needed; in parentheses the default weight
// in the health score and the default level while the dependency is down.
const (
	Low      Criticality = iota + 1 // (1, Optimal)
	Medium                          // (2, Degraded)
	High                            // (3, Limited)
	Critical                        // (4, Minimal)
)

var criticalityNames = [...]string{"", "low", "medium", "high", "critical"}

// String returns the criticality as directives spell it.
func (c Criticality) String() string {
	if c >= Low && c <= Critical {
		return criticalityNames[c]
	}
	return fmt.Sprintf("criticality(%d)", uint8(c))
}

// ParseCriticality returns the criticality that String spells as s.
func ParseCriticality(s string) (Criticality, error) {
	for c := Low; c <= Critical; c++ {
		if criticalityNames[c] == s {
			return c, nil
		}
	}
	return 0, fmt.Errorf("unknown criticality %q; want critical, high, medium or low", s)
}

// MarshalText returns the criticality's name; the zero value gives "".
func (c Criticality) MarshalText() ([]byte, error) {
	if c == 0 {
		return nil, nil
	}
	if c > Critical {
		return nil, fmt.Errorf("invalid criticality %d", uint8(c))
	}
	return []byte(criticalityNames[c]), nil
}

// UnmarshalText is the reverse of MarshalText.
func (c *Criticality) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*c = 0
		return nil
	}
	v, err := ParseCriticality(string(text))
	if err != nil {
		return err
	}
	*c = v
	return nil
}

// Down returns the level that the system enters while a dependency of this
// criticality is down, unless the guard states another.
func (c Criticality) Down() Level {
	switch c {
	case Critical:
		return Minimal
	case High:
		return Limited
	case Low:
		return Optimal
	default:
		return Degraded
	}
}

// Action is what a guarded method does at a level. Actions are ordered: a
// larger one is stricter, and strictness never falls as levels worsen. The
// zero Action is not an action.
type Action uint8

// The actions from mildest to strictest.
const (
	ActCall     Action = iota + 1 // call the client, all policies on
	ActOnce                       // call the client once: no retry, no hedge
	ActStale                      // the cached answer if there is one, else call
	ActFallback                   // the fallback, never the client
	ActShed                       // neither: ErrShed
)

var actionNames = [...]string{"", "call", "once", "stale", "fallback", "shed"}

// String returns the action as directives spell it.
func (a Action) String() string {
	if a >= ActCall && a <= ActShed {
		return actionNames[a]
	}
	return fmt.Sprintf("action(%d)", uint8(a))
}

// MarshalText returns the action's name.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// ParseAction returns the action that String spells as s.
func ParseAction(s string) (Action, error) {
	for a := ActCall; a <= ActShed; a++ {
		if actionNames[a] == s {
			return a, nil
		}
	}
	return 0, fmt.Errorf("unknown action %q; want call, once, stale, fallback or shed", s)
}

// Kind is what a method does to its dependency. The zero Kind is Unmarked:
// treated as a read where levels decide, never retried.
type Kind uint8

// The kinds of methods.
const (
	Unmarked Kind = iota
	Read
	Write
)

// String returns "unmarked", "read" or "write".
func (k Kind) String() string {
	switch k {
	case Read:
		return "read"
	case Write:
		return "write"
	default:
		return "unmarked"
	}
}

// Actions is what a method does at each level, indexed by Level-1.
type Actions [5]Action

// At returns the action at level l.
func (a Actions) At(l Level) Action { return a[l-1] }

// DefaultActions returns the actions of a method that states none: call up to
// Limited; at Minimal a write falls back where an outbox or a function stands
// in for it and is shed otherwise; in Emergency whatever has a fallback falls
// back and the rest is shed. An essential method is called at every level.
func DefaultActions(kind Kind, essential bool, fallbacks []Fallback) Actions {
	a := Actions{ActCall, ActCall, ActCall, ActCall, ActCall}
	if essential {
		return a
	}
	deferred := false
	for _, f := range fallbacks {
		if f.Strategy == StrategyCall || f.Strategy == StrategyOutbox {
			deferred = true
		}
	}
	if kind == Write {
		a[Minimal-1] = ActShed
		if deferred {
			a[Minimal-1] = ActFallback
		}
	}
	a[Emergency-1] = ActShed
	if len(fallbacks) > 0 && a[Minimal-1] != ActShed {
		a[Emergency-1] = ActFallback
	}
	return a
}

// MergeActions overlays the actions a directive states (0 = not stated) on
// defaults: a level that is not stated takes the stricter of its default and
// the nearest better level's action. It returns the worse of the two levels at
// which strictness falls, or 0 when the result is monotonic.
func MergeActions(defaults, stated Actions) (merged Actions, falls Level) {
	prev := ActCall
	for i, s := range stated {
		switch {
		case s == 0:
			merged[i] = max(defaults[i], prev)
		case s < prev:
			merged[i] = s
			if falls == 0 {
				falls = Level(i + 1)
			}
		default:
			merged[i] = s
		}
		prev = merged[i]
	}
	return merged, falls
}
