package summary

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
)

func (b *builder) block(s *ast.BlockStmt) {
	if s == nil {
		return
	}
	b.stmts(s.List, s.End())
}

// stmts walks the statements of a block that ends at end. What a two-step
// breaker admits in it stays admitted up to its end.
func (b *builder) stmts(list []ast.Stmt, end token.Pos) {
	fn := b.fn
	fn.blocks = append(fn.blocks, end)
	open := len(fn.regions)
	for _, s := range list {
		b.statement(s)
	}
	fn.regions = fn.regions[:open]
	fn.blocks = fn.blocks[:len(fn.blocks)-1]
}

func (b *builder) statement(s ast.Stmt) {
	outer := b.fn.stmt
	b.fn.stmt = s
	b.statementIn(s)
	b.fn.stmt = outer
}

func (b *builder) statementIn(s ast.Stmt) {
	switch s := s.(type) {
	case *ast.ExprStmt:
		b.expr(s.X)
	case *ast.AssignStmt:
		b.assignStmt(s)
	case *ast.DeclStmt:
		if d, ok := s.Decl.(*ast.GenDecl); ok && d.Tok == token.VAR {
			for _, spec := range d.Specs {
				b.valueSpec(spec.(*ast.ValueSpec))
			}
		}
	case *ast.ReturnStmt:
		b.returnStmt(s)
	case *ast.BlockStmt:
		b.block(s)
	case *ast.IfStmt:
		b.ifStmt(s)
	case *ast.ForStmt:
		b.forStmt(s)
	case *ast.RangeStmt:
		b.rangeStmt(s)
	case *ast.SwitchStmt:
		if s.Init != nil {
			b.statement(s.Init)
		}
		if s.Tag != nil {
			b.expr(s.Tag)
		}
		b.clauses(s.Body)
	case *ast.TypeSwitchStmt:
		b.typeSwitch(s)
	case *ast.SelectStmt:
		b.clauses(s.Body)
	case *ast.GoStmt:
		b.goStmt(s)
	case *ast.DeferStmt:
		b.expr(s.Call)
	case *ast.SendStmt:
		ch := b.expr(s.Chan)
		b.assign(ch, elem(b.typeOf(s.Chan)), s.Value)
	case *ast.LabeledStmt:
		b.statement(s.Stmt)
	case *ast.IncDecStmt:
		b.expr(s.X)
	}
}

func (b *builder) opCount() int { return len(b.out.Funcs[b.fn.index].Ops) }

func (b *builder) clauses(body *ast.BlockStmt) {
	for _, c := range body.List {
		switch c := c.(type) {
		case *ast.CaseClause:
			for _, e := range c.List {
				b.expr(e)
			}
			b.stmts(c.Body, c.End())
		case *ast.CommClause:
			if c.Comm != nil {
				b.statement(c.Comm)
			}
			b.stmts(c.Body, c.End())
		}
	}
}

func (b *builder) typeSwitch(s *ast.TypeSwitchStmt) {
	if s.Init != nil {
		b.statement(s.Init)
	}
	var src Var
	switch a := s.Assign.(type) {
	case *ast.AssignStmt:
		src = b.expr(a.Rhs[0])
	case *ast.ExprStmt:
		b.expr(a.X)
	}
	for _, c := range s.Body.List {
		if obj, ok := b.u.Info.Implicits[c].(*types.Var); ok {
			b.flow(b.variable(obj), src)
		}
	}
	b.clauses(s.Body)
}

func (b *builder) ifStmt(s *ast.IfStmt) {
	fn := b.fn
	if s.Init != nil {
		b.statement(s.Init)
	}
	asked := len(fn.regions)
	b.expr(s.Cond)
	refused := b.refused(s.Cond)
	refused.set(fn, 1)
	b.block(s.Body)
	refused.set(fn, -1)
	if len(refused) == 0 { // "if breaker.Ready() { … }": admitted in the branch only
		fn.regions = fn.regions[:asked]
	}
	if s.Else != nil {
		b.statement(s.Else)
	}
}

// refusal holds the regions, by index, that were refused in a branch.
type refusal []int

func (r refusal) set(fn *function, by int) {
	for _, i := range r {
		fn.regions[i].off += by
	}
}

