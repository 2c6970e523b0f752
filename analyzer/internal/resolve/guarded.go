package resolve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/analyzer/internal/summary"
)

// bypassed finds uses of a raw client where its guarded decorator exists.
func bypassed(p *program, _ []call) []finding.Finding {
	var out []finding.Finding
	for _, k := range p.pkgs {
		for i := range k.Guards {
			out = append(out, p.bypasses(&k.Guards[i])...)
		}
	}
	return out
}

// raw are the values that a decorator's constructor is given.
type raw struct {
	values set
	types  map[string]bool
}

func (p *program) rawOf(g *summary.Guard) raw {
	r := raw{values: make(set), types: make(map[string]bool)}
	c := p.byID[g.Constructor]
	if c == nil || len(c.Params) < 2 {
		return r
	}
	for val := range p.pts[c.pkg.vars[c.Params[1]]] {
		x := &p.values[val]
		if x.Kind != summary.TypeValue && x.Kind != summary.ObjectValue || x.Name == g.Decorator {
			continue // a variable wrapped in place holds the decorator, too
		}
		r.values[val] = struct{}{}
		if t := p.types[x.Name]; x.Kind == summary.TypeValue && t != nil && !t.Foreign {
			r.types[x.Name] = true
		}
	}
	return r
}

func (p *program) bypasses(g *summary.Guard) []finding.Finding {
	r := p.rawOf(g)
	if len(r.values) == 0 {
		return nil
	}
	methods := make(map[string]bool)
	for _, m := range g.Methods {
		methods[m.Name] = !m.Plain && !m.Health
	}
	var out []finding.Finding
	said := make(map[[2]any]bool)
	report := func(k *pkg, fn string, at summary.Pos, callee, message string, fixes ...finding.Fix) {
		key := [2]any{k, at}
		if said[key] || !k.own {
			return
		}
		said[key] = true
		f := &k.Files[at.File]
		if f.Test || f.Helper || f.Generated {
			return
		}
		n := &node{pkg: k}
		out = append(out, finding.Finding{
			Rule: "bypassed", Pos: p.position(n, at), End: p.end(n, at), Message: message,
			Package: k.Path, Func: fn, Callee: callee, Fixes: fixes,
		})
	}
	decorator := g.Decorator[strings.LastIndexByte(g.Decorator, '.')+1:]
	for _, n := range p.nodes {
		if n.file.Test || n.file.Resil || n.state&exposed == 0 || r.types[ownerOf(n.top)] || n.covered() != "" {
			continue
		}
		for _, o := range n.ops {
			switch {
			case o.Region != "":
			case o.Kind == summary.Static && r.types[ownerOfID(o.Callee)] && methods[lastName(o.Callee)]:
				report(n.pkg, n.Name, o.Pos, o.Callee, fmt.Sprintf("%s goes round the guard of %s: call it through %s", o.shown(), g.Dependency, decorator), p.swap(o)...)
			case o.Kind == summary.Outbound && methods[lastName(o.Callee)] && p.holds(o.v(o.Recv), r.values):
				report(n.pkg, n.Name, o.Pos, o.Callee, fmt.Sprintf("%s goes round the guard of %s: call it through %s", o.shown(), g.Dependency, decorator), p.swap(o)...)
			case o.Kind == summary.Interface && methods[o.Method] && p.holds(o.v(o.Recv), r.values) && !r.types[ownerOf(n.top)] && !p.inPlace(o, r):
				if !p.handedTo(g, r, o, decorator, report) {
					report(n.pkg, n.Name, o.Pos, o.Callee, fmt.Sprintf("%s reaches the raw client of %s here: %s exists; pass that", o.shown(), g.Dependency, decorator), p.swap(o)...)
				}
			}
		}
	}
	return out
}

// inPlace reports whether the raw clients among what an op is called on have
// been put behind a guard where they were held: client = guard(client).
func (p *program) inPlace(o *op, r raw) bool {
	return p.foldGuard(o.v(o.Recv), o.Method) != "" &&
		!slices.ContainsFunc(o.targets, func(t *node) bool { return r.types[ownerOf(t)] && p.folded(o, t) == "" })
}

