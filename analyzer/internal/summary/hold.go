package summary

import (
	"go/ast"
	"go/types"
)

// This file is about the containers of the standard library that take anything:
// what is put into one comes out of it again.

// holds reports whether a type of the standard library is such a container, of
// something that is worth following.
func (b *builder) holds(t types.Type) bool {
	n := namedOf(t)
	if n == nil || n.Obj().Pkg() == nil {
		return false
	}
	switch n.Obj().Pkg().Path() {
	case "sync":
		return n.Obj().Name() == "Map" || n.Obj().Name() == "Pool"
	case "sync/atomic":
		return n.Obj().Name() == "Value" || n.Obj().Name() == "Pointer" && n.TypeArgs().Len() == 1 && b.followed(n.TypeArgs().At(0))
	}
	return false
}

// holderCall handles the methods of containers.
func (b *builder) holderCall(c site) ([]Var, bool) {
	recv := c.fn.Signature().Recv()
	if c.recv == 0 || recv == nil || !b.holds(c.through) || !std(c.fn.Pkg().Path()) {
		return nil, false
	}
	out := make([]Var, c.sig.Results().Len())
	switch c.fn.Name() {
	case "Store", "Swap", "CompareAndSwap", "LoadOrStore", "Put":
		b.flow(c.recv, c.args[len(c.args)-1])
	case "Get": // runs the pool's New
		out[0] = b.temp()
		b.flow(out[0], c.recv)
		b.op(Op{Kind: Dynamic, Pos: b.pos(c.name), Shown: c.fn.Name(), Recv: c.recv, Results: []Var{out[0]}, Pool: true})
		return out, true
	case "Range":
		return nil, false
	}
	if len(out) > 0 {
		out[0] = c.recv
	}
	return out, true
}

// holderLiteral walks a literal of a container: the New of a pool makes what
// comes out of it.
func (b *builder) holderLiteral(e *ast.CompositeLit) Var {
	v := b.temp()
	for _, x := range e.Elts {
		if kv, ok := x.(*ast.KeyValueExpr); ok {
			x = kv.Value
		}
		b.flow(v, b.expr(x))
	}
	return v
}

// takes lets a new local variable of any type hold what comes out of a
// container.
func (b *builder) takes(name ast.Expr, v Var) {
	id, ok := name.(*ast.Ident)
	if !ok || v == 0 {
		return
	}
	if obj, ok := b.u.Info.Defs[id].(*types.Var); ok && isAny(obj.Type()) {
		b.vars[obj] = b.temp()
	}
}

func isAny(t types.Type) bool {
	i, ok := types.Unalias(t).(*types.Interface)
	return ok && i.Empty()
}
