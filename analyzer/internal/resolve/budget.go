package resolve

import (
	"fmt"
	"time"

	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/analyzer/internal/summary"
)

// plan is how long a guarded call may take, and why.
type plan struct {
	callee, title         string
	worst, attempt, total float64 // seconds
	attempts              int
}

// planOf returns the plan of what an op calls: a method of a decorator, or code
// that the runtime guards. ok is false if it has none.
func (p *program) planOf(o *op) (plan, bool) {
	if m, target := p.guardedCall(o); m != nil {
		return plan{target.ID, target.title(), m.Seconds, m.Attempt, m.Total, m.Attempts}, m.Seconds > 0
	}
	if t := p.termsOf(o); t != nil && o.runsGuarded() {
		return plan{o.Callee, o.shown(), t.worst(), t.attempt(), t.timeout.Total.Seconds(), t.attempts()}, t.worst() > 0
	}
	return plan{}, false
}

// reason says what makes up the worst case.
func (c plan) reason() string {
	waits := c.worst - float64(c.attempts)*c.attempt
	switch {
	case c.total > 0 && c.worst >= c.total:
		return "its total"
	case c.attempts <= 1:
		return "its timeout"
	case waits > 0:
		return fmt.Sprintf("%d attempts of %s and waits of %s", c.attempts, seconds(c.attempt), seconds(waits))
	}
	return fmt.Sprintf("%d attempts of %s", c.attempts, seconds(c.attempt))
}

// consequence says what happens when the caller allows less.
func (c plan) consequence(allowed float64) string {
	if c.attempts > 1 && allowed >= c.attempt {
		return "its last attempts never start"
	}
	return "the caller gives up first, and a fallback has no time left"
}

// budget finds calls that may take longer than their caller allows.
func budget(p *program, _ []call) []finding.Finding {
	var out []finding.Finding
	for _, n := range p.nodes {
		if !n.pkg.own || n.file.Test || n.helper || n.file.Generated {
			continue
		}
		for _, o := range n.ops {
			if o.Context == 0 {
				continue
			}
			c, ok := p.planOf(o)
			if !ok {
				continue
			}
			least := p.least(o.v(o.Context), make(map[int32]bool))
			if least == nil || least.Seconds >= c.worst {
				continue
			}
			f := finding.Finding{
				Rule: "budget", Pos: p.position(n, o.Pos), End: p.end(n, o.Pos),
				Message: fmt.Sprintf("%s may take %s by its own policies (%s), but its caller allows %s: %s; allow it %s, or give it less to do",
					c.title, seconds(c.worst), c.reason(), seconds(least.Seconds), c.consequence(least.Seconds), seconds(c.worst)),
				Package: n.pkg.Path, Func: n.Name, Callee: c.callee,
			}
			if least.Made.Line > 0 {
				f.Related = []finding.Related{{Pos: p.position(&node{pkg: least.pkg}, least.Made), Message: "the caller's timeout of " + seconds(least.Seconds)}}
			}
			out = append(out, f)
		}
	}
	return out
}

// least returns the context with the shortest limit among those that a variable
// holds, and those that they derive from; nil if none has one.
func (p *program) least(v int32, seen map[int32]bool) *value {
	var least *value
	for _, val := range p.sorted(v) {
		x := &p.values[val]
		if seen[val] || x.Kind != summary.ContextValue || x.Bound != summary.Limited {
			continue
		}
		seen[val] = true
		if x.Seconds > 0 && (least == nil || x.Seconds < least.Seconds) {
			least = x
		}
		for _, in := range x.in {
			if y := p.least(in, seen); y != nil && (least == nil || y.Seconds < least.Seconds) {
				least = y
			}
		}
	}
	return least
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Microsecond).String()
}
