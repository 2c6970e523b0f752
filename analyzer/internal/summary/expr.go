package summary

import (
	"go/ast"
	"go/token"
	"go/types"
	"strconv"
)

// expr walks an expression once and returns the variable that holds its value,
// 0 if it is not followed.
func (b *builder) expr(e ast.Expr) Var {
	switch e := e.(type) {
	case nil:
		return 0
	case *ast.Ident:
		return b.ident(e)
	case *ast.ParenExpr:
		return b.expr(e.X)
	case *ast.FuncLit:
		return b.literal(e)
	case *ast.CompositeLit:
		return b.composite(e)
	case *ast.SelectorExpr:
		return b.selector(e)
	case *ast.IndexExpr:
		if fn := b.funcOf(e.X); fn != nil {
			return b.funcValue(e.X, fn)
		}
		v := b.expr(e.X)
		b.expr(e.Index)
		return v
	case *ast.IndexListExpr:
		return b.expr(e.X)
	case *ast.SliceExpr:
		b.expr(e.Low)
		b.expr(e.High)
		b.expr(e.Max)
		return b.expr(e.X)
	case *ast.StarExpr:
		return b.expr(e.X)
	case *ast.UnaryExpr:
		v := b.expr(e.X)
		switch e.Op {
		case token.ARROW:
			b.await(e)
			return v
		case token.AND:
			b.unstate(e.X)
			return v
		}
		return 0
	case *ast.BinaryExpr:
		b.expr(e.X)
		b.expr(e.Y)
		return 0
	case *ast.TypeAssertExpr:
		v := b.expr(e.X)
		if !b.followed(b.typeOf(e)) {
			return 0
		}
		if n := namedOf(b.typeOf(e)); v == 0 && n != nil && n.Obj().Pkg() != nil && !b.inModule(n.Obj().Pkg()) && !isInterface(n) {
			return b.global("A " + typeName(n) + " " + b.extent())
		}
		return b.asserted(v, b.typeOf(e))
	case *ast.CallExpr:
		if results := b.call(e); len(results) > 0 {
			return results[0]
		}
		return 0
	case *ast.KeyValueExpr:
		b.expr(e.Key)
		return b.expr(e.Value)
	}
	return 0
}

// asserted returns the variable of what v holds, asserted to be of type t: a
// struct, or a pointer to one, is no function.
func (b *builder) asserted(v Var, t types.Type) Var {
	dst := b.temp()
	b.rigid(dst, t)
	if n := len(b.out.Rigid); n == 0 || b.out.Rigid[n-1] != dst {
		return v
	}
	b.flow(dst, v)
	return dst
}

// await notes that the function waits here for a goroutine. Waiting for the end
// of a context or for a timer is something else.
func (b *builder) await(e *ast.UnaryExpr) {
	switch x := ast.Unparen(e.X).(type) {
	case *ast.CallExpr:
		return
	case *ast.SelectorExpr:
		if isType(b.typeOf(x.X), "time", "Timer") || isType(b.typeOf(x.X), "time", "Ticker") {
			return
		}
	}
	b.fn.awaits = append(b.fn.awaits, e.Pos())
}

func (b *builder) ident(e *ast.Ident) Var {
	switch obj := b.u.Info.Uses[e].(type) {
	case *types.Var:
		return b.variable(obj)
	case *types.Func:
		return b.funcValue(e, obj)
	}
	return 0
}

// multi walks an expression with several results and returns their variables.
func (b *builder) multi(e ast.Expr) []Var {
	switch x := ast.Unparen(e).(type) {
	case *ast.CallExpr:
		return b.call(x)
	default: // v, ok := m[k], x.(T), <-ch
		return []Var{b.expr(e)}
	}
}