// handedTo reports the places where the raw client was handed over, to arrive
// at an interface call.
func (p *program) handedTo(g *summary.Guard, r raw, o *op, decorator string, report func(*pkg, string, summary.Pos, string, string, ...finding.Fix)) bool {
	found := false
	for _, k := range p.pkgs {
		for _, h := range k.Handed {
			if h.Callee == g.Constructor || !p.rawType(r, h.Type) || !p.reachOf([]int32{k.vars[h.Dst]}, 0)[o.v(o.Recv)] {
				continue
			}
			found = true
			report(k, k.Funcs[h.Func].Name, h.Pos, o.Callee, fmt.Sprintf("the raw client of %s is handed over where %s exists: %s in %s goes round the guard; pass the decorator", g.Dependency, decorator, o.shown(), o.node.title()))
		}
	}
	return found
}

func (p *program) rawType(r raw, name string) bool {
	for val := range r.values {
		if p.values[val].Name == name {
			return true
		}
	}
	return false
}

func (p *program) holds(v int32, values set) bool {
	if v == 0 {
		return false
	}
	for val := range values {
		if _, ok := p.pts[v][val]; ok {
			return true
		}
	}
	return false
}

// ownerOf returns the type, "pkg.Name", that a method belongs to.
func ownerOf(n *node) string { return ownerOfID(n.ID) }

func ownerOfID(id string) string {
	rest, ok := strings.CutPrefix(id, "(")
	if !ok {
		return ""
	}
	i := strings.Index(rest, ").")
	if i < 0 {
		return ""
	}
	return rest[:i]
}

// freshbreaker finds breakers that are made per call.
func freshbreaker(p *program, _ []call) []finding.Finding {
	var out []finding.Finding
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

// fallbackloop finds fallbacks that reach the dependency they stand in for.
func fallbackloop(p *program, _ []call) []finding.Finding {
	var out []finding.Finding
	said := make(map[*op]bool)
	for _, k := range p.pkgs {
		for i := range k.Guards {
			g := &k.Guards[i]
			for _, m := range g.Methods {
				for _, f := range m.Fallbacks {
					for _, from := range p.standIns(g, f) {
						o, path := p.reaches(from, g)
						if o == nil || said[o] || !o.node.pkg.own {
							continue
						}
						said[o] = true
						n := o.node
						out = append(out, finding.Finding{
							Rule: "fallbackloop", Pos: p.position(n, o.Pos), End: p.end(n, o.Pos),
							Message: fmt.Sprintf("the fallback of %s reaches %s again on the path %s: it fails for the same reason, or loads what tries to recover; answer from something else",
								m.Name, g.Dependency, strings.Join(path, " → ")),
							Related: []finding.Related{{Pos: p.position(&node{pkg: k}, f.Pos), Message: "the fallback of " + g.Dependency}},
							Package: n.pkg.Path, Func: n.Name, Callee: o.Callee,
						})
					}
				}
			}
		}
	}
	return out
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

// reaches returns the first op below from that calls the dependency of g, with
// the path to it.
func (p *program) reaches(from *node, g *summary.Guard) (*op, []string) {
	decorators := make(map[string]bool)
	ifaces := make(map[string]bool)
	values := make(set)
	types := make(map[string]bool)
	for _, k := range p.pkgs {
		for i := range k.Guards {
			if o := &k.Guards[i]; o.Dependency == g.Dependency {
				decorators[o.Decorator] = true
				ifaces[o.Iface] = true
				r := p.rawOf(o)
				for v := range r.values {
					values[v] = struct{}{}
				}
				for t := range r.types {
					types[t] = true
				}
			}
		}
	}
	type step struct {
		n    *node
		path []string
	}
	seen := map[*node]bool{from: true}
	work := []step{{from, []string{from.title()}}}
	for len(work) > 0 {
		s := work[0]
		work = work[1:]
		if s.n.file.Resil && !decorators[ownerOf(s.n.top)] {
			// Another dependency's decorator: what it runs is its business.
			continue
		}
		for _, o := range s.n.ops {
			hit := o.Kind == summary.Interface && (ifaces[o.Iface] || p.holds(o.v(o.Recv), values)) ||
				o.Kind == summary.Static && (decorators[ownerOfID(o.Callee)] || types[ownerOfID(o.Callee)]) ||
				o.Kind == summary.Outbound && p.holds(o.v(o.Recv), values) ||
				slices.ContainsFunc(o.targets, func(t *node) bool { return decorators[ownerOf(t.top)] && o.Kind != summary.Extern })
			if hit {
				return o, append(s.path, o.shown())
			}
		}
		for _, e := range s.n.edges {
			if !seen[e.to] {
				seen[e.to] = true
				path := s.path
				if e.to.top != s.n.top {
					path = append(slices.Clone(path), e.to.title())
				}
				work = append(work, step{e.to, path})
			}
		}
	}
	return nil, nil
}
