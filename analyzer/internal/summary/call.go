package summary

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strings"

	"github.com/resilgo/resil/analyzer/internal/catalog"
)

// site is one place where a named function is called.
type site struct {
	fn      *types.Func
	sig     *types.Signature // as instantiated here
	node    ast.Node         // the whole call
	name    ast.Node         // the function's name
	recv    Var
	through types.Type // type on which a method is selected; nil for functions
	args    []Var      // by parameter
	exprs   []ast.Expr // arguments as written; nil when unknown
}

// call walks a call and returns the variables of its results.
func (b *builder) call(e *ast.CallExpr) []Var {
	if tv := b.u.Info.Types[e.Fun]; tv.IsType() {
		return []Var{b.conversion(e, tv.Type)}
	}
	fun := ast.Unparen(e.Fun)
	switch x := fun.(type) { // instantiation: f[int](…)
	case *ast.IndexExpr:
		if b.funcOf(x.X) != nil {
			fun = ast.Unparen(x.X)
		}
	case *ast.IndexListExpr:
		fun = ast.Unparen(x.X)
	}
	switch x := fun.(type) {
	case *ast.Ident:
		switch obj := b.u.Info.Uses[x].(type) {
		case *types.Builtin:
			return []Var{b.builtin(e, obj.Name())}
		case *types.Func:
			return b.namedCall(e, x, nil, obj)
		}
	case *ast.SelectorExpr:
		if fn, ok := b.u.Info.Uses[x.Sel].(*types.Func); ok {
			return b.namedCall(e, x.Sel, x, fn)
		}
	}
	sig, ok := underlying(b.typeOf(fun)).(*types.Signature)
	if !ok {
		for _, a := range e.Args {
			b.expr(a)
		}
		return nil
	}
	return b.dynamic(e, fun, sig)
}

// namedCall walks the call of a named function or method.
func (b *builder) namedCall(e *ast.CallExpr, name ast.Node, sel *ast.SelectorExpr, fn *types.Func) []Var {
	c := site{fn: fn, node: e, name: name, exprs: e.Args}
	c.sig, _ = underlying(b.typeOf(e.Fun)).(*types.Signature)
	if c.sig == nil {
		c.sig = fn.Signature()
	}
	if sel != nil {
		if s := b.u.Info.Selections[sel]; s != nil {
			c.through = b.through(s)
			if s.Kind() == types.MethodExpr { // T.Method(x, …)
				if len(e.Args) > 0 {
					c.recv = b.expr(e.Args[0])
					c.exprs = e.Args[1:]
					c.sig = fn.Signature()
				}
				c.through = s.Recv()
			} else {
				c.recv = b.path(b.expr(sel.X), s.Recv(), s.Index()[:len(s.Index())-1])
			}
		}
	}
	callee, config := b.callee, b.config
	b.callee, b.config = fn, !b.inModule(fn.Pkg())
	c.args = b.arguments(b.asDeclared(c), c.exprs)
	b.callee, b.config = callee, config
	return b.invoke(c)
}

// asDeclared returns the signature that an argument meets: that of the
// declaration, in which a type parameter stands for all it is instantiated with,
// if the function is the team's.
func (b *builder) asDeclared(c site) *types.Signature {
	if b.inModule(c.fn.Pkg()) {
		return c.fn.Origin().Signature()
	}
	return c.sig
}

// row returns the catalogue's row for a function, nil if there is none. The
// built-in rows for calls speak of other people's modules only.
func (b *builder) row(fn *types.Func, through types.Type) *catalog.Row {
	r := b.cat.Lookup(fn, through)
	if r != nil && r.Line != 0 && r.Effect <= catalog.Lazy && b.inModule(fn.Pkg()) {
		return nil
	}
	return r
}

// rowOrProof returns the catalogue's row for a function, or what its signature is
// proof of; nil if there is neither.
func (b *builder) rowOrProof(fn *types.Func, through types.Type) *catalog.Row {
	if r := b.row(fn, through); r != nil {
		return r
	}
	return b.cat.BySignature(fn, through, !b.inModule(fn.Pkg()))
}

// arguments walks arguments and returns the variables of the parameters.
func (b *builder) arguments(sig *types.Signature, exprs []ast.Expr) []Var {
	params := sig.Params()
	vars := make([]Var, params.Len())
	put := func(i int, v Var) {
		if i >= len(vars) {
			i = len(vars) - 1
		}
		switch {
		case i < 0 || v == 0:
		case vars[i] == 0:
			vars[i] = v
		default: // the variadic parameter
			t := b.temp()
			b.flow(t, vars[i])
			b.flow(t, v)
			vars[i] = t
		}
	}
	paramType := func(i int) types.Type {
		if params.Len() == 0 {
			return nil
		}
		if i >= params.Len()-1 && sig.Variadic() {
			return params.At(params.Len() - 1).Type()
		}
		if i < params.Len() {
			return params.At(i).Type()
		}
		return nil
	}
	if len(exprs) == 1 && params.Len() > 1 { // f(g())
		if _, ok := b.typeOf(exprs[0]).(*types.Tuple); ok {
			for i, v := range b.multi(exprs[0]) {
				put(i, b.as(v, b.resultType(exprs[0], i), paramType(i)))
			}
			return vars
		}
	}
	for i, e := range exprs {
		put(i, b.value(e, paramType(i)))
	}
	return vars
}

