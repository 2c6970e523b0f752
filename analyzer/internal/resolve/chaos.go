package resolve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/resilgo/resil/analyzer/internal/catalog"
	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/analyzer/internal/summary"
)

// alwaysOn finds faults that happen in every run of the program: between its
// start and the place that lets them happen, nothing is asked that anybody could
// answer otherwise. What callers out of sight decide is theirs.
func alwaysOn(p *program, _ []call) []finding.Finding {
	if !slices.ContainsFunc(p.nodes, func(n *node) bool { return slices.ContainsFunc(n.ops, isFaults) }) {
		return nil
	}
	var out []finding.Finding
	via := make(map[*node]*edge)
	seen := make(map[*node]bool)
	var work []*node
	visit := func(n *node, e *edge) {
		if !seen[n] && !n.file.Test && !n.helper && !n.file.Tagged && n.covered() == "" {
			seen[n], via[n] = true, e
			work = append(work, n)
		}
	}
	for _, n := range p.nodes {
		if n.Entry && n.pkg.own {
			visit(n, nil)
		}
	}
	for len(work) > 0 {
		n := work[0]
		work = work[1:]
		for _, o := range n.ops {
			if isFaults(o) && !o.Decided && p.faultsIn(o) {
				out = append(out, p.faultsAt(o, trailOf(via, n)))
			}
		}
		for i := range n.edges {
			if e := &n.edges[i]; p.certain(e) {
				visit(e.to, e)
			}
		}
	}
	return out
}

func isFaults(o *op) bool {
	return o.Kind == summary.Extern && catalog.Effect(o.Row.Effect) == catalog.Faults
}

// certain reports whether an edge is taken whatever the program is told.
// Foreign code that is handed a function may run it when somebody asks for it:
// a handler, a command.
func (p *program) certain(e *edge) bool {
	o := e.op
	if o.Decided {
		return false
	}
	if o.Kind == summary.Extern {
		switch catalog.Effect(o.Row.Effect) {
		case catalog.Runs, catalog.Policies, catalog.Retry, catalog.Async:
			return true
		}
		return strings.HasPrefix(o.Callee, "sync.") || strings.HasPrefix(o.Callee, "(*sync.")
	}
	if slices.Contains(o.targets, e.to) {
		return true
	}
	// A helper that is handed the function may ask first.
	return len(o.targets) > 0 && !slices.ContainsFunc(o.targets, func(t *node) bool { return t.Decides })
}

// faultsIn reports whether an op lets faults happen: those of an injector that
// the code itself states, or of one of the module that asks nothing.
func (p *program) faultsIn(o *op) bool {
	if o.Recv != 0 {
		return !slices.ContainsFunc(p.sorted(o.v(o.Recv)), func(val int32) bool { return p.values[val].Name == summary.Told })
	}
	for _, a := range o.Args {
		for _, val := range p.sorted(o.v(a)) {
			t := p.types[p.values[val].Name]
			if t == nil || t.Foreign || p.values[val].Kind != summary.TypeValue || t.methods["Inject"] == nil {
				continue
			}
			if n := p.byID[t.methods["Inject"].Func]; n != nil && asksNothing(n) {
				return true
			}
		}
	}
	return false
}

// asksNothing reports whether a method does the same in every run of the
// program: nothing decides in it, and it calls nothing that might.
func asksNothing(n *node) bool {
	return !n.Decides && !slices.ContainsFunc(n.ops, func(o *op) bool { return o.Kind != summary.Extern && o.Kind != summary.Outbound })
}

func (p *program) faultsAt(o *op, trail []*edge) finding.Finding {
	n := o.node
	message := "chaos: %s is unguarded %s: every run of the program injects faults into its own calls, and nobody decides it; ask a flag or setting first, or leave it to the operators with admin.Config.Chaos"
	if o.Recv == 0 {
		message = "chaos: the injector of %s, wired %s, has no switch and no end: every run of the program injects faults into its own calls; use chaos.New and Enable, which ends by itself, and ask a flag or setting first"
	}
	return finding.Finding{
		Rule: "unguarded", Pos: p.position(n, o.Pos), End: p.end(n, o.Pos), Message: fmt.Sprintf(message, o.shown(), along(trail, n)),
		Package: n.pkg.Path, Func: n.Name, Callee: o.Callee, Related: p.placesAlong(trail),
	}
}

// trailOf returns the edges that led to n, entry point first.
func trailOf(via map[*node]*edge, n *node) []*edge {
	var out []*edge
	for e := via[n]; e != nil; e = via[e.from] {
		out = append(out, e)
	}
	slices.Reverse(out)
	return out
}
