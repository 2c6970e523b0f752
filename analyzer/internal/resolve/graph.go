package resolve

import (
	"cmp"
	"slices"
	"strings"

	"github.com/resilgo/resil/analyzer/internal/catalog"
	"github.com/resilgo/resil/analyzer/internal/summary"
)

// modes says how a function is run, seen from the function that causes it.
type modes uint8

const (
	plain   modes = 1 << iota // as part of it
	guarded                   // inside a guard
	loose                     // on a goroutine that nobody waits for
)

// edge is one way in which a function runs another.
type edge struct {
	from, to *node
	mode     modes // exactly one
	guard    string
	timed    bool // the guard bounds it in time
	op       *op
}

// param is a parameter of a function.
type param struct {
	fn *node
	i  int
}

// graph makes the edges. What a function does with its parameters is judged
// where it is called, call by call: a helper may be handed one function inside
// a guard and another outside.
func (p *program) graph() {
	for _, n := range p.nodes {
		for _, o := range n.ops {
			slices.SortFunc(o.targets, func(x, y *node) int { return cmp.Compare(x.index, y.index) })
			slices.SortStableFunc(o.foreign, func(x, y foreign) int { return strings.Compare(x.callee, y.callee) })
		}
	}
	p.fallBack()
	p.solved = true
	owners := p.owners()
	p.params = owners
	p.modes = make(map[param]modes)
	for range 12 { // deeper nests of helpers than this are judged as they come
		p.inside.forget()
		p.connect(owners)
		learnt := p.learn(owners)
		p.inside.forget()
		if !p.judgeFolds() && !learnt {
			break
		}
	}
	p.inside.forget()
	for _, n := range p.nodes {
		for i := range n.edges {
			if e := &n.edges[i]; e.to != n && !n.file.Test {
				e.to.in++
			}
		}
	}
}

// owners maps variables that are parameters, and nothing else, to them.
func (p *program) owners() map[int32]param {
	owners := make(map[int32]param)
	for _, n := range p.nodes {
		for i, v := range n.Params {
			if g := n.pkg.vars[v]; g != 0 && !p.assigned[g] {
				owners[g] = param{n, i}
			}
		}
	}
	return owners
}

// modeOf says how an op runs what it runs by itself.
func (p *program) modeOf(o *op) (m modes, guard string, timed bool) {
	switch {
	case o.Kind == summary.Extern && catalog.Effect(o.Row.Effect) == catalog.Runs:
		return guarded, o.Row.Dependency, o.Row.Timed
	case o.Kind == summary.Extern && catalog.Effect(o.Row.Effect) == catalog.Policies:
		if g := p.policies(o); g != "" {
			return guarded, g, false
		}
	case o.Kind == summary.Dynamic:
		if g := p.guardOfMade(o.v(o.Recv)); g != "" {
			return guarded, g, false
		}
	}
	m, guard = o.around()
	return m, guard, false
}

// around says how an op runs what it runs, whatever it does itself.
func (o *op) around() (m modes, guard string) {
	switch {
	case o.Go:
		return loose, ""
	case o.Region != "":
		return guarded, o.Region
	case o.node.covered() != "":
		return guarded, o.node.covered()
	case o.node.top.Outbound != "":
		return guarded, "//resil:outbound " + o.node.top.Outbound
	}
	return plain, ""
}

// outside reports whether a guard runs its i-th parameter outside the breaker.
func (o *op) outside(i int) bool { return o.Row.Outside == i+1 }

// covered returns what guards everything that a function does by itself.
func (n *node) covered() string {
	for f := n; f != nil; f = f.outer {
		if f.Guarded != "" {
			return "//resil:guarded " + f.Guarded
		}
	}
	if n.file.Resil {
		return "decorator " + strings.TrimPrefix(n.typeName(), "*")
	}
	return ""
}

// typeName returns the receiver's type in "(*Store).Load".
func (n *node) typeName() string {
	recv, _, ok := strings.Cut(strings.TrimPrefix(n.Name, "("), ").")
	if !ok {
		return n.Name
	}
	return recv
}

