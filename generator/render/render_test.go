package render_test

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aymanbagabas/go-udiff"

	"github.com/resilgo/resil/generator/load"
	"github.com/resilgo/resil/generator/model"
	"github.com/resilgo/resil/generator/render"
)

// imported loads packages from source, each once in the life of the process.
var imported = sync.OnceValue(func() types.Importer { return importer.ForCompiler(token.NewFileSet(), "source", nil) })

// importable are the packages that sources may import here.
var importable = map[string]bool{
	load.Runtime: true, "context": true, "database/sql": true, "database/sql/driver": true, "encoding/json": true,
	"errors": true, "fmt": true, "html/template": true, "io": true, "iter": true, "maps": true, "net/http": true,
	"slices": true, "text/template": true, "time": true, "unsafe": true, "cmp": true,
}

// FuzzFile renders whatever has a model without problems. The result must be
// formatted, and compile together with its source.
func FuzzFile(f *testing.F) {
	golden, err := filepath.Glob("../../testdata/golden/*/*.go")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range golden {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if !strings.Contains(path, "_resil") && bytes.Contains(content, []byte("//resil:guard")) {
			f.Add(string(content))
		}
	}
	for _, source := range []string{
		"package p\n//resil:guard x\ntype A interface{ init() error; main() error; g(g int) error; next() error; nil() error }\n",
		"package p\n//resil:guard x\ntype A[g, resil, ctx any] interface{ M(g, resil) (ctx, error) }\n",
		"package p\n//resil:guard x\ntype any interface{ M(func(any) any) (string, error) }\n",
		"package p\nimport context \"errors\"\n//resil:guard x\ntype A interface{ M() error }\nvar _ = context.New\n",
		"package p\nimport resil \"fmt\"\n//resil:guard x\ntype A interface{ M(resil.Stringer) (resil.State, error) }\n",
		"package p\nimport . \"context\"\n//resil:guard x\n//resil:timeout 1s\ntype A interface{ M(Context) (CancelFunc, error); N(c Context, _ ...Context) error }\n",
		"package p\n//resil:guard x\n//resil:read *\n//resil:fallback stale=1m shared\ntype A interface{ M(key string, any int, answer bool) (all []byte, ok map[int]int, err error) }\n",
		"package p\n//resil:guard x\n//resil:write *\n//resil:fallback outbox\ntype A interface{ M(payload, args string, err int, ctx ...bool) error; N() error }\n",
		"package p\n//resil:guard x\ntype A interface{ M(x struct{ error }, y interface{ error; m() }) (z [2]func(...A), err error) }\n",
		"package p\n\ntype error interface{ Error() string }\n\n//resil:guard x\n//resil:health Ping\ntype A interface{ Ping() error }\n",
	} {
		f.Add(source)
	}
	// Loading takes longer than one input may.
	for path := range importable {
		if _, err := imported().Import(path); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(renderAnything)
}

func renderAnything(t *testing.T, source string) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "a.go", source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return
	}
	for _, spec := range file.Imports {
		if path, err := strconv.Unquote(spec.Path.Value); err != nil || !importable[path] {
			return
		}
	}
	info := &types.Info{Defs: make(map[*ast.Ident]types.Object), Implicits: make(map[ast.Node]types.Object)}
	valid := true
	conf := types.Config{Importer: imported(), IgnoreFuncBodies: true, Error: func(error) { valid = false }}
	pkg, _ := conf.Check("example.com/p", fset, []*ast.File{file}, info) // errors go to conf.Error
	res := model.Build(model.Input{Fset: fset, Files: []*ast.File{file}, Pkg: pkg, Info: info})
	if !valid || len(res.Problems) > 0 || len(res.Package.Files) == 0 {
		return
	}
	content, err := render.File(fset, res.Package, res.Package.Files[0])
	if err != nil {
		t.Fatalf("%v\n%s", err, source)
	}
	compareWithGofmt(t, fset, res.Package)
	again, err := format.Source(content)
	if err != nil || !bytes.Equal(again, content) {
		t.Errorf("not formatted (%v):\n%s", err, content)
	}
	generated, err := parser.ParseFile(fset, "a_resil.go", content, parser.SkipObjectResolution)
	if err != nil {
		t.Fatalf("%v\n%s", err, content)
	}
	conf.IgnoreFuncBodies = false
	conf.Error = func(err error) {
		if strings.HasPrefix(err.Error(), "a_resil.go") {
			t.Errorf("%v\n%s\n%s", err, source, content)
		}
	}
	_, _ = conf.Check("example.com/p", fset, []*ast.File{file, generated}, nil) // errors go to conf.Error
}

// compareWithGofmt holds that what is laid out is what gofmt makes of the same
// text, and reports whether the layout knew all of it.
func compareWithGofmt(t *testing.T, fset *token.FileSet, pkg *model.Package) bool {
	t.Helper()
	known := true
	for _, f := range pkg.Files {
		text, err := render.Loose(fset, pkg, f)
		if err != nil {
			t.Fatal(err)
		}
		want, err := format.Source(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		got, ok := render.Layout(text)
		if ok && !bytes.Equal(got, want) {
			t.Errorf("%s is not laid out as gofmt does:\n%s", f.Name, udiff.Unified("gofmt", "layout", string(want), string(got)))
		}
		known = known && ok
	}
	return known
}

// TestLayoutKnowsWhatIsRendered holds that gofmt, which takes longer than all
// else, is needed for anonymous types with members only.
func TestLayoutKnowsWhatIsRendered(t *testing.T) {
	const golden = "../../testdata/golden"
	dir, err := filepath.Abs(golden)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := load.Load(load.Options{Dir: dir, Patterns: []string{"./..."}})
	if err != nil {
		t.Fatal(err)
	}
	needed := make(map[string]bool)
	for _, u := range loaded.Units {
		u.Check()
		pkg := model.Build(model.Input{Fset: loaded.Fset, Files: u.Files, Pkg: u.Types, Info: u.Info, Import: u.Import}).Package
		if !compareWithGofmt(t, loaded.Fset, pkg) {
			needed[filepath.Base(u.Folder.Path)] = true
		}
	}
	if want := map[string]bool{"odd": true, "results": true}; !maps.Equal(needed, want) {
		t.Errorf("gofmt is needed for %v, want %v", needed, want)
	}
}
