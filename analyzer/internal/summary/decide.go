package summary

import (
	"go/ast"
	"go/build/constraint"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// This file says what a run of the program decides: a flag, a setting, a
// request. It is how an injector of faults that somebody switches on is told
// from one that is always on.

// decides reports whether a condition may come out this way in one run of the
// program and that way in another, because of something the program is told.
// That something failed is no such thing, nor is what the code itself states.
func (b *builder) decides(cond ast.Expr) bool {
	switch tv := b.u.Info.Types[cond]; {
	case tv.Value != nil:
		return b.tagged(cond)
	case tv.IsNil():
		return false
	}
	switch e := ast.Unparen(cond).(type) {
	case nil:
		return false
	case *ast.Ident:
		return !b.states(e)
	case *ast.UnaryExpr:
		return b.decides(e.X)
	case *ast.BinaryExpr:
		switch e.Op {
		case token.LAND, token.LOR:
			return b.decides(e.X) || b.decides(e.Y)
		case token.EQL, token.NEQ:
			if b.isError(e.X) || b.isError(e.Y) {
				return false
			}
			if asksNil(e) {
				return !b.neverNil(e.X)
			}
		}
		return b.decides(e.X) || b.decides(e.Y)
	case *ast.CallExpr:
		if fn := b.funcOf(e.Fun); fn != nil && fn.Pkg() != nil && fn.Pkg().Path() == "errors" {
			return false
		}
	}
	return true
}

// neverNil reports whether an expression names a local variable that is set once,
// with something that is there: a literal, or what a foreign function made. A
// function of the module may return nil because somebody said so.
func (b *builder) neverNil(e ast.Expr) bool {
	id, ok := ast.Unparen(e).(*ast.Ident)
	if !ok {
		return false
	}
	obj, ok := b.u.Info.Uses[id].(*types.Var)
	if !ok {
		return false
	}
	home := b.fn
	for home != nil && (home.body == nil || obj.Pos() < home.body.Pos()) {
		home = home.outer
	}
	if home == nil {
		return false
	}
	var made ast.Expr
	sets := 0
	ast.Inspect(home.body, func(n ast.Node) bool {
		a, ok := n.(*ast.AssignStmt)
		if !ok {
			return true
		}
		for i, l := range a.Lhs {
			if l, ok := l.(*ast.Ident); ok && b.objectOf(l) == obj {
				sets++
				made = a.Rhs[min(i, len(a.Rhs)-1)]
				if a.Tok != token.DEFINE {
					made = nil
				}
			}
		}
		return true
	})
	if sets != 1 || made == nil {
		return false
	}
	switch made := ast.Unparen(made).(type) {
	case *ast.UnaryExpr:
		return made.Op == token.AND
	case *ast.CallExpr:
		fn := b.funcOf(uninstantiated(made.Fun))
		return fn != nil && !b.inModule(fn.Pkg())
	}
	return false
}

// tagged reports whether a constant is made of one that build tags choose, or
// may: those of other packages are out of sight.
func (b *builder) tagged(e ast.Expr) bool {
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return !found
		}
		c, ok := b.u.Info.Uses[id].(*types.Const)
		switch {
		case !ok || c.Pkg() == nil || std(c.Pkg().Path()):
		case c.Pkg() != b.u.Pkg:
			found = true
		default:
			at := b.fileOf(c)
			found = at >= 0 && b.out.Files[at].Tagged
		}
		return !found
	})
	return found
}

// fixed reports whether the code itself states the value of an expression.
func (b *builder) fixed(e ast.Expr) bool {
	if b.u.Info.Types[e].Value != nil {
		return true
	}
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		return b.states(e)
	case *ast.CompositeLit:
		return true
	}
	return false
}

// states reports whether a name is that of a local variable which the code has
// given a value, and nothing since.
func (b *builder) states(id *ast.Ident) bool {
	v, ok := b.u.Info.Uses[id].(*types.Var)
	return ok && b.spelt[v]
}

// noteStated notes a local variable that a declaration gives a stated value.
// One that begins as false, or as zero, waits for something.
func (b *builder) noteStated(name ast.Expr, value ast.Expr) {
	id, ok := name.(*ast.Ident)
	if !ok {
		return
	}
	v, ok := b.u.Info.Defs[id].(*types.Var)
	if !ok || v.Parent() == b.u.Pkg.Scope() {
		return
	}
	_, literal := ast.Unparen(value).(*ast.CompositeLit)
	if tv := b.u.Info.Types[value]; literal || tv.Value != nil && tv.Value.Kind() != constant.String && !b.isZero(value) && !b.tagged(value) {
		if b.spelt == nil {
			b.spelt = make(map[*types.Var]bool)
		}
		b.spelt[v] = true
	}
}