func (b *builder) conversion(e *ast.CallExpr, t types.Type) Var {
	if len(e.Args) != 1 {
		return 0
	}
	v := b.value(e.Args[0], t)
	if n, ok := types.Unalias(t).(*types.Named); ok && v != 0 && n.Obj().Pkg() != nil && b.inModule(n.Obj().Pkg()) && !isInterface(n) {
		b.flow(b.global("V "+typeName(n)), v)
	}
	return v
}

func (b *builder) builtin(e *ast.CallExpr, name string) Var {
	switch name {
	case "append":
		if len(e.Args) == 0 {
			return 0
		}
		v := b.expr(e.Args[0])
		t := b.typeOf(e.Args[0])
		if !b.followed(t) {
			for _, a := range e.Args[1:] {
				b.expr(a)
			}
			return 0
		}
		dst := b.temp()
		b.flow(dst, v)
		for _, a := range e.Args[1:] {
			b.assign(dst, elem(t), a)
		}
		return dst
	case "copy":
		if len(e.Args) == 2 {
			b.flow(b.expr(e.Args[0]), b.expr(e.Args[1]))
		}
		return 0
	case "new":
		t := b.typeOf(e.Args[0])
		n := namedOf(t)
		if n == nil || n.Obj().Pkg() == nil || b.inModule(n.Obj().Pkg()) || !b.followed(n) || isInterface(n) {
			return 0
		}
		v := b.temp()
		if b.holds(n) {
			return v
		}
		b.bind(v, Value{Kind: ObjectValue, Name: typeName(n), ID: b.objectID(e), Made: b.pos(e)})
		return v
	case "make":
		if b.followed(b.typeOf(e)) {
			return b.temp()
		}
		return 0
	}
	for _, a := range e.Args {
		b.expr(a)
	}
	return 0
}

// dynamic walks the call of a function value.
func (b *builder) dynamic(e *ast.CallExpr, fun ast.Expr, sig *types.Signature) []Var {
	recv := b.expr(fun)
	args := b.arguments(sig, e.Args)
	name := ast.Node(fun)
	if sel, ok := fun.(*ast.SelectorExpr); ok {
		name = sel.Sel
	}
	if n, ok := types.Unalias(b.typeOf(fun)).(*types.Named); ok && n.Obj().Pkg() != nil && !b.inModule(n.Obj().Pkg()) {
		if r := b.cat.LookupFunc(n); r != nil && r.Effect <= catalog.Counted {
			return b.callOfType(e, n, r, name, recv, args, sig)
		}
	}
	results := b.results(sig)
	b.op(Op{
		Kind: Dynamic, Pos: b.pos(name), Shown: types.ExprString(shortExpr(fun)), Recv: recv,
		Args: args, Results: results, Context: contextArg(sig, args),
	})
	return results
}

// callOfType adds the call of a value of a catalogued function type.
func (b *builder) callOfType(e *ast.CallExpr, n *types.Named, r *catalog.Row, name ast.Node, recv Var, args []Var, sig *types.Signature) []Var {
	fn := types.NewFunc(n.Obj().Pos(), n.Obj().Pkg(), n.Obj().Name(), sig)
	c := site{fn: fn, sig: sig, node: e, name: name, recv: recv, args: args, exprs: e.Args}
	op := Op{
		Kind: Outbound, Pos: b.pos(name), Recv: recv, Args: args, Context: contextArg(sig, args), Row: b.rowOf(r, c),
		Callee: fn.FullName(), Shown: fn.Pkg().Name() + "." + fn.Name(),
	}
	b.op(op)
	return b.object(c, "")
}

// shortExpr keeps literals out of names.
func shortExpr(e ast.Expr) ast.Expr {
	if _, ok := e.(*ast.FuncLit); ok {
		return ast.NewIdent("func literal")
	}
	return e
}

// results returns fresh variables for the results of a call.
func (b *builder) results(sig *types.Signature) []Var {
	n := sig.Results().Len()
	if n == 0 {
		return nil
	}
	vars := make([]Var, n)
	for i := range n {
		if b.followed(sig.Results().At(i).Type()) {
			vars[i] = b.temp()
		}
	}
	return vars
}

func contextArg(sig *types.Signature, args []Var) Var {
	for i, v := range args {
		if v != 0 && i < sig.Params().Len() && catalog.IsContext(sig.Params().At(i).Type()) {
			return v
		}
	}
	return 0
}

