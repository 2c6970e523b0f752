package level

import (
	"errors"
	"fmt"
	"time"
)

// Level numbers the five levels as the public package does: 1 is Optimal, 5 is
// Emergency.
type Level uint8

// The levels that rules name.
const (
	Optimal   Level = 1
	Minimal   Level = 4
	Emergency Level = 5
)

var names = [...]string{"", "optimal", "degraded", "limited", "minimal", "emergency"}

// String returns the level's name, for reasons.
func (l Level) String() string {
	if l.valid() {
		return names[l]
	}
	return fmt.Sprintf("level(%d)", uint8(l))
}

func (l Level) valid() bool { return l >= Optimal && l <= Emergency }

// Config tunes an engine. Zero fields take the defaults in parentheses.
type Config struct {
	Stable    time.Duration // how long a better level must hold before it counts (10s)
	MaxStable time.Duration // bound of Stable's doubling while the level flaps (4 × Stable)
	Step      bool          // recover one level at a time, Stable apart, instead of straight back

	MinimalBelow   float64 // score, 0 to 100, below which the level is at least Minimal (50); negative = never
	EmergencyBelow float64 // score below which it is Emergency while a critical dependency is down (30); negative = never
	Margin         float64 // points above its threshold at which a score rule lets go (5); negative = 0

	ScoreDown     int // the score counts while this many dependencies are down (3)
	ScoreCritical int // or this many critical ones (2)

	History int // transitions remembered (100)
}

// Defaults of Config, and bounds of what an engine remembers.
const (
	DefaultStable         = 10 * time.Second
	DefaultMinimalBelow   = 50
	DefaultEmergencyBelow = 30
	DefaultMargin         = 5
	DefaultScoreDown      = 3
	DefaultScoreCritical  = 2
	DefaultHistory        = 100

	maxOutages = 16 // remembered per dependency
	// calmFactor × MaxStable after a recovery a worsening is a new incident
	// and no flapping.
	calmFactor = 3
)

// WithDefaults returns c with its zero fields filled in.
func (c Config) WithDefaults() Config {
	if c.Stable == 0 {
		c.Stable = DefaultStable
	}
	if c.MaxStable == 0 {
		c.MaxStable = 4 * c.Stable
	}
	if c.MinimalBelow == 0 {
		c.MinimalBelow = DefaultMinimalBelow
	}
	if c.EmergencyBelow == 0 {
		c.EmergencyBelow = min(DefaultEmergencyBelow, max(c.MinimalBelow, 0))
	}
	if c.Margin == 0 {
		c.Margin = DefaultMargin
	}
	if c.ScoreDown == 0 {
		c.ScoreDown = DefaultScoreDown
	}
	if c.ScoreCritical == 0 {
		c.ScoreCritical = DefaultScoreCritical
	}
	if c.History == 0 {
		c.History = DefaultHistory
	}
	return c
}

// Validate returns every reason why c cannot work, joined.
func (c Config) Validate() error {
	c = c.WithDefaults()
	var errs []error
	add := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	add(c.Stable < 0 || c.Stable > time.Hour, "stable=%s is out of range; want more than 0s and at most 1h", c.Stable)
	add(c.MaxStable < c.Stable || c.MaxStable > 24*time.Hour, "the bound of stable, %s, is out of range; want %s to 24h", c.MaxStable, c.Stable)
	// Written so that NaN fails.
	add(!(c.MinimalBelow <= 100), "the minimal score %v is out of range; want 0 to 100", c.MinimalBelow)
	add(!(c.EmergencyBelow <= 100), "the emergency score %v is out of range; want 0 to 100", c.EmergencyBelow)
	add(c.MinimalBelow >= 0 && c.EmergencyBelow > c.MinimalBelow, "the emergency score %v is above the minimal score %v", c.EmergencyBelow, c.MinimalBelow)
	add(!(c.Margin <= 50), "the score margin %v is out of range; want 0 to 50", c.Margin)
	add(c.ScoreDown < 0 || c.ScoreCritical < 0, "the score rule needs a positive number of dependencies, not %d or %d", c.ScoreDown, c.ScoreCritical)
	add(c.History < 0 || c.History > 100_000, "history of %d transitions is out of range; want 1 to 100000", c.History)
	return errors.Join(errs...)
}

// Dependency is what the rules know of one dependency.
type Dependency struct {
	Name     string
	Weight   float64 // in the score; not negative
	Critical bool    // counts for the score rule's gate, and for Emergency
	Down     Level   // the level while it is down; Optimal = none of its own
}
