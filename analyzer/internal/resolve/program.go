package resolve

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/resilgo/resil/analyzer/internal/catalog"
	"github.com/resilgo/resil/analyzer/internal/summary"
)

// program is the join of all summaries: one numbering of variables, functions
// and values.
type program struct {
	cat   *catalog.Catalog
	whole bool
	open  bool // see Result.Open

	pkgs  []*pkg
	vars  map[string]int32 // global variables by name
	rigid map[int32]bool   // variables that hold no function
	n     int32            // number of variables, the first is 1

	nodes      []*node
	edges      int              // how many there were
	modes      map[param]modes  // how functions run their parameters
	params     map[int32]param  // variables that are parameters
	paramGuard map[param]string // the guard that does
	byID       map[string]*node
	types      map[string]*typeInfo

	ifaces     map[string]*summary.Iface
	implements map[string][]*typeInfo    // memo of implementers
	decorators map[string]*summary.Guard // by decorator type
	underGuard map[*node]string          // decorators that retry, by what they run

	values []value
	keys   map[string]int32 // values by key
	pts    []set            // by variable
	succ   [][]int32        // flows by source
	subs   [][]sub          // calls to resolve by receiver
	queue  []fact
	handed []handed // contexts that resil guards hand on, as soon as their policies are known

	stores    map[int32][]stored // by base variable: what is stored in its objects
	stored    map[int32][]int32  // objects: further parts
	fields    map[int32][]string // objects: fields stored
	preds     [][]int32          // by variable: what flows into it inside a function
	bound     [][]int32          // by variable: the values that it is given inside a function
	shared    []bool             // by variable: it is known outside of its function
	origins   map[int32]*origin  // memo of originOf
	mentioned map[*node]bool     // functions used as values
	inside    *memo              // guards inside values, as far as the graph goes
	streams   *memo              // and those that speak of streams, where these are asked for
	streaming bool               // guards of streams are asked for, not those of plain calls
	folds     []fold             // that guard
	begins    map[int32][]int32  // values: the variables that hold them to begin with
	solved    bool               // nothing flows any more
	outside   map[int32]bool     // what setOutside knows
	ordered   map[int32][]int32  // by variable: its values in order, once solved
	terms     map[int32]*terms   // of dependencies, once solved
}

type pkg struct {
	*summary.Package
	own   bool    // to be judged
	first int     // index of its first function
	vars  []int32 // by summary.Var

	extents []*extent // of its folds, once they are asked for
}

// node is a function body.
type node struct {
	*summary.Func
	pkg   *pkg
	index int
	first int // index of the first function of the package
	outer *node
	top   *node // the declared function around it, itself if it is one
	ops   []*op
	file  *summary.File
	// standIn: a decorator runs it instead of what it guards: a fallback.
	standIn bool
	// helper: there for tests, without being one.
	helper bool

	in    int // edges from other functions
	edges []edge
	known []edge // those found before, while edges is being made
	spare []edge // room for them
	state state
	via   *edge  // how it was first exposed, nil for a root
	guard string // how it was first reached if never exposed
}

// op is one call with what it was resolved to.
type op struct {
	*summary.Op
	node      *node
	targets   []*node
	foreign   []foreign // what leaves the module through an interface
	seen      map[int32]bool
	leaves    bool          // an implementation lies outside the module: it may run the arguments
	callbacks []*node       // functions that foreign code runs
	helpers   []summary.Row // guards and other helpers behind an interface
}

// foreign is an implementation outside the module.
type foreign struct {
	row    summary.Row
	callee string
	value  int32 // index in program.values, -1 = unknown
}

type typeInfo struct {
	*summary.Type
	pkg     *pkg
	methods map[string]*summary.Method
}

type value struct {
	summary.Value
	key  string
	node *node // FuncValue
	in   []int32
	part []int32
	pkg  *pkg
}

type set map[int32]struct{}

type sub struct {
	op *op
}

type fact struct{ v, value int32 }

// stored is what is stored in a field.
type stored struct {
	src   int32
	field string
	typ   string // of the struct, if known
}