// invoke adds the call of a named function and returns the variables of its results.
func (b *builder) invoke(c site) []Var {
	if c.sig == nil {
		c.sig = c.fn.Signature()
	}
	fn := c.fn.Origin()
	op := Op{Pos: b.pos(c.name), Recv: c.recv, Args: c.args, Context: contextArg(c.sig, c.args)}
	if name := b.outboundName(fn); name != "" {
		op.Kind, op.Row = Outbound, Row{Effect: uint8(catalog.Call), Dependency: name}
		b.name(&op, c)
		b.op(op)
		return b.object(c, "")
	}
	if v, ok := b.contextCall(c); ok {
		return v
	}
	if v, ok := b.driverCall(c); ok {
		return v
	}
	if v, ok := b.holderCall(c); ok {
		return v
	}
	row := b.rowOrProof(fn, c.through)
	iface := c.through != nil && isInterface(c.through)
	if row != nil && row.Send && c.node != b.sendee {
		return b.channel(c, b.rowOf(row, c))
	}
	switch {
	case row != nil && (row.Effect == catalog.Lazy || row.With != "" && !b.given(c, row.With)):
		b.mutate(c)
		return b.object(c, "")
	case row != nil && row.Queued != "" && b.handed(c, row.Queued):
		return b.object(c, "")
	case row != nil && row.Effect > catalog.Lazy:
		return b.special(c, op, row)
	case iface:
		op.Swaps = b.swaps(c)
		return b.interfaceCall(c, op, row)
	case row != nil:
		op.Kind, op.Row = Outbound, b.dialled(b.rowOf(row, c))
		op.Write = b.writes(c, op.Row)
		op.Middle = fn.Name() == "RoundTrip" && b.fn.roundTrip
		op.Swaps = b.swaps(c)
		b.name(&op, c)
		b.op(op)
		return b.object(c, "")
	case isStubMaker(fn):
		return b.object(c, "") // whatever guards the connection guards the stub
	case b.inModule(fn.Pkg()):
		op.Kind, op.Callee, op.Results = Static, b.id(fn), b.results(c.sig)
		op.Reader, op.ReaderUp = b.takesReader(c)
		op.Swaps = b.swaps(c)
		b.noteKey(c)
		op.Counts = b.counts(c)
		op.Alike = len(c.exprs) == 3 && plain(c.exprs[1]) && plain(c.exprs[2]) && types.ExprString(c.exprs[1]) == types.ExprString(c.exprs[2])
		b.op(op)
		if g := b.admits(fn); g != "" {
			b.admit(c, g)
		}
		b.noteVia(c, op.Callee)
		return op.Results
	}
	b.noteKey(c)
	b.mutate(c)
	b.extern(c, op)
	return b.object(c, "")
}

// plain reports whether an expression is a variable, or a field of one.
func plain(e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		return e.Name != "nil"
	case *ast.SelectorExpr:
		return plainPath(e)
	}
	return false
}

// constantName returns the first constant string among the arguments.
func (b *builder) constantName(c site) string {
	for _, e := range c.exprs {
		if tv := b.u.Info.Types[e]; tv.Value != nil && tv.Value.Kind() == constant.String {
			return constant.StringVal(tv.Value)
		}
	}
	return ""
}

// channel returns the variable of a channel on which a send is a call.
func (b *builder) channel(c site, row Row) []Var {
	v := b.temp()
	o := Value{Kind: ObjectValue, Name: c.fn.Origin().FullName(), ID: b.objectID(c.name), Made: b.pos(c.name), Send: &row}
	if c.recv != 0 {
		o.In = []Var{c.recv}
	}
	b.bind(v, o)
	return []Var{v}
}

// given reports whether an argument of a call is that of an option's function.
func (b *builder) given(c site, option string) bool {
	return slices.ContainsFunc(c.exprs, func(e ast.Expr) bool {
		call, ok := ast.Unparen(e).(*ast.CallExpr)
		if !ok {
			return false
		}
		fn := b.funcOf(call.Fun)
		return fn != nil && fn.Name() == option
	})
}

// handed reports whether an argument of a call has a type of a name.
func (b *builder) handed(c site, name string) bool {
	return slices.ContainsFunc(c.exprs, func(e ast.Expr) bool {
		n := namedOf(b.u.Info.TypeOf(e))
		return n != nil && n.Obj().Name() == name
	})
}

// builtBy reports whether an argument of a call is what a chain of methods
// makes, one of which has such a name, there or in the variable that it is.
func (b *builder) builtBy(c site, names []string) bool {
	return slices.ContainsFunc(c.exprs, func(e ast.Expr) bool {
		if id, ok := ast.Unparen(e).(*ast.Ident); ok {
			e = b.definition(b.u.Info.Uses[id])
		}
		for e != nil {
			call, ok := ast.Unparen(e).(*ast.CallExpr)
			if !ok {
				break
			}
			sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
			if !ok {
				break
			}
			if slices.Contains(names, sel.Sel.Name) {
				return true
			}
			e = sel.X
		}
		return false
	})
}

// definition returns what the current function defines a local variable with,
// nil if it does not, or sets it again.
func (b *builder) definition(obj types.Object) ast.Expr {
	if obj == nil || b.fn.body == nil {
		return nil
	}
	var def ast.Expr
	set := 0
	ast.Inspect(b.fn.body, func(n ast.Node) bool {
		a, ok := n.(*ast.AssignStmt)
		if !ok {
			return true
		}
		for i, l := range a.Lhs {
			id, ok := l.(*ast.Ident)
			if !ok || b.u.Info.ObjectOf(id) != obj {
				continue
			}
			set++
			if a.Tok == token.DEFINE && len(a.Lhs) == len(a.Rhs) {
				def = a.Rhs[i]
			}
		}
		return true
	})
	if set != 1 {
		return nil
	}
	return def
}

// mutate: what a method of a foreign object is given, without a result, becomes
// part of the object: client.AddHook(h).
func (b *builder) mutate(c site) {
	if c.recv == 0 || b.test || c.sig.Results().Len() > 1 {
		return
	}
	for i, a := range c.args {
		if a == 0 || i < c.sig.Params().Len() && catalog.IsContext(c.sig.Params().At(i).Type()) {
			continue
		}
		b.out.Stores = append(b.out.Stores, Store{Base: c.recv, Src: a, Field: c.fn.Name()})
	}
	if strings.HasSuffix(c.fn.Name(), "Timeout") { // client.SetTimeout(d)
		b.out.Stores = append(b.out.Stores, Store{Base: c.recv, Field: c.fn.Name()})
	}
}

