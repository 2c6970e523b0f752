package resolve

import (
	"cmp"
	"maps"
	"slices"

	"github.com/resilgo/resil/analyzer/internal/summary"
)

// fold is a client, transport or function that is wrapped in place, and one of
// the wrappers guards. Flows know no order: what was wrapped seems to be there
// still, beside its wrapper, or between two wrappers. But whatever arrives at it
// has passed them all.
type fold struct {
	*extent

	guard   string            // by a function around a function
	methods map[string]string // by a decorator: the guard of each method that it guards
}

// extent is how far a fold goes. What guards is found out bit by bit, but what
// flows is known before the first fold is judged: it is worked out once.
type extent struct {
	reach map[int32]bool // the variables that what comes out, or is inside, flows to

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
		for i, f := range k.Folds {
			methods, made := make(map[string]string), k.vars[f.Made]
			guard := cmp.Or(p.guardOfObjects(made), p.guardOfLiteral(made, k.vars[f.Past]))
			if f.Op >= 0 {
				for _, t := range p.nodes[k.first+int(f.Func)].ops[f.Op].targets {
					guard = cmp.Or(p.guardOfFunc(t), guard)
				}
			}
			p.guardedMethods(made, methods)
			if (guard != "" || len(methods) > 0) && (!f.Option || p.always(p.nodes[k.first+int(f.Func)])) {
				p.folds = append(p.folds, fold{extent: p.extentOf(k, i), guard: guard, methods: methods})
			}
		}
	}
	return p.folding() > before
}

// guardOfLiteral returns the guard inside which a function literal runs what had
// another name before.
func (p *program) guardOfLiteral(made, past int32) string {
	if past == 0 {
		return ""
	}
	for _, val := range p.bound[made] {
		if n := p.values[val].node; n != nil {
			return p.guardOfUses(n, []int32{past})
		}
	}
	for _, src := range p.preds[made] {
		for _, val := range p.bound[src] {
			if n := p.values[val].node; n != nil && n.outer != nil {
				return p.guardOfUses(n, []int32{past})
			}
		}
	}
	return ""
}

func (p *program) folding() int {
	n := len(p.folds)
	for i := range p.folds {
		n += len(p.folds[i].methods)
	}
	return n
}

// extentOf returns how far the i-th fold of a package goes.
func (p *program) extentOf(k *pkg, i int) *extent {
	if k.extents == nil {
		k.extents = make([]*extent, len(k.Folds))
	}
	if f := k.extents[i]; f != nil {
		return f
	}
	v, made, past := k.vars[k.Folds[i].Var], k.vars[k.Folds[i].Made], k.vars[k.Folds[i].Past]
	f := &extent{
		reach: p.reachOf([]int32{v}, past),
		base:  make(map[*node]map[int32]bool), types: make(map[string]map[int32]bool), bare: make(map[int32]bool),
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
	k.extents[i] = f
	return f
}

// always reports whether an option, a literal that the maker of a thing is
// handed, is handed to it whenever it makes one.
func (p *program) always(option *node) bool {
	passed := func(o *op) bool {
		return slices.ContainsFunc(o.Args, func(a summary.Var) bool { return slices.Contains(p.functions(o.v(a)), option) })
	}
	makers := make(map[*node]bool) // whether it is always passed to them
	for _, n := range p.nodes {
		if n.file.Test || n.helper {
			continue
		}
		for _, o := range n.ops {
			if o.Kind != summary.Static || len(o.targets) == 0 {
				continue
			}
			if o.targets[0] == option.outer && o.Decided {
				return false // asked for, or not
			}
			if passed(o) {
				makers[o.targets[0]] = true
			}
		}
	}
	for _, n := range p.nodes {
		if n.file.Test || n.helper {
			continue
		}
		for _, o := range n.ops {
			if o.Kind == summary.Static && len(o.targets) > 0 && makers[o.targets[0]] && !passed(o) {
				return false
			}
		}
	}
	return len(makers) > 0
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

// foldedAll returns the guard inside which an op runs all that it may run but
// some, because wrappers were put around it.
func (p *program) foldedAll(o *op, but []*node) string {
	guard := ""
	for _, t := range o.targets {
		if slices.Contains(but, t) {
			continue
		}
		if guard = p.folded(o, t); guard == "" {
			return ""
		}
	}
	return guard
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
