package resolve

import (
	"cmp"
	"maps"

	"github.com/resilgo/resil/analyzer/internal/summary"
)

// fold is a client, transport or function that is wrapped in place, and one of
// the wrappers guards. Flows know no order: what was wrapped seems to be there
// still, beside its wrapper, or between two wrappers. But whatever arrives at it
// has passed them all.
type fold struct {
	guard   string            // by a function around a function
	methods map[string]string // by a decorator: the guard of each method that it guards
	reach   map[int32]bool    // the variables that what comes out, or is inside, flows to

	// What is wrapped: functions, types and clients from outside, each with the
	// variables to which it comes unwrapped, too.
	base  map[*node]map[int32]bool
	types map[string]map[int32]bool
	bare  map[int32]bool
}

func (f *fold) guards(method string) string {
	if g := f.methods[method]; g != "" {
		return g
	}
	return f.guard
}

// judgeFolds finds the folds that guard, as far as the graph goes, and reports
// whether there are more than before.
func (p *program) judgeFolds() bool {
	before := p.folding()
	p.folds = p.folds[:0]
	for _, k := range p.pkgs {
		if len(k.Folds) == 0 {
			continue
		}
		for _, f := range k.Folds {
			guard, methods, made := "", make(map[string]string), k.vars[f.Made]
			if f.Op >= 0 {
				for _, t := range p.nodes[k.first+int(f.Func)].ops[f.Op].targets {
					guard = cmp.Or(p.guardOfFunc(t), guard)
				}
			}
			p.guardedMethods(made, methods)
			if guard != "" || len(methods) > 0 {
				p.folds = append(p.folds, p.fold(guard, methods, k.vars[f.Var], made))
			}
		}
	}
	return p.folding() > before
}

func (p *program) folding() int {
	n := len(p.folds)
	for i := range p.folds {
		n += len(p.folds[i].methods)
	}
	return n
}

func (p *program) fold(guard string, methods map[string]string, v, made int32) fold {
	f := fold{
		guard: guard, methods: methods, reach: p.reachOf([]int32{v}, 0),
		base: make(map[*node]map[int32]bool), types: make(map[string]map[int32]bool), bare: make(map[int32]bool),
	}
	for val := range p.pts[v] {
		if _, wrapper := p.pts[made][val]; wrapper {
			continue
		}
		x := &p.values[val]
		bare := p.reachOf(p.begins[val], v)
		switch {
		case x.Kind == summary.FuncValue && x.node != nil:
			f.base[x.node] = bare
		case x.Kind == summary.TypeValue && p.types[x.Name] != nil && !p.types[x.Name].Foreign:
			f.types[x.Name] = bare
		case x.Kind == summary.ObjectValue:
			maps.Copy(f.bare, bare)
		}
	}
	return f
}

// reachOf returns the variables that what from hold can flow to past a variable.
func (p *program) reachOf(from []int32, past int32) map[int32]bool {
	seen := make(map[int32]bool)
	var work []int32
	visit := func(v int32) {
		if v != past && !seen[v] {
			seen[v] = true
			work = append(work, v)
		}
	}
	for _, v := range from {
		visit(v)
	}
	for len(work) > 0 {
		v := work[len(work)-1]
		work = work[:len(work)-1]
		for _, next := range p.succ[v] {
			visit(next)
		}
	}
	return seen
}

// foldGuard returns the guard among the wrappers that a method of what v holds
// has passed.
func (p *program) foldGuard(v int32, method string) string {
	for i := range p.folds {
		f := &p.folds[i]
		if g := f.guards(method); v != 0 && g != "" && f.reach[v] && !f.bare[v] {
			return g
		}
	}
	return ""
}

// folded returns the guard inside which an op runs t, because t is what
// wrappers were put around.
func (p *program) folded(o *op, t *node) string {
	v := o.v(o.Recv)
	for i := range p.folds {
		f := &p.folds[i]
		if v == 0 || !f.reach[v] {
			continue
		}
		bare, wrapped := f.base[t]
		if !wrapped && t.Method != "" {
			bare, wrapped = f.types[ownerOf(t)]
		}
		if wrapped && !bare[v] {
			return f.guards(t.Method)
		}
	}
	return ""
}

// guardedMethods adds the methods of the wrappers in a variable that call the
// same method of what they wrap inside a guard.
func (p *program) guardedMethods(made int32, to map[string]string) {
	for _, val := range p.sorted(made) {
		x := &p.values[val]
		ti := p.types[x.Name]
		if x.Kind != summary.TypeValue || ti == nil || ti.Foreign || p.isFuncType(x) {
			continue
		}
		for _, m := range ti.Methods {
			if n := p.byID[m.Func]; n != nil {
				if g := p.guardOfForward(n, m.Name); g != "" {
					to[m.Name] = g
				}
			}
		}
	}
}

// guardOfForward returns the guard inside which a method calls its namesake of
// what it wraps, each time that it does.
func (p *program) guardOfForward(n *node, method string) string {
	guard := ""
	for _, m := range p.nodes[n.index:] {
		if !inside(m, n) {
			break
		}
		for _, o := range m.ops {
			if o.Kind != summary.Interface || o.Method != method {
				continue
			}
			mode, g, _ := p.modeOf(o)
			if mode != guarded {
				g = p.onlyGuarded(m, n)
			}
			if g == "" {
				return ""
			}
			guard = g
		}
	}
	return guard
}
