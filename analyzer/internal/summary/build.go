package summary

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/resilgo/resil/analyzer/internal/catalog"
	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/generator/directive"
)

// Of summarises a package. dep returns the summary of a package of the import
// closure, nil if it has none. Of may be called for different packages at the
// same time.
func Of(u *finding.Unit, cat *catalog.Catalog, dep func(path string) *Package) *Package {
	b := &builder{
		u: u, cat: cat, dep: dep,
		out:       &Package{Path: u.Path, Module: u.ModulePath, Main: u.Pkg.Name() == "main", Dir: u.Dir()},
		vars:      make(map[types.Object]Var),
		declared:  make(map[Var]token.Pos),
		named:     make(map[string]Var),
		follow:    make(map[types.Type]bool),
		ids:       make(map[*types.Func]string),
		tables:    make(map[string]int),
		evidenced: make(map[*types.Func]*Row),
		clients:   make(map[*types.Package][]*types.TypeName),
		facts:     make(map[string]*depFacts),

		initialised: make(map[*types.Var]bool),
		aliases:     make(map[*types.Var]Var),
		bodies:      make(map[types.Object][]ast.Expr),
	}
	for _, f := range u.Files {
		b.file(f)
	}
	for _, p := range u.Pkg.Imports() {
		if b.inModule(p) {
			b.out.Imports = append(b.out.Imports, p.Path())
		}
	}
	slices.Sort(b.out.Imports)
	b.guards()
	b.findAdmitters()
	for i, f := range u.Files {
		b.at, b.test = int32(i), b.out.Files[i].Test
		b.declarations(f)
	}
	b.types()
	b.finish()
	return b.out
}

// builder makes one summary.
type builder struct {
	u   *finding.Unit
	cat *catalog.Catalog
	dep func(string) *Package
	out *Package

	vars      map[types.Object]Var
	declared  map[Var]token.Pos // of local variables
	named     map[string]Var
	follow    map[types.Type]bool
	ids       map[*types.Func]string
	tables    map[string]int // of foreign types, index in out.Types by name
	evidenced map[*types.Func]*Row
	clients   map[*types.Package][]*types.TypeName // exported types of catalogued packages
	facts     map[string]*depFacts                 // of other packages
	admitters map[*types.Func]string               // functions that ask a guard for their callers

	guarded  []map[int]string          // by file: reasons of //resil:guarded by line
	lined    []bool                    // by file: it has //line comments
	funcDirs map[*ast.FuncDecl]funcDir // directives on functions
	outbound map[types.Object]string   // functions of this package with //resil:outbound
	inits    int

	at   int32 // index of the current file
	test bool  // it is a test file
	fn   *function

	initialised  map[*types.Var]bool         // variables that have a value from their declaration on
	aliases      map[*types.Var]Var          // local variables that name what another one holds
	spelt        map[*types.Var]bool         // local variables that hold what the code itself states
	guardedNames map[string]bool             // see guardedTypes
	uses         map[*types.Var]int          // see timesUsed
	holders      map[*types.Named]bool       // see holdsBreaker
	bodies       map[types.Object][]ast.Expr // the readers in requests that variables hold
	settings     settings                    // package variables, once they are asked for

	callee *types.Func // the function whose arguments are being walked
	sendee ast.Expr    // the channel of the send that is being walked
	config bool        // the settings of something foreign are being walked
}

type funcDir struct{ guarded, outbound string }

// function is the body that is being walked.
type function struct {
	index      int32
	outer      *function
	sig        *types.Signature
	id         string
	lits       int
	start      token.Pos
	body       ast.Node
	stmt       ast.Node // innermost simple statement
	regions    []region
	blocks     []token.Pos // ends of the open blocks
	loops      []loop
	branches   int   // that are open: whether they are taken is not known
	absentees  []Var // what open branches ask of whether it is nil
	decided    int   // those of them that something outside the code decides
	parted     bool  // something may have decided to go on without the rest of the function
	skipped    bool  // ... of the turn of the loop
	started    []started
	awaits     []token.Pos // where the function waits for goroutines
	fresh      []fresh
	roundTrip  bool
	idempotent bool         // it sets an idempotency key
	requests   []int        // that it makes, by index in Values
	absent     types.Object // the context parameter that is nil here

	settings settings // variables of a declared function, once they are asked for
}