// literal makes the function of a literal and returns the variable of its value.
func (b *builder) literal(e *ast.FuncLit) Var {
	sig, ok := b.u.Info.TypeOf(e).(*types.Signature)
	if !ok {
		return 0
	}
	outer := b.fn
	outer.lits++
	id := outer.id + "$" + strconv.Itoa(outer.lits)
	b.open(Func{ID: id, Name: b.out.Funcs[outer.index].Name, Pos: b.pos(e.Type), Outer: outer.index, Handler: isHandler(sig), Config: b.config}, sig, e.Pos())
	b.fn.roundTrip, b.fn.body = outer.roundTrip || isRoundTrip(sig), e.Body
	config := b.config
	b.config = false
	b.block(e.Body)
	b.settleFresh(e.Body)
	b.config = config
	b.close()
	v := b.temp()
	b.bind(v, Value{Kind: FuncValue, Name: id})
	return v
}

func (b *builder) composite(e *ast.CompositeLit) Var {
	t := b.typeOf(e)
	if t == nil {
		return 0
	}
	if p, ok := types.Unalias(t).Underlying().(*types.Pointer); ok {
		t = p.Elem() // &T left out in a slice of pointers
	}
	switch u := t.Underlying().(type) {
	case *types.Struct:
		if n := namedOf(t); n != nil && n.Obj().Pkg() != nil && !b.inModule(n.Obj().Pkg()) {
			if b.holds(n) {
				return b.holderLiteral(e)
			}
			return b.foreignLiteral(e, n, u)
		}
		b.structLiteral(e, t, u)
		return 0
	default:
		el := elem(t)
		var v Var
		if el != nil && b.followed(el) {
			v = b.temp()
		}
		for _, x := range e.Elts {
			if kv, ok := x.(*ast.KeyValueExpr); ok {
				b.expr(kv.Key)
				x = kv.Value
			}
			b.assign(v, el, x)
		}
		if n, ok := types.Unalias(t).(*types.Named); ok && v != 0 && n.Obj().Pkg() != nil && b.inModule(n.Obj().Pkg()) {
			b.flow(b.global("V "+typeName(n)), v)
		}
		return v
	}
}

func (b *builder) structLiteral(e *ast.CompositeLit, t types.Type, u *types.Struct) {
	for i, x := range e.Elts {
		field, value := b.literalField(u, i, x)
		if field == nil {
			b.expr(value)
			continue
		}
		b.assign(b.field(t, field), field.Origin().Type(), value)
	}
	// What a type parameter stands for has methods before it is set, too.
	for f := range u.Fields() {
		if to := f.Origin().Type(); isTypeParam(to) && elem(f.Type()) == nil {
			b.convert(b.field(t, f), to, 0, f.Type())
		}
	}
}

// isRoundTrip reports whether sig is that of http.RoundTripper.RoundTrip.
func isRoundTrip(sig *types.Signature) bool {
	return sig.Params().Len() == 1 && sig.Results().Len() == 2 &&
		isType(sig.Params().At(0).Type(), "net/http", "Request") && isType(sig.Results().At(0).Type(), "net/http", "Response")
}

// literalField returns the field that the i-th element of a struct literal sets.
func (b *builder) literalField(u *types.Struct, i int, x ast.Expr) (*types.Var, ast.Expr) {
	if kv, ok := x.(*ast.KeyValueExpr); ok {
		id, ok := kv.Key.(*ast.Ident)
		if !ok {
			return nil, kv.Value
		}
		if namesKey(id.Name) {
			b.fn.idempotent = true
		}
		f, _ := b.u.Info.Uses[id].(*types.Var)
		return f, kv.Value
	}
	if i < u.NumFields() {
		return u.Field(i), x
	}
	return nil, x
}

