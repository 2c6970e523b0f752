// Package guards finds the guarded interfaces of a package under analysis, as
// resilgen would.
package guards

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/generator/model"
	"github.com/resilgo/resil/generator/output"
)

// Guards is what a package says about its guarded interfaces.
type Guards struct {
	Model    *model.Package
	Problems []model.Problem

	// Unsure tells that the model is incomplete although there may be no
	// Problems: directives name packages that nothing imports, which resilgen
	// would load and a driver cannot.
	Unsure bool
}

// Of returns the guards of u; nil if no comment of its source files looks like a
// directive. Test files are left out.
func Of(u *finding.Unit) *Guards {
	if !slices.ContainsFunc(u.Files, mentions) {
		return nil
	}
	files := slices.DeleteFunc(slices.Clone(u.Files), func(f *ast.File) bool { return u.IsTest(f) || Generated(u, f) != "" })
	if !slices.ContainsFunc(files, mentions) {
		return nil
	}
	in := model.Input{Fset: u.Fset, Files: files, Pkg: u.Pkg, Info: u.Info}
	if len(files) < len(u.Files) {
		in.Pkg, in.Info = declarations(u, files)
	}
	var missing []string
	in.Import = func(path string) (*types.Package, error) {
		missing = append(missing, path)
		return nil, fmt.Errorf("package %s was not loaded", path)
	}
	built := model.Build(in)
	return &Guards{
		Model: built.Package,
		Problems: slices.DeleteFunc(built.Problems, func(p model.Problem) bool {
			return slices.ContainsFunc(missing, func(path string) bool {
				return strings.Contains(path, "/") && strings.Contains(p.Message, path)
			})
		}),
		Unsure: len(missing) > 0,
	}
}

// mentions is a cheap test in front of the grammar: near misses count.
func mentions(f *ast.File) bool {
	for _, group := range f.Comments {
		for _, c := range group.List {
			// Deep enough for any near miss that the grammar knows.
			if strings.Contains(strings.ToLower(c.Text[:min(len(c.Text), 64)]), "resil") {
				return true
			}
		}
	}
	return false
}

// Generated returns the base name of the source that resilgen wrote the file
// from; empty if it did not.
func Generated(u *finding.Unit, f *ast.File) string {
	if !ast.IsGenerated(f) {
		return ""
	}
	content, err := u.Src(u.Filename(f))
	if err != nil {
		return ""
	}
	source, _ := output.Source(content)
	return source
}

// Declares returns the names that resilgen declares for the guards.
func (g *Guards) Declares() []string {
	var names []string
	for _, f := range g.Model.Files {
		for _, i := range f.Interfaces {
			names = append(names, i.Decorator, i.Constructor, i.FallbackType)
		}
	}
	return names
}

// declarations type-checks the given files of u without function bodies and
// without what resilgen wrote, which may be stale and would be in the way of
// what it is to declare anew. What the given files use of it stays unknown.
func declarations(u *finding.Unit, files []*ast.File) (*types.Package, *types.Info) {
	imports := make(map[string]*types.Package)
	for _, p := range u.Pkg.Imports() {
		imports[p.Path()] = p
	}
	config := types.Config{
		IgnoreFuncBodies: true,
		FakeImportC:      true,
		Error:            func(error) {},
		Importer: importerFunc(func(path string) (*types.Package, error) {
			if p, ok := imports[path]; ok {
				return p, nil
			}
			if path == "unsafe" {
				return types.Unsafe, nil
			}
			return nil, fmt.Errorf("package %s was not loaded", path)
		}),
	}
	info := &types.Info{
		Types:      make(map[ast.Expr]types.TypeAndValue),
		Defs:       make(map[*ast.Ident]types.Object),
		Uses:       make(map[*ast.Ident]types.Object),
		Implicits:  make(map[ast.Node]types.Object),
		Instances:  make(map[*ast.Ident]types.Instance),
		Selections: make(map[*ast.SelectorExpr]*types.Selection),
	}
	pkg, _ := config.Check(u.Pkg.Path(), u.Fset, files, info) // its errors are those of u, or not ours
	return pkg, info
}

type importerFunc func(path string) (*types.Package, error)

func (f importerFunc) Import(path string) (*types.Package, error) { return f(path) }