// name fills in what only calls that are kept need.
func (b *builder) name(op *Op, c site) {
	fn := c.fn.Origin()
	op.Callee, op.Shown = fn.FullName(), shown(fn, c.through)
	op.Reader, op.ReaderUp = b.takesReader(c)
}

// shown is the name of a function for people: by the type that it is called
// on, when the declaring one is an embedded detail.
func shown(fn *types.Func, through types.Type) string {
	recv := fn.Signature().Recv()
	if recv == nil {
		return fn.Pkg().Name() + "." + fn.Name()
	}
	t := recv.Type()
	if n := namedOf(t); n == nil || !n.Obj().Exported() {
		if through != nil && namedOf(through) != nil {
			t = through
		}
	}
	n := namedOf(t)
	if n == nil || n.Obj().Pkg() == nil {
		return fn.Name()
	}
	star := ""
	if _, ok := types.Unalias(t).(*types.Pointer); ok {
		star = "*"
	}
	return "(" + star + n.Obj().Pkg().Name() + "." + n.Obj().Name() + ")." + fn.Name()
}

// outboundName returns the name that //resil:outbound gives a function.
func (b *builder) outboundName(fn *types.Func) string {
	if fn.Pkg() == b.u.Pkg {
		return b.outbound[fn]
	}
	if fn.Pkg() == nil {
		return ""
	}
	if names := b.factsOf(fn.Pkg().Path()).outbound; names != nil {
		return names[b.id(fn)]
	}
	return ""
}

// depFacts are what another package says of its functions, by ID.
type depFacts struct {
	outbound map[string]string // names that //resil:outbound gives
	admits   map[string]string // guards that they ask for their callers
}

func (b *builder) factsOf(path string) *depFacts {
	facts, ok := b.facts[path]
	if ok {
		return facts
	}
	facts = new(depFacts)
	b.facts[path] = facts
	if b.dep == nil {
		return facts
	}
	if dep := b.dep(path); dep != nil {
		for i := range dep.Funcs {
			f := &dep.Funcs[i]
			note(&facts.outbound, f.ID, f.Outbound)
			note(&facts.admits, f.ID, f.Admits)
		}
	}
	return facts
}

func note(to *map[string]string, key, value string) {
	if value == "" {
		return
	}
	if *to == nil {
		*to = make(map[string]string)
	}
	(*to)[key] = value
}

func (b *builder) rowOf(r *catalog.Row, c site) Row {
	row := Row{
		Effect: uint8(r.Effect), Deadline: uint8(r.Deadline), Limit: r.Limit, Needs: r.Needs, Dependency: r.Dependency, Why: r.Why,
		Attempts: r.Attempts, Timed: r.Timed, Write: r.Write, Outside: r.Outside, Stream: catalog.IsStream(c.fn.Signature()),
	}
	if row.Deadline == uint8(catalog.ByContext) && !takesContext(c.fn.Signature()) {
		row.Deadline = uint8(catalog.ByClient)
	}
	if len(r.Polls) > 0 && b.builtBy(c, r.Polls) {
		row.Effect, row.Why = uint8(catalog.Counted), "consumer poll"
	}
	return row
}

func takesContext(sig *types.Signature) bool {
	for v := range sig.Params().Variables() {
		if catalog.IsContext(v.Type()) {
			return true
		}
	}
	return false
}

// isStubMaker recognises the constructors of generated RPC clients by what
// they are given.
func isStubMaker(fn *types.Func) bool {
	sig := fn.Signature()
	if sig.Recv() != nil || sig.Results().Len() != 1 || !isInterface(sig.Results().At(0).Type()) || !strings.HasPrefix(fn.Name(), "New") {
		return false
	}
	for v := range sig.Params().Variables() {
		t := element(v.Type())
		if isType(t, "google.golang.org/grpc", "ClientConnInterface") || isType(t, "google.golang.org/grpc", "ClientConn") ||
			isType(t, "connectrpc.com/connect", "ClientOption") || isType(t, "github.com/twitchtv/twirp", "ClientOption") {
			return true
		}
	}
	return false
}

// interfaceCall adds the call of an interface's method.
func (b *builder) interfaceCall(c site, op Op, row *catalog.Row) []Var {
	n := namedOf(c.through)
	op.Kind, op.Method, op.Results = Interface, c.fn.Name(), b.results(c.sig)
	if n != nil {
		op.Iface = typeName(n)
	}
	if row == nil {
		if r := b.evidence(c.fn, c.through); r != nil {
			op.Row = b.dialled(*r)
		}
	} else {
		op.Row = b.rowOf(row, c)
	}
	if op.Method == "RoundTrip" && b.fn.roundTrip {
		op.Middle = true
	}
	op.Write = b.writes(c, op.Row)
	b.name(&op, c)
	b.op(op)
	if row == nil && admitsBySignature(c.sig) {
		b.admit(c, shown(c.fn, c.through))
	}
	// What a foreign implementation returns is made of what it was given.
	if n == nil || !b.inModule(n.Obj().Pkg()) {
		for i, v := range b.object(c, "") {
			if i < len(op.Results) {
				b.flow(op.Results[i], v)
			}
		}
	}
	return op.Results
}

