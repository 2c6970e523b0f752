package resil

import (
	"slices"
	"time"

	"github.com/resilgo/resil/runtime/internal/level"
)

// Rule names what decides a level.
type Rule string

// The rules.
const (
	RuleUp     Rule = "up"     // nothing asks for a worse level
	RuleDown   Rule = "down"   // a dependency that is down asks for its level
	RuleScore  Rule = "score"  // the health score is below a threshold
	RuleStable Rule = "stable" // a better level has not held for long enough
	RuleForced Rule = "forced" // by hand
)

// Cause says why a level holds.
type Cause struct {
	Rule         Rule      `json:"rule"`
	Dependencies []string  `json:"dependencies,omitempty"` // behind the rule; for RuleStable those behind the worsening
	Score        float64   `json:"score"`                  // 0..100
	Below        float64   `json:"below,omitempty"`        // RuleScore: the threshold
	Since        time.Time `json:"since,omitzero"`         // RuleStable: when the better level began to hold
	Until        time.Time `json:"until,omitzero"`         // RuleStable: when it counts; RuleForced: when the force expires
	Text         string    `json:"text,omitempty"`         // RuleForced: the reason given
}

// String returns the cause as one clause, for example
// "db, openai and redis down: score 10 is below 30".
func (c Cause) String() string {
	return level.Reason{Rule: level.Rule(c.Rule), Dependencies: c.Dependencies, Score: c.Score, Below: c.Below, Text: c.Text}.String()
}

func causeOf(r level.Reason) Cause {
	return Cause{
		Rule: Rule(r.Rule), Dependencies: slices.Clone(r.Dependencies), Score: r.Score, Below: r.Below,
		Since: r.Since, Until: r.Until, Text: r.Text,
	}
}

// cause returns why the level holds now.
func (s *System) cause() Cause {
	s.levels.mu.Lock()
	defer s.levels.mu.Unlock()
	return causeOf(s.levels.engine.Reason())
}

// RetryAt estimates when the level will be better: by the length of past
// outages, else no sooner than the next probe of a dependency that is down. It
// is the zero time if there is nothing to go by. It costs far less than
// [System.Status], so that a server can say it with each request it sheds.
func (s *System) RetryAt() time.Time { return s.recoveryAt() }
