package summary

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
)

// swaps returns what is in scope at a method call and could be called instead
// of its receiver: something of a guarded interface, or its decorator, with the
// same method.
func (b *builder) swaps(c site) []Swap {
	call, ok := c.node.(*ast.CallExpr)
	if !ok || b.test || b.fn.sig == nil && b.fn.outer == nil {
		return nil
	}
	guarded := b.guardedTypes()
	if len(guarded) == 0 {
		return nil
	}
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || b.u.Info.Selections[sel] == nil || !b.replaceable(sel.X) {
		return nil
	}
	at := b.pos(sel.X)
	had := namedOf(b.typeOf(sel.X))
	var out []Swap
	for _, cand := range b.candidates(call.Pos(), guarded) {
		if had != nil && typeName(had) == cand.Type {
			continue
		}
		m, _, _ := types.LookupFieldOrMethod(cand.obj.Type(), true, b.u.Pkg, sel.Sel.Name)
		fn, ok := m.(*types.Func)
		if !ok || !sameSignature(fn.Signature(), c.fn.Signature()) {
			continue
		}
		cand.Start, cand.End = at.Offset, at.End
		if had != nil {
			cand.From = typeName(had)
		}
		out = append(out, cand.Swap)
	}
	return out
}

type candidate struct {
	Swap
	obj *types.Var
}

// candidates returns the variables in scope, and the fields of the receiver,
// whose type is a guarded one.
func (b *builder) candidates(at token.Pos, guarded map[string]bool) []candidate {
	var out []candidate
	inner := b.u.Pkg.Scope().Innermost(at)
	for s := inner; s != nil && s != b.u.Pkg.Scope(); s = s.Parent() {
		for _, name := range s.Names() {
			v, ok := s.Lookup(name).(*types.Var)
			if !ok {
				continue
			}
			if _, seen := inner.LookupParent(name, at); seen != v {
				continue // shadowed, or declared below
			}
			if n := namedOf(v.Type()); n != nil && guarded[typeName(n)] && b.isSet(v) {
				out = append(out, candidate{Swap{Expr: name, Var: b.variable(v), Type: typeName(n)}, v})
			}
			if b.isReceiver(v) {
				out = append(out, b.fieldCandidates(v, guarded)...)
			}
		}
	}
	return out
}

func (b *builder) fieldCandidates(v *types.Var, guarded map[string]bool) []candidate {
	t := v.Type()
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	st, ok := t.Underlying().(*types.Struct)
	if !ok {
		return nil
	}
	var out []candidate
	for f := range st.Fields() {
		if n := namedOf(f.Type()); n != nil && guarded[typeName(n)] && f.Pkg() == b.u.Pkg {
			out = append(out, candidate{Swap{Expr: v.Name() + "." + f.Name(), Var: b.field(t, f), Type: typeName(n)}, f})
		}
	}
	return out
}

func (b *builder) isReceiver(v *types.Var) bool {
	for fn := b.fn; fn != nil; fn = fn.outer {
		if fn.sig != nil && fn.sig.Recv() == v {
			return true
		}
	}
	return false
}

// isSet reports whether a variable has its value from its declaration on.
func (b *builder) isSet(v *types.Var) bool {
	for fn := b.fn; fn != nil; fn = fn.outer {
		if fn.sig != nil && slices.Contains(slices.Collect(fn.sig.Params().Variables()), v) {
			return true
		}
	}
	return b.initialised[v]
}

// replaceable reports whether an expression can be replaced and what it names
// stays used: a parameter, a variable that is used elsewhere, or a field.
func (b *builder) replaceable(e ast.Expr) bool {
	switch x := ast.Unparen(e).(type) {
	case *ast.SelectorExpr:
		s := b.u.Info.Selections[x]
		return s != nil && s.Kind() == types.FieldVal && b.replaceableRoot(x.X)
	case *ast.Ident:
		v, ok := b.u.Info.Uses[x].(*types.Var)
		if !ok {
			return false
		}
		// Parameters, receivers and package variables may stay unused.
		return !b.initialised[v] || b.timesUsed()[v] > 1
	}
	return false
}

// timesUsed counts the uses of the variables of the package.
func (b *builder) timesUsed() map[*types.Var]int {
	if b.uses == nil {
		b.uses = make(map[*types.Var]int)
		for _, obj := range b.u.Info.Uses {
			if v, ok := obj.(*types.Var); ok {
				b.uses[v]++
			}
		}
	}
	return b.uses
}

func (b *builder) replaceableRoot(e ast.Expr) bool {
	switch x := ast.Unparen(e).(type) {
	case *ast.SelectorExpr:
		return b.u.Info.Selections[x] != nil && b.replaceableRoot(x.X)
	case *ast.Ident:
		v, ok := b.u.Info.Uses[x].(*types.Var)
		return ok && !b.initialised[v]
	}
	return false
}

// guardedTypes returns the guarded interfaces and decorators, "pkg.Name", of
// the package and of those that it imports.
func (b *builder) guardedTypes() map[string]bool {
	if b.guardedNames != nil {
		return b.guardedNames
	}
	b.guardedNames = make(map[string]bool)
	add := func(guards []Guard) {
		for _, g := range guards {
			b.guardedNames[g.Iface], b.guardedNames[g.Decorator] = true, true
		}
	}
	add(b.out.Guards)
	for _, p := range b.out.Imports {
		if dep := b.dep(p); dep != nil {
			add(dep.Guards)
		}
	}
	return b.guardedNames
}

// declares notes variables that have a value from their declaration on.
func (b *builder) declares(names []ast.Expr) {
	for _, e := range names {
		if id, ok := e.(*ast.Ident); ok {
			if v, ok := b.u.Info.Defs[id].(*types.Var); ok {
				b.initialised[v] = true
			}
		}
	}
}
