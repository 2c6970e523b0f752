package render

import (
	"bytes"
	"fmt"
	"go/format"
	"go/token"
	"go/types"
	"path/filepath"

	"github.com/dave/jennifer/jen"

	"github.com/resilgo/resil/generator/model"
	"github.com/resilgo/resil/generator/output"
)

// File returns the generated file for one source file of a package. An error
// is a defect of this package, never of the input.
func File(fset *token.FileSet, pkg *model.Package, source *model.File) ([]byte, error) {
	name := output.Name(filepath.Base(source.Name))
	text, err := loose(fset, pkg, source)
	if err != nil {
		return nil, fmt.Errorf("rendering %s: %w", name, err)
	}
	if content, ok := layout(text); ok {
		return content, nil
	}
	content, err := format.Source(text)
	if err != nil {
		return nil, fmt.Errorf("rendering %s: %w\n%s", name, err, text)
	}
	return content, nil
}

// loose returns the generated file not yet laid out.
func loose(fset *token.FileSet, pkg *model.Package, source *model.File) ([]byte, error) {
	f := newFile(fset, pkg, source)
	out := jen.NewFile(pkg.Name)
	out.NoFormat = true
	out.HeaderComment(header(source))
	body := jen.Null().Add(f.handshake())
	for _, i := range source.Interfaces {
		body.Add(f.decorator(i).code())
	}
	out.Add(f.imports.decl()) // only now is it known what is used
	out.Add(body)
	var buf bytes.Buffer
	err := out.Render(&buf)
	return buf.Bytes(), err
}

// header returns what stands above the package clause.
func header(source *model.File) string {
	text := output.Header(filepath.Base(source.Name))
	if line := output.Constraint(source.Syntax); line != "" {
		text += "\n\n" + line
	}
	return text
}

// file is the state of rendering one file.
type file struct {
	fset    *token.FileSet
	pkg     *model.Package
	source  *model.File
	imports *imports
	spelled map[types.Type]string
	names   scope // of the package and of the imports: what a package-level name must differ from
}

func newFile(fset *token.FileSet, pkg *model.Package, source *model.File) *file {
	f := &file{fset: fset, pkg: pkg, source: source, names: make(scope), spelled: make(map[types.Type]string)}
	f.names.reserve(pkg.Types.Scope().Names()...)
	f.names.reserve(types.Universe.Names()...)
	f.names.reserve("init", "main")
	packages := map[string]string{runtimePath: runtimeName}
	for _, i := range source.Interfaces {
		f.names.reserve(i.Decorator, i.Constructor, i.FallbackType)
		for p := range i.TypeParams.TypeParams() {
			f.names.reserve(p.Obj().Name())
		}
		collect(packages, pkg.Path, i)
	}
	f.imports = newImports(pkg.Path, packages, source.Syntax, f.names)
	return f
}

// collect adds the packages that the decorator of an interface may mention,
// by import path with their own names.
func collect(packages map[string]string, self string, i *model.Interface) {
	note := func(p *types.Package) string {
		if p != nil && p.Path() != self {
			packages[p.Path()] = p.Name()
		}
		return ""
	}
	noteType := func(t types.Type) { types.TypeString(t, note) }
	noteType(i.Type)
	for p := range i.TypeParams.TypeParams() {
		noteType(p.Constraint())
	}
	for _, m := range i.Methods {
		noteType(m.Signature)
		for _, path := range methodImports(m) {
			packages[path] = filepath.Base(path)
		}
		if m.Errs != nil {
			for _, e := range append(m.Errs.Value.Ignore, m.Errs.Value.Failure...) {
				note(e.Object.Pkg())
			}
		}
		for _, fb := range m.Fallbacks {
			for _, fn := range []*types.Func{fb.Func, fb.Key} {
				if fn != nil {
					note(fn.Pkg())
				}
			}
		}
	}
	packages["time"] = "time"
}

// methodImports returns the standard packages that the code around a guarded
// method may need.
func methodImports(m *model.Method) []string {
	if !m.Guarded() {
		return nil
	}
	paths := []string{"context"}
	if m.Errs != nil {
		paths = append(paths, "errors")
	}
	for _, fb := range m.Fallbacks {
		paths = append(paths, fallbackImports(fb)...)
	}
	return paths
}

// typ returns a type as the file spells it.
func (f *file) typ(t types.Type) string {
	spelled, ok := f.spelled[t]
	if !ok {
		spelled = types.TypeString(t, f.imports.qualify)
		f.spelled[t] = spelled
	}
	return spelled
}

// object returns a package-level object as the file spells it.
func (f *file) object(o types.Object) string {
	if o.Pkg() == nil || o.Pkg().Path() == f.pkg.Path {
		return o.Name()
	}
	return f.imports.name(o.Pkg().Path()) + "." + o.Name()
}

// rt returns an exported name of the runtime.
func (f *file) rt(name string) *jen.Statement {
	return jen.Id(f.imports.name(runtimePath)).Dot(name)
}

// std returns an exported name of a standard package.
func (f *file) std(path, name string) *jen.Statement {
	return jen.Id(f.imports.name(path)).Dot(name)
}

// handshake returns the constant that makes the compiler compare versions.
func (f *file) handshake() jen.Code {
	return comment(
		"A compile error here means that this file needs a newer github.com/resilgo/resil, or that resilgen must run again.",
	).Const().Id("_").Op("=").Add(f.rt("Generation1")).Line()
}