// foreignLiteral makes an object of a literal of a foreign type:
// &http.Client{Transport: t, Timeout: d}.
func (b *builder) foreignLiteral(e *ast.CompositeLit, n *types.Named, u *types.Struct) Var {
	o := Value{Kind: ObjectValue, Name: typeName(n), ID: b.objectID(e), Made: b.pos(e)}
	config := b.config
	b.config = true
	defer func() { b.config = config }()
	for i, x := range e.Elts {
		field, value := b.literalField(u, i, x)
		if field == nil {
			b.expr(value)
			continue
		}
		if v := b.value(value, field.Type()); v != 0 {
			if elem(field.Type()) != nil {
				o.In = append(o.In, v)
			} else {
				o.Part = append(o.Part, v)
			}
		}
		if !b.isZero(value) {
			o.Set = append(o.Set, b.stated(field.Name(), value))
		}
	}
	if !b.followed(n) {
		return 0
	}
	v := b.temp()
	b.bind(v, o)
	return v
}

// stated returns the name of a field or option with its value, if constant.
func (b *builder) stated(name string, e ast.Expr) string {
	if tv := b.u.Info.Types[e]; tv.Value != nil {
		return name + "=" + tv.Value.ExactString()
	}
	return name
}

// extent returns where the declared function that is being walked begins and
// ends, in the form of objectID: "path#file:from-to".
func (b *builder) extent() string {
	fn := b.fn
	for fn.outer != nil {
		fn = fn.outer
	}
	from := b.u.Fset.PositionFor(fn.start, false).Offset
	to := from
	if fn.body != nil {
		to = b.u.Fset.PositionFor(fn.body.End(), false).Offset
	}
	return b.u.Path + "#" + strconv.Itoa(int(b.at)) + ":" + strconv.Itoa(from) + "-" + strconv.Itoa(to)
}

func (b *builder) objectID(e ast.Node) string {
	p := b.u.Fset.PositionFor(e.Pos(), false)
	return b.u.Path + "#" + strconv.Itoa(int(b.at)) + ":" + strconv.Itoa(p.Offset)
}

// value walks e and returns the variable of its value as type t.
func (b *builder) value(e ast.Expr, t types.Type) Var {
	v := b.as(b.expr(e), b.typeOf(e), t)
	b.handOver(v, t, e)
	return v
}

// as returns the variable of a value of type from, held in v, as type to.
func (b *builder) as(v Var, from, to types.Type) Var {
	if from == nil || to == nil || !b.followed(to) {
		if v != 0 && from != nil && b.followed(from) {
			return v // for example a function as an any
		}
		return 0
	}
	if n := namedOf(element(from)); n != nil && isInterface(element(to)) && !isInterface(element(from)) && (!isTypeParam(element(to)) || b.inModule(n.Obj().Pkg())) {
		dst := b.temp()
		b.convert(dst, to, v, from)
		return dst
	}
	return v
}

// field returns the variable of a field of t, a struct of this module.
func (b *builder) field(t types.Type, f *types.Var) Var {
	f = f.Origin()
	if !b.followed(f.Type()) {
		return 0
	}
	if v, ok := b.vars[f]; ok {
		return v
	}
	var v Var
	if n := namedOf(t); n != nil {
		v = b.global("F " + typeName(n) + "." + f.Name())
	} else {
		v = b.temp() // of a struct without a name
	}
	b.vars[f] = v
	return v
}

func (b *builder) selector(e *ast.SelectorExpr) Var {
	s := b.u.Info.Selections[e]
	if s == nil { // package.Name
		switch obj := b.u.Info.Uses[e.Sel].(type) {
		case *types.Var:
			return b.variable(obj)
		case *types.Func:
			return b.funcValue(e, obj)
		}
		return 0
	}
	if s.Kind() != types.FieldVal {
		if fn, ok := s.Obj().(*types.Func); ok {
			return b.funcValue(e, fn)
		}
		return 0
	}
	base := b.expr(e.X)
	return b.path(base, s.Recv(), s.Index())
}

// path returns the variable that a chain of fields leads to. The fields of a
// foreign struct are one with the struct.
func (b *builder) path(base Var, t types.Type, index []int) Var {
	for _, i := range index {
		if p, ok := types.Unalias(t).Underlying().(*types.Pointer); ok {
			t = p.Elem()
		}
		st, ok := t.Underlying().(*types.Struct)
		if !ok || i >= st.NumFields() {
			return 0
		}
		f := st.Field(i)
		if n := namedOf(t); n == nil || n.Obj().Pkg() == nil || b.inModule(n.Obj().Pkg()) {
			base = b.field(t, f)
		} else if !b.followed(f.Type()) && !b.followed(n) {
			base = 0
		}
		t = f.Type()
	}
	return base
}

