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
