package resolve

import (
	"slices"

	"github.com/resilgo/resil/analyzer/internal/summary"
)

// state says on which paths a function runs.
type state uint8

const (
	reached state = 1 << iota // from an entry point, guarded or not
	exposed                   // from an entry point, on a path without a guard
	maybe                     // on a path without a guard from a function that other packages may call inside one
	untimed                   // from an entry point, on a path that no guard bounds in time
)

// fallBack resolves interface calls on values whose origin is out of sight, in
// a container for dependency injection, say: any implementation of the module
// may be meant. Where there are decorators, they wrap the others.
func (p *program) fallBack() {
	if !p.whole {
		return // other packages may wire it
	}
	for _, n := range p.nodes {
		if n.file.Test {
			continue
		}
		for _, o := range n.ops {
			if o.Kind != summary.Interface || len(o.targets) > 0 || len(o.foreign) > 0 || len(p.pts[o.v(o.Recv)]) > 0 {
				continue
			}
			for _, t := range p.candidates(o) {
				if m := t.methods[o.Method]; m != nil && p.byID[m.Func] != nil {
					p.bind(o, p.byID[m.Func])
				}
			}
		}
	}
	p.solve()
}

func (p *program) candidates(o *op) []*typeInfo {
	all := p.implementers(o.Iface)
	var decorators, others []*typeInfo
	innermost := false // what a decorator decorates is no decorator
	for _, t := range all {
		switch {
		case !slices.ContainsFunc(t.Fields, func(f summary.Field) bool { return f.Iface == o.Iface }):
			others = append(others, t)
		case "("+t.Name+")."+o.node.top.Method != o.node.top.ID:
			decorators = append(decorators, t)
		case p.isMethod(o.Iface, o.node.top.Method):
			innermost = true
		}
	}
	if len(decorators) == 0 || innermost {
		return others
	}
	return decorators
}

// isMethod reports whether an interface of the module has a method.
func (p *program) isMethod(iface, method string) bool {
	i := p.ifaces[iface]
	return i != nil && slices.ContainsFunc(i.Methods, func(m summary.Method) bool { return m.Name == method })
}

// implementers returns the module's types with all methods of an interface of
// the module, mocks and test doubles aside.
func (p *program) implementers(name string) []*typeInfo {
	if ts, ok := p.implements[name]; ok {
		return ts
	}
	var out []*typeInfo
	if i := p.ifaces[name]; i != nil {
		for _, k := range p.pkgs {
			for j := range k.Types {
				t := p.types[k.Types[j].Name]
				if t.Foreign || t.pkg != k || !p.real(t) {
					continue
				}
				if !slices.ContainsFunc(i.Methods, func(m summary.Method) bool {
					have := t.methods[m.Name]
					return have == nil || have.Sig != m.Sig
				}) {
					out = append(out, t)
				}
			}
		}
	}
	p.implements[name] = out
	return out
}

func (p *program) real(t *typeInfo) bool {
	if t.File < 0 {
		return true
	}
	f := t.pkg.Files[t.File]
	return !f.Test && (!f.Generated || f.Resil)
}

// reach walks from the entry points.
func (p *program) reach() {
	var roots, open []*node
	for _, n := range p.nodes {
		switch {
		case n.file.Test, n.helper:
		case n.Entry && n.pkg.own, n.Handler && n.pkg.own && n.in == 0:
			roots = append(roots, n)
		case n.in > 0, !n.pkg.own:
		case p.whole:
			roots = append(roots, n)
		case !n.Exported && n.outer == nil && !p.mentioned[n]:
			roots = append(roots, n)
		default:
			open = append(open, n)
		}
	}
	p.spread(roots, reached|exposed|untimed)
	if p.whole {
		// Functions that only call each other.
		for _, n := range p.nodes {
			if n.state == 0 && n.pkg.own && !n.file.Test && !n.helper {
				p.spread([]*node{n}, reached|exposed|untimed)
			}
		}
		return
	}
	p.spread(open, reached|maybe)
	for _, n := range p.nodes {
		if n.state == 0 && n.pkg.own && !n.file.Test && !n.helper {
			p.spread([]*node{n}, reached|maybe)
		}
	}
}

// handDown gives what the functions of work have to those that they lead to,
// directly or not, breadth first: whoever has something keeps it, and where to
// refuses nothing is handed on.
func handDown[T comparable](has map[*node]T, work []*node, to func(*node) bool) {
	var nothing T
	for len(work) > 0 {
		n := work[0]
		work = work[1:]
		for _, e := range n.edges {
			if has[e.to] == nothing && to(e.to) {
				has[e.to] = has[n]
				work = append(work, e.to)
			}
		}
	}
}

// spread gives the states to the nodes and to what they run, breadth first, so
// that paths are short.
func (p *program) spread(start []*node, s state) {
	work := make([]*node, 0, len(start))
	for _, n := range start {
		if n.state&s != s {
			n.state |= s
			work = append(work, n)
		}
	}
	for len(work) > 0 {
		n := work[0]
		work = work[1:]
		for i := range n.edges {
			e := &n.edges[i]
			gain := n.state & reached
			switch e.mode {
			case plain:
				gain = n.state
			case loose:
				gain |= exposed | untimed
			case guarded:
				if !e.timed {
					gain |= n.state & untimed
				}
			}
			gain &^= e.to.state
			if gain == 0 {
				continue
			}
			if gain&exposed != 0 || gain&maybe != 0 && e.to.state&exposed == 0 {
				e.to.via = e
			}
			if e.to.guard == "" {
				if e.guard != "" {
					e.to.guard = e.guard
				} else {
					e.to.guard = n.guard
				}
			}
			e.to.state |= gain
			work = append(work, e.to)
		}
	}
}