// unstate: a variable is given another value, or somebody may do so.
func (b *builder) unstate(e ast.Expr) {
	if id, ok := ast.Unparen(e).(*ast.Ident); ok {
		if v, ok := b.u.Info.Uses[id].(*types.Var); ok {
			delete(b.spelt, v)
			delete(b.aliases, v)
		}
	}
}

// decided opens what is run only if something decides so, and returns what
// closes it.
func (b *builder) decided(by bool) (end func()) {
	if !by {
		return func() {}
	}
	fn := b.fn
	fn.decided++
	b.out.Funcs[fn.index].Decides = true
	return func() { fn.decided-- }
}

// parts notes where a function goes on without what follows, because something
// decided so: it left a branch early, and nothing was wrong.
func (b *builder) parts(by bool, branches ...ast.Stmt) {
	if !by {
		return
	}
	for _, s := range branches {
		switch b.departure(s) {
		case token.RETURN:
			b.fn.parted = true
		case token.CONTINUE, token.BREAK:
			b.fn.skipped = true
		}
	}
}

// departure says how the end of a branch leaves what is around it, if the
// program then goes on: by return or out of a turn of a loop. ILLEGAL if not.
func (b *builder) departure(s ast.Stmt) token.Token {
	switch s := s.(type) {
	case *ast.BlockStmt:
		if len(s.List) > 0 {
			return b.departure(s.List[len(s.List)-1])
		}
	case *ast.IfStmt:
		if t := b.departure(s.Body); t != token.ILLEGAL {
			return t
		}
		return b.departure(s.Else)
	case *ast.BranchStmt:
		if s.Tok == token.GOTO {
			return token.CONTINUE
		}
		return s.Tok
	case *ast.ReturnStmt:
		if b.out.Funcs[b.fn.index].Entry {
			break // the program ends
		}
		if n := len(s.Results); n > 0 && b.isError(s.Results[n-1]) && !b.u.Info.Types[s.Results[n-1]].IsNil() {
			break
		}
		return token.RETURN
	}
	return token.ILLEGAL
}

// clauseDecides reports whether something decides that a clause of a switch or
// select is taken: that time has passed, or that all is over, does not.
func (b *builder) clauseDecides(s ast.Stmt, tag bool) bool {
	switch s := s.(type) {
	case *ast.CaseClause:
		return tag || slices.ContainsFunc(s.List, b.decides)
	case *ast.CommClause:
		var e ast.Expr
		switch c := s.Comm.(type) {
		case *ast.ExprStmt:
			e = c.X
		case *ast.AssignStmt:
			e = c.Rhs[0]
		default:
			return false
		}
		if recv, ok := ast.Unparen(e).(*ast.UnaryExpr); ok && recv.Op == token.ARROW {
			return b.tells(recv.X)
		}
	}
	return false
}

// tells reports whether what comes through a channel tells the program to do
// something: neither the time nor the end of a context does.
func (b *builder) tells(ch ast.Expr) bool {
	if call, ok := ast.Unparen(ch).(*ast.CallExpr); ok {
		if fn := b.funcOf(call.Fun); fn != nil && fn.Name() == "Done" {
			return false
		}
	}
	return !isType(elem(b.typeOf(ch)), "time", "Time")
}

// clausesDecide reports whether what a switch or select asks is decided outside
// the code.
func (b *builder) clausesDecide(body *ast.BlockStmt, tag bool) bool {
	return tag || slices.ContainsFunc(body.List, func(s ast.Stmt) bool { return b.clauseDecides(s, false) })
}

// rangeDecides reports whether something decides how often a range loop runs,
// if at all.
func (b *builder) rangeDecides(x ast.Expr) bool {
	if b.fixed(x) {
		return false
	}
	if _, ok := underlying(b.typeOf(x)).(*types.Chan); ok {
		return b.tells(x)
	}
	return true
}

// isTagged reports whether a file is built only with, or only without, a tag
// that is not about platforms.
func isTagged(f *ast.File) bool {
	for _, g := range f.Comments {
		if g.Pos() > f.Package {
			return false
		}
		for _, c := range g.List {
			if !constraint.IsGoBuild(c.Text) {
				continue
			}
			x, err := constraint.Parse(c.Text)
			return err == nil && ownTag(x)
		}
	}
	return false
}

func ownTag(x constraint.Expr) bool {
	switch x := x.(type) {
	case *constraint.AndExpr:
		return ownTag(x.X) || ownTag(x.Y)
	case *constraint.OrExpr:
		return ownTag(x.X) || ownTag(x.Y)
	case *constraint.NotExpr:
		return ownTag(x.X)
	case *constraint.TagExpr:
		return !slices.Contains(platforms, x.Tag) && !strings.HasPrefix(x.Tag, "go1.")
	}
	return false
}

var platforms = strings.Fields(`
	aix android darwin dragonfly freebsd illumos ios js linux netbsd openbsd plan9 solaris wasip1 windows unix
	386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm
	cgo gc gccgo race msan asan`)
