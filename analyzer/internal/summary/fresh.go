package summary

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"github.com/resilgo/resil/analyzer/internal/catalog"
)

// noteFresh notes that a breaker or a system of them is made here.
func (b *builder) noteFresh(c site) {
	if b.test {
		return
	}
	b.fn.fresh = append(b.fn.fresh, fresh{
		call:  c.node,
		Fresh: Fresh{Func: b.fn.index, Pos: b.pos(c.name), Name: shown(c.fn, c.through), Full: c.fn.Origin().FullName()},
	})
}

// noteVia notes the call of a function of the module that returns a breaker: it
// may make it.
func (b *builder) noteVia(c site, id string) {
	if b.test || c.sig.Results().Len() != 1 {
		return
	}
	n := namedOf(c.sig.Results().At(0).Type())
	if n == nil || n.Obj().Pkg() == nil || b.inModule(n.Obj().Pkg()) || !b.cat.MakesBreakers(n.Obj().Pkg().Path()) {
		return
	}
	b.fn.fresh = append(b.fn.fresh, fresh{
		call:  c.node,
		Fresh: Fresh{Func: b.fn.index, Pos: b.pos(c.name), Name: shown(c.fn, c.through), Full: c.fn.Origin().FullName(), Via: id},
	})
}

// fresh is a breaker made in the current function.
type fresh struct {
	Fresh
	call ast.Node
	seen map[types.Object]bool // variables that hold it, or what is made of it
}

// settleFresh works out what becomes of the breakers made in a body: one that
// only ever lives in a local variable is gone when the function returns.
func (b *builder) settleFresh(body ast.Node) {
	if body == nil {
		return
	}
	for _, f := range b.fn.fresh {
		f.seen = make(map[types.Object]bool)
		obj, direct := b.holder(body, f.call)
		switch {
		case direct: // gobreaker.NewCircuitBreaker(…).Execute(…)
			f.Used = true
		case obj == nil:
			b.followPlace(body, f.call, &f)
		default:
			b.useOf(body, obj, f.call, &f)
		}
		b.out.Fresh = append(b.out.Fresh, f.Fresh)
	}
}

// followPlace follows a breaker that is no variable's: returned, or an argument.
func (b *builder) followPlace(body, call ast.Node, f *fresh) {
	stack := stackOf(body, call)
	for i := len(stack) - 2; i >= 0; i-- {
		if _, ok := stack[i].(*ast.ParenExpr); ok {
			continue
		}
		if _, ok := stack[i].(*ast.ReturnStmt); ok {
			f.Returned = true
			return
		}
		break
	}
	if len(stack) < 2 || !b.handedOn(body, stack, call, f) {
		f.Kept = true
	}
}

// stackOf returns the nodes from body down to n.
func stackOf(body, n ast.Node) []ast.Node {
	var stack, found []ast.Node
	ast.Inspect(body, func(m ast.Node) bool {
		switch {
		case m == nil:
			stack = stack[:len(stack)-1]
			return true
		case found != nil:
			return false
		}
		stack = append(stack, m)
		if m == n {
			found = slices.Clone(stack)
		}
		return true
	})
	return found
}

// holder returns the local variable that a call's result is assigned to, or
// whether a method is called on it at once.
func (b *builder) holder(body, call ast.Node) (obj types.Object, direct bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, r := range n.Rhs {
				if ast.Unparen(r) == call && i < len(n.Lhs) {
					if id, ok := n.Lhs[i].(*ast.Ident); ok {
						obj = b.objectOf(id)
					}
				}
			}
		case *ast.ValueSpec:
			for i, r := range n.Values {
				if ast.Unparen(r) == call && i < len(n.Names) {
					obj = b.objectOf(n.Names[i])
				}
			}
		case *ast.SelectorExpr:
			if ast.Unparen(n.X) == call {
				direct = true
			}
		}
		return true
	})
	if v, ok := obj.(*types.Var); ok && v.Parent() == b.u.Pkg.Scope() {
		return nil, false
	}
	return obj, direct
}

func (b *builder) objectOf(id *ast.Ident) types.Object {
	if obj := b.u.Info.Defs[id]; obj != nil {
		return obj
	}
	return b.u.Info.Uses[id]
}

// useOf fills in how a local variable is used: calling its methods is fine,
// anything else may keep it.
func (b *builder) useOf(body ast.Node, obj types.Object, made ast.Node, f *fresh) {
	if f.seen[obj] {
		return // made of itself
	}
	f.seen[obj] = true
	var stack []ast.Node
	ast.Inspect(body, func(n ast.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		stack = append(stack, n)
		id, ok := n.(*ast.Ident)
		if !ok || b.u.Info.Uses[id] != obj {
			return true
		}
		if _, ok := stack[len(stack)-2].(*ast.ReturnStmt); ok {
			f.Returned = true
			return true
		}
		sel, ok := stack[len(stack)-2].(*ast.SelectorExpr)
		called := false
		if ok && sel.X == id && len(stack) > 2 {
			call, isCall := stack[len(stack)-3].(*ast.CallExpr)
			called = isCall && call.Fun == sel
		}
		if !called {
			if !b.handedOn(body, stack, made, f) {
				f.Kept = true
			}
			return true
		}
		f.Used = true
		b.aroundUse(stack, made, f)
		return true
	})
}

// aroundUse notes what surrounds a use: a loop sees the breaker more than once,
// a literal may run later and often.
func (b *builder) aroundUse(stack []ast.Node, made ast.Node, f *fresh) {
	for _, s := range stack {
		switch s := s.(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			if made.Pos() < s.Pos() || made.Pos() > s.End() {
				f.Loops = true
			}
		case *ast.FuncLit: // it may run later, and often
			if made.Pos() < s.Pos() || made.Pos() > s.End() {
				f.Kept = true
			}
		}
	}
}

// handedOn follows a breaker into what is made of it: a decorator or executor
// that is itself used here and not kept. It reports false if it may be kept.
func (b *builder) handedOn(body ast.Node, stack []ast.Node, made ast.Node, f *fresh) bool {
	i := len(stack) - 2
	call, ok := stack[i].(*ast.CallExpr)
	for ok && i > 0 && b.u.Info.Types[call.Fun].IsType() { // a conversion
		i--
		call, ok = stack[i].(*ast.CallExpr)
	}
	if !ok {
		return false
	}
	fn := b.funcOf(uninstantiated(call.Fun))
	if fn == nil {
		return false
	}
	if r := b.row(fn, nil); r != nil && (r.Effect == catalog.Policies || r.Effect == catalog.Runs) {
		f.Used = true
		return true
	}
	if name := strings.ToLower(fn.Name()); !strings.HasPrefix(name, "new") && name != "with" {
		return false
	}
	obj, direct := b.holder(body, call)
	switch {
	case direct:
		f.Used = true
		b.aroundUse(stack, made, f)
		return true
	case obj == nil:
		return false
	}
	b.useOf(body, obj, call, f)
	return !f.Kept
}

func uninstantiated(e ast.Expr) ast.Expr {
	switch x := ast.Unparen(e).(type) {
	case *ast.IndexExpr:
		return x.X
	case *ast.IndexListExpr:
		return x.X
	}
	return e
}
