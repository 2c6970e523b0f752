package model

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/resilgo/resil/generator/directive"
)

// world type-checks small packages for the tests: the standard library from
// source, once, and the packages of a test from text.
type world struct {
	fset   *token.FileSet
	std    types.Importer
	texts  map[string]string // import path -> source of its only file
	loaded map[string]*types.Package
}

var stdOnce = sync.OnceValues(func() (*token.FileSet, types.Importer) {
	fset := token.NewFileSet()
	return fset, importer.ForCompiler(fset, "source", nil)
})

// newWorld reads "-- path --" separated packages, see package txtar.
func newWorld(texts map[string]string) *world {
	fset, std := stdOnce()
	return &world{fset: fset, std: std, texts: texts, loaded: map[string]*types.Package{}}
}

func (w *world) Import(path string) (*types.Package, error) {
	if p := w.loaded[path]; p != nil {
		return p, nil
	}
	text, ok := w.texts[path]
	if !ok {
		return w.std.Import(path)
	}
	in, err := w.check(path, map[string]string{path + "/x.go": text})
	if err != nil {
		return nil, err
	}
	w.loaded[path] = in.Pkg
	return in.Pkg, nil
}

// check parses and type-checks the files of one package. Type errors are
// tolerated, as resilgen tolerates those of code that is yet to be generated.
func (w *world) check(path string, files map[string]string) (Input, error) {
	in := Input{Fset: w.fset, Import: w.Import}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		file, err := parser.ParseFile(w.fset, name, files[name], parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return in, err
		}
		in.Files = append(in.Files, file)
	}
	in.Info = &types.Info{Defs: map[*ast.Ident]types.Object{}, Implicits: map[ast.Node]types.Object{}}
	conf := types.Config{Importer: w, IgnoreFuncBodies: true, FakeImportC: true, Error: func(error) {}}
	in.Pkg, _ = conf.Check(path, w.fset, in.Files, in.Info)
	return in, nil
}

// build makes the model of one file in package example.com/shop.
func build(t testing.TB, src string) *Result {
	t.Helper()
	return buildFiles(t, map[string]string{"shop.go": src}, nil)
}

func buildFiles(t testing.TB, files, others map[string]string) *Result {
	t.Helper()
	in, err := newWorld(others).check("example.com/shop", files)
	if err != nil {
		t.Fatalf("the test's source does not parse: %v", err)
	}
	return Build(in)
}

// lines formats problems or notes.
func lines(problems []directive.Problem) []string {
	fset, _ := stdOnce()
	var out []string
	for _, p := range problems {
		out = append(out, directive.Format(fset, p))
	}
	return out
}

func mustBuild(t testing.TB, src string) *Package {
	t.Helper()
	r := build(t, src)
	if len(r.Problems) > 0 {
		t.Fatalf("unexpected problems:\n%s", strings.Join(lines(r.Problems), "\n"))
	}
	return r.Package
}
