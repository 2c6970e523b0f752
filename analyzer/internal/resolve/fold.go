package resolve

import "github.com/resilgo/resil/analyzer/internal/summary"

// fold is a client, transport or function that a loop wraps, and one of the
// wrappers guards. In which order they wrap is not known, and does not matter:
// whatever arrives at the bottom has passed them all.
type fold struct {
	guard   string            // by a function around a function
	methods map[string]string // by a decorator: the guard of each method that it guards
	reach   map[int32]bool    // the variables that what comes out, or is inside, flows to
	base    map[*node]bool    // what is wrapped: functions
	types   map[string]bool   // and types
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
			o := p.nodes[k.first+int(f.Func)].ops[f.Op]
			guard, methods := "", make(map[string]string)
			for _, t := range o.targets {
				if g := p.guardOfFunc(t); g != "" {
					guard = g
				}
				p.guardedMethods(t, methods)
			}
			if guard != "" || len(methods) > 0 {
				p.folds = append(p.folds, p.fold(guard, methods, o, k.vars[f.Var]))
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

func (p *program) fold(guard string, methods map[string]string, o *op, v int32) fold {
	f := fold{guard: guard, methods: methods, reach: p.reachOf(v), base: make(map[*node]bool), types: make(map[string]bool)}
	made := make(map[int32]bool) // by the wrappers
	for _, t := range o.targets {
		for _, r := range t.Results {
			for val := range p.pts[t.pkg.vars[r]] {
				made[val] = true
			}
		}
	}
	for val := range p.pts[v] {
		x := &p.values[val]
		switch {
		case made[val]:
		case x.Kind == summary.FuncValue && x.node != nil:
			f.base[x.node] = true
		case x.Kind == summary.TypeValue:
			f.types[x.Name] = true
		}
	}
	return f
}

// reachOf returns the variables that what v holds can flow to.
func (p *program) reachOf(v int32) map[int32]bool {
	seen := map[int32]bool{v: true}
	work := []int32{v}
	for len(work) > 0 {
		v := work[len(work)-1]
		work = work[:len(work)-1]
		for _, next := range p.succ[v] {
			if !seen[next] {
				seen[next] = true
				work = append(work, next)
			}
		}
	}
	return seen
}

// foldGuard returns the guard among the wrappers that a method of what v holds
// has passed.
func (p *program) foldGuard(v int32, method string) string {
	for i := range p.folds {
		f := &p.folds[i]
		if g := f.guards(method); v != 0 && g != "" && f.reach[v] {
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
		if v != 0 && f.reach[v] && (f.base[t] || t.Method != "" && f.types[ownerOf(t)]) {
			return f.guards(t.Method)
		}
	}
	return ""
}

// guardedMethods adds the methods of what a wrapper returns that call the same
// method of what it wraps inside a guard.
func (p *program) guardedMethods(wrapper *node, to map[string]string) {
	for _, r := range wrapper.Results {
		for _, val := range p.sorted(wrapper.pkg.vars[r]) {
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
