package summary

import (
	"cmp"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/resilgo/resil/analyzer/internal/catalog"
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
	var closed refusal // of outer blocks: over for the rest of this one
	for _, s := range list {
		b.statement(s)
		for i := range fn.regions {
			if b.closes(s, &fn.regions[i]) {
				fn.regions[i].off++
				if i < open {
					closed = append(closed, i)
				}
			}
		}
	}
	closed.set(fn, -1)
	fn.regions = fn.regions[:open]
	fn.blocks = fn.blocks[:len(fn.blocks)-1]
}

// closes reports whether a statement gives an admission back on every way
// through it: done(err), entry.Exit(), breaker.RecordSuccess(). What is deferred
// comes at the end of the function.
func (b *builder) closes(s ast.Stmt, r *region) bool {
	if r.off != 0 || s.Pos() < r.from {
		return false
	}
	switch s := s.(type) {
	case *ast.ExprStmt:
		call, ok := ast.Unparen(s.X).(*ast.CallExpr)
		return ok && b.givesBack(call, r)
	case *ast.IfStmt:
		els, ok := s.Else.(*ast.BlockStmt)
		return ok && b.closesIn(s.Body, r) && b.closesIn(els, r)
	case *ast.BlockStmt:
		return b.closesIn(s, r)
	}
	return false
}

func (b *builder) closesIn(s *ast.BlockStmt, r *region) bool {
	return slices.ContainsFunc(s.List, func(s ast.Stmt) bool { return b.closes(s, r) })
}

// givesBack reports whether a call tells the breaker how what it admitted ended.
func (b *builder) givesBack(call *ast.CallExpr, r *region) bool {
	switch fun := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		return slices.Contains(r.results, b.u.Info.Uses[fun])
	case *ast.SelectorExpr:
		if id, ok := ast.Unparen(fun.X).(*ast.Ident); ok && slices.Contains(r.results, b.u.Info.Uses[id]) {
			return ending[fun.Sel.Name]
		}
		return ending[fun.Sel.Name] && r.asked != "" && types.ExprString(fun.X) == r.asked
	}
	return false
}

// ending are the methods, of an admission or of the breaker that gave it, that
// tell how it ended.
var ending = map[string]bool{
	"Exit": true, "Accept": true, "Reject": true, "Done": true,
	"RecordSuccess": true, "RecordFailure": true, "RecordResult": true, "RecordError": true,
	"MarkSuccess": true, "MarkFailed": true, "Success": true, "Failure": true, "Error": true,
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
		b.clauses(s.Body, s.Tag != nil && b.decides(s.Tag))
	case *ast.TypeSwitchStmt:
		b.typeSwitch(s)
	case *ast.SelectStmt:
		b.clauses(s.Body, false)
	case *ast.GoStmt:
		b.goStmt(s)
	case *ast.DeferStmt:
		before := b.opCount()
		b.expr(s.Call)
		if n := b.opCount(); n > before {
			b.out.Funcs[b.fn.index].Ops[n-1].Deferred = true
		}
	case *ast.SendStmt:
		b.sendStmt(s)
	case *ast.LabeledStmt:
		b.statement(s.Stmt)
	case *ast.IncDecStmt:
		b.unstate(s.X)
		b.expr(s.X)
	}
}

// sendStmt walks a send. A producer's channel may have been fetched elsewhere:
// what it is sent on tells.
func (b *builder) sendStmt(s *ast.SendStmt) {
	b.sendee = ast.Unparen(s.Chan)
	ch := b.expr(s.Chan)
	b.sendee = nil
	t := elem(b.typeOf(s.Chan))
	b.assign(ch, t, s.Value)
	n := namedOf(t)
	if _, direct := ast.Unparen(s.Chan).(*ast.CallExpr); direct || ch == 0 || n == nil || n.Obj().Pkg() == nil || !b.cat.Knows(n.Obj().Pkg().Path()) {
		return
	}
	b.op(Op{Kind: Interface, Method: Sends, Pos: b.pos(s.Chan), Shown: types.ExprString(s.Chan) + " " + Sends, Recv: ch})
}

