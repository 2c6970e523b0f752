package resolve

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/resilgo/resil/analyzer/internal/catalog"
	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/analyzer/internal/summary"
)

// goal is what a fallback stands in for, and must not reach.
type goal struct {
	name       string          // for people
	decorators map[string]bool // of the dependency
	ifaces     map[string]bool
	methods    map[string]bool // that are guarded
	raw        raw
	dependency string         // its name
	guard      string         // who guards, if Go code says so: "resil", "hystrix-go"
	clients    map[int32]bool // what only it is reached through: clients, or variables that hold one from out of sight
}

// fallbackloop finds fallbacks that reach the dependency they stand in for.
func fallbackloop(p *program, _ []call) []finding.Finding {
	var out []finding.Finding
	said := make(map[*op]bool)
	report := func(o *op, format string, args ...any) *finding.Finding {
		n := o.node
		if said[o] || !n.pkg.own || n.file.Test || n.helper || n.file.Generated {
			return nil
		}
		said[o] = true
		out = append(out, finding.Finding{
			Rule: "fallbackloop", Pos: p.position(n, o.Pos), End: p.end(n, o.Pos), Message: fmt.Sprintf(format, args...),
			Package: n.pkg.Path, Func: n.Name, Callee: o.Callee,
		})
		return &out[len(out)-1]
	}
	reaches := func(what string, from *node, g *goal) *finding.Finding {
		o, first, path := p.reaches(from, g)
		if o == nil {
			return nil
		}
		if len(g.decorators) == 0 {
			o = first // what is guarded may share the rest of the path
		}
		return report(o, "the fallback of %s reaches %s again on the path %s: it fails for the same reason, or loads what tries to recover; answer from something else",
			what, g.name, spell(path))
	}
	for _, k := range p.pkgs {
		for i := range k.Guards {
			g := &k.Guards[i]
			if !slices.ContainsFunc(g.Methods, func(m summary.GuardMethod) bool { return len(m.Fallbacks) > 0 }) {
				continue
			}
			target := p.goalOf(g)
			for _, m := range g.Methods {
				for _, f := range m.Fallbacks {
					var found []*finding.Finding
					for _, from := range p.standIns(g, f) {
						found = append(found, reaches(m.Name, from, target))
					}
					for _, o := range p.itself(g, f, target) {
						found = append(found, report(o, "the fallback of %s that %s is given is %s itself: it fails for the same reason, or loads what tries to recover; answer from something else",
							m.Name, o.shown(), g.Dependency))
					}
					for _, x := range found {
						if x != nil {
							x.Related = []finding.Related{{Pos: p.position(&node{pkg: k}, f.Pos), Message: "the fallback of " + g.Dependency}}
						}
					}
				}
			}
		}
	}
	for _, n := range p.nodes {
		if !n.pkg.own || n.file.Test || n.file.Resil {
			continue
		}
		for _, o := range n.ops {
			fallbacks, target := p.fallbacksOf(o)
			for _, from := range fallbacks {
				reaches(o.shown(), from, target)
			}
		}
	}
	return out
}

// goalOf returns what the fallbacks of a guard stand in for: all that goes by
// the name of its dependency.
func (p *program) goalOf(g *summary.Guard) *goal {
	t := &goal{
		name: g.Dependency, dependency: g.Dependency, guard: "resil",
		decorators: make(map[string]bool), ifaces: make(map[string]bool), methods: make(map[string]bool), clients: make(map[int32]bool),
		raw: raw{values: make(set), types: make(map[string]bool)},
	}
	for _, k := range p.pkgs {
		for i := range k.Guards {
			o := &k.Guards[i]
			if o.Dependency != g.Dependency {
				continue
			}
			t.decorators[o.Decorator] = true
			t.ifaces[o.Iface] = true
			for _, m := range o.Methods {
				t.methods[m.Name] = t.methods[m.Name] || !m.Plain
			}
			r := p.rawOf(o)
			for v := range r.values {
				t.raw.values[v] = struct{}{}
			}
			for name := range r.types {
				t.raw.types[name] = true
				for _, m := range o.Methods {
					if e := p.types[name].methods[m.Name]; e != nil && !m.Plain && p.byID[e.Func] != nil {
						p.clientsBelow(p.byID[e.Func], t.clients)
					}
				}
			}
		}
	}
	return t
}

