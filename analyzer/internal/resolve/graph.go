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
	through  *node // the function of the module that it is handed to and that runs it; nil if from does so itself
	byHand   bool  // in a loop that is written by hand
	times    int   // attempts of through, which runs it again when it fails; 1 = unknown, 0 = it does not
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
	p.params = p.owners()
	p.markStandIns()
	p.modes = make(map[param]modes)
	for range 12 { // deeper nests of helpers than this are judged as they come
		p.inside.forget()
		p.connect()
		steady := p.steady()
		learnt := p.learn()
		p.inside.forget()
		if !p.judgeFolds() && !learnt && steady {
			break
		}
	}
	p.inside.forget()
	p.repeats(p.params)
	for _, n := range p.nodes {
		for i := range n.edges {
			if e := &n.edges[i]; e.to != n && !n.file.Test {
				e.to.in++
			}
		}
	}
}

// steady reports whether connect found as many edges as the time before.
func (p *program) steady() bool {
	edges := 0
	for _, n := range p.nodes {
		edges += len(n.edges)
	}
	same := edges == p.edges
	p.edges = edges
	return same
}

// owners maps the variables that are parameters to them.
func (p *program) owners() map[int32]param {
	owners := make(map[int32]param)
	for _, n := range p.nodes {
		for i, v := range n.Params {
			if g := n.pkg.vars[v]; g != 0 {
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
	if n.file.Resil && !n.standIn {
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
func (p *program) connect() {
	rel := make(relations)
	for _, n := range p.nodes {
		n.known = n.edges
		n.edges, n.spare = n.spare[:0], n.known
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
				p.connectArgs(rel, o, nil, func(i int) modes {
					if o.outside(i) {
						return 0
					}
					return plain
				}, m, guard, timed)
				if o.Row.Outside != 0 {
					m, guard := o.around()
					p.connectArgs(rel, o, nil, func(i int) modes {
						if o.outside(i) {
							return plain
						}
						return 0
					}, m, guard, false)
				}
			}
			// A parameter that this function runs is judged at its callers.
			var own *origin
			if o.Kind == summary.Dynamic {
				own = p.deferred(rel, n, o.v(o.Recv))
			}
			made := p.guardOfMade(o)
			for _, t := range o.targets {
				within := p.within(o, t)
				if own == nil || within || slices.Contains(own.funcs, t) {
					m, guard := m, guard
					switch g := p.folded(o, t); {
					case m == loose:
					case within && made != "":
						m, guard = guarded, made
					case g != "" && m == plain:
						m, guard = guarded, g
					}
					n.edges = append(n.edges, edge{from: n, to: t, mode: m, guard: guard, timed: timed, op: o})
				}
				p.connectArgs(rel, o, t, func(i int) modes { return p.modes[param{t, i}] }, m, guard, timed)
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

// connectArgs makes the edges to functions that an op passes on, to a function
// of the module or, if that is nil, to foreign code.
func (p *program) connectArgs(rel relations, o *op, through *node, run func(i int) modes, m modes, guard string, timed bool) {
	for i, a := range o.Args {
		v := o.v(a)
		if v == 0 || run(i) == 0 {
			continue
		}
		var passed []*node
		if own := p.deferred(rel, o.node, v); own != nil {
			passed = own.funcs
		} else {
			passed = p.functions(v)
		}
		for _, t := range passed {
			for _, how := range compose(m, run(i)) {
				g := guard
				if how == guarded && g == "" {
					g = p.guardOfParam(o, i)
				}
				from := o.node
				if o.Home != 0 { // somebody further out waits for it
					from = p.nodes[from.first+int(o.Home)-1]
				}
				from.edges = append(from.edges, edge{from: from, to: t, mode: how, guard: g, timed: timed, op: o, through: through})
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

// origin is where the functions in a local variable come from, if that is
// nothing but parameters and what the function itself states.
type origin struct {
	params []param
	funcs  []*node
}

// maxOrigin is how many variables are looked at to find an origin.
const maxOrigin = 64

// originOf returns the origin of a variable, nil if there is more to it.
func (p *program) originOf(v int32) *origin {
	if o, ok := p.origins[v]; ok {
		return o
	}
	o := p.findOrigin(v)
	p.origins[v] = o
	return o
}

func (p *program) findOrigin(v int32) *origin {
	o := new(origin)
	seen := []int32{v}
	for i := 0; i < len(seen); i++ { // grows
		v := seen[i]
		own, isParam := p.params[v]
		if p.shared[v] || len(seen) > maxOrigin || !isParam && len(p.preds[v]) == 0 && len(p.bound[v]) == 0 && len(p.pts[v]) > 0 {
			return nil
		}
		if isParam {
			o.params = append(o.params, own)
		}
		for _, val := range p.bound[v] {
			switch x := &p.values[val]; {
			case x.Kind == summary.ObjectValue:
				return nil
			case x.node != nil && !slices.Contains(o.funcs, x.node):
				o.funcs = append(o.funcs, x.node)
			}
		}
		for _, src := range p.preds[v] {
			if !slices.Contains(seen, src) {
				seen = append(seen, src)
			}
		}
	}
	return o
}

// deferred returns the origin of variable v, used in n, if its functions are
// judged where they are passed as parameters of functions around n that n is a
// running part of; nil if they are not.
func (p *program) deferred(rel relations, n *node, v int32) *origin {
	if v == 0 || len(p.pts[v]) == 0 {
		return nil
	}
	o := p.originOf(v)
	if o == nil || len(o.params) == 0 || slices.ContainsFunc(o.params, func(own param) bool { return rel.of(own.fn, n) == 0 }) {
		return nil
	}
	return o
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

// relations says of functions how the literals in them run, seen from there; 0
// if they do not run before the function returns, as far as known.
type relations map[*node]map[*node]modes

// of returns how n runs, seen from a function around it or from itself.
func (r relations) of(outer, n *node) modes {
	if n == outer {
		return plain
	}
	if !inside(n, outer) {
		return 0
	}
	rel, ok := r[outer]
	if !ok {
		rel = make(map[*node]modes)
		relate(outer, plain, outer, rel)
		r[outer] = rel
	}
	return rel[n]
}

// relate notes how what n runs is run, seen from a function around it, if n
// itself is run in a mode.
func relate(n *node, m modes, outer *node, rel map[*node]modes) {
	for i := range n.known {
		e := &n.known[i]
		if e.to == outer || !inside(e.to, outer) {
			continue
		}
		how := m
		if e.mode != plain {
			how = e.mode
		}
		if rel[e.to]&how == 0 {
			rel[e.to] |= how
			relate(e.to, how, outer, rel)
		}
	}
}

// learn works out how functions run their parameters and reports whether that
// is news.
func (p *program) learn() bool {
	rel := make(relations)
	for _, n := range p.nodes {
		n.known = n.edges
	}
	next := make(map[param]modes)
	guards := make(map[param]string)
	note := func(n *node, from *origin, m modes, guard string, run modes) {
		for _, own := range from.params {
			within := rel.of(own.fn, n)
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
			if o.Kind == summary.Dynamic {
				if own := p.deferred(rel, n, o.v(o.Recv)); own != nil {
					mode, g := m, guard
					if fold := p.foldedAll(o, own.funcs); fold != "" && m == plain {
						mode, g = guarded, fold
					}
					note(n, own, mode, g, plain)
				}
			}
			for i, a := range o.Args {
				own := p.deferred(rel, n, o.v(a))
				if own == nil {
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
					note(n, own, mode, g, plain)
				}
				for _, t := range o.targets {
					g := guard
					if g == "" {
						g = p.paramGuard[param{t, i}]
					}
					note(n, own, m, g, p.modes[param{t, i}])
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
