package resolve

import (
	"fmt"
	"strings"

	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/analyzer/internal/summary"
)

// freshbreaker finds breakers that are made per call.
func freshbreaker(p *program, _ []call) []finding.Finding {
	var out []finding.Finding
	perCall := p.perCall()
	for _, k := range p.pkgs {
		if !k.own {
			continue
		}
		for _, f := range k.Fresh {
			fn := &k.Funcs[f.Func]
			file := &k.Files[f.Pos.File]
			if n := p.byID[fn.ID]; !f.Used || f.Kept || f.Loops || f.Returned || fn.Entry || file.Test || n.helper || file.Generated || p.runOnce(n) {
				continue
			}
			if (f.Held || f.Lives) && !perCall[p.byID[fn.ID]] {
				continue // made as often as the program starts, as far as can be seen
			}
			if f.Via != "" && !p.makesFresh(f.Via, make(map[string]bool)) {
				continue
			}
			n := &node{pkg: k}
			out = append(out, finding.Finding{
				Rule: "freshbreaker", Pos: p.position(n, f.Pos), End: p.end(n, f.Pos),
				Message: fmt.Sprintf("%s is called on every call of %s: what it makes has seen no failures and can never trip; make it once and keep it in a field or package variable", f.Name, p.byID[fn.ID].title()),
				Package: k.Path, Func: fn.Name, Callee: f.Full,
			})
		}
	}
	return out
}

// perCall returns the functions that run for every request that comes in.
func (p *program) perCall() map[*node]bool {
	out := make(map[*node]bool)
	var work []*node
	for _, n := range p.nodes {
		if (n.Handler || n.Served) && !n.file.Test && !n.helper {
			out[n] = true
			work = append(work, n)
		}
	}
	handDown(out, work, func(n *node) bool { return !n.Entry })
	return out
}

// makesFresh reports whether a function returns a new breaker on every call.
func (p *program) makesFresh(id string, seen map[string]bool) bool {
	n := p.byID[id]
	if n == nil || seen[id] {
		return false
	}
	seen[id] = true
	made := false
	for _, f := range n.pkg.Fresh {
		if n.pkg.Funcs[f.Func].ID != id {
			continue
		}
		if f.Kept || !f.Returned || f.Via != "" && !p.makesFresh(f.Via, seen) {
			return false
		}
		made = true
	}
	return made
}

// runOnce reports whether a function runs once in the life of the process, as
// far as can be seen: sync.Once, or a literal that main runs by itself.
func (p *program) runOnce(n *node) bool {
	callers := 0
	for _, m := range p.nodes {
		for _, e := range m.edges {
			if e.to != n {
				continue
			}
			if strings.Contains(e.op.Callee, "sync.Once") || n.outer != nil && m.Entry && !e.op.Retry && e.op.Kind != summary.Extern {
				callers++
				continue
			}
			return false
		}
	}
	return callers > 0
}