// refused returns the regions that cond, when true, says were refused:
// "err != nil", "blocked != nil", "!allowed".
func (b *builder) refused(cond ast.Expr) refusal {
	var out refusal
	mark := func(e ast.Expr) {
		id, ok := ast.Unparen(e).(*ast.Ident)
		for i, r := range b.fn.regions {
			if !ok { // "!breaker.Allow()": the region begins in the condition
				if r.from > e.Pos() && r.from <= e.End() {
					out = append(out, i)
				}
				continue
			}
			for _, v := range r.vars {
				if v == b.u.Info.Uses[id] {
					out = append(out, i)
				}
			}
		}
	}
	switch c := ast.Unparen(cond).(type) {
	case *ast.BinaryExpr:
		if c.Op == token.NEQ {
			mark(c.X)
		}
		if c.Op == token.LOR {
			out = append(b.refused(c.X), b.refused(c.Y)...)
		}
	case *ast.UnaryExpr:
		if c.Op == token.NOT {
			mark(c.X)
		}
	}
	return out
}

func (b *builder) forStmt(s *ast.ForStmt) {
	fn := b.fn
	if s.Init != nil {
		b.statement(s.Init)
	}
	b.enterLoop(s, s.Body)
	if s.Cond != nil {
		b.expr(s.Cond)
	}
	b.block(s.Body)
	if s.Post != nil {
		b.statement(s.Post)
	}
	fn.loops = fn.loops[:len(fn.loops)-1]
}

func (b *builder) rangeStmt(s *ast.RangeStmt) {
	fn := b.fn
	src := b.expr(s.X)
	t := b.typeOf(s.X)
	b.enterLoop(s, s.Body)
	switch underlying(t).(type) {
	case *types.Chan:
		fn.awaits = append(fn.awaits, s.X.Pos())
		b.define(s.Key, src)
	case *types.Signature: // an iterator: runs here, and calls the body
		if src != 0 {
			b.op(Op{Kind: Dynamic, Pos: b.pos(s.X), Shown: "iterator", Recv: src})
		}
	default:
		if s.Value != nil {
			b.define(s.Value, src)
		}
	}
	b.block(s.Body)
	fn.loops = fn.loops[:len(fn.loops)-1]
}

// define lets src flow into the variable that a range clause sets.
func (b *builder) define(e ast.Expr, src Var) {
	if e == nil {
		return
	}
	b.flow(b.target(e), src)
}

func (b *builder) goStmt(s *ast.GoStmt) {
	before := b.opCount()
	b.expr(s.Call)
	// The call itself is the last op; its arguments are evaluated here.
	if n := b.opCount(); n > before {
		b.fn.started = append(b.fn.started, started{op: n - 1, at: s.End()})
	}
}

func (b *builder) assignStmt(s *ast.AssignStmt) {
	if len(s.Lhs) > 1 && len(s.Rhs) == 1 {
		results := b.multi(s.Rhs[0])
		for i, l := range s.Lhs {
			dst := b.target(l)
			if i < len(results) {
				b.convert(dst, b.typeOf(l), results[i], b.resultType(s.Rhs[0], i))
			}
		}
		b.admitted(s.Rhs[0], s.Lhs)
		return
	}
	for i, r := range s.Rhs {
		if i >= len(s.Lhs) {
			break
		}
		l := s.Lhs[i]
		if sel, ok := ast.Unparen(l).(*ast.SelectorExpr); ok && b.foreignField(sel) {
			base := b.expr(sel.X)
			src := b.value(r, b.typeOf(l))
			b.store(base, sel.Sel.Name, src, r)
			continue
		}
		b.assign(b.target(l), b.typeOf(l), r)
	}
	if len(s.Rhs) == 1 {
		b.admitted(s.Rhs[0], s.Lhs)
	}
}

func (b *builder) store(base Var, field string, src Var, e ast.Expr) {
	if base == 0 || b.test || b.isZero(e) {
		return
	}
	b.out.Stores = append(b.out.Stores, Store{Base: base, Src: src, Field: field})
}

func (b *builder) isZero(e ast.Expr) bool {
	tv := b.u.Info.Types[e]
	if tv.IsNil() {
		return true
	}
	if tv.Value == nil {
		return false
	}
	switch tv.Value.Kind() {
	case constant.Int, constant.Float:
		return constant.Sign(tv.Value) == 0
	case constant.Bool:
		return !constant.BoolVal(tv.Value)
	case constant.String:
		return constant.StringVal(tv.Value) == ""
	}
	return false
}

// foreignField reports whether sel is a field of a struct of another module.
func (b *builder) foreignField(sel *ast.SelectorExpr) bool {
	s := b.u.Info.Selections[sel]
	if s == nil || s.Kind() != types.FieldVal {
		return false
	}
	n := namedOf(s.Recv())
	return n != nil && n.Obj().Pkg() != nil && !b.inModule(n.Obj().Pkg())
}

