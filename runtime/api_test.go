package resil_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/api.txt")

// TestAPI holds every exported shape of the runtime and its sub-packages to
// docs/api.txt: a change of the file is a change of the promise.
func TestAPI(t *testing.T) {
	const golden = "../docs/api.txt"
	var b strings.Builder
	b.WriteString("# Exported shapes of the runtime. Held by a test; go test ./runtime -run TestAPI -update rewrites it.\n")
	for _, dir := range packages(t) {
		fmt.Fprintf(&b, "\n## github.com/resilgo/resil/%s\n\n", path.Join("runtime", filepath.ToSlash(dir)))
		for _, line := range api(t, dir) {
			b.WriteString(line + "\n")
		}
	}
	got := b.String()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("docs/api.txt differs from the code; read the change, then run with -update:\n%s", firstDifference(string(want), got))
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\nwant %s\n got %s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

// packages returns the folders of the packages that others may import.
func packages(t *testing.T) []string {
	t.Helper()
	var dirs []string
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "internal" || d.Name() == "testdata"):
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(p, ".go") && !strings.HasSuffix(p, "_test.go") && !slices.Contains(dirs, filepath.Dir(p)):
			dirs = append(dirs, filepath.Dir(p))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(dirs)
	return dirs
}

// api returns one line for each exported declaration, field and method of the
// package in dir, sorted. It reads the syntax only.
func api(t *testing.T, dir string) []string {
	t.Helper()
	fset := token.NewFileSet()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			lines = append(lines, declaration(fset, d)...)
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

func declaration(fset *token.FileSet, d ast.Decl) (lines []string) {
	show := func(n any) string {
		var b bytes.Buffer
		_ = printer.Fprint(&b, fset, n)
		return strings.Join(strings.Fields(b.String()), " ")
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		if !d.Name.IsExported() || d.Recv != nil && !exportedReceiver(d.Recv.List[0].Type) {
			return nil
		}
		d.Body, d.Doc = nil, nil
		return []string{show(d)}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.ValueSpec:
				for _, n := range s.Names {
					if n.IsExported() {
						lines = append(lines, d.Tok.String()+" "+n.Name)
					}
				}
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					lines = append(lines, typeLines(s, show)...)
				}
			}
		}
	}
	return lines
}

func exportedReceiver(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.StarExpr:
		return exportedReceiver(e.X)
	case *ast.IndexExpr:
		return exportedReceiver(e.X)
	case *ast.IndexListExpr:
		return exportedReceiver(e.X)
	case *ast.Ident:
		return e.IsExported()
	}
	return false
}

func typeLines(s *ast.TypeSpec, show func(any) string) []string {
	name := s.Name.Name
	var fields *ast.FieldList
	var kind string
	switch t := s.Type.(type) {
	case *ast.StructType:
		fields, kind = t.Fields, "struct"
	case *ast.InterfaceType:
		fields, kind = t.Methods, "interface"
	default:
		assign := ""
		if s.Assign.IsValid() {
			assign = "= "
		}
		return []string{"type " + name + " " + assign + show(s.Type)}
	}
	params := ""
	if s.TypeParams != nil {
		var ps []string
		for _, p := range s.TypeParams.List {
			for _, n := range p.Names {
				ps = append(ps, n.Name+" "+show(p.Type))
			}
		}
		params = "[" + strings.Join(ps, ", ") + "]"
	}
	lines := []string{"type " + name + params + " " + kind}
	for _, f := range fields.List {
		if len(f.Names) == 0 {
			lines = append(lines, "type "+name+" "+kind+", "+show(f.Type))
		}
		for _, n := range f.Names {
			if n.IsExported() {
				lines = append(lines, "type "+name+" "+kind+", "+n.Name+" "+strings.TrimPrefix(show(f.Type), "func"))
			}
		}
	}
	return lines
}

// TestDependencies holds the direction of imports: the runtime stays small,
// whatever uses it.
func TestDependencies(t *testing.T) {
	allowed := map[string]string{
		"github.com/sony/gobreaker/v2":   "the state machine of breakers",
		"github.com/cenkalti/backoff/v5": "waits between attempts",
		"github.com/maypok86/otter/v2":   "the cache of stale answers",
		"golang.org/x/time/rate":         "rate limits",
	}
	for _, dir := range []string{".", "internal/breaker", "internal/health", "internal/level", "internal/mono"} {
		bp, err := build.ImportDir(dir, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range bp.Imports {
			if first, _, _ := strings.Cut(path, "/"); !strings.Contains(first, ".") {
				if path == "unsafe" || path == "os/exec" || path == "C" {
					t.Errorf("%s imports %s", dir, path)
				}
				continue
			}
			if _, ok := allowed[path]; !ok && !strings.HasPrefix(path, "github.com/resilgo/resil/runtime/internal/") {
				t.Errorf("%s imports %s, which the runtime may not need", dir, path)
			}
		}
	}
}