// fallbacksOf returns the functions that a call of a guard in Go code runs when
// what it guards has failed, and what they stand in for.
func (p *program) fallbacksOf(o *op) ([]*node, *goal) {
	if o.Kind != summary.Extern {
		return nil, nil
	}
	var fallbacks []*node
	runs := make(map[*node]bool)
	target := &goal{name: "what it stands in for", guard: o.Row.Dependency, clients: make(map[int32]bool)}
	switch e := catalog.Effect(o.Row.Effect); {
	case o.runsGuarded() && len(o.Args) > 3:
		fallbacks = p.with(o)
		for _, val := range p.sorted(o.v(o.Args[1])) {
			if name, err := strconv.Unquote(p.dependencyName(val)); err == nil && p.isDependency(val) {
				target.name, target.dependency = name, name
			}
		}
	case e == catalog.Runs && o.Row.Outside > 0 && o.Row.Outside <= len(o.Args):
		fallbacks = p.functions(o.v(o.Args[o.Row.Outside-1]))
		if o.Named != "" {
			target.name, target.dependency = o.Named, o.Named
		}
	case e == catalog.Policies:
		p.madeWithValue(o, func(x *value) {
			if strings.Contains(x.Name, "/fallback.") {
				for _, v := range x.in {
					fallbacks = append(fallbacks, p.functions(v)...)
				}
			}
		})
	}
	if len(fallbacks) == 0 {
		return nil, nil
	}
	for i, a := range o.Args {
		if o.outside(i) {
			continue
		}
		for _, run := range p.functions(o.v(a)) {
			if !runs[run] && !slices.Contains(fallbacks, run) {
				runs[run] = true
				p.clientsBelow(run, target.clients)
			}
		}
	}
	return fallbacks, target
}

// with returns the functions in the resil.With that an op is handed: fallbacks
// and, which does not matter here, keys and payloads.
func (p *program) with(o *op) []*node {
	if o.Kind != summary.Extern || o.Row.Dependency != "resil" || len(o.Args) < 4 {
		return nil
	}
	var out []*node
	for _, val := range p.sorted(o.v(o.Args[3])) {
		if x := &p.values[val]; strings.HasSuffix(x.Name, "/runtime.With") {
			for _, v := range slices.Concat(x.in, x.part) {
				out = append(out, p.functions(v)...)
			}
		}
	}
	return out
}

// markStandIns notes which literals of decorators are fallbacks: the breaker has
// let go by then.
func (p *program) markStandIns() {
	for i := range p.values {
		x := &p.values[i]
		if x.Kind != summary.ObjectValue || !strings.HasSuffix(x.Name, "/runtime.With") {
			continue
		}
		for _, v := range slices.Concat(x.in, x.part) {
			for _, n := range p.functions(v) {
				n.standIn = n.file.Resil
			}
		}
	}
}

// madeWithValue visits the objects that an op is called on or handed, and what
// they are made of.
func (p *program) madeWithValue(o *op, visit func(*value)) {
	seen := make(map[int32]bool)
	var look func(v int32)
	look = func(v int32) {
		for _, val := range p.sorted(v) {
			x := &p.values[val]
			if seen[val] || x.Kind != summary.ObjectValue {
				continue
			}
			seen[val] = true
			visit(x)
			for _, in := range x.in {
				look(in)
			}
		}
	}
	look(o.v(o.Recv))
	for _, a := range o.Args {
		look(o.v(a))
	}
}

// manyHosts are the kinds of dependencies whose clients reach more than one: the
// same http.Client says nothing of where a request goes.
var manyHosts = map[string]bool{"http": true, "net": true, "dns": true}

// clientsBelow notes the clients of the calls that a function leads to.
func (p *program) clientsBelow(from *node, into map[int32]bool) {
	below := map[*node]bool{from: true}
	handDown(below, []*node{from}, func(n *node) bool { return !n.file.Resil })
	for n := range below {
		for _, o := range n.ops {
			if c, ok := p.clientOf(o); ok {
				into[c] = true
			}
		}
	}
}

// clientOf returns what identifies the one client that a call is made on: where
// it was made or, if that is out of sight, the variable that holds it (< 0).
func (p *program) clientOf(o *op) (int32, bool) {
	c, ok := p.outbound(o)
	if !ok || manyHosts[c.row.Dependency] || o.Recv == 0 {
		return 0, false
	}
	client, found := int32(0), 0
	for _, val := range p.sorted(o.v(o.Recv)) {
		if x := &p.values[val]; x.Kind == summary.ObjectValue && x.ID != "" {
			client = val
			found++
		}
	}
	switch found {
	case 0:
		return -o.v(o.Recv), true
	case 1:
		return client, true
	}
	return 0, false
}