// connect makes all edges with what is known about parameters.
func (p *program) connect(owners map[int32]param) {
	rel := p.relations()
	for _, n := range p.nodes {
		n.edges = n.edges[:0]
	}
	for _, n := range p.nodes {
		if n.file.Test {
			continue
		}
		for _, o := range n.ops {
			m, guard, timed := p.modeOf(o)
			if o.runsArgs() {
				m, guard, timed := m, guard, timed
				if g := p.guardBehind(o); g != "" {
					m, guard = guarded, g
				}
				p.connectArgs(owners, rel, o, func(i int) modes {
					if o.outside(i) {
						return 0
					}
					return plain
				}, m, guard, timed)
				if o.Row.Outside != 0 {
					m, guard := o.around()
					p.connectArgs(owners, rel, o, func(i int) modes {
						if o.outside(i) {
							return plain
						}
						return 0
					}, m, guard, false)
				}
			}
			// A parameter that this function runs is judged at its callers.
			direct := true
			if v := o.v(o.Recv); o.Kind == summary.Dynamic && v != 0 {
				direct = !deferred(owners, rel, n, v)
			}
			for _, t := range o.targets {
				if direct {
					m, guard := m, guard
					if g := p.folded(o, t); g != "" && m == plain {
						m, guard = guarded, g
					}
					n.edges = append(n.edges, edge{from: n, to: t, mode: m, guard: guard, timed: timed, op: o})
				}
				p.connectArgs(owners, rel, o, func(i int) modes { return p.modes[param{t, i}] }, m, guard, timed)
			}
		}
	}
}

// runsArgs reports whether foreign code may run the functions that an op passes.
func (o *op) runsArgs() bool {
	return o.Kind == summary.Extern || o.Kind == summary.Outbound ||
		o.Kind == summary.Interface && (o.leaves || len(o.targets) == 0)
}

// guardBehind returns the guard that an interface of the module stands for: one
// wired in elsewhere, or, where nothing is known, one by its name.
func (p *program) guardBehind(o *op) string {
	if o.Kind != summary.Interface {
		return ""
	}
	for _, h := range o.helpers {
		if catalog.Effect(h.Effect) == catalog.Runs {
			return h.Dependency
		}
	}
	if len(o.helpers) == 0 && len(o.foreign) == 0 && len(o.targets) == 0 && strings.Contains(strings.ToLower(o.Iface), "breaker") {
		return o.Iface[strings.LastIndexByte(o.Iface, '/')+1:]
	}
	return ""
}

// connectArgs makes the edges to functions that an op passes on.
func (p *program) connectArgs(owners map[int32]param, rel map[*node]modes, o *op, run func(i int) modes, m modes, guard string, timed bool) {
	for i, a := range o.Args {
		v := o.v(a)
		if v == 0 || run(i) == 0 || deferred(owners, rel, o.node, v) {
			continue
		}
		for _, t := range p.functions(v) {
			for _, how := range compose(m, run(i)) {
				g := guard
				if how == guarded && g == "" {
					g = p.guardOfParam(o, i)
				}
				from := o.node
				if o.Home != 0 { // somebody further out waits for it
					from = p.nodes[from.first+int(o.Home)-1]
				}
				from.edges = append(from.edges, edge{from: from, to: t, mode: how, guard: g, timed: timed, op: o})
			}
		}
	}
}

// guardOfParam names the guard in which a helper runs its parameter.
func (p *program) guardOfParam(o *op, i int) string {
	for _, t := range o.targets {
		if g := p.paramGuard[param{t, i}]; g != "" {
			return g
		}
	}
	return "helper"
}

