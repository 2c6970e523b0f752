package model

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/resilgo/resil/generator/directive"
	resil "github.com/resilgo/resil/runtime"
)

// Build makes the model of one package and finds everything that is wrong
// with its directives. It never fails and never panics on a package that
// go/types has checked, however broken its source.
func Build(in Input) *Result {
	b := &builder{in: in, pkg: in.Pkg, taken: map[string]*Interface{}}
	b.out.Package = &Package{Path: in.Pkg.Path(), Name: in.Pkg.Name(), Types: in.Pkg, fset: in.Fset}
	for _, syntax := range in.Files {
		b.file(syntax)
	}
	b.out.Problems = b.inOrder(b.out.Problems)
	b.out.Notes = b.inOrder(b.out.Notes)
	return &b.out
}

// builder holds what is known of the package while its model is made.
type builder struct {
	in      Input
	pkg     *types.Package
	out     Result
	specs   map[types.Object]*ast.TypeSpec // type declarations of the files
	fields  map[token.Pos]*ast.Field       // interface methods of the files by the position of their names
	taken   map[string]*Interface          // generated names
	imports *imports                       // nil until a name is looked up
}

func (b *builder) problemf(pos, end token.Pos, format string, v ...any) {
	b.out.Problems = append(b.out.Problems, Problem{Pos: pos, End: end, Message: fmt.Sprintf(format, v...)})
}

// linef complains of a whole directive.
func (b *builder) linef(d *directive.Directive, format string, v ...any) {
	b.problemf(d.Pos, d.End, format, v...)
}

// keyf complains of one argument of a directive, of all of it when the line
// does not state the argument.
func (b *builder) keyf(d *directive.Directive, key, format string, v ...any) {
	for _, a := range d.Args {
		if a.Key == key {
			b.problemf(a.Pos, a.End, format, v...)
			return
		}
	}
	b.linef(d, format, v...)
}

func (b *builder) notef(pos token.Pos, format string, v ...any) {
	b.out.Notes = append(b.out.Notes, Note{Pos: pos, Message: fmt.Sprintf(format, v...)})
}

// inOrder sorts by file and place, which unlike token.Pos does not depend on
// the order in which files were parsed, and drops repetitions.
func (b *builder) inOrder(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(x, y Problem) int { return comparePos(b.in.Fset, x.Pos, y.Pos) })
	return slices.CompactFunc(problems, func(x, y Problem) bool { return x.Pos == y.Pos && x.Message == y.Message })
}

func comparePos(fset *token.FileSet, x, y token.Pos) int {
	p, q := fset.PositionFor(x, false), fset.PositionFor(y, false)
	if c := strings.Compare(p.Filename, q.Filename); c != 0 {
		return c
	}
	if p.Line != q.Line {
		return p.Line - q.Line
	}
	return p.Column - q.Column
}

// indexSource finds the type declarations and interface methods of the files.
func (b *builder) indexSource() {
	b.specs = map[types.Object]*ast.TypeSpec{}
	b.fields = map[token.Pos]*ast.Field{}
	for _, file := range b.in.Files {
		for _, decl := range file.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.TYPE {
				continue
			}
			for _, spec := range gen.Specs {
				spec := spec.(*ast.TypeSpec)
				if len(gen.Specs) == 1 && spec.Doc == nil && !gen.Lparen.IsValid() {
					spec = withDoc(spec, gen.Doc)
				}
				if obj := b.object(spec.Name); obj != nil {
					b.specs[obj] = spec
				}
				if typ, ok := ast.Unparen(spec.Type).(*ast.InterfaceType); ok {
					for _, field := range typ.Methods.List {
						for _, name := range field.Names {
							b.fields[name.Pos()] = field
						}
					}
				}
			}
		}
	}
}

// withDoc returns a copy of the spec with the declaration's doc comment.
func withDoc(spec *ast.TypeSpec, doc *ast.CommentGroup) *ast.TypeSpec {
	documented := *spec
	documented.Doc = doc
	return &documented
}

// object returns what a declared name denotes.
func (b *builder) object(name *ast.Ident) types.Object {
	if b.in.Info != nil {
		if obj := b.in.Info.Defs[name]; obj != nil {
			return obj
		}
	}
	return b.pkg.Scope().Lookup(name.Name)
}

// declared are the directives of one type declaration.
type declared struct {
	spec    *ast.TypeSpec
	own     []*directive.Directive
	methods map[string][]*directive.Directive
	first   *directive.Directive
}

func (b *builder) file(syntax *ast.File) {
	parsed := directive.Parse(b.in.Fset, syntax)
	b.out.Problems = append(b.out.Problems, parsed.Problems...)
	if len(parsed.Directives) == 0 {
		return
	}
	if b.specs == nil {
		b.indexSource()
	}
	var decls []*declared
	find := func(d *directive.Directive) *declared {
		for _, decl := range decls {
			if decl.spec == d.Target.Type {
				return decl
			}
		}
		decl := &declared{spec: d.Target.Type, methods: map[string][]*directive.Directive{}, first: d}
		decls = append(decls, decl)
		return decl
	}
	for _, d := range parsed.Directives {
		switch {
		case d.Verb == directive.VerbGuarded || d.Verb == directive.VerbOutbound:
			b.out.Package.Lines = append(b.out.Package.Lines, d)
		case d.Target.Kind == directive.OnInterface:
			decl := find(d)
			decl.own = append(decl.own, d)
		case d.Target.Kind == directive.OnMethod:
			decl := find(d)
			name := d.Target.Method.Names[0].Name
			decl.methods[name] = append(decl.methods[name], d)
		}
	}
	file := &File{Name: b.in.Fset.PositionFor(syntax.Package, false).Filename, Syntax: syntax}
	for _, decl := range decls {
		if i := b.guarded(decl, syntax, b.troubled(decl.spec, parsed.Problems)); i != nil {
			file.Interfaces = append(file.Interfaces, i)
		}
	}
	if len(file.Interfaces) > 0 {
		b.out.Package.Files = append(b.out.Package.Files, file)
	}
}

