package resolve

import (
	"fmt"

	"github.com/resilgo/resil/analyzer/internal/finding"
)

// unguarded finds calls that no guard covers.
func unguarded(p *program, calls []call) []finding.Finding {
	var out []finding.Finding
	for i := range calls {
		c := &calls[i]
		if c.guard != "" || c.unknown || c.excluded != "" && !c.op.node.file.Test {
			continue
		}
		trail := p.trail(c.op.node)
		f := p.finding("unguarded", c, fmt.Sprintf(
			"%s call %s is unguarded %s: when %s hangs or fails, so does its caller; wrap it in a generated decorator or a breaker, or say why not with //resil:guarded",
			c.row.Dependency, c.short(), along(trail, c.op.node), c.row.Dependency))
		f.Related = p.placesAlong(trail)
		f.Fixes = p.swap(c.op)
		out = append(out, f)
	}
	return out
}

// finding starts a finding at the name of a called method.
func (p *program) finding(rule string, c *call, message string) finding.Finding {
	n := c.op.node
	return finding.Finding{
		Rule: rule, Pos: p.position(n, c.op.Pos), End: p.end(n, c.op.Pos), Message: message,
		Package: n.pkg.Path, Func: n.Name, Callee: c.callee, Test: n.file.Test,
	}
}