// link numbers everything.
func link(in Input) *program {
	p := &program{
		cat: in.Catalog, whole: in.Whole || commands(in.Packages),
		vars: make(map[string]int32), rigid: make(map[int32]bool), byID: make(map[string]*node), types: make(map[string]*typeInfo),
		ifaces: make(map[string]*summary.Iface), implements: make(map[string][]*typeInfo),
		decorators: make(map[string]*summary.Guard),
		keys:       make(map[string]int32), stored: make(map[int32][]int32), stores: make(map[int32][]stored), begins: make(map[int32][]int32), fields: make(map[int32][]string), mentioned: make(map[*node]bool),
		origins: make(map[int32]*origin), inside: newMemo(), streams: newMemo(), ordered: make(map[int32][]int32),
		shared: []bool{false},
	}
	known := make(map[string]bool)
	for _, s := range slices.Concat(in.Packages, in.Closed) {
		// The tests inside a package come beside it, with the same path.
		if s != nil {
			known[s.Path] = true
			p.pkgs = append(p.pkgs, &pkg{Package: s, own: true})
		}
	}
	for i := 0; i < len(p.pkgs); i++ { // grows: imports of imports
		for _, path := range p.pkgs[i].Imports {
			if known[path] || in.Dep == nil {
				continue
			}
			known[path] = true
			if s := in.Dep(path); s != nil {
				p.pkgs = append(p.pkgs, &pkg{Package: s})
			}
		}
	}
	slices.SortStableFunc(p.pkgs, func(x, y *pkg) int { return strings.Compare(x.Path, y.Path) })
	for _, k := range p.pkgs {
		p.number(k)
	}
	size := p.n + 1
	p.pts, p.succ, p.subs = make([]set, size), make([][]int32, size), make([][]sub, size)
	p.preds, p.bound = make([][]int32, size), make([][]int32, size)
	for _, k := range p.pkgs {
		p.load(k)
	}
	return p
}

// commands reports whether nothing can import the packages: all that calls or
// wires them is in sight, even if it is only one of them.
func commands(pkgs []*summary.Package) bool {
	return len(pkgs) > 0 && !slices.ContainsFunc(pkgs, func(s *summary.Package) bool { return s == nil || !s.Main })
}

// number gives the variables, functions and types of a package their numbers.
func (p *program) number(k *pkg) {
	k.vars = make([]int32, len(k.Vars)+1)
	for i, name := range k.Vars {
		if name != "" {
			if v, ok := p.vars[name]; ok {
				k.vars[i+1] = v
				continue
			}
			p.vars[name] = p.n + 1
		}
		p.n++
		k.vars[i+1] = p.n
		p.shared = append(p.shared, name != "")
	}
	for _, v := range k.Rigid {
		p.rigid[k.vars[v]] = true
	}
	first := len(p.nodes)
	k.first = first
	testing := testPackage(k.Package)
	for i := range k.Funcs {
		f := &k.Funcs[i]
		n := &node{Func: f, pkg: k, index: len(p.nodes), first: first, file: &k.Files[f.Pos.File]}
		n.top = n
		if f.Outer >= 0 {
			n.outer = p.nodes[first+int(f.Outer)]
			n.top = n.outer.top
		}
		n.helper = testing || n.file.Helper || n.top.Helper
		for j := range f.Ops {
			n.ops = append(n.ops, &op{Op: &f.Ops[j], node: n})
		}
		p.nodes = append(p.nodes, n)
		p.byID[f.ID] = n
	}
	for i := range k.Types {
		t := &k.Types[i]
		ti, ok := p.types[t.Name]
		if !ok {
			ti = &typeInfo{Type: t, pkg: k, methods: make(map[string]*summary.Method)}
			p.types[t.Name] = ti
		}
		for j := range t.Methods {
			ti.methods[t.Methods[j].Name] = &t.Methods[j]
		}
	}
	for i := range k.Ifaces {
		p.ifaces[k.Ifaces[i].Name] = &k.Ifaces[i]
	}
	for i := range k.Guards {
		p.decorators[k.Guards[i].Decorator] = &k.Guards[i]
	}
}

// load enters the flows, values and calls of a package.
func (p *program) load(k *pkg) {
	for _, f := range k.Flows {
		dst, src := k.vars[f.Dst], k.vars[f.Src]
		p.preds[dst] = append(p.preds[dst], src)
		p.succ[src] = append(p.succ[src], dst)
	}
	for _, s := range k.Stores {
		base := k.vars[s.Base]
		p.stores[base] = append(p.stores[base], stored{k.vars[s.Src], s.Field, s.Type})
	}
	for _, b := range k.Values {
		v := k.vars[b.Var]
		val := p.value(k, b.Value)
		p.bound[v] = append(p.bound[v], val)
		p.begins[val] = append(p.begins[val], v)
		p.add(v, val)
	}
	for _, n := range p.nodes {
		if n.pkg != k || n.file.Test {
			continue
		}
		for _, o := range n.ops {
			p.subscribe(o)
		}
	}
}