// special adds what a guard, a retry helper or a goroutine helper does.
func (b *builder) special(c site, op Op, row *catalog.Row) []Var {
	op.Row = b.rowOf(row, c)
	b.name(&op, c)
	switch row.Effect {
	case catalog.Runs, catalog.Policies, catalog.Retry:
		op.Kind = Extern
		op.Attempts = b.attempts(c, row)
		op.Named = b.constantName(c)
		b.op(op)
	case catalog.Async:
		op.Kind = Extern
		home := b.group(c)
		if home != nil && home != b.fn {
			op.Home = home.index + 1
		}
		i := b.op(op)
		if i >= 0 && home == b.fn {
			b.fn.started = append(b.fn.started, started{op: i, at: c.node.End()})
		}
	case catalog.Await:
		b.fn.awaits = append(b.fn.awaits, c.node.Pos())
	case catalog.Region:
		op.Kind = Extern
		b.op(op)
		b.admit(c, row.Dependency)
	case catalog.Breaker:
		b.noteFresh(c)
		return b.object(c, row.Dependency)
	case catalog.Guarding:
		return b.object(c, row.Dependency)
	case catalog.Injector:
		return b.injector(c)
	case catalog.Faults:
		op.Kind = Extern
		op.Decided = slices.ContainsFunc(c.exprs, func(e ast.Expr) bool {
			return isType(b.typeOf(e), "time", "Duration") && !b.fixed(e)
		})
		b.op(op)
	}
	return b.object(c, "")
}

// admit begins what a guard admits.
func (b *builder) admit(c site, guard string) {
	b.fn.regions = append(b.fn.regions, region{guard: guard, from: c.node.End(), asked: receiverOf(c.node)})
}

// injector returns the variables of an injector of faults. If the code does not
// itself state them, there may be none.
func (b *builder) injector(c site) []Var {
	vars := b.object(c, "")
	call, ok := c.node.(*ast.CallExpr)
	if !ok || call.Ellipsis.IsValid() && !b.fixed(call.Args[len(call.Args)-1]) {
		b.bind(vars[0], Value{Kind: ObjectValue, Name: Told, ID: b.objectID(c.name)})
	}
	return vars
}

// group returns the function that made the group on which something is
// started: it is the one to wait. nil if that is out of sight.
func (b *builder) group(c site) *function {
	call, ok := c.node.(*ast.CallExpr)
	if !ok {
		return nil
	}
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || b.u.Info.Selections[sel] == nil {
		return b.fn // a package function: nothing to wait on
	}
	id, ok := ast.Unparen(sel.X).(*ast.Ident)
	if !ok {
		return nil
	}
	obj, ok := b.u.Info.Uses[id].(*types.Var)
	if !ok || obj.IsField() {
		return nil
	}
	for fn := b.fn; fn != nil; fn = fn.outer {
		if b.isParam(fn, obj) {
			return nil
		}
		if obj.Pos() >= fn.start {
			return fn
		}
	}
	return nil
}

func (b *builder) isParam(fn *function, obj *types.Var) bool {
	if fn.sig == nil {
		return false
	}
	for v := range fn.sig.Params().Variables() {
		if v == obj {
			return true
		}
	}
	return fn.sig.Recv() == obj
}

// admitted notes the results of an admission, to know the branch where it was refused.
func (b *builder) admitted(e ast.Expr, lhs []ast.Expr) {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok || len(b.fn.regions) == 0 {
		return
	}
	r := &b.fn.regions[len(b.fn.regions)-1]
	if r.from != call.End() {
		return
	}
	for _, l := range lhs {
		if id, ok := l.(*ast.Ident); ok {
			if obj := b.objectOf(id); obj != nil {
				r.results = append(r.results, obj)
				r.tells = append(r.tells, obj)
			}
		}
	}
}

// receiverOf returns the receiver of a method call as written, "" if there is none.
func receiverOf(n ast.Node) string {
	if call, ok := n.(*ast.CallExpr); ok {
		if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
			return types.ExprString(sel.X)
		}
	}
	return ""
}

// extern adds the call of a foreign function that may run its arguments.
func (b *builder) extern(c site, op Op) {
	runs := false
	for i, v := range op.Args {
		if v == 0 {
			continue
		}
		t := c.sig.Params().At(min(i, c.sig.Params().Len()-1)).Type()
		if _, ok := element(t).Underlying().(*types.Signature); ok {
			runs = true
		}
	}
	if !runs {
		return
	}
	op.Kind = Extern
	b.name(&op, c)
	b.op(op)
}

// object returns the variables of what a foreign function returns: things made
// of its receiver and arguments.
func (b *builder) object(c site, guard string) []Var {
	sig := c.sig
	n := sig.Results().Len()
	if n == 0 {
		return nil
	}
	vars := make([]Var, n)
	for i := range n {
		t := sig.Results().At(i).Type()
		if !b.followed(t) {
			continue
		}
		v := b.temp()
		vars[i] = v
		if catalog.IsContext(t) {
			b.contextResult(v, c)
			continue
		}
		o := Value{Kind: ObjectValue, ID: b.objectID(c.name), Guard: guard, Made: b.pos(c.name), Name: "func"}
		if nt := namedOf(element(t)); nt != nil {
			o.Name = typeName(nt)
		}
		if c.recv != 0 {
			o.In = append(o.In, c.recv)
		}
		for _, a := range c.args {
			if a != 0 {
				o.In = append(o.In, a)
			}
		}
		if _, ok := c.node.(*ast.CallExpr); ok {
			o.Set = append(o.Set, b.statedArgs(c)...)
		}
		b.bind(v, o)
	}
	return vars
}

