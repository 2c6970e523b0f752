package summary

import (
	"go/types"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/resilgo/resil/analyzer/internal/catalog"
)

// types adds the method tables of the package's types and its interfaces.
func (b *builder) types() {
	scope := b.u.Pkg.Scope()
	for _, name := range scope.Names() {
		obj, ok := scope.Lookup(name).(*types.TypeName)
		if !ok || obj.IsAlias() {
			continue
		}
		n, ok := obj.Type().(*types.Named)
		if !ok {
			continue
		}
		at := b.fileOf(obj)
		if at >= 0 && b.out.Files[at].Test {
			continue
		}
		if i, ok := n.Underlying().(*types.Interface); ok {
			b.iface(n, i)
			continue
		}
		if t := b.moduleType(n, at); len(t.Methods) > 0 {
			b.out.Types = append(b.out.Types, t)
		}
	}
}

func (b *builder) fileOf(obj types.Object) int32 {
	name := b.u.Fset.PositionFor(obj.Pos(), false).Filename
	return int32(slices.IndexFunc(b.out.Files, func(f File) bool { return f.Name == name }))
}

func (b *builder) iface(n *types.Named, i *types.Interface) {
	if i.NumMethods() == 0 || !i.IsMethodSet() {
		return
	}
	out := Iface{Name: typeName(n)}
	for m := range i.Methods() {
		out.Methods = append(out.Methods, Method{Name: m.Name(), Sig: signature(m.Signature())})
	}
	b.out.Ifaces = append(b.out.Ifaces, out)
}

// moduleType returns the method table of a type of this package.
func (b *builder) moduleType(n *types.Named, at int32) Type {
	t := Type{Name: typeName(n), File: at}
	set := types.NewMethodSet(types.NewPointer(n))
	for sel := range set.Methods() {
		if m, ok := b.method(n, sel); ok {
			t.Methods = append(t.Methods, m)
		}
	}
	if st, ok := n.Underlying().(*types.Struct); ok {
		for f := range st.Fields() {
			ft := namedOf(element(f.Type()))
			if ft != nil && isInterface(ft) && ft.Obj().Pkg() != nil {
				t.Fields = append(t.Fields, Field{Name: f.Name(), Iface: typeName(ft)})
			}
		}
	}
	slices.SortFunc(t.Methods, func(x, y Method) int { return strings.Compare(x.Name, y.Name) })
	return t
}

// method returns the table entry of a method of n, possibly promoted.
func (b *builder) method(n *types.Named, sel *types.Selection) (Method, bool) {
	fn := sel.Obj().(*types.Func)
	m := Method{Name: fn.Name(), Sig: signature(fn.Signature())}
	index := sel.Index()
	th := types.Type(n)
	if len(index) > 1 {
		th = b.promoter(n, index)
	}
	switch {
	case len(index) > 1 && isInterface(th):
		v := b.path(0, n, index[:len(index)-1])
		if v == 0 {
			return m, false
		}
		m.Via, m.Callee = b.out.Vars[v-1], fn.FullName()
		if r := b.row(fn, th); r != nil && r.Effect <= catalog.Counted {
			m.Row = b.rowOf(r, site{fn: fn})
		}
	case b.inModule(fn.Pkg()):
		m.Func = b.id(fn)
	default:
		m.Callee = fn.FullName()
		if r := b.row(fn, th); r != nil && r.Effect <= catalog.Counted {
			m.Row = b.rowOf(r, site{fn: fn})
		}
	}
	return m, true
}