// v returns the number of a variable of the op's package.
func (o *op) v(v summary.Var) int32 { return o.node.pkg.vars[v] }

// value returns the number of a value.
func (p *program) value(k *pkg, x summary.Value) int32 {
	key := fmt.Sprintf("%d %s %s %s %d %g", x.Kind, x.Name, x.ID, x.Guard, x.Bound, x.Seconds)
	if i, ok := p.keys[key]; ok {
		return i
	}
	v := value{Value: x, pkg: k, key: key}
	if x.Kind == summary.FuncValue {
		if v.node = p.byID[x.Name]; v.node != nil {
			p.mentioned[v.node] = true
		}
	}
	for _, in := range x.In {
		v.in = append(v.in, k.vars[in])
	}
	for _, in := range x.Part {
		v.part = append(v.part, k.vars[in])
	}
	i := int32(len(p.values))
	p.values = append(p.values, v)
	p.keys[key] = i
	return i
}

// add enters that variable v may hold a value.
func (p *program) add(v, val int32) {
	if v == 0 || p.values[val].Kind == summary.FuncValue && p.rigid[v] {
		return
	}
	if p.pts[v] == nil {
		p.pts[v] = make(set)
	}
	if _, ok := p.pts[v][val]; ok {
		return
	}
	p.pts[v][val] = struct{}{}
	p.queue = append(p.queue, fact{v, val})
}

// flow enters that what src holds, dst may hold.
func (p *program) flow(dst, src int32) {
	if dst == 0 || src == 0 || dst == src || slices.Contains(p.succ[src], dst) {
		return
	}
	p.succ[src] = append(p.succ[src], dst)
	for val := range p.pts[src] {
		p.add(dst, val)
	}
}

// solve propagates until nothing changes.
func (p *program) solve() {
	p.defaults()
	p.drain()
	for len(p.handed) > 0 {
		handed := p.handed
		p.handed = nil
		for _, h := range handed {
			p.handContext(h.op, h.v)
		}
		p.drain()
	}
}

// drain propagates all that is queued.
func (p *program) drain() {
	for len(p.queue) > 0 {
		f := p.queue[len(p.queue)-1]
		p.queue = p.queue[:len(p.queue)-1]
		for _, dst := range p.succ[f.v] {
			p.add(dst, f.value)
		}
		// Resolving may subscribe more to f.v, which must hear of the value too.
		for i := 0; i < len(p.subs[f.v]); i++ { //nolint:intrange // the list grows meanwhile
			p.resolve(p.subs[f.v][i].op, f.v, f.value)
		}
	}
}

// defaults makes the one thing that nobody makes, http.DefaultClient, and
// enters what type assertions may find.
func (p *program) defaults() {
	for _, name := range slices.Sorted(maps.Keys(p.vars)) {
		if asserted, ok := strings.CutPrefix(name, "A "); ok {
			typ, extent, _ := strings.Cut(asserted, " ")
			for _, val := range p.made(typ, extent) {
				p.add(p.vars[name], val)
			}
		}
	}
	if v := p.vars["G net/http.DefaultClient"]; v != 0 {
		p.add(v, p.value(p.pkgs[0], summary.Value{Kind: summary.ObjectValue, Name: "net/http.Client", ID: "net/http.DefaultClient"}))
	}
}

// made returns the objects of a foreign type that something asserted in a
// function may be: those that the function makes, or else its package, or else
// the module.
func (p *program) made(typ, extent string) []int32 {
	file, span, _ := strings.Cut(extent, ":")
	path, _, _ := strings.Cut(file, "#")
	start, end, _ := strings.Cut(span, "-")
	from, _ := strconv.Atoi(start)
	to, _ := strconv.Atoi(end)
	var here, near, all []int32
	for i := range p.values {
		x := &p.values[i]
		if x.Kind != summary.ObjectValue || x.Name != typ || x.ID == "" {
			continue
		}
		all = append(all, int32(i))
		f, at, _ := strings.Cut(x.ID, ":")
		if offset, err := strconv.Atoi(at); err == nil && f == file && from <= offset && offset < to {
			here = append(here, int32(i))
		}
		if strings.HasPrefix(f, path+"#") {
			near = append(near, int32(i))
		}
	}
	switch {
	case len(here) > 0:
		return here
	case len(near) > 0:
		return near
	}
	return all
}