// statedArgs returns the function's name with its constant arguments: what
// options such as option.WithMaxRetries(0) state.
func (b *builder) statedArgs(c site) []string {
	if len(c.exprs) > 4 {
		return nil
	}
	var consts []string
	for _, e := range c.exprs {
		if tv := b.u.Info.Types[e]; tv.Value != nil {
			consts = append(consts, tv.Value.ExactString())
		}
	}
	return []string{c.fn.Name() + "=" + strings.Join(consts, ",")}
}

// contextCall handles the functions that make contexts, and requests that carry one.
func (b *builder) contextCall(c site) ([]Var, bool) {
	fn := c.fn
	if fn.Pkg() == nil {
		return nil, false
	}
	switch fn.Pkg().Path() {
	case "context":
		v := b.temp()
		switch fn.Name() {
		case "Background", "TODO", "WithoutCancel":
			b.bind(v, Value{Kind: ContextValue, Bound: Endless})
		case "WithTimeout", "WithDeadline", "WithTimeoutCause", "WithDeadlineCause":
			o := Value{Kind: ContextValue, ID: b.objectID(c.name), Bound: Limited, Seconds: b.remaining(c), Made: b.pos(c.name)}
			if len(c.args) > 0 && c.args[0] != 0 {
				o.In = []Var{c.args[0]}
			}
			b.bind(v, o)
		case "WithCancel", "WithCancelCause", "WithValue":
			if len(c.args) > 0 {
				b.flow(v, c.args[0])
			}
		default:
			return nil, false
		}
		return []Var{v, 0}, true
	case "github.com/hashicorp/go-retryablehttp":
		if strings.HasPrefix(fn.Name(), "NewRequest") {
			v := b.temp()
			if ctx := contextArg(c.sig, c.args); ctx != 0 {
				b.flow(v, ctx)
			}
			b.bindRequest(v, c)
			return []Var{v, 0}, true
		}
	case "net/http":
		recv := c.fn.Signature().Recv()
		switch {
		case recv == nil && fn.Name() == "NewRequest":
			v := b.temp()
			if !b.contextLater() {
				b.bind(v, Value{Kind: ContextValue, Bound: Endless})
			}
			b.bindRequest(v, c)
			return []Var{v, 0}, true
		case recv == nil && fn.Name() == "NewRequestWithContext":
			v := b.temp()
			b.flow(v, c.args[0])
			b.bindRequest(v, c)
			return []Var{v, 0}, true
		case recv != nil && isType(recv.Type(), "net/http", "Request"):
			switch fn.Name() {
			case "WithContext", "Clone":
				v := b.temp()
				b.flow(v, c.args[0])
				return []Var{v}, true
			case "Context":
				return []Var{c.recv}, true
			}
		}
	}
	return nil, false
}

// contextLater reports whether the current function gives a request its context
// after it was made: req = req.WithContext(ctx).
func (b *builder) contextLater() bool {
	found := false
	if b.fn.body == nil {
		return false
	}
	ast.Inspect(b.fn.body, func(n ast.Node) bool {
		assign, ok := n.(*ast.AssignStmt)
		if !ok || assign.Tok != token.ASSIGN || len(assign.Lhs) != 1 || len(assign.Rhs) != 1 {
			return !found
		}
		call, ok := ast.Unparen(assign.Rhs[0]).(*ast.CallExpr)
		if !ok {
			return !found
		}
		sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
		if !ok {
			return !found
		}
		if fn, ok := b.u.Info.Uses[sel.Sel].(*types.Func); ok {
			name := fn.FullName()
			found = found || (name == "(*net/http.Request).WithContext" || name == "(*net/http.Request).Clone") && types.ExprString(sel.X) == types.ExprString(assign.Lhs[0])
		}
		return !found
	})
	return found
}

// dialer reports whether the current function is what a client is told to
// connect with: the client calls it, and the call of the client counts.
func (b *builder) dialer() bool {
	if !b.out.Funcs[b.fn.index].Config {
		return false
	}
	sig := b.fn.sig
	return sig == nil || sig.Results().Len() > 0 && isType(sig.Results().At(0).Type(), "net", "Conn")
}

// dialled returns what is known of a call made here, which is only counted if it
// connects a client.
func (b *builder) dialled(row Row) Row {
	if b.dialer() && (row.Dependency == "net" || row.Dependency == "dns") {
		row.Effect, row.Why = uint8(catalog.Counted), "dialer of a client"
	}
	return row
}

// driverCall ties a database to the driver that was registered under its name.
func (b *builder) driverCall(c site) ([]Var, bool) {
	fn := c.fn
	if fn.Pkg() == nil || fn.Pkg().Path() != "database/sql" || fn.Signature().Recv() != nil || len(c.exprs) < 2 {
		return nil, false
	}
	tv := b.u.Info.Types[c.exprs[0]]
	if tv.Value == nil || tv.Value.Kind() != constant.String {
		return nil, false
	}
	driver := b.global("D " + constant.StringVal(tv.Value))
	switch fn.Name() {
	case "Register":
		b.flow(driver, c.args[1])
		return nil, true
	case "Open":
		c.args = []Var{driver}
		return b.object(c, ""), true
	}
	return nil, false
}

