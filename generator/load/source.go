package load

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"os"
	"path"
	"slices"
	"strconv"

	"golang.org/x/tools/go/packages"

	"github.com/resilgo/resil/generator/output"
)

// source is the parsed source of one package and what of it is needed.
type source struct {
	pkg     *packages.Package
	files   []*sourceFile
	index   map[string][]declaration // package-level names
	methods map[string][]declaration // by the name of the receiver's base type
	root    bool                     // a package to generate for: all of it is needed
	syntax  []*scanner.Error         // of a root: the first syntax error of each file
	pending []declaration            // needed, not yet followed
	checked []*ast.File              // what the type checker sees, see finish
}

// sourceFile is one file of a source.
type sourceFile struct {
	syntax  *ast.File
	imports map[string]*importSpec // by the name they have in the file
	dots    []*importSpec
	blanks  []*importSpec
	keep    map[ast.Node]bool // the declarations and specs that are needed
}

// importSpec is an import declaration and the package it means, nil if the go
// command found none.
type importSpec struct {
	spec *ast.ImportSpec
	pkg  *packages.Package
	used bool
}

// declaration is a function, or a spec of a declaration.
type declaration struct {
	file *sourceFile
	decl ast.Decl
	spec ast.Spec // nil for a function, and for constants: their groups are kept whole
}

// parseRoot reads the files of a package to generate for, with comments. Own
// output is left out and the first syntax error of each file is recorded.
// Files that the go command could not read, and so does not list, are extra.
func (u *universe) parseRoot(p *packages.Package, extra []string) *source {
	s := newSource(p)
	s.root = true
	for _, name := range slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(p.GoFiles), extra...)))) {
		content, err := os.ReadFile(name)
		if err != nil {
			s.syntax = append(s.syntax, &scanner.Error{Pos: token.Position{Filename: name}, Msg: err.Error()})
			continue
		}
		if output.Generated(content) {
			continue
		}
		f, err := parser.ParseFile(u.fset, name, content, parser.ParseComments|parser.SkipObjectResolution)
		var list scanner.ErrorList
		if errors.As(err, &list) {
			s.syntax = append(s.syntax, list[0])
		}
		s.add(f)
	}
	return s
}

// parseDependency reads what can be read of a package that others import. For
// decorators that are not generated yet it declares empty types.
func (u *universe) parseDependency(p *packages.Package) *source {
	s := newSource(p)
	var guarded []*ast.TypeSpec
	for _, name := range p.GoFiles {
		content, err := os.ReadFile(name)
		if err != nil {
			continue // the go command will say so when it compiles the package
		}
		mode := parser.SkipObjectResolution
		if bytes.Contains(content, []byte(guardLine)) {
			mode |= parser.ParseComments
		}
		f, _ := parser.ParseFile(u.fset, name, withoutBodies(content), mode)
		if f != nil {
			if p.PkgPath == Runtime {
				hideInside(f)
			}
			s.add(f)
			guarded = append(guarded, guardedTypes(f)...)
		}
	}
	if stubs := s.stubs(guarded); stubs != "" {
		f, err := parser.ParseFile(u.fset, "stubs", stubs, parser.SkipObjectResolution)
		if err == nil {
			s.add(f)
		}
	}
	return s
}

// byPointer are types of the runtime that are only ever handled by pointer.
var byPointer = map[string]bool{"Dependency": true, "Guard": true, "Knob": true, "Method": true, "System": true}

// hideInside takes out of a file of the runtime what generated code cannot see
// but what would bring in a cache, a limiter and more: unexported methods, and
// the fields of the types that are handled by pointer.
func hideInside(f *ast.File) {
	f.Decls = slices.DeleteFunc(f.Decls, func(decl ast.Decl) bool {
		fn, ok := decl.(*ast.FuncDecl)
		return ok && fn.Recv != nil && !fn.Name.IsExported()
	})
	for _, decl := range f.Decls {
		decl, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range decl.Specs {
			spec, ok := spec.(*ast.TypeSpec)
			if !ok || !byPointer[spec.Name.Name] {
				continue
			}
			if t, ok := spec.Type.(*ast.StructType); ok {
				t.Fields.List = nil
			}
		}
	}
}

func newSource(p *packages.Package) *source {
	return &source{pkg: p, index: make(map[string][]declaration), methods: make(map[string][]declaration)}
}

// mixed reports whether the files belong to different packages.
func (s *source) mixed() bool {
	return slices.ContainsFunc(s.files, func(f *sourceFile) bool { return f.syntax.Name.Name != s.files[0].syntax.Name.Name })
}

// add indexes a file.
func (s *source) add(syntax *ast.File) {
	f := &sourceFile{syntax: syntax, imports: make(map[string]*importSpec), keep: make(map[ast.Node]bool)}
	s.files = append(s.files, f)
	for _, spec := range syntax.Imports {
		importPath, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		imp := &importSpec{spec: spec, pkg: s.pkg.Imports[importPath]}
		name := path.Base(importPath)
		if imp.pkg != nil && imp.pkg.Name != "" {
			name = imp.pkg.Name
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		switch name {
		case "_":
			f.blanks = append(f.blanks, imp)
		case ".":
			f.dots = append(f.dots, imp)
		default:
			f.imports[name] = imp
		}
	}
	for _, decl := range syntax.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if !s.root {
				decl.Body = nil // nobody will look at it
			}
			s.addFunc(f, decl)
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				s.addSpec(f, decl, spec)
			}
		}
	}
}