func (b *builder) opCount() int { return len(b.out.Funcs[b.fn.index].Ops) }

// clauses walks the clauses of a switch or select; told says that something
// outside the code decides which of them it is.
func (b *builder) clauses(body *ast.BlockStmt, told bool) {
	b.fn.branches++
	defer func() { b.fn.branches-- }()
	asked := b.clausesDecide(body, told)
	for _, c := range body.List {
		switch c := c.(type) {
		case *ast.CaseClause:
			for _, e := range c.List {
				b.expr(e)
			}
			end := b.decided(asked)
			b.stmts(c.Body, c.End())
			end()
			b.parts(asked && !breaks(c.Body), &ast.BlockStmt{List: c.Body})
		case *ast.CommClause:
			if c.Comm != nil {
				b.statement(c.Comm)
			}
			by := b.clauseDecides(c, false)
			end := b.decided(by)
			b.stmts(c.Body, c.End())
			end()
			b.parts(by && !breaks(c.Body), &ast.BlockStmt{List: c.Body})
		}
	}
}

// breaks reports whether the body of a clause ends by leaving its statement.
func breaks(body []ast.Stmt) bool {
	if len(body) == 0 {
		return false
	}
	s, ok := body[len(body)-1].(*ast.BranchStmt)
	return ok && s.Tok == token.BREAK && s.Label == nil
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
	b.clauses(s.Body, true)
}

func (b *builder) ifStmt(s *ast.IfStmt) {
	fn := b.fn
	if s.Init != nil {
		b.statement(s.Init)
	}
	asked := len(fn.regions)
	b.expr(s.Cond)
	admitted, refused := b.outcome(s.Cond)
	for i := asked; i < len(fn.regions); i++ { // "if breaker.Ready() { … }"
		if !slices.Contains(refused, i) && !slices.Contains(admitted, i) {
			admitted = append(admitted, i)
		}
	}
	absentees := fn.absentees
	branch := 1
	if v := b.asksFor(s.Cond); v != 0 {
		branch = 0 // a client that is not there needs no guard
		fn.absentees = append(fn.absentees, v)
	}
	fn.branches += branch
	by := b.decides(s.Cond)
	end := b.decided(by)
	refused.set(fn, 1)
	absent := fn.absent
	if obj := b.absentContext(s.Cond); obj != nil {
		fn.absent = obj
	}
	b.block(s.Body)
	fn.absent = absent
	refused.set(fn, -1)
	admitted.set(fn, 1)
	if s.Else != nil {
		b.statement(s.Else)
	}
	fn.branches -= branch
	fn.absentees = absentees
	end()
	b.parts(by, s.Body, s.Else)
	// Who was refused, and does not leave, goes on below.
	if leaves(s.Else) {
		admitted.set(fn, -1)
	}
	if !leaves(s.Body) {
		refused.set(fn, 1)
	}
}

// asksNil reports whether a condition compares with nil.
func asksNil(cond ast.Expr) bool {
	e, ok := ast.Unparen(cond).(*ast.BinaryExpr)
	if !ok || e.Op != token.EQL && e.Op != token.NEQ {
		return false
	}
	y, ok := ast.Unparen(e.Y).(*ast.Ident)
	return ok && y.Name == "nil"
}

// asksFor returns the variable of which a condition asks whether it is nil; 0 if
// it asks something else.
func (b *builder) asksFor(cond ast.Expr) Var {
	if !asksNil(cond) {
		return 0
	}
	return b.plain(ast.Unparen(cond).(*ast.BinaryExpr).X)
}