// bindRequest notes the method of a request.
func (b *builder) bindRequest(v Var, c site) {
	for _, e := range c.exprs {
		tv := b.u.Info.Types[e]
		if tv.Value == nil || tv.Value.Kind() != constant.String {
			continue
		}
		switch m := constant.StringVal(tv.Value); m {
		case "POST", "PATCH", "GET", "PUT", "DELETE", "HEAD", "OPTIONS":
			b.bind(v, Value{Kind: ObjectValue, Name: "net/http.Request", ID: b.objectID(c.name), Set: []string{"method=" + m}})
			if !b.test {
				b.fn.requests = append(b.fn.requests, len(b.out.Values)-1)
			}
		}
		return
	}
}

// contextResult: a context that a foreign function returns derives from the
// one it was given.
func (b *builder) contextResult(v Var, c site) {
	derived := false
	for i, a := range c.args {
		if a != 0 && i < c.sig.Params().Len() && catalog.IsContext(c.sig.Params().At(i).Type()) {
			b.flow(v, a)
			derived = true
		}
	}
	if !derived {
		b.bind(v, Value{Kind: ContextValue, Bound: Foreign})
	}
}

// writes reports whether a call is certainly not idempotent.
func (b *builder) writes(c site, row Row) bool {
	if b.keyed() {
		return false
	}
	if row.Dependency != "sql" && row.Dependency != "postgres" {
		return row.Write
	}
	if b.inTransaction(c) {
		return false
	}
	for _, e := range c.exprs {
		if x := b.worth(e); x != nil && x.Kind() == constant.String {
			return inserts(constant.StringVal(x))
		}
	}
	return false
}

// inTransaction reports whether a call is made on a transaction: what fails
// undoes all of it.
func (b *builder) inTransaction(c site) bool {
	n := namedOf(c.through)
	return n != nil && n.Obj().Name() == "Tx"
}

var leadingComments = regexp.MustCompile(`^(\s|--[^\n]*(\n|$)|/\*(?s:.*?)\*/)+`)

// inserts reports whether a statement adds rows that are there twice if it is
// sent twice.
func inserts(query string) bool {
	q := strings.ToUpper(leadingComments.ReplaceAllString(query, ""))
	adds := strings.HasPrefix(q, "INSERT") || strings.HasPrefix(q, "WITH") && strings.Contains(q, "INSERT INTO")
	return adds && !strings.Contains(q, "ON CONFLICT") && !strings.Contains(q, "ON DUPLICATE") && !strings.Contains(q, "IGNORE") && !strings.Contains(q, "NOT EXISTS")
}

// keyed reports whether the function sets an idempotency key.
func (b *builder) keyed() bool {
	for fn := b.fn; fn != nil; fn = fn.outer {
		if fn.idempotent {
			return true
		}
	}
	return false
}

// noteKey notes that an idempotency key is set: a header, a field or an option
// that is called so.
func (b *builder) noteKey(c site) {
	if namesKey(c.fn.Name()) {
		b.fn.idempotent = true
	}
	for _, e := range c.exprs {
		b.noteKeyName(e)
	}
}

// noteKeyName notes an idempotency key by the constant that names it.
func (b *builder) noteKeyName(e ast.Expr) {
	if tv := b.u.Info.Types[e]; tv.Value != nil && tv.Value.Kind() == constant.String && namesKey(constant.StringVal(tv.Value)) {
		b.fn.idempotent = true
	}
}

func namesKey(s string) bool {
	return strings.Contains(s, "dempoten") || strings.Contains(s, "DEMPOTEN")
}

// noteKeyAt notes that an idempotency key is assigned: to an element or a field
// that is called so.
func (b *builder) noteKeyAt(e ast.Expr) {
	switch e := ast.Unparen(e).(type) {
	case *ast.IndexExpr:
		b.noteKeyName(e.Index)
	case *ast.SelectorExpr:
		if namesKey(e.Sel.Name) {
			b.fn.idempotent = true
		}
	}
}

// takesReader reports whether a call passes a reader that was made outside the
// innermost literal or retry loop, alone or inside a request: a second attempt
// would find it empty. up is how many functions further out it was made.
func (b *builder) takesReader(c site) (spent bool, up uint8) {
	var again ast.Node // what is run again
	start := token.NoPos
	inLoop := false
	if b.fn.outer != nil {
		start, again = b.fn.start, b.fn.body
	}
	for _, l := range b.fn.loops {
		if l.retry {
			start, again, inLoop = l.node.Pos(), l.node, true
		}
	}
	if again == nil {
		return false, 0
	}
	for i, e := range c.exprs {
		if t := b.typeOf(e); t != nil && isReader(t) && !b.reads(c, i) {
			continue
		}
		obj := b.spent(e, start, again)
		if id, ok := ast.Unparen(e).(*ast.Ident); ok && obj == nil && drains(c.sig, i) {
			if v, ok := b.u.Info.Uses[id].(*types.Var); ok && v.Pos() < start && !b.rewound(again, v) {
				obj = v
			}
		}
		if obj == nil {
			continue
		}
		if inLoop {
			return true, 0
		}
		for fn := b.fn; fn != nil && obj.Pos() < fn.start && up < maxUp; fn = fn.outer {
			up++
		}
		return true, up
	}
	return false, 0
}

const maxUp = 100 // literals within literals