// functions returns the functions that a variable may hold, in order.
func (p *program) functions(v int32) []*node {
	var out []*node
	for val := range p.pts[v] {
		if n := p.values[val].node; n != nil {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(x, y *node) int { return cmp.Compare(x.index, y.index) })
	return out
}

// deferred reports whether variable v, used in n, is a parameter of a function
// around n that n is a running part of.
func deferred(owners map[int32]param, rel map[*node]modes, n *node, v int32) bool {
	own, ok := owners[v]
	return ok && inside(n, own.fn) && (n == own.fn || rel[n] != 0)
}

func inside(n, outer *node) bool {
	for ; n != nil; n = n.outer {
		if n == outer {
			return true
		}
	}
	return false
}

// compose returns how something runs that an op in mode outer hands to a helper
// that runs it in the modes of inner.
func compose(outer, inner modes) []modes {
	var out []modes
	add := func(m modes) {
		if !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	if inner&guarded != 0 {
		add(guarded)
	}
	if inner&plain != 0 {
		add(outer)
	}
	if inner&loose != 0 {
		add(loose)
	}
	return out
}

// relations says of every literal how it runs, seen from the declared function
// around it; 0 if it does not run before that function returns, as far as known.
func (p *program) relations() map[*node]modes {
	rel := make(map[*node]modes)
	for _, top := range p.nodes {
		if top.outer != nil {
			continue
		}
		type item struct {
			n *node
			m modes
		}
		work := []item{{top, plain}}
		for len(work) > 0 {
			it := work[len(work)-1]
			work = work[:len(work)-1]
			for _, e := range it.n.edges {
				if e.to.top != top || e.to == top {
					continue
				}
				for _, m := range compose(it.m, e.mode) {
					if e.mode == plain {
						m = it.m
					}
					if rel[e.to]&m == 0 {
						rel[e.to] |= m
						work = append(work, item{e.to, m})
					}
				}
			}
		}
		rel[top] = plain
	}
	return rel
}

// learn works out how functions run their parameters and reports whether that
// is news.
func (p *program) learn(owners map[int32]param) bool {
	rel := p.relations()
	next := make(map[param]modes)
	guards := make(map[param]string)
	note := func(n *node, own param, m modes, guard string, run modes) {
		within := rel[n]
		for _, bit := range []modes{plain, guarded, loose} {
			if within&bit == 0 {
				continue
			}
			for _, how := range compose(m, run) {
				if how == plain {
					how = bit
				}
				next[own] |= how
				if how == guarded && guards[own] == "" {
					guards[own] = guard
				}
			}
		}
	}
	for _, n := range p.nodes {
		if n.file.Test {
			continue
		}
		for _, o := range n.ops {
			m, guard, _ := p.modeOf(o)
			if guard == "" {
				guard = p.guardAround(n)
			}
			if v := o.v(o.Recv); o.Kind == summary.Dynamic && v != 0 && deferred(owners, rel, n, v) {
				note(n, owners[v], m, guard, plain)
			}
			for i, a := range o.Args {
				v := o.v(a)
				if v == 0 || !deferred(owners, rel, n, v) {
					continue
				}
				if o.runsArgs() {
					mode, g := m, guard
					if o.outside(i) {
						mode, g = o.around()
					}
					if behind := p.guardBehind(o); behind != "" {
						mode, g = guarded, behind
					}
					note(n, owners[v], mode, g, plain)
				}
				for _, t := range o.targets {
					g := guard
					if g == "" {
						g = p.paramGuard[param{t, i}]
					}
					note(n, owners[v], m, g, p.modes[param{t, i}])
				}
			}
		}
	}
	same := len(next) == len(p.modes)
	for k, m := range next {
		same = same && p.modes[k] == m
	}
	p.modes, p.paramGuard = next, guards
	return !same
}

// guardAround names the guard that runs a literal.
func (p *program) guardAround(n *node) string {
	if n.outer == nil {
		return ""
	}
	for _, m := range p.nodes[n.top.index:] {
		if m.top != n.top {
			break
		}
		for _, e := range m.edges {
			if e.to == n && e.mode == guarded {
				return e.guard
			}
		}
	}
	return p.guardAround(n.outer)
}