// leaves reports whether a branch does not go on behind its statement.
func leaves(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.BlockStmt:
		return len(s.List) > 0 && leaves(s.List[len(s.List)-1])
	case *ast.IfStmt:
		return s.Else != nil && leaves(s.Body) && leaves(s.Else)
	case *ast.ReturnStmt, *ast.BranchStmt:
		return true
	case *ast.ExprStmt:
		call, ok := s.X.(*ast.CallExpr)
		if !ok {
			return false
		}
		name := ""
		switch fun := call.Fun.(type) {
		case *ast.Ident:
			name = fun.Name
		case *ast.SelectorExpr:
			name = fun.Sel.Name
		}
		return name == "panic" || name == "Goexit" || strings.HasPrefix(name, "Exit") || strings.HasPrefix(name, "Fatal") || strings.HasPrefix(name, "Panic")
	}
	return false
}

// refusal holds regions by index, to take them out of a branch.
type refusal []int

func (r refusal) set(fn *function, by int) {
	for _, i := range r {
		fn.regions[i].off += by
	}
}

// outcome returns the regions that cond, when true, says were admitted ("err ==
// nil", "ok") and those that it says were refused ("err != nil", "!ok").
func (b *builder) outcome(cond ast.Expr) (admitted, refused refusal) {
	switch c := ast.Unparen(cond).(type) {
	case *ast.BinaryExpr:
		switch c.Op {
		case token.EQL:
			return b.askedBy(c.X), nil
		case token.NEQ:
			return nil, b.askedBy(c.X)
		case token.LOR, token.LAND:
			xa, xr := b.outcome(c.X)
			ya, yr := b.outcome(c.Y)
			if c.Op == token.LOR {
				return nil, append(xr, yr...) // one of them is enough
			}
			return append(xa, ya...), append(xr, yr...)
		}
	case *ast.UnaryExpr:
		if c.Op == token.NOT {
			return nil, b.askedBy(c.X)
		}
	default:
		return b.askedBy(cond), nil
	}
	return nil, nil
}