// drains reports whether the i-th parameter is a channel that a function receives
// things from, and not just a sign or the time.
func drains(sig *types.Signature, i int) bool {
	if sig.Params().Len() == 0 {
		return false
	}
	ch, ok := underlying(sig.Params().At(min(i, sig.Params().Len()-1)).Type()).(*types.Chan)
	if !ok || ch.Dir() != types.RecvOnly || isType(ch.Elem(), "time", "Time") {
		return false
	}
	st, ok := underlying(ch.Elem()).(*types.Struct)
	return !ok || st.NumFields() > 0
}

// reads reports whether the i-th parameter of a function reads what it is
// given: a buffer may be there to be written to.
func (b *builder) reads(c site, i int) bool {
	params := c.sig.Params()
	if params.Len() == 0 {
		return false
	}
	t := params.At(min(i, params.Len()-1)).Type()
	return !isType(t, "bytes", "Buffer") && canRead(t)
}

func canRead(t types.Type) bool {
	obj, _, _ := types.LookupFieldOrMethod(t, true, nil, "Read")
	_, ok := obj.(*types.Func)
	return ok
}

// spent returns the variable of the reader, or of the request that holds one,
// that e passes and that was made before start, outside what is run again; nil
// if there is none.
func (b *builder) spent(e ast.Expr, start token.Pos, again ast.Node) *types.Var {
	switch e := ast.Unparen(e).(type) {
	case *ast.SelectorExpr: // the body of a request that came in
		id, ok := ast.Unparen(e.X).(*ast.Ident)
		if !ok || !isReader(b.typeOf(e)) {
			return nil
		}
		if obj, ok := b.u.Info.Uses[id].(*types.Var); ok && obj.Pos() < start && !b.rewound(again, obj) {
			return obj
		}
	case *ast.Ident:
		obj, ok := b.u.Info.Uses[e].(*types.Var)
		if !ok {
			return nil
		}
		bodies := b.bodies[obj]
		switch {
		case isReader(obj.Type()):
			if obj.Pos() < start && !b.rewound(again, obj) {
				return obj
			}
		case len(bodies) > 0 && obj.Pos() < start:
			if !b.rewound(again, obj) {
				return obj
			}
		default:
			for _, body := range bodies {
				if v := b.spent(body, start, again); v != nil {
					return v
				}
			}
		}
	case *ast.UnaryExpr:
		if e.Op == token.AND {
			return b.spent(e.X, start, again)
		}
	case *ast.CompositeLit:
		for _, body := range b.readersIn(e) {
			if v := b.spent(body, start, again); v != nil {
				return v
			}
		}
	case *ast.CallExpr:
		if fn := b.funcOf(e.Fun); fn != nil && fn.FullName() == "io.NopCloser" && len(e.Args) == 1 {
			return b.spent(e.Args[0], start, again)
		}
	}
	return nil
}

// readersIn returns the readers that a struct literal holds.
func (b *builder) readersIn(e *ast.CompositeLit) []ast.Expr {
	u, ok := underlying(b.typeOf(e)).(*types.Struct)
	if !ok {
		return nil
	}
	var out []ast.Expr
	for i, x := range e.Elts {
		f, x := b.literalField(u, i, x)
		if f == nil || !canRead(f.Type()) {
			continue
		}
		if t := b.typeOf(x); t != nil && isReader(t) {
			out = append(out, x)
		}
	}
	return out
}

// noteBodies notes the readers in a request that is made.
func (b *builder) noteBodies(lhs []ast.Expr, e ast.Expr) {
	id, ok := lhs[0].(*ast.Ident)
	if !ok || b.test {
		return
	}
	obj := b.objectOf(id)
	if obj == nil {
		return
	}
	e = ast.Unparen(e)
	if u, ok := e.(*ast.UnaryExpr); ok && u.Op == token.AND {
		e = ast.Unparen(u.X)
	}
	var bodies []ast.Expr
	switch e := e.(type) {
	case *ast.CompositeLit:
		bodies = b.readersIn(e)
	case *ast.CallExpr:
		fn := b.funcOf(e.Fun)
		if fn == nil || len(e.Args) == 0 {
			return
		}
		if name := fn.FullName(); name == "net/http.NewRequest" || name == "net/http.NewRequestWithContext" {
			if body := e.Args[len(e.Args)-1]; isReader(b.typeOf(body)) {
				bodies = []ast.Expr{body}
			}
		}
	}
	if len(bodies) > 0 {
		b.bodies[obj] = bodies
	}
}

// rewound reports whether a reader is made anew, or set to its start, in what
// is run again, or a request gets another.
func (b *builder) rewound(n ast.Node, obj *types.Var) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, l := range n.Lhs {
				if sel, ok := l.(*ast.SelectorExpr); ok {
					l = sel.X // a request gets its body anew
				}
				if id, ok := l.(*ast.Ident); ok && b.u.Info.Uses[id] == obj {
					found = true
				}
			}
		case *ast.SelectorExpr:
			if id, ok := n.X.(*ast.Ident); ok && b.u.Info.Uses[id] == obj && (n.Sel.Name == "Seek" || n.Sel.Name == "Reset") {
				found = true
			}
		}
		return !found
	})
	return found
}

func isReader(t types.Type) bool {
	return isType(t, "io", "Reader") || isType(t, "io", "ReadCloser") || isType(t, "bytes", "Buffer") ||
		isType(t, "bytes", "Reader") || isType(t, "strings", "Reader")
}