func (s *source) addFunc(f *sourceFile, decl *ast.FuncDecl) {
	d := declaration{file: f, decl: decl}
	if decl.Recv == nil {
		s.index[decl.Name.Name] = append(s.index[decl.Name.Name], d)
		return
	}
	if len(decl.Recv.List) == 1 {
		base := baseName(decl.Recv.List[0].Type)
		s.methods[base] = append(s.methods[base], d)
	}
}

// baseName returns the name of a receiver's type without pointer and type
// parameters.
func baseName(x ast.Expr) string {
	for {
		switch t := x.(type) {
		case *ast.ParenExpr:
			x = t.X
		case *ast.StarExpr:
			x = t.X
		case *ast.IndexExpr:
			x = t.X
		case *ast.IndexListExpr:
			x = t.X
		case *ast.Ident:
			return t.Name
		default:
			return ""
		}
	}
}

func (s *source) addSpec(f *sourceFile, decl *ast.GenDecl, spec ast.Spec) {
	d := declaration{file: f, decl: decl, spec: spec}
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		s.index[spec.Name.Name] = append(s.index[spec.Name.Name], d)
	case *ast.ValueSpec:
		if decl.Tok == token.CONST {
			d.spec = nil // iota and repeated expressions
		}
		for _, name := range spec.Names {
			s.index[name.Name] = append(s.index[name.Name], d)
		}
	}
}

// need marks a package-level name, and of a type its methods, as needed.
func (s *source) need(name string) {
	for _, d := range s.index[name] {
		s.needDecl(d)
	}
	for _, d := range s.methods[name] {
		s.needDecl(d)
	}
}

// needAll marks everything that the package declares as needed.
func (s *source) needAll() {
	for name := range s.index {
		s.need(name)
	}
	for name := range s.methods {
		s.need(name)
	}
}

func (s *source) needDecl(d declaration) {
	var node ast.Node = d.decl
	if d.spec != nil {
		node = d.spec
	}
	if !d.file.keep[node] {
		d.file.keep[node] = true
		s.pending = append(s.pending, d)
	}
}

// finish makes the files that the type checker sees, with only what is needed:
// no function bodies, no initial value where the type is stated, and no import
// that nothing uses. Names and positions are those of the whole file. Nothing
// more can be needed afterwards.
func (s *source) finish() {
	for _, f := range s.files {
		s.checked = append(s.checked, f.pruned())
	}
	s.files, s.index, s.methods = nil, nil, nil
}

func (f *sourceFile) pruned() *ast.File {
	out := *f.syntax
	out.Decls = nil
	for _, decl := range f.syntax.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if f.keep[decl] {
				out.Decls = append(out.Decls, withoutBody(decl))
			}
		case *ast.GenDecl:
			if kept := f.prunedGroup(decl); kept != nil {
				out.Decls = append(out.Decls, kept)
			}
		}
	}
	return &out
}

// withoutBody returns decl without its body; init and main must keep one.
func withoutBody(decl *ast.FuncDecl) *ast.FuncDecl {
	if decl.Body == nil {
		return decl
	}
	bare := *decl
	bare.Body = nil
	if decl.Recv == nil && (decl.Name.Name == "init" || decl.Name.Name == "main") {
		bare.Body = &ast.BlockStmt{Lbrace: decl.Body.Lbrace, Rbrace: decl.Body.Rbrace}
	}
	return &bare
}

func (f *sourceFile) prunedGroup(decl *ast.GenDecl) *ast.GenDecl {
	if f.keep[decl] {
		return decl
	}
	out := *decl
	out.Specs = nil
	for _, spec := range decl.Specs {
		switch spec := spec.(type) {
		case *ast.ImportSpec:
			if f.usesImport(spec) {
				out.Specs = append(out.Specs, spec)
			}
		case *ast.ValueSpec:
			if f.keep[spec] {
				out.Specs = append(out.Specs, withoutValue(spec))
			}
		default:
			if f.keep[spec] {
				out.Specs = append(out.Specs, spec)
			}
		}
	}
	if len(out.Specs) == 0 {
		return nil
	}
	return &out
}

// withoutValue returns a variable's spec without the initial value when that
// does not give it its type.
func withoutValue(spec *ast.ValueSpec) *ast.ValueSpec {
	if spec.Type == nil {
		return spec
	}
	bare := *spec
	bare.Values = nil
	return &bare
}

func (f *sourceFile) usesImport(spec *ast.ImportSpec) bool {
	same := func(imp *importSpec) bool { return imp.spec == spec && imp.used }
	for _, imp := range f.imports {
		if same(imp) {
			return true
		}
	}
	return slices.ContainsFunc(f.dots, same) || slices.ContainsFunc(f.blanks, same)
}