// askedBy returns the regions whose admission an expression tells of: its
// result, or the question itself.
func (b *builder) askedBy(e ast.Expr) refusal {
	var out refusal
	id, ok := ast.Unparen(e).(*ast.Ident)
	for i, r := range b.fn.regions {
		switch {
		case !ok && r.from > e.Pos() && r.from <= e.End(), ok && slices.Contains(r.tells, b.u.Info.Uses[id]):
			out = append(out, i)
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
	skipped := fn.skipped
	b.block(s.Body)
	if s.Post != nil {
		b.statement(s.Post)
	}
	fn.skipped = skipped
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
			b.alias(s.Value, src)
		}
	}
	skipped := fn.skipped
	end := b.decided(b.rangeDecides(s.X))
	b.block(s.Body)
	end()
	fn.skipped = skipped
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
	defer b.reassigned(s.Lhs, len(b.fn.regions))
	if s.Tok == token.DEFINE {
		b.declares(s.Lhs)
	}
	if len(s.Rhs) == 1 {
		b.noteBodies(s.Lhs, s.Rhs[0])
	}
	if len(s.Lhs) > 1 && len(s.Rhs) == 1 {
		results := b.multi(s.Rhs[0])
		for i, l := range s.Lhs {
			b.unstate(l)
			if i < len(results) {
				b.takes(l, results[i])
				b.assignResult(b.target(l), b.typeOf(l), results[i], s.Rhs[0], i)
			} else {
				b.target(l)
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
		b.noteKeyAt(l)
		if s.Tok == token.DEFINE {
			b.noteStated(l, r)
		} else {
			b.unstate(l)
		}
		if sel, ok := ast.Unparen(l).(*ast.SelectorExpr); ok && b.foreignField(sel) {
			base := b.expr(sel.X)
			config := b.config
			b.config = true
			src := b.value(r, b.typeOf(l))
			b.config = config
			if b.holds(b.typeOf(sel.X)) {
				b.flow(base, src)
			} else {
				b.store(base, sel, src, r)
			}
			continue
		}
		if b.standsIn(l) {
			b.expr(r)
			continue
		}
		if t := b.typeOf(l); s.Tok == token.DEFINE && t != nil && isAny(t) {
			v := b.expr(r)
			b.takes(l, v)
			b.flow(b.target(l), v)
			continue
		}
		b.assign(b.target(l), b.typeOf(l), r)
		if s.Tok == token.DEFINE {
			b.alias(l, b.plain(r))
		}
	}
	if len(s.Rhs) == 1 {
		b.admitted(s.Rhs[0], s.Lhs)
	}
}

// standsIn reports whether what is assigned to e stands in for a context that
// the caller left out: it says nothing of those that callers give.
func (b *builder) standsIn(e ast.Expr) bool {
	id, ok := ast.Unparen(e).(*ast.Ident)
	return ok && b.fn.absent != nil && b.u.Info.Uses[id] == b.fn.absent
}

// absentContext returns the parameter that a condition finds to be no context.
func (b *builder) absentContext(cond ast.Expr) types.Object {
	e, ok := ast.Unparen(cond).(*ast.BinaryExpr)
	if !ok || e.Op != token.EQL || !asksNil(cond) || b.fn.sig == nil {
		return nil
	}
	id, ok := ast.Unparen(e.X).(*ast.Ident)
	if !ok {
		return nil
	}
	obj := b.u.Info.Uses[id]
	for p := range b.fn.sig.Params().Variables() {
		if p == obj && catalog.IsContext(p.Type()) {
			return obj
		}
	}
	return nil
}

// wrapped returns the variable through which what is made of e comes to dst, a
// variable or field that e speaks of itself; 0 if it does not. What a branch, or
// an option that nobody may pass, puts around dst may be missing at run time: in
// a loop over the links of a chain that does not matter.
func (b *builder) wrapped(dst Var, e ast.Expr) wrap {
	if dst == 0 || b.test {
		return wrap{}
	}
	past, ok := b.madeOf(e, dst)
	if !ok || b.fn.branches > 0 && (len(b.fn.loops) == 0 || past != 0) {
		return wrap{}
	}
	if slices.ContainsFunc(b.fn.absentees, func(v Var) bool { return v != dst && v != past }) {
		return wrap{} // it is something else that may be missing, such as the guard
	}
	return wrap{made: b.temp(), past: past}
}

// wrap is how something is wrapped in place: what is made of it comes through
// made, and past is another name that it had before.
type wrap struct{ made, past Var }

// alias notes that a new local variable names what src holds, or an element of
// it.
func (b *builder) alias(name ast.Expr, src Var) {
	id, ok := name.(*ast.Ident)
	if !ok || src == 0 {
		return
	}
	if v, ok := b.u.Info.Defs[id].(*types.Var); ok {
		b.aliases[v] = src
	}
}

// plain returns the variable that an expression names; 0 if it is made of more
// than names.
func (b *builder) plain(e ast.Expr) Var {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		if v, ok := b.u.Info.Uses[e].(*types.Var); ok {
			return b.variable(v)
		}
	case *ast.SelectorExpr:
		if _, ok := b.u.Info.Uses[e.Sel].(*types.Var); ok && plainPath(e) {
			return b.selector(e)
		}
	case *ast.IndexExpr:
		return b.plain(e.X)
	}
	return 0
}

// madeOf reports whether a call or literal takes what dst holds, and the other
// name by which it does so.
func (b *builder) madeOf(e ast.Expr, dst Var) (past Var, ok bool) {
	holds := func(part ast.Expr) bool {
		part = ast.Unparen(part)
		if b.plain(part) == dst {
			return true
		}
		if id, ok := part.(*ast.Ident); ok {
			v, isVar := b.u.Info.Uses[id].(*types.Var)
			if isVar && b.aliases[v] == dst {
				past = b.variable(v)
				return true
			}
			return false
		}
		inner, ok := b.madeOf(part, dst)
		past = cmp.Or(past, inner)
		return ok
	}
	switch e := ast.Unparen(e).(type) {
	case *ast.CallExpr:
		ok = slices.ContainsFunc(e.Args, holds)
	case *ast.UnaryExpr:
		if e.Op == token.AND {
			return b.madeOf(e.X, dst)
		}
	case *ast.FuncLit: // next := h; h = func() { … next() … }
		ast.Inspect(e.Body, func(n ast.Node) bool {
			if call, isCall := n.(*ast.CallExpr); isCall && !ok {
				id, isName := ast.Unparen(call.Fun).(*ast.Ident)
				ok = isName && holds(id) && past != 0
			}
			return !ok
		})
	case *ast.CompositeLit:
		ok = slices.ContainsFunc(e.Elts, func(x ast.Expr) bool {
			if kv, ok := x.(*ast.KeyValueExpr); ok {
				x = kv.Value
			}
			return holds(x)
		})
	}
	return past, ok
}

// plainPath reports whether an expression is a variable and fields of it.
func plainPath(e *ast.SelectorExpr) bool {
	switch x := ast.Unparen(e.X).(type) {
	case *ast.Ident:
		return true
	case *ast.SelectorExpr:
		return plainPath(x)
	}
	return false
}

// noteFold notes that what goes to dst is made of what dst held; e, the
// last thing walked, says how.
func (b *builder) noteFold(dst Var, w wrap, e ast.Expr) {
	at, local := b.declared[dst]
	f := Fold{
		Func: b.fn.index, Op: -1, Var: dst, Made: w.made, Past: w.past,
		Option: b.fn.outer != nil && len(b.fn.loops) == 0 && (!local || at < b.fn.start),
	}
	if _, ok := ast.Unparen(e).(*ast.CallExpr); ok {
		f.Op = int32(b.opCount() - 1)
	}
	b.out.Folds = append(b.out.Folds, f)
}

// reassigned: from here on a variable tells of something else than the first n
// admissions.
func (b *builder) reassigned(lhs []ast.Expr, n int) {
	for i := range b.fn.regions[:min(n, len(b.fn.regions))] {
		r := &b.fn.regions[i]
		for _, l := range lhs {
			if id, ok := ast.Unparen(l).(*ast.Ident); ok {
				r.tells = slices.DeleteFunc(r.tells, func(v types.Object) bool { return v == b.objectOf(id) })
			}
		}
	}
}

func (b *builder) store(base Var, sel *ast.SelectorExpr, src Var, e ast.Expr) {
	if base == 0 || b.test || b.isZero(e) && sel.Sel.Name != "RetryMax" { // its zero is no default
		return
	}
	s := Store{Base: base, Src: src, Field: b.stated(sel.Sel.Name, e)}
	if id, ok := ast.Unparen(sel.X).(*ast.Ident); ok && b.fn.sig != nil {
		obj := b.u.Info.Uses[id]
		if n := namedOf(obj.Type()); n != nil && slices.Contains(slices.Collect(b.fn.sig.Params().Variables()), obj.(*types.Var)) {
			s.Type = typeName(n)
		}
	}
	b.out.Stores = append(b.out.Stores, s)
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
			b.declares([]ast.Expr{s.Names[i]})
			b.noteStated(s.Names[i], v)
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
	w := b.wrapped(dst, e)
	v := b.expr(e)
	dst = b.wrapping(dst, w, e)
	b.convert(dst, t, v, b.typeOf(e))
	b.handOver(dst, t, e)
}

// assignResult lets v, the i-th result of a call that has been walked, flow into
// dst of type t.
func (b *builder) assignResult(dst Var, t types.Type, v Var, call ast.Expr, i int) {
	b.convert(b.wrapping(dst, b.wrapped(dst, call), call), t, v, b.resultType(call, i))
}

// wrapping notes that what e makes of dst comes to it through w, and returns
// where it goes first; that is dst itself if nothing is wrapped.
func (b *builder) wrapping(dst Var, w wrap, e ast.Expr) Var {
	if w.made == 0 {
		return dst
	}
	b.noteFold(dst, w, e)
	b.flow(dst, w.made)
	return w.made
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
// becomes an interface is a value of its own, and so is one of the team's that a
// type parameter stands for: which of its methods are called is seen there. Of
// a foreign one the object itself says more.
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
	if isTypeParam(to) && !b.inModule(n.Obj().Pkg()) {
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