// promoter returns the type of the embedded field that promotes a method.
func (b *builder) promoter(n *types.Named, index []int) types.Type {
	var t types.Type = n
	for _, i := range index[:len(index)-1] {
		if nt := namedOf(t); nt != nil && !b.inModule(nt.Obj().Pkg()) {
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

// foreignType adds to the method table of a foreign type what it can be asked
// as the interface to.
func (b *builder) foreignType(n *types.Named, from, to types.Type) {
	i, ok := to.Underlying().(*types.Interface)
	if !ok {
		return
	}
	name := typeName(n)
	at, known := b.tables[name]
	if !known {
		at = len(b.out.Types)
		b.tables[name] = at
		b.out.Types = append(b.out.Types, Type{Name: name, Foreign: true, File: -1})
	}
	t := &b.out.Types[at]
	for m := range i.Methods() {
		if slices.ContainsFunc(t.Methods, func(x Method) bool { return x.Name == m.Name() }) {
			continue
		}
		obj, _, _ := types.LookupFieldOrMethod(from, true, b.u.Pkg, m.Name())
		fn, ok := obj.(*types.Func)
		if !ok {
			continue
		}
		e := Method{Name: fn.Name(), Callee: fn.FullName()}
		if r := b.rowOrProof(fn, from); r != nil {
			e.Row = b.rowOf(r, site{fn: fn})
		}
		t.Methods = append(t.Methods, e)
	}
	slices.SortFunc(t.Methods, func(x, y Method) int { return strings.Compare(x.Name, y.Name) })
}

// signature returns a hash of the types of a signature, names aside. Methods are
// compared by name, too, so that a collision takes two methods of one name.
func signature(sig *types.Signature) uint64 {
	h := fnv.New64a()
	s := types.NewSignatureType(nil, nil, nil, unnamed(sig.Params()), unnamed(sig.Results()), sig.Variadic())
	_, _ = h.Write([]byte(types.TypeString(s, nil))) // never fails
	return h.Sum64()
}

func unnamed(t *types.Tuple) *types.Tuple {
	vars := make([]*types.Var, t.Len())
	for i := range vars {
		vars[i] = types.NewParam(0, nil, "", t.At(i).Type())
	}
	return types.NewTuple(vars...)
}

// evidence returns the row of the client that an interface of the module was
// cut out of: a type of a catalogued package, named in its signatures or
// imported beside it, that implements it. Nil if there is none.
func (b *builder) evidence(fn *types.Func, through types.Type) *Row {
	if r, ok := b.evidenced[fn]; ok {
		return r
	}
	r := b.findEvidence(fn, through)
	b.evidenced[fn] = r
	return r
}

func (b *builder) findEvidence(fn *types.Func, through types.Type) *Row {
	i, ok := through.Underlying().(*types.Interface)
	if !ok {
		return nil
	}
	for _, pkg := range b.suspects(i) {
		for _, obj := range b.exported(pkg) {
			m, _, _ := types.LookupFieldOrMethod(obj.Type(), true, pkg, fn.Name())
			method, ok := m.(*types.Func)
			if !ok || !sameSignature(method.Signature(), fn.Signature()) {
				continue
			}
			// Close() error is the method of many; the rest tells whose it is.
			if !says(fn.Signature()) && !types.Implements(obj.Type(), i) && !types.Implements(types.NewPointer(obj.Type()), i) {
				continue
			}
			if r := b.row(method, obj.Type()); r != nil && r.Effect <= catalog.Counted {
				row := b.rowOf(r, site{fn: method})
				return &row
			}
		}
	}
	return nil
}

// exported returns the exported types of a package that have methods.
func (b *builder) exported(pkg *types.Package) []*types.TypeName {
	if out, ok := b.clients[pkg]; ok {
		return out
	}
	out := []*types.TypeName{}
	scope := pkg.Scope()
	for _, name := range scope.Names() {
		if obj, ok := scope.Lookup(name).(*types.TypeName); ok && obj.Exported() {
			if n, ok := types.Unalias(obj.Type()).(*types.Named); ok && (n.NumMethods() > 0 || isInterface(n) || embeds(n)) {
				out = append(out, obj)
			}
		}
	}
	b.clients[pkg] = out
	return out
}

// embeds reports whether a struct promotes methods.
func embeds(n *types.Named) bool {
	st, ok := n.Underlying().(*types.Struct)
	if !ok {
		return false
	}
	for f := range st.Fields() {
		if f.Embedded() {
			return true
		}
	}
	return false
}

// says reports whether a signature names a type of some package, and so is no
// coincidence.
func says(sig *types.Signature) bool {
	named := func(v *types.Var) bool {
		n := namedOf(element(v.Type()))
		return n != nil && n.Obj().Pkg() != nil && !catalog.IsContext(n)
	}
	for v := range sig.Params().Variables() {
		if named(v) {
			return true
		}
	}
	for v := range sig.Results().Variables() {
		if named(v) {
			return true
		}
	}
	return false
}

// sameSignature reports whether two methods are interchangeable.
func sameSignature(x, y *types.Signature) bool {
	return types.Identical(
		types.NewSignatureType(nil, nil, nil, x.Params(), x.Results(), x.Variadic()),
		types.NewSignatureType(nil, nil, nil, y.Params(), y.Results(), y.Variadic()))
}

// suspects returns the catalogued packages whose types an interface names, in
// a stable order.
func (b *builder) suspects(i *types.Interface) []*types.Package {
	var pkgs []*types.Package
	add := func(p *types.Package) {
		if p != nil && p.Path() != "context" && !b.inModule(p) && b.cat.Knows(p.Path()) && !slices.Contains(pkgs, p) {
			pkgs = append(pkgs, p)
		}
	}
	var mention func(t types.Type)
	mention = func(t types.Type) {
		switch t := types.Unalias(t).(type) {
		case *types.Named:
			add(t.Obj().Pkg())
			for a := range t.TypeArgs().Types() {
				mention(a)
			}
		case *types.Pointer:
			mention(t.Elem())
		case *types.Slice:
			mention(t.Elem())
		case *types.Map:
			mention(t.Elem())
		case *types.Signature:
			for v := range t.Params().Variables() {
				mention(v.Type())
			}
		}
	}
	for m := range i.Methods() {
		for v := range m.Signature().Params().Variables() {
			mention(v.Type())
		}
		for v := range m.Signature().Results().Variables() {
			mention(v.Type())
		}
	}
	if len(pkgs) == 0 {
		return nil
	}
	// A client's types may live beside it, as pgconn's do beside pgx.
	for _, p := range b.u.Pkg.Imports() {
		add(p)
	}
	return pkgs
}
