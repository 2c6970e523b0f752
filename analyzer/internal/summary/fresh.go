package summary

import (
	"go/ast"
	"go/token"
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
	if b.test {
		return
	}
	for i := range c.sig.Results().Len() {
		n := namedOf(c.sig.Results().At(i).Type())
		if n == nil || n.Obj().Pkg() == nil {
			continue
		}
		held := b.inModule(n.Obj().Pkg())
		if held && !b.holdsBreaker(n) || !held && !b.cat.MakesBreakers(n.Obj().Pkg().Path()) {
			continue
		}
		b.fn.fresh = append(b.fn.fresh, fresh{
			call: c.node, result: i,
			Fresh: Fresh{Func: b.fn.index, Pos: b.pos(c.name), Name: shown(c.fn, c.through), Full: c.fn.Origin().FullName(), Via: id, Held: held},
		})
		return
	}
}

// holdsBreaker reports whether a struct of the module has a breaker, or a system
// of them, in a field.
func (b *builder) holdsBreaker(n *types.Named) bool {
	n = n.Origin()
	if h, ok := b.holders[n]; ok {
		return h
	}
	holds := false
	if st, ok := n.Underlying().(*types.Struct); ok {
		for f := range st.Fields() {
			t := namedOf(f.Type())
			holds = holds || t != nil && t.Obj().Pkg() != nil && !b.inModule(t.Obj().Pkg()) && b.cat.MakesBreakers(t.Obj().Pkg().Path())
		}
	}
	if b.holders == nil {
		b.holders = make(map[*types.Named]bool)
	}
	b.holders[n] = holds
	return holds
}

// fresh is a breaker made in the current function.
type fresh struct {
	Fresh
	call   ast.Node
	result int                   // which result it is
	seen   map[types.Object]bool // variables that hold it, or what is made of it
}

// settleFresh works out what becomes of the breakers made in a body: one that
// only ever lives in a local variable is gone when the function returns.
func (b *builder) settleFresh(body ast.Node) {
	if body == nil {
		return
	}
	for _, f := range b.fn.fresh {
		f.seen = make(map[types.Object]bool)
		f.Lives = b.lives(body)
		obj, direct := b.holder(body, f.call, f.result)
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
	switch outer := around(stack, len(stack)-2).(type) {
	case *ast.ReturnStmt:
		f.Returned = true
		return
	case *ast.AssignStmt:
		if obj := b.inClient(outer, stack); obj != nil {
			b.useOf(body, obj, outer, f)
			return
		}
	}
	if len(stack) < 2 || !b.handedOn(body, stack, call, f) {
		f.Kept = true
	}
}

// around returns what is around the i-th node of a stack, and not just something
// that holds it: parentheses and composite literals.
func around(stack []ast.Node, i int) ast.Node {
	for ; i >= 0; i-- {
		switch x := stack[i].(type) {
		case *ast.ParenExpr, *ast.KeyValueExpr, *ast.CompositeLit:
		case *ast.UnaryExpr:
			if x.Op != token.AND {
				return x
			}
		default:
			return x
		}
	}
	return nil
}

// inClient returns the local variable of a client of another module that is made
// with what is on top of the stack: http.Client{Transport: …}.
func (b *builder) inClient(s *ast.AssignStmt, stack []ast.Node) types.Object {
	for i, r := range s.Rhs {
		if !slices.Contains(stack, ast.Node(r)) || i >= len(s.Lhs) {
			continue
		}
		id, ok := s.Lhs[i].(*ast.Ident)
		n := namedOf(b.typeOf(r))
		if !ok || n == nil || n.Obj().Pkg() == nil || b.inModule(n.Obj().Pkg()) {
			return nil
		}
		if v, ok := b.objectOf(id).(*types.Var); ok && v.Parent() != b.u.Pkg.Scope() {
			return v
		}
	}
	return nil
}

// lives reports whether a function stays for as long as the program does, or is
// what a command line runs: it serves, waits for signals or starts the system.
func (b *builder) lives(body ast.Node) bool {
	if b.fn.sig != nil {
		for v := range b.fn.sig.Params().Variables() {
			if n := namedOf(v.Type()); n != nil && n.Obj().Pkg() != nil && commandLines[catalog.Normalize(n.Obj().Pkg().Path())] {
				return true
			}
		}
	}
	found := false
	ast.Inspect(body, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			switch name := sel.Sel.Name; {
			case strings.HasPrefix(name, "ListenAndServe"), name == "Serve", name == "ServeTLS", name == "NotifyContext":
				found = true
			case name == "Notify":
				fn := b.funcOf(sel)
				found = found || fn != nil && fn.FullName() == "os/signal.Notify"
			case name == "Start":
				found = found || isType(b.typeOf(sel.X), "github.com/resilgo/resil/runtime", "System")
			}
		}
		return !found
	})
	return found
}

var commandLines = map[string]bool{
	"github.com/spf13/cobra": true, "github.com/urfave/cli": true, "github.com/alecthomas/kingpin": true, "github.com/alecthomas/kong": true,
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
func (b *builder) holder(body, call ast.Node, result int) (obj types.Object, direct bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, r := range n.Rhs {
				if ast.Unparen(r) == call && i+result < len(n.Lhs) {
					if id, ok := n.Lhs[i+result].(*ast.Ident); ok {
						obj = b.objectOf(id)
					}
				}
			}
		case *ast.ValueSpec:
			for i, r := range n.Values {
				if ast.Unparen(r) == call && i+result < len(n.Names) {
					obj = b.objectOf(n.Names[i+result])
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
		if _, ok := around(stack, len(stack)-2).(*ast.ReturnStmt); ok {
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
		if ends := sel.Sel.Name; ends == "Close" || ends == "Stop" || ends == "Shutdown" {
			return true // whoever does so, and wherever
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
	obj, direct := b.holder(body, call, 0)
	switch {
	case direct:
		f.Used = true
		b.aroundUse(stack, made, f)
		return true
	case obj == nil:
		switch outer := around(stack, i-1).(type) {
		case *ast.ReturnStmt:
			f.Returned = true
			return true
		case *ast.AssignStmt:
			obj = b.inClient(outer, stack)
		}
		if obj == nil {
			return false
		}
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