// standIns returns the functions that a fallback runs: the one it names, or the
// methods of all that the decorator's constructor is given as its fallback.
func (p *program) standIns(g *summary.Guard, f summary.Fallback) []*node {
	if f.Func != "" {
		if n := p.byID[f.Func]; n != nil {
			return []*node{n}
		}
		return nil
	}
	c := p.byID[g.Constructor]
	if c == nil || len(c.Params) < 3 {
		return nil
	}
	var out []*node
	for _, val := range p.sorted(c.pkg.vars[c.Params[2]]) {
		x := &p.values[val]
		t := p.types[x.Name]
		if x.Kind != summary.TypeValue || t == nil || t.methods[f.Method] == nil {
			continue
		}
		if n := p.byID[t.methods[f.Method].Func]; n != nil {
			out = append(out, n)
		}
	}
	return out
}

// itself returns the calls of a decorator's constructor whose fallback is what
// it decorates, or hands the method on to such a thing.
func (p *program) itself(g *summary.Guard, f summary.Fallback, target *goal) []*op {
	if f.Method == "" {
		return nil
	}
	var out []*op
	for _, n := range p.nodes {
		for _, o := range n.ops {
			if o.Callee != g.Constructor || len(o.Args) < 3 {
				continue
			}
			if o.Alike || slices.ContainsFunc(p.sorted(o.v(o.Args[2])), func(val int32) bool { return p.promotes(p.values[val].Name, f.Method, target) }) {
				out = append(out, o)
			}
		}
	}
	return out
}

// promotes reports whether a type of the module has a method because it embeds
// an interface of the dependency.
func (p *program) promotes(typ, method string, target *goal) bool {
	t := p.types[typ]
	if t == nil || t.Foreign || t.methods[method] == nil || t.methods[method].Via == "" {
		return false
	}
	via := t.methods[method].Via
	return slices.ContainsFunc(t.Fields, func(f summary.Field) bool {
		return strings.HasSuffix(via, "."+f.Name) && target.ifaces[f.Iface]
	})
}

// reaches returns the first op below from that calls what g is, the op in from
// that leads there, and the path.
func (p *program) reaches(from *node, g *goal) (hit, first *op, path []string) {
	type step struct {
		n     *node
		first *op
		path  []string
	}
	// Of one type, another instance may reach another dependency.
	sameType := g.raw.types[ownerOf(from.top)]
	seen := map[*node]bool{from: true}
	work := []step{{from, nil, []string{from.title()}}}
	for len(work) > 0 {
		s := work[0]
		work = work[1:]
		for _, o := range s.n.ops {
			if p.hits(o, g, sameType) {
				return o, cmp.Or(s.first, o), append(s.path, o.shown())
			}
		}
		follow := func(to *node, by *op) {
			if seen[to] {
				return
			}
			seen[to] = true
			path := s.path
			if to.top != s.n.top {
				path = append(slices.Clone(path), to.title())
			}
			work = append(work, step{to, cmp.Or(s.first, by), path})
		}
		for _, e := range s.n.edges {
			follow(e.to, e.op)
		}
		for _, o := range s.n.ops {
			for _, to := range p.with(o) { // another dependency's fallback
				follow(to, o)
			}
		}
	}
	return nil, nil, nil
}

// hits reports whether an op calls what g is.
func (p *program) hits(o *op, g *goal, sameType bool) bool {
	switch o.Kind {
	case summary.Interface:
		if g.methods[o.Method] && (g.ifaces[o.Iface] || p.holds(o.v(o.Recv), g.raw.values)) {
			return true
		}
	case summary.Static:
		if owner := ownerOfID(o.Callee); g.methods[lastName(o.Callee)] && (g.decorators[owner] || g.raw.types[owner]) {
			return true
		}
	case summary.Outbound:
		if p.holds(o.v(o.Recv), g.raw.values) {
			return true
		}
	case summary.Extern:
		if g.dependency == "" || o.Row.Dependency != g.guard || o.node.file.Resil {
			return false
		}
		return o.Named == g.dependency || o.runsGuarded() && slices.ContainsFunc(p.sorted(o.v(o.Args[1])), func(val int32) bool {
			return p.isDependency(val) && p.dependencyName(val) == strconv.Quote(g.dependency)
		})
	}
	if slices.ContainsFunc(o.targets, func(t *node) bool { return g.methods[t.Method] && g.decorators[ownerOf(t.top)] && t.outer == nil }) {
		return true
	}
	if len(g.clients) == 0 || sameType {
		return false
	}
	c, ok := p.clientOf(o)
	return ok && g.clients[c]
}