func (b *builder) valueSpec(s *ast.ValueSpec) {
	outer := b.fn.stmt
	b.fn.stmt = s
	defer func() { b.fn.stmt = outer }()
	if len(s.Names) > 1 && len(s.Values) == 1 {
		results := b.multi(s.Values[0])
		for i, n := range s.Names {
			if i < len(results) {
				b.convert(b.target(n), b.typeOf(n), results[i], b.resultType(s.Values[0], i))
			}
		}
		return
	}
	for i, v := range s.Values {
		if i < len(s.Names) {
			b.assign(b.target(s.Names[i]), b.typeOf(s.Names[i]), v)
		}
	}
}

func (b *builder) returnStmt(s *ast.ReturnStmt) {
	results := b.out.Funcs[b.fn.index].Results
	if b.fn.sig == nil {
		return
	}
	want := b.fn.sig.Results()
	if len(s.Results) == 1 && want.Len() > 1 {
		for i, v := range b.multi(s.Results[0]) {
			if i < len(results) {
				b.convert(results[i], want.At(i).Type(), v, b.resultType(s.Results[0], i))
			}
		}
		return
	}
	for i, e := range s.Results {
		if i < len(results) && results[i] != 0 {
			b.assign(results[i], want.At(i).Type(), e)
		} else {
			b.expr(e)
		}
	}
}

// target returns the variable that an assignment to e sets; 0 if it is not
// followed.
func (b *builder) target(e ast.Expr) Var {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		if e.Name == "_" {
			return 0
		}
		obj := b.u.Info.Defs[e]
		if obj == nil {
			obj = b.u.Info.Uses[e]
		}
		if v, ok := obj.(*types.Var); ok {
			return b.variable(v)
		}
		return 0
	default:
		return b.expr(e)
	}
}

// assign walks e and lets it flow into dst of type t.
func (b *builder) assign(dst Var, t types.Type, e ast.Expr) {
	v := b.expr(e)
	b.convert(dst, t, v, b.typeOf(e))
	b.handOver(dst, t, e)
}

// handOver notes that a value of a concrete type becomes a named interface.
func (b *builder) handOver(dst Var, to types.Type, e ast.Expr) {
	if dst == 0 || to == nil || b.test {
		return
	}
	i, from := namedOf(to), b.typeOf(e)
	if i == nil || !isInterface(i) || i.Obj().Pkg() == nil || from == nil || isInterface(from) {
		return
	}
	n := namedOf(from)
	if n == nil || n.Obj().Pkg() == nil {
		return
	}
	h := Handed{Func: b.fn.index, Pos: b.pos(e), Dst: dst, Type: typeName(n), Iface: typeName(i)}
	if b.callee != nil {
		h.Callee = b.callee.Origin().FullName()
	}
	b.out.Handed = append(b.out.Handed, h)
}

// convert lets src of type from flow into dst of type to. A concrete type that
// becomes an interface is a value of its own.
func (b *builder) convert(dst Var, to types.Type, src Var, from types.Type) {
	if dst == 0 || to == nil || from == nil {
		return
	}
	b.flow(dst, src)
	to, from = element(to), element(from)
	if !isInterface(to) {
		return
	}
	n := namedOf(from)
	if n == nil || n.Obj().Pkg() == nil {
		return
	}
	if isInterface(from) {
		if !b.inModule(n.Obj().Pkg()) {
			b.foreignType(n, from, to)
		}
		return
	}
	name := typeName(n)
	if !b.inModule(n.Obj().Pkg()) {
		b.foreignType(n, from, to)
	} else if src != 0 {
		b.flow(b.global("V "+name), src)
	}
	b.bind(dst, Value{Kind: TypeValue, Name: name})
}

func element(t types.Type) types.Type {
	for {
		if n, ok := types.Unalias(t).(*types.Named); ok && n.NumMethods() > 0 {
			return t
		}
		e := elem(t)
		if e == nil {
			return t
		}
		t = e
	}
}

// elem returns the element type of a container, nil for other types.
func elem(t types.Type) types.Type {
	switch u := underlying(t).(type) {
	case *types.Slice:
		return u.Elem()
	case *types.Array:
		return u.Elem()
	case *types.Map:
		return u.Elem()
	case *types.Chan:
		return u.Elem()
	}
	return nil
}

func underlying(t types.Type) types.Type {
	if t == nil {
		return nil
	}
	return t.Underlying()
}

func (b *builder) typeOf(e ast.Expr) types.Type {
	if id, ok := e.(*ast.Ident); ok {
		if obj := b.u.Info.Defs[id]; obj != nil {
			return obj.Type()
		}
	}
	return b.u.Info.TypeOf(e)
}

func (b *builder) resultType(e ast.Expr, i int) types.Type {
	t := b.u.Info.TypeOf(e)
	if tuple, ok := t.(*types.Tuple); ok {
		if i < tuple.Len() {
			return tuple.At(i).Type()
		}
		return nil
	}
	if i == 0 {
		return t
	}
	return nil
}
