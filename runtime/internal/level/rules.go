package level

import (
	"fmt"
	"strings"
	"time"
)

// Rule names what decided a level.
type Rule string

// The rules.
const (
	RuleUp     Rule = "up"     // nothing asks for a worse level
	RuleDown   Rule = "down"   // the down level of a dependency
	RuleScore  Rule = "score"  // the health score
	RuleStable Rule = "stable" // a better level has not held long enough yet
	RuleForced Rule = "forced" // by hand
)

// Reason says why a level holds.
type Reason struct {
	Rule         Rule
	Dependencies []string  // behind the rule, in order of declaration; for RuleStable those behind the worsening. Not to be modified
	Score        float64   // at the decision, 0 to 100
	Below        float64   // RuleScore: the threshold
	Since        time.Time // RuleStable: when the better level began to hold
	Until        time.Time // RuleStable: when it counts; RuleForced: when the force expires
	Actor, Text  string    // RuleForced: who and why
}

// String returns the reason as one clause of a log line, for example
// "db, openai and redis down: score 10 is below 30".
func (r Reason) String() string {
	switch r.Rule {
	case RuleDown:
		return list(r.Dependencies) + " down"
	case RuleScore:
		return fmt.Sprintf("%s down: score %.0f is below %.0f", list(r.Dependencies), r.Score, r.Below)
	case RuleStable:
		if len(r.Dependencies) == 0 {
			return "waiting for the better level to hold"
		}
		return "waiting for the recovery of " + list(r.Dependencies) + " to hold"
	case RuleForced:
		by := ""
		if r.Actor != "" {
			by = " by " + r.Actor
		}
		return "forced" + by + ": " + r.Text
	default:
		return "nothing is down"
	}
}

func list(names []string) string {
	switch n := len(names); n {
	case 0:
		return "nothing"
	case 1:
		return names[0]
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}

// tally is everything the rules need to know of the dependencies.
type tally struct {
	worst        Level // of the down levels of what is down
	down         int
	criticalDown int
	score        float64
}

func (e *Engine) tally() tally {
	t := tally{worst: Optimal}
	var up, total float64
	for i := range e.deps {
		d := &e.deps[i]
		total += d.Weight
		switch {
		case d.down:
			t.down++
			t.worst = max(t.worst, d.Down)
			if d.Critical {
				t.criticalDown++
			}
		case d.slow:
			up += d.Weight / 2
		default:
			up += d.Weight
		}
	}
	t.score = 100
	if total > 0 {
		t.score = up * 100 / total // in this order: exact for whole weights
	}
	return t
}

// scoreLevel is what the score rule asks for: the zero Level while it does not
// apply, Minimal or Emergency. held is what it asked for before, which it keeps
// asking for while the score is within the margin.
func (c Config) scoreLevel(t tally, held Level) Level {
	if t.down < c.ScoreDown && t.criticalDown < c.ScoreCritical {
		return 0
	}
	below := func(threshold float64, l Level) bool {
		if threshold < 0 {
			return false
		}
		return t.score < threshold || held >= l && t.score <= threshold+max(c.Margin, 0)
	}
	switch {
	case t.criticalDown > 0 && below(c.EmergencyBelow, Emergency):
		return Emergency
	case below(c.MinimalBelow, Minimal):
		return Minimal
	default:
		return 0
	}
}

// explain returns the reason for target, given the tally it comes from.
func (e *Engine) explain(target Level, t tally) Reason {
	r := Reason{Rule: RuleUp, Score: t.score}
	switch {
	case target == Optimal:
		return r
	case t.worst == target:
		// The plainest rule first: a reader can check it without arithmetic.
		r.Rule = RuleDown
		r.Dependencies = e.downNames(target)
	default:
		r.Rule = RuleScore
		r.Below = e.cfg.MinimalBelow
		if target == Emergency {
			r.Below = e.cfg.EmergencyBelow
		}
		r.Dependencies = e.downNames(0)
	}
	return r
}

// downNames lists the dependencies that are down, those whose own down level
// is l only unless l is 0.
func (e *Engine) downNames(l Level) []string {
	var names []string
	for i := range e.deps {
		if d := &e.deps[i]; d.down && (l == 0 || d.Down == l) {
			names = append(names, d.Name)
		}
	}
	return names
}
