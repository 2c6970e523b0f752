package summary

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
)

// worth returns the value of an expression that is a constant, or as good as one:
// made of variables that are set once, where they are declared. nil if it is not.
func (b *builder) worth(e ast.Expr) constant.Value { return b.worthOf(e, 0) }

func (b *builder) worthOf(e ast.Expr, depth int) constant.Value {
	if e == nil || depth > 8 {
		return nil
	}
	if tv := b.u.Info.Types[e]; tv.Value != nil {
		return tv.Value
	}
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		v, ok := b.u.Info.Uses[e].(*types.Var)
		if !ok {
			return nil
		}
		return b.worthOf(b.only(v), depth+1)
	case *ast.BinaryExpr:
		x, y := b.worthOf(e.X, depth+1), b.worthOf(e.Y, depth+1)
		if x == nil || y == nil || x.Kind() != constant.Int || y.Kind() != constant.Int {
			return nil
		}
		switch e.Op {
		case token.ADD, token.SUB, token.MUL:
			return constant.BinaryOp(x, e.Op, y)
		case token.QUO:
			if constant.Sign(y) != 0 {
				return constant.BinaryOp(x, token.QUO_ASSIGN, y)
			}
		}
	case *ast.CallExpr:
		if b.u.Info.Types[e.Fun].IsType() && len(e.Args) == 1 {
			if x := b.worthOf(e.Args[0], depth+1); x != nil && x.Kind() == constant.Int {
				return x
			}
		}
	}
	return nil
}

// number returns the value of an expression as worth knows it.
func (b *builder) number(e ast.Expr) (int, bool) {
	x := b.worth(e)
	if x == nil {
		return 0, false
	}
	n, ok := constant.Int64Val(constant.ToInt(x))
	return int(n), ok
}

// only returns what a variable is declared with, nil if it is ever set again, or
// could be: by somebody who has its address, by a test, by another package.
func (b *builder) only(v *types.Var) ast.Expr {
	if set := b.settingsOf(v); len(set) == 1 && (v.Parent() != b.u.Pkg.Scope() || !v.Exported()) {
		return set[0]
	}
	return nil
}

// settingsOf returns all that a variable of the package is set to in what is in
// sight; nil stands for what is not an expression of its own.
func (b *builder) settingsOf(v *types.Var) []ast.Expr {
	if v.IsField() || v.Pkg() != b.u.Pkg {
		return nil
	}
	if v.Parent() == b.u.Pkg.Scope() {
		if b.settings == nil {
			b.settings = make(settings)
			for _, f := range b.u.Files {
				b.noteSettings(f, b.settings)
			}
		}
		return b.settings[v]
	}
	fn := b.fn
	for fn.outer != nil {
		fn = fn.outer
	}
	if fn.body == nil {
		return nil
	}
	if fn.settings == nil {
		fn.settings = make(settings)
		b.noteSettings(fn.body, fn.settings)
	}
	return fn.settings[v]
}

// settings are the expressions that variables are set to.
type settings map[types.Object][]ast.Expr

// noteSettings notes which variables are set below n.
func (b *builder) noteSettings(n ast.Node, into settings) {
	set := func(e, value ast.Expr) {
		if id, ok := ast.Unparen(e).(*ast.Ident); ok {
			if obj := b.objectOf(id); obj != nil {
				into[obj] = append(into[obj], value)
			}
		}
	}
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				var value ast.Expr
				if len(n.Lhs) == len(n.Rhs) && (n.Tok == token.DEFINE || n.Tok == token.ASSIGN) {
					value = n.Rhs[i]
				}
				set(l, value)
			}
		case *ast.ValueSpec:
			for i, name := range n.Names {
				switch {
				case i < len(n.Values):
					set(name, n.Values[i])
				case len(n.Values) > 0:
					set(name, nil)
				}
			}
		case *ast.IncDecStmt:
			set(n.X, nil)
		case *ast.RangeStmt:
			set(n.Key, nil)
			set(n.Value, nil)
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				set(n.X, nil)
				set(n.X, nil) // whoever has the address
			}
		}
		return true
	})
}

// remaining returns the time, in seconds, after which a context ends that a
// function of package context makes, 0 if the code does not say.
func (b *builder) remaining(c site) float64 {
	if len(c.exprs) < 2 {
		return 0
	}
	e := c.exprs[1]
	if isType(b.typeOf(e), "time", "Time") {
		e = b.sinceNow(e, 0)
	}
	if n, ok := b.number(e); ok && e != nil {
		return float64(n) / 1e9
	}
	return 0
}

// sinceNow returns the duration that a moment lies in the future when the code
// makes it: time.Now().Add(d). nil if it is another one.
func (b *builder) sinceNow(e ast.Expr, depth int) ast.Expr {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		if v, ok := b.u.Info.Uses[e].(*types.Var); ok && depth < 4 {
			if def := b.only(v); def != nil {
				return b.sinceNow(def, depth+1)
			}
		}
	case *ast.CallExpr:
		sel, ok := ast.Unparen(e.Fun).(*ast.SelectorExpr)
		if ok && len(e.Args) == 1 && sel.Sel.Name == "Add" && b.isNow(sel.X) {
			return e.Args[0]
		}
	}
	return nil
}

// isNow reports whether an expression is the present, or a variable that holds
// when the function began.
func (b *builder) isNow(e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		if v, ok := b.u.Info.Uses[e].(*types.Var); ok && v.Parent() != b.u.Pkg.Scope() {
			if def := b.only(v); def != nil {
				_, again := ast.Unparen(def).(*ast.Ident)
				return !again && b.isNow(def)
			}
		}
	case *ast.CallExpr:
		fn := b.funcOf(e.Fun)
		return fn != nil && fn.FullName() == "time.Now"
	}
	return false
}
