package model

import (
	"go/ast"
	"go/types"
	"slices"

	"github.com/resilgo/resil/generator/directive"
)

// methods returns the methods of an interface in source order: those it spells
// out and those it embeds where it embeds them. What other packages declare
// comes in the order of their own source.
func (b *builder) methods(object *types.TypeName, iface *types.Interface) []*types.Func {
	byID := map[string]*types.Func{}
	for i := range iface.NumMethods() {
		byID[iface.Method(i).Id()] = iface.Method(i)
	}
	var out []*types.Func
	take := func(f *types.Func) {
		if known := byID[f.Id()]; known != nil {
			out = append(out, known)
			delete(byID, f.Id())
		}
	}
	b.walk(b.syntaxOf(object.Type(), object), iface, take, map[*types.Interface]bool{})
	return out
}

// syntaxOf returns the interface literal that declares a type, nil when it is
// not in the files of the package.
func (b *builder) syntaxOf(t types.Type, object types.Object) *ast.InterfaceType {
	if named, ok := types.Unalias(t).(*types.Named); ok {
		object = named.Origin().Obj()
	}
	for range len(b.specs) + 1 { // type A B; type B C: at most every declaration once
		spec := b.specs[object]
		if spec == nil {
			return nil
		}
		switch typ := ast.Unparen(spec.Type).(type) {
		case *ast.InterfaceType:
			return typ
		case *ast.Ident:
			object = b.pkg.Scope().Lookup(typ.Name)
		default:
			return nil
		}
	}
	return nil
}

func (b *builder) walk(syntax *ast.InterfaceType, iface *types.Interface, take func(*types.Func), seen map[*types.Interface]bool) {
	if seen[iface] {
		return
	}
	seen[iface] = true
	explicit := make([]*types.Func, 0, iface.NumExplicitMethods())
	for i := range iface.NumExplicitMethods() {
		explicit = append(explicit, iface.ExplicitMethod(i))
	}
	embedded := func(i int) {
		t := iface.EmbeddedType(i)
		if inner, ok := t.Underlying().(*types.Interface); ok {
			b.walk(b.syntaxOf(t, nil), inner, take, seen)
		}
	}
	if syntax == nil {
		slices.SortFunc(explicit, func(x, y *types.Func) int { return comparePos(b.in.Fset, x.Pos(), y.Pos()) })
		for _, f := range explicit {
			take(f)
		}
		for i := range iface.NumEmbeddeds() {
			embedded(i)
		}
		return
	}
	n := 0 // embedded types stand in the order of their fields
	for _, field := range syntax.Methods.List {
		if len(field.Names) == 0 {
			if n < iface.NumEmbeddeds() {
				embedded(n)
			}
			n++
			continue
		}
		for _, name := range field.Names {
			for _, f := range explicit {
				if f.Name() == name.Name {
					take(f)
				}
			}
		}
	}
}

// method makes the model of one method's signature.
func (b *builder) method(f *types.Func) *Method {
	sig := f.Type().(*types.Signature)
	m := &Method{Name: f.Name(), Pos: f.Pos(), Func: f, Signature: sig, Variadic: sig.Variadic(), Context: -1, Command: -1}
	if field := b.fields[f.Pos()]; field != nil && f.Pkg() == b.pkg {
		m.Doc = field.Doc.Text()
	} else if b.in.Doc != nil {
		m.Doc = b.in.Doc(f.Pos())
	}
	m.Params = params(sig.Params())
	m.Results = params(sig.Results())
	for i, p := range m.Params {
		if m.Context < 0 && isNamed(p.Type, "context", "Context") {
			m.Context = i
		}
	}
	for i, r := range m.Results {
		if types.Identical(r.Type, errorType) {
			m.Errors = append(m.Errors, i)
		}
	}
	for i, r := range m.Results {
		if len(m.Errors) == 0 && m.Command < 0 && isCommand(r.Type) {
			m.Command = i
		}
		if s, ok := outlives(r.Type); ok {
			s.Result = i
			m.Streams = append(m.Streams, s)
		}
	}
	return m
}

func params(tuple *types.Tuple) []Param {
	var out []Param
	for i := range tuple.Len() {
		out = append(out, Param{Name: tuple.At(i).Name(), Type: tuple.At(i).Type()})
	}
	return out
}

// judge decides what a method is by its signature alone: plain by itself, with
// the reason, or impossible to guard, with the problem.
func (m *Method) judge() (plain, impossible string) {
	if (m.Name == "Close" || m.Name == "Shutdown") && (len(m.Params) == 0 || len(m.Params) == 1 && m.Context == 0) {
		return m.Name + " ends the use of the client", ""
	}
	if len(m.Errors) > 0 || m.Command >= 0 {
		return "", ""
	}
	plain = "no error result"
	for _, r := range m.Results {
		name := types.TypeString(r.Type, (*types.Package).Name)
		if hasErr(r.Type) {
			return "", "returns " + name + ", whose Err() cannot be set, so a rejection has no way to the caller"
		}
		if types.Implements(r.Type, errorIface) {
			plain = "no error result, for a rejection cannot be a " + name
		}
	}
	return plain, ""
}

// invalid reports whether the signature uses a type that did not resolve.
func (m *Method) invalid() bool {
	bad := func(p Param) bool { return mentionsInvalid(p.Type, 0) }
	return slices.ContainsFunc(m.Params, bad) || slices.ContainsFunc(m.Results, bad)
}

// own returns the method's own line with the verb, nil if it has none.
func (m *Method) own(verb directive.Verb) *directive.Directive { return lineOf(m.Directives, verb) }