// subscribe enters a call, to be resolved as its receiver becomes known.
func (p *program) subscribe(o *op) {
	switch o.Kind {
	case summary.Static:
		if n := p.byID[o.Callee]; n != nil {
			p.bind(o, n)
		}
		if o.Recv != 0 {
			if n := p.byID[o.Callee]; n != nil && n.Recv != 0 {
				p.flow(n.pkg.vars[n.Recv], o.v(o.Recv))
			}
		}
	case summary.Interface, summary.Dynamic:
		p.watch(o, o.v(o.Recv))
	case summary.Extern, summary.Outbound:
		p.watchArgs(o)
	}
}

// watchArgs enters that a foreign function may run what it is given.
func (p *program) watchArgs(o *op) {
	for _, a := range o.Args {
		p.watch(o, o.v(a))
	}
}

// watch resolves o with every value of variable v.
func (p *program) watch(o *op, v int32) {
	if v == 0 {
		return
	}
	if slices.ContainsFunc(p.subs[v], func(s sub) bool { return s.op == o }) {
		return
	}
	p.subs[v] = append(p.subs[v], sub{o})
	for val := range p.pts[v] {
		p.resolve(o, v, val)
	}
}

// resolve enters what a call does when its receiver, or an argument that a
// foreign function runs, holds a value.
func (p *program) resolve(o *op, v, val int32) {
	x := &p.values[val]
	switch o.Kind {
	case summary.Interface:
		if x.Kind != summary.FuncValue {
			if (x.Send != nil) != (o.Method == summary.Sends) {
				return
			}
			if (x.Kind == summary.TypeValue || x.Kind == summary.ObjectValue) && v != 0 && !o.isArg(v) {
				p.dispatch(o, x.Name, val)
			}
			return
		}
		if o.leaves && x.node != nil {
			p.callback(o, x.node)
		}
	case summary.Dynamic:
		switch x.Kind {
		case summary.FuncValue:
			if x.node != nil {
				p.bind(o, x.node)
			}
		case summary.ObjectValue:
			if !o.Pool {
				p.wrap(o, val)
			}
		}
	case summary.Extern, summary.Outbound:
		if x.Kind == summary.FuncValue && x.node != nil {
			p.callback(o, x.node)
		}
	}
}

// isArg reports whether v is an argument of the op, and not its receiver.
func (o *op) isArg(v int32) bool {
	return v != o.v(o.Recv) && slices.ContainsFunc(o.Args, func(a summary.Var) bool { return o.v(a) == v })
}

// dispatch resolves an interface call on a value of a named type.
func (p *program) dispatch(o *op, name string, val int32) {
	if o.seen == nil {
		o.seen = make(map[int32]bool)
	}
	if o.seen[val] {
		return
	}
	o.seen[val] = true
	if s := p.values[val].Send; s != nil {
		p.leave(o, *s, name, val)
		return
	}
	t := p.types[name]
	if t == nil {
		p.leave(o, o.Row, o.Callee, val)
		return
	}
	m := t.methods[o.Method]
	switch {
	case m == nil:
		p.leave(o, o.Row, o.Callee, val)
	case m.Func != "":
		if n := p.byID[m.Func]; n != nil {
			if o.Row.Effect != 0 && n.file.Generated && !n.file.Resil {
				p.leave(o, o.Row, o.Callee, val)
				return
			}
			p.bind(o, n)
			if n.Recv != 0 {
				if i := n.pkg.vars[n.Recv]; i != 0 {
					p.flow(i, p.vars["V "+name])
				}
			}
		}
	case m.Via != "":
		p.watch(o, p.vars[m.Via])
		if v := p.vars[m.Via]; v != 0 && len(p.pts[v]) == 0 && m.Row.Effect != 0 {
			p.leave(o, m.Row, m.Callee, val)
		}
	default:
		row := m.Row
		// What the call was found to be by its arguments, whoever serves it.
		if row.Effect == 0 || catalog.Effect(o.Row.Effect) == catalog.Counted {
			row = o.Row
		}
		p.leave(o, row, m.Callee, val)
	}
}

// leave enters that a call leaves the module.
func (p *program) leave(o *op, row summary.Row, callee string, val int32) {
	if !o.leaves {
		o.leaves = true
		p.watchArgs(o)
	}
	if e := catalog.Effect(row.Effect); e > catalog.Lazy {
		o.helpers = append(o.helpers, row)
		return
	}
	if row.Effect == 0 || catalog.Effect(row.Effect) == catalog.Lazy {
		return
	}
	o.foreign = append(o.foreign, foreign{row: row, callee: callee, value: val})
}