// troubled reports whether a line above the declaration did not parse. It may
// have been the guard, so that its absence is no news.
func (b *builder) troubled(spec *ast.TypeSpec, problems []Problem) bool {
	documented := b.specs[b.object(spec.Name)]
	if documented == nil || documented.Doc == nil {
		return false
	}
	return slices.ContainsFunc(problems, func(p Problem) bool {
		return documented.Doc.Pos() <= p.Pos && p.Pos < spec.Name.Pos()
	})
}

// guarded makes the model of one annotated interface, nil when it is none.
func (b *builder) guarded(decl *declared, syntax *ast.File, broken bool) *Interface {
	name := decl.spec.Name
	guard := lineOf(decl.own, directive.VerbGuard)
	if guard == nil {
		if !broken {
			b.linef(decl.first, "%s on %s, which no guard covers; add //resil:guard NAME above %s", decl.first.Verb, decl.first.Target.Name, name.Name)
		}
		return nil
	}
	object, _ := b.object(name).(*types.TypeName)
	if object == nil || name.Name == "_" {
		b.linef(guard, "guard on %s, which cannot be named; give the interface a name", name.Name)
		return nil
	}
	iface, ok := object.Type().Underlying().(*types.Interface)
	switch {
	case object.Type().Underlying() == types.Typ[types.Invalid]:
		b.linef(guard, "the type of %s does not resolve; correct its declaration first", name.Name)
		return nil
	case !ok:
		b.linef(guard, "guard on %s, which is %s; put it above an interface", name.Name, kindOf(object.Type()))
		return nil
	case !iface.IsMethodSet():
		b.linef(guard, "guard on %s, which is a constraint and not an interface of methods; put it above an interface that values can have", name.Name)
		return nil
	}
	for i := range iface.NumMethods() {
		if m := iface.Method(i); !m.Exported() && m.Pkg() != b.pkg {
			b.linef(guard, "%s has the method %s of package %s, which no other package can implement; guard an interface of your own with the methods you use", name.Name, m.Name(), m.Pkg().Path())
			return nil
		}
	}
	return b.iface(decl, object, iface, guard, syntax)
}

// kindOf says in a word what a type is that is no interface.
func kindOf(t types.Type) string {
	switch t.Underlying().(type) {
	case *types.Struct:
		return "a struct"
	case *types.Signature:
		return "a function type"
	case *types.Basic:
		return "a basic type"
	case *types.Pointer:
		return "a pointer"
	default:
		return "no interface"
	}
}

// setting reads the policy of one verb from the lines of a target, nil if none
// states it.
func setting[V directive.Value, T any](lines []*directive.Directive, verb directive.Verb, get func(V) T) *Setting[T] {
	d := lineOf(lines, verb)
	if d == nil {
		return nil
	}
	value, ok := d.Value.(V)
	if !ok {
		panic("value of " + string(d.Verb) + " asked for as something else") // a defect of ours
	}
	return &Setting[T]{Value: get(value), Lines: []*directive.Directive{d}}
}

// lineOf returns the first line with the verb, nil if there is none.
func lineOf(lines []*directive.Directive, verb directive.Verb) *directive.Directive {
	for _, d := range lines {
		if d.Verb == verb {
			return d
		}
	}
	return nil
}

func (b *builder) iface(decl *declared, object *types.TypeName, iface *types.Interface, guard *directive.Directive, syntax *ast.File) *Interface {
	i := stating(object, guard, decl.own)
	i.TypeParams, i.Type = typeParams(object)
	if spec := b.specs[object]; spec != nil {
		i.Doc = spec.Doc.Text()
	}
	b.name(i)
	for _, f := range b.methods(object, iface) {
		m := b.method(f)
		m.Directives = decl.methods[m.Name]
		i.Methods = append(i.Methods, m)
	}
	s := scope{b: b, i: i, file: syntax}
	s.mark()
	s.settle()
	return i
}

// stating returns an interface with what its own lines state for its dependency.
func stating(object *types.TypeName, guard *directive.Directive, lines []*directive.Directive) *Interface {
	value := guard.Value.(directive.Guard)
	return &Interface{
		Name: object.Name(), Pos: object.Pos(), Object: object, Guard: guard,
		Dependency: value.Name, Criticality: value.Criticality, Down: value.Down, Directives: lines,
		Breaker:  setting(lines, directive.VerbBreaker, func(v directive.Breaker) resil.Breaker { return v.Breaker }),
		Bulkhead: setting(lines, directive.VerbBulkhead, func(v directive.Bulkhead) resil.Bulkhead { return v.Bulkhead }),
		Rate:     setting(lines, directive.VerbRate, func(v directive.Rate) resil.Rate { return v.Rate }),
	}
}

// typeParams returns the type parameters of a declared type and the type
// applied to them.
func typeParams(object *types.TypeName) (*types.TypeParamList, types.Type) {
	generic, ok := object.Type().(interface{ TypeParams() *types.TypeParamList })
	if !ok || generic.TypeParams().Len() == 0 {
		return nil, object.Type()
	}
	params := generic.TypeParams()
	args := make([]types.Type, params.Len())
	for n := range args {
		args[n] = params.At(n)
	}
	applied, err := types.Instantiate(nil, object.Type(), args, false)
	if err != nil { // only for a wrong number of arguments
		return params, object.Type()
	}
	return params, applied
}