// funcOf returns the function that e names, nil if it is something else.
func (b *builder) funcOf(e ast.Expr) *types.Func {
	var id *ast.Ident
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		id = e
	case *ast.SelectorExpr:
		id = e.Sel
	default:
		return nil
	}
	fn, _ := b.u.Info.Uses[id].(*types.Func)
	return fn
}

// funcValue returns the variable of a function used as a value.
func (b *builder) funcValue(e ast.Expr, fn *types.Func) Var {
	e = ast.Unparen(e)
	sel, _ := e.(*ast.SelectorExpr)
	var s *types.Selection
	if sel != nil {
		s = b.u.Info.Selections[sel]
	}
	v := b.temp()
	if s == nil && b.inModule(fn.Pkg()) {
		b.bind(v, Value{Kind: FuncValue, Name: b.id(fn)})
		return v
	}
	id, recv := b.wrapper(sel, e, s, fn)
	b.bind(v, Value{Kind: FuncValue, Name: id})
	if recv != 0 && !b.inModule(fn.Pkg()) { // what guards the receiver guards its methods
		b.bind(v, Value{Kind: ObjectValue, Name: "func", ID: b.objectID(e), In: []Var{recv}})
	}
	return v
}

// wrapper makes a function that calls a method value, a method expression or a
// foreign function, as if it were written as a literal. It returns its ID and
// the receiver that a method value is bound to.
func (b *builder) wrapper(sel *ast.SelectorExpr, e ast.Expr, s *types.Selection, fn *types.Func) (id string, bound Var) {
	c := site{fn: fn, node: e, name: e}
	if sel != nil {
		c.name = sel.Sel
	}
	isValue := s != nil && s.Kind() == types.MethodVal
	if isValue {
		c.recv = b.path(b.expr(sel.X), s.Recv(), s.Index()[:len(s.Index())-1])
		c.through = b.through(s)
	}
	outer := b.fn
	outer.lits++
	id = outer.id + "$" + strconv.Itoa(outer.lits)
	sig := fn.Signature()
	b.open(Func{ID: id, Name: b.out.Funcs[outer.index].Name, Pos: b.pos(c.name), Outer: outer.index, Config: b.config}, nil, e.Pos())
	b.fn.stmt, b.fn.roundTrip = outer.stmt, outer.roundTrip
	params := make([]Var, sig.Params().Len())
	for i := range params {
		if b.followed(sig.Params().At(i).Type()) {
			params[i] = b.temp()
		}
	}
	c.args = params
	f := &b.out.Funcs[b.fn.index]
	f.Params = params
	bound = c.recv
	if s != nil && !isValue { // T.Method: the receiver is the first parameter
		recv := Var(0)
		if b.followed(s.Recv()) {
			recv = b.temp()
		}
		c.recv, c.through = recv, s.Recv()
		f.Params = append([]Var{recv}, params...)
	}
	results := b.invoke(c)
	b.out.Funcs[b.fn.index].Results = results
	b.close()
	return id, bound
}

// through returns the type on which a method is selected: the static type, or
// that of the embedded field through which the team's struct promotes it.
func (b *builder) through(s *types.Selection) types.Type {
	t := s.Recv()
	for _, i := range s.Index()[:len(s.Index())-1] {
		if n := namedOf(t); n != nil && !b.inModule(n.Obj().Pkg()) {
			return t
		}
		if p, ok := types.Unalias(t).Underlying().(*types.Pointer); ok {
			t = p.Elem()
		}
		st, ok := t.Underlying().(*types.Struct)
		if !ok {
			return t
		}
		t = st.Field(i).Type()
	}
	return t
}