// bind enters that o calls n.
func (p *program) bind(o *op, n *node) {
	if slices.Contains(o.targets, n) {
		return
	}
	o.targets = append(o.targets, n)
	for i, a := range o.Args {
		if i < len(n.Params) {
			p.flow(n.pkg.vars[n.Params[i]], o.v(a))
		}
	}
	for i, r := range o.Results {
		if i < len(n.Results) {
			p.flow(o.v(r), n.pkg.vars[n.Results[i]])
		}
	}
}

// callback enters that a foreign function runs n. It passes on its context,
// unless it is bounded in time by itself.
func (p *program) callback(o *op, n *node) {
	if slices.Contains(o.callbacks, n) {
		return
	}
	o.callbacks = append(o.callbacks, n)
	given := []int32{o.v(o.Recv)}
	for _, a := range o.Args {
		given = append(given, o.v(a))
	}
	for _, param := range n.Params {
		v := n.pkg.vars[param]
		if v == 0 {
			continue
		}
		if o.Row.Dependency == "resil" && !o.Row.Timed {
			p.handed = append(p.handed, handed{o, v})
		} else {
			p.passContext(o, v, o.Row.Timed, 0)
		}
		// It is handed what the foreign function was, or what is made of it: a
		// transaction of a database.
		for _, g := range given {
			if g != o.v(o.Context) {
				p.flow(v, g)
			}
		}
	}
}

// handed is a parameter of a function that a resil guard runs.
type handed struct {
	op *op
	v  int32
}

// handContext gives a parameter the context of a resil guard: a policy may be
// stated far from the call, so what holds it must have been followed.
func (p *program) handContext(o *op, v int32) {
	limit := p.limit(o)
	p.passContext(o, v, limit > 0, limit)
}

// passContext gives a parameter of what a foreign function runs its context:
// one with a deadline of its own, its caller's, or one from out of sight.
func (p *program) passContext(o *op, v int32, timed bool, limit float64) {
	switch {
	case timed:
		p.add(v, p.value(o.node.pkg, summary.Value{Kind: summary.ContextValue, Bound: summary.Limited, Seconds: limit}))
	case o.Context == 0:
		p.add(v, p.value(o.node.pkg, summary.Value{Kind: summary.ContextValue, Bound: summary.Foreign}))
	default:
		p.flow(v, o.v(o.Context))
	}
}

// maxWraps is how many calls, one of what comes out of the other, are told apart.
const maxWraps = 4

// wrap: a function that a foreign one made is called; what comes out is made
// of what goes in.
func (p *program) wrap(o *op, val int32) {
	x := p.values[val]
	at := fmt.Sprintf("@%d/%d.", o.node.index, o.Pos.Offset)
	if strings.Contains(x.ID, at) || strings.Count(x.ID, "@") >= maxWraps {
		// What came out goes in again: state = state().
		for _, r := range o.Results {
			p.add(o.v(r), val)
		}
		return
	}
	y := value{Value: summary.Value{Kind: summary.ObjectValue, Name: "func", ID: x.ID + at, Guard: x.Guard}, pkg: x.pkg}
	y.in = append(slices.Clone(x.in), x.part...)
	for _, a := range o.Args {
		if a != 0 {
			y.in = append(y.in, o.v(a))
		}
	}
	for _, v := range y.in {
		if v != 0 {
			for f := range p.pts[v] {
				if n := p.values[f].node; n != nil && !slices.Contains(o.targets, n) {
					o.targets = append(o.targets, n)
				}
			}
		}
	}
	key := "wrap " + y.ID
	y.key = key
	i, ok := p.keys[key]
	if !ok {
		i = int32(len(p.values))
		p.values = append(p.values, y)
		p.keys[key] = i
	}
	for _, r := range o.Results {
		if r != 0 {
			p.add(o.v(r), i)
		}
	}
}

// sorted returns the values of a variable in a stable order. The caller must
// not alter the result.
func (p *program) sorted(v int32) []int32 {
	if v == 0 || len(p.pts[v]) == 0 {
		return nil
	}
	if out, ok := p.ordered[v]; ok {
		return out
	}
	out := make([]int32, 0, len(p.pts[v]))
	for x := range p.pts[v] {
		out = append(out, x)
	}
	slices.SortFunc(out, func(x, y int32) int { return strings.Compare(p.values[x].key, p.values[y].key) })
	if p.solved {
		p.ordered[v] = out
	}
	return out
}