// started is an op on a goroutine; the function may wait for it further down.
type started struct {
	op int
	at token.Pos
}

type region struct {
	guard   string
	from    token.Pos
	asked   string         // the breaker that was asked, as written
	results []types.Object // of the admission
	tells   []types.Object // those of them that still tell whether it was given
	off     int            // > 0 where it was refused, and once it is given back
}

type loop struct {
	node  ast.Stmt
	retry bool
	turns int // 0 = unknown
	of    int // 1 + index of the parameter that says how many, 0 = none
}

func (b *builder) file(f *ast.File) {
	name := b.u.Filename(f)
	file := File{Name: name, Test: b.u.IsTest(f), Generated: b.u.IsGenerated(f)}
	file.Helper = !file.Test && forTests(name) && slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"testing"` })
	file.Resil = file.Generated && isResil(f)
	file.Tagged = isTagged(f)
	lines := make(map[int]string)
	for _, d := range directive.Parse(b.u.Fset, f).Directives {
		switch v := d.Value.(type) {
		case directive.Guarded:
			b.directive(d.Target, lines, funcDir{guarded: v.Reason})
			if d.Target.Kind == directive.OnFunc {
				file.Accepted = append(file.Accepted, b.span(d.Target.Func, d.Target.Func.End()))
			}
		case directive.Outbound:
			b.directive(d.Target, nil, funcDir{outbound: v.Name})
		}
	}
	file.Accepted = append(file.Accepted, b.statementsAt(f, lines)...)
	b.out.Files = append(b.out.Files, file)
	b.guarded = append(b.guarded, lines)
	b.lined = append(b.lined, slices.ContainsFunc(f.Comments, func(g *ast.CommentGroup) bool {
		return slices.ContainsFunc(g.List, func(c *ast.Comment) bool {
			return strings.HasPrefix(c.Text, "//line ") || strings.HasPrefix(c.Text, "/*line ")
		})
	}))
}

func (b *builder) span(n ast.Node, end token.Pos) Span {
	return Span{int32(b.u.Fset.PositionFor(n.Pos(), false).Offset), int32(b.u.Fset.PositionFor(end, false).Offset)}
}

// statementsAt returns the spans of the statements that begin on one of the
// lines, as far as the first block: what that holds has lines of its own. A
// line on which none begins is a span by itself.
func (b *builder) statementsAt(f *ast.File, lines map[int]string) (out []Span) {
	if len(lines) == 0 {
		return nil
	}
	file := b.u.Fset.File(f.FileStart)
	for line := range lines {
		if line < 1 || line > file.LineCount() {
			continue
		}
		end := f.FileEnd
		if line < file.LineCount() {
			end = file.LineStart(line + 1)
		}
		out = append(out, Span{int32(file.Offset(file.LineStart(line))), int32(file.Offset(end))})
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.BlockStmt, nil:
			return true
		case ast.Stmt, *ast.ValueSpec:
		default:
			return true
		}
		if _, ok := lines[b.u.Fset.PositionFor(n.Pos(), false).Line]; !ok {
			return true
		}
		end := n.End()
		ast.Inspect(n, func(inner ast.Node) bool {
			if block, ok := inner.(*ast.BlockStmt); ok {
				end = min(end, block.Lbrace)
			}
			return true
		})
		out = append(out, b.span(n, end))
		return true
	})
	slices.SortFunc(out, func(x, y Span) int { return cmp.Or(cmp.Compare(x.From, y.From), cmp.Compare(x.To, y.To)) })
	return out
}

func (b *builder) directive(t directive.Target, lines map[int]string, d funcDir) {
	if t.Kind == directive.OnLine && lines != nil {
		lines[t.Line] = d.guarded
	}
	if t.Kind != directive.OnFunc {
		return
	}
	if b.funcDirs == nil {
		b.funcDirs = make(map[*ast.FuncDecl]funcDir)
		b.outbound = make(map[types.Object]string)
	}
	old := b.funcDirs[t.Func]
	if d.guarded == "" {
		d.guarded = old.guarded
	}
	if d.outbound == "" {
		d.outbound = old.outbound
	}
	b.funcDirs[t.Func] = d
	if d.outbound != "" {
		b.outbound[b.u.Info.Defs[t.Func.Name]] = d.outbound
	}
}

// forTests reports whether the name of a file says that it is there for tests.
func forTests(name string) bool {
	base := filepath.Base(name)
	return strings.Contains(base, "test") || strings.Contains(base, "mock") || strings.Contains(base, "fake")
}

// isHelper reports whether a function can only be called by tests: it takes or
// returns something of package testing, or its receiver holds such a thing.
func isHelper(sig *types.Signature) bool {
	if recv := sig.Recv(); recv != nil {
		t := recv.Type()
		if p, ok := t.Underlying().(*types.Pointer); ok {
			t = p.Elem()
		}
		if s, ok := t.Underlying().(*types.Struct); ok {
			for f := range s.Fields() {
				if ofTesting(f.Type()) {
					return true
				}
			}
		}
	}
	for _, tuple := range []*types.Tuple{sig.Params(), sig.Results()} {
		for v := range tuple.Variables() {
			if ofTesting(v.Type()) {
				return true
			}
		}
	}
	return false
}

func ofTesting(t types.Type) bool {
	n := namedOf(t)
	return n != nil && n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == "testing"
}

// isResil reports whether the header of a generated file is that of resilgen.
func isResil(f *ast.File) bool {
	for _, g := range f.Comments {
		if g.Pos() > f.Package {
			return false
		}
		for _, c := range g.List {
			if strings.HasPrefix(c.Text, "// Code generated by resilgen ") {
				return true
			}
		}
	}
	return false
}

func (b *builder) declarations(f *ast.File) {
	var vars []*ast.ValueSpec
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			b.funcDecl(d)
		case *ast.GenDecl:
			if d.Tok != token.VAR {
				continue
			}
			for _, s := range d.Specs {
				if v := s.(*ast.ValueSpec); len(v.Values) > 0 {
					vars = append(vars, v)
				}
			}
		}
	}
	if len(vars) == 0 {
		return
	}
	b.inits++
	b.open(Func{ID: b.u.Path + ".init#" + strconv.Itoa(b.inits), Name: "init", Pos: b.pos(f.Name), Outer: -1, Entry: true}, nil, f.Pos())
	for _, v := range vars {
		b.valueSpec(v)
	}
	b.close()
}

func (b *builder) funcDecl(d *ast.FuncDecl) {
	obj, ok := b.u.Info.Defs[d.Name].(*types.Func)
	if !ok || d.Body == nil {
		return
	}
	sig := obj.Signature()
	f := Func{
		ID: b.id(obj), Name: shortName(obj), Pos: b.pos(d.Name), Outer: -1,
		Exported: d.Name.IsExported(), Handler: isHandler(sig), Served: isServed(sig), Helper: isHelper(sig),
		Guarded: b.funcDirs[d].guarded, Outbound: b.funcDirs[d].outbound, Admits: b.admitters[obj],
	}
	if r := b.cat.Lookup(obj, nil); r != nil && r.Line == 0 && r.Effect == catalog.Call {
		f.Outbound = r.Dependency // the user says so
	}
	switch {
	case sig.Recv() != nil:
		f.Method = d.Name.Name
	case d.Name.Name == "init":
		b.inits++
		f.ID += "#" + strconv.Itoa(b.inits)
		f.Entry = true
	case d.Name.Name == "main" && b.out.Main:
		f.Entry = true
	}
	b.open(f, sig, d.Pos())
	b.fn.roundTrip = f.Method == "RoundTrip"
	b.fn.body = d.Body
	b.block(d.Body)
	b.settleFresh(d.Body)
	b.close()
}

// open starts a function body.
func (b *builder) open(f Func, sig *types.Signature, start token.Pos) {
	fn := &function{index: int32(len(b.out.Funcs)), outer: b.fn, sig: sig, id: f.ID, start: start}
	if sig != nil {
		if recv := sig.Recv(); recv != nil {
			f.Recv = b.receiver(recv)
		}
		f.Params = b.tuple(sig.Params())
		f.Results = b.tuple(sig.Results())
		if makesAnything(sig) {
			f.Results = []Var{b.temp()}
		}
		f.Invoker = invoker(sig)
	}
	b.out.Funcs = append(b.out.Funcs, f)
	b.fn = fn
}

// makesAnything reports whether sig is that of the New of a sync.Pool.
func makesAnything(sig *types.Signature) bool {
	if sig.Params().Len() > 0 || sig.Results().Len() != 1 {
		return false
	}
	return isAny(sig.Results().At(0).Type())
}

// close ends a function body.
func (b *builder) close() {
	fn := b.fn
	ops := b.out.Funcs[fn.index].Ops
	for _, g := range fn.started {
		o := &ops[g.op]
		o.Go = !slices.ContainsFunc(fn.awaits, func(at token.Pos) bool { return at > g.at })
		if o.Go && !strings.HasPrefix(o.Region, directivePrefix) {
			o.Region = "" // nobody waits for it here
		}
	}
	if fn.idempotent {
		for _, i := range fn.requests {
			v := &b.out.Values[i].Value
			v.Set = append(v.Set, Keyed)
		}
	}
	b.fn = fn.outer
}

// Keyed is among what is stated of a request that gets an idempotency key where
// it is made.
const Keyed = "keyed"

// tuple returns the variables of parameters or results.
func (b *builder) tuple(t *types.Tuple) []Var {
	if t.Len() == 0 {
		return nil
	}
	vars := make([]Var, t.Len())
	for i := range t.Len() {
		v := t.At(i)
		if !b.followed(v.Type()) {
			continue
		}
		if v.Name() == "" || v.Name() == "_" {
			vars[i] = b.temp()
			b.rigid(vars[i], v.Type())
		} else {
			vars[i] = b.local(v)
		}
	}
	return vars
}

// receiver returns the variable of a receiver: all values of a named function
// or slice type share one.
func (b *builder) receiver(recv *types.Var) Var {
	n := namedOf(recv.Type())
	if n == nil || !b.followed(recv.Type()) {
		return 0
	}
	v := b.global("V " + typeName(n))
	b.vars[recv] = v
	return v
}

func (b *builder) temp() Var {
	b.out.Vars = append(b.out.Vars, "")
	return Var(len(b.out.Vars))
}

func (b *builder) local(obj types.Object) Var {
	if v, ok := b.vars[obj]; ok {
		return v
	}
	v := b.temp()
	b.vars[obj] = v
	b.declared[v] = obj.Pos()
	b.rigid(v, obj.Type())
	return v
}

// rigid notes if a variable of type t can hold no function.
func (b *builder) rigid(v Var, t types.Type) {
	if catalog.IsContext(t) {
		b.out.Rigid = append(b.out.Rigid, v)
		return
	}
	if p, ok := t.Underlying().(*types.Pointer); ok {
		t = p.Elem()
	}
	if _, ok := t.Underlying().(*types.Struct); ok && !b.holds(t) {
		b.out.Rigid = append(b.out.Rigid, v)
	}
}

func (b *builder) global(name string) Var {
	if v, ok := b.named[name]; ok {
		return v
	}
	b.out.Vars = append(b.out.Vars, name)
	v := Var(len(b.out.Vars))
	b.named[name] = v
	return v
}

// variable returns the Var of a variable that is no field; 0 if it is not followed.
func (b *builder) variable(obj *types.Var) Var {
	if !b.followed(obj.Type()) {
		return b.vars[obj] // of anything, out of a container
	}
	if obj.Pkg() != nil && obj.Parent() == obj.Pkg().Scope() {
		return b.global("G " + obj.Pkg().Path() + "." + obj.Name())
	}
	return b.local(obj)
}

func (b *builder) flow(dst, src Var) {
	if dst != 0 && src != 0 && dst != src && !b.test {
		b.out.Flows = append(b.out.Flows, Flow{dst, src})
	}
}

func (b *builder) bind(v Var, value Value) {
	if v != 0 && !b.test {
		b.out.Values = append(b.out.Values, Binding{v, value})
	}
}

// op adds a call to the current function and returns its index.
func (b *builder) op(o Op) int {
	f := &b.out.Funcs[b.fn.index]
	if b.test && o.Kind != Outbound {
		return -1
	}
	if o.Region == "" {
		o.Region = b.region(o.Pos)
	}
	if len(b.fn.loops) > 0 {
		for _, l := range b.fn.loops {
			if l.retry {
				o.Retry, o.Turns, o.TurnsOf = true, max(o.Turns, 1)*max(l.turns, 1), max(o.TurnsOf, l.of)
			}
		}
	}
	o.Keyed = b.keyed()
	o.Decided = b.fn.decided > 0 || b.fn.parted || b.fn.skipped || o.Decided
	f.Ops = append(f.Ops, o)
	return len(f.Ops) - 1
}

// directivePrefix begins the name of the guard that a directive speaks of.
const directivePrefix = "//resil:guarded "

// region returns the guard that admits what happens at p, a directive before
// a breaker.
func (b *builder) region(p Pos) string {
	lines := b.guarded[b.at]
	if len(lines) > 0 {
		reason, ok := lines[int(p.Line)]
		if !ok && b.fn.stmt != nil {
			reason, ok = lines[b.u.Fset.PositionFor(b.fn.stmt.Pos(), false).Line]
		}
		if ok {
			return directivePrefix + reason
		}
	}
	for i := len(b.fn.regions) - 1; i >= 0; i-- {
		if r := b.fn.regions[i]; r.off == 0 {
			return r.guard
		}
	}
	return ""
}

// pos returns the position of a node.
func (b *builder) pos(n ast.Node) Pos {
	start := b.u.Fset.PositionFor(n.Pos(), false)
	p := Pos{File: b.at, Line: int32(start.Line), Col: int32(start.Column), Offset: int32(start.Offset)}
	length := int32(n.End() - n.Pos())
	if id, ok := n.(*ast.Ident); ok {
		length = int32(len(id.Name))
	}
	p.End = p.Offset + length
	if b.lined[b.at] {
		if as := b.u.Fset.Position(n.Pos()); as.Filename != start.Filename || as.Line != start.Line {
			p.As, p.LineAs, p.ColAs = as.Filename, int32(as.Line), int32(as.Column)
		}
	}
	return p
}

// id returns the ID of a declared function.
func (b *builder) id(fn *types.Func) string {
	fn = fn.Origin()
	if id, ok := b.ids[fn]; ok {
		return id
	}
	id := FuncID(fn)
	b.ids[fn] = id
	return id
}

// FuncID returns the ID of a function: its full name, pointer or not, without
// type parameters.
func FuncID(fn *types.Func) string {
	fn = fn.Origin()
	recv := fn.Signature().Recv()
	if recv == nil {
		return fn.FullName()
	}
	if n := namedOf(recv.Type()); n != nil {
		return "(" + typeName(n) + ")." + fn.Name()
	}
	return fn.FullName()
}

// shortName returns the name for people: "(*Store).Load".
func shortName(fn *types.Func) string {
	recv := fn.Signature().Recv()
	if recv == nil {
		return fn.Name()
	}
	star := ""
	if _, ok := types.Unalias(recv.Type()).(*types.Pointer); ok {
		star = "*"
	}
	if n := namedOf(recv.Type()); n != nil {
		return "(" + star + n.Obj().Name() + ")." + fn.Name()
	}
	return fn.Name()
}

// typeName returns "pkg.Name" of the origin of a named type.
func typeName(n *types.Named) string {
	obj := n.Origin().Obj()
	if obj.Pkg() == nil {
		return obj.Name()
	}
	return obj.Pkg().Path() + "." + obj.Name()
}

// namedOf returns the named type of t or *t, nil if it has none.
func namedOf(t types.Type) *types.Named {
	if t == nil {
		return nil
	}
	t = types.Unalias(t)
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	n, _ := t.(*types.Named)
	return n
}

func isInterface(t types.Type) bool { return isTypeParam(t) || types.IsInterface(t) }

func isTypeParam(t types.Type) bool {
	_, ok := types.Unalias(t).(*types.TypeParam)
	return ok
}

// isHandler reports whether sig is that of an http.HandlerFunc or of a method
// of http.Handler.
func isHandler(sig *types.Signature) bool {
	p := sig.Params()
	return p.Len() == 2 && isType(p.At(0).Type(), "net/http", "ResponseWriter") && isType(p.At(1).Type(), "net/http", "Request")
}

// isServed reports whether sig is that of a method of a gRPC service: of a type
// that embeds what stands in for methods it lacks.
func isServed(sig *types.Signature) bool {
	if sig.Recv() == nil || sig.Results().Len() == 0 {
		return false
	}
	n := namedOf(sig.Recv().Type())
	if n == nil {
		return false
	}
	st, ok := n.Underlying().(*types.Struct)
	if !ok {
		return false
	}
	for f := range st.Fields() {
		if f.Embedded() && (strings.HasPrefix(f.Name(), "Unimplemented") || strings.HasPrefix(f.Name(), "Unsafe")) {
			return true
		}
	}
	return false
}

func isType(t types.Type, pkgPath, name string) bool {
	n := namedOf(t)
	return n != nil && n.Obj().Name() == name && n.Obj().Pkg() != nil && catalog.Normalize(n.Obj().Pkg().Path()) == pkgPath
}

// invoker returns 1 + the index of the gRPC invoker among the parameters.
func invoker(sig *types.Signature) int32 {
	for i := range sig.Params().Len() {
		t := sig.Params().At(i).Type()
		if isType(t, "google.golang.org/grpc", "UnaryInvoker") || isType(t, "google.golang.org/grpc", "Streamer") {
			return int32(i + 1)
		}
	}
	return 0
}

// inModule reports whether the team owns the package.
func (b *builder) inModule(pkg *types.Package) bool {
	if pkg == nil {
		return false
	}
	p := pkg.Path()
	if p == b.u.Path || pkg == b.u.Pkg {
		return true
	}
	if m := b.u.ModulePath; m != "" && strings.HasPrefix(p, m) && (len(p) == len(m) || p[len(m)] == '/') {
		return true
	}
	return b.dep != nil && b.dep(p) != nil
}

// followed reports whether values of type t are worth following: functions,
// interfaces with methods, contexts, foreign clients, and containers of them.
func (b *builder) followed(t types.Type) bool {
	t = types.Unalias(t)
	if f, ok := b.follow[t]; ok {
		return f
	}
	b.follow[t] = false // for recursive types
	f := b.judgeType(t)
	b.follow[t] = f
	return f
}

func (b *builder) judgeType(t types.Type) bool {
	switch t := t.(type) {
	case *types.Named:
		obj := t.Obj()
		if obj.Pkg() == nil {
			return false // error
		}
		if b.inModule(obj.Pkg()) {
			if _, ok := t.Underlying().(*types.Struct); ok {
				return false // its fields are followed
			}
			return b.followed(t.Underlying())
		}
		if std(obj.Pkg().Path()) {
			return stdFollowed[obj.Pkg().Path()] || b.holds(t)
		}
		switch u := t.Underlying().(type) {
		case *types.Interface:
			return u.NumMethods() > 0
		case *types.Struct, *types.Signature:
			return true
		case *types.Pointer, *types.Slice, *types.Map:
			return b.followed(u)
		}
		return false
	case *types.Pointer:
		return b.followed(t.Elem())
	case *types.Slice:
		return b.followed(t.Elem())
	case *types.Array:
		return b.followed(t.Elem())
	case *types.Chan:
		return b.followed(t.Elem())
	case *types.Map:
		return b.followed(t.Elem())
	case *types.Signature:
		return true
	case *types.TypeParam:
		return true
	case *types.Interface:
		return t.NumMethods() > 0
	}
	return false
}

// std reports whether an import path is the standard library's.
func std(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return !strings.Contains(first, ".")
}

var stdFollowed = map[string]bool{
	"net/http": true, "net/http/httputil": true, "database/sql": true, "database/sql/driver": true, "net": true, "net/rpc": true,
	"net/smtp": true, "context": true, "crypto/tls": true, "iter": true,
}

// finish puts what has no source order in order.
func (b *builder) finish() {
	slices.SortFunc(b.out.Types, func(x, y Type) int { return strings.Compare(x.Name, y.Name) })
}
