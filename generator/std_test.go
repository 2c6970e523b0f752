package generator_test

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/resilgo/resil/generator"
)

// daily are the packages whose interfaces are tried every time; RESIL_STD=all
// tries the whole standard library, RESIL_STD=modules all modules that this
// one requires, RESIL_STD=corpus the clients in testdata/corpus.txt.
var daily = []string{
	"context", "crypto", "database/sql/driver", "encoding/json", "fmt", "go/types", "hash",
	"io", "io/fs", "net", "net/http", "net/http/httptrace", "os", "reflect", "sort", "testing",
}

// TestStandardLibrary guards every exported interface of the standard library,
// embedded beside a method of ours, and compiles and vets what comes out, one
// module after the other, in the order in which corpus.txt has them.
// What cannot be guarded is refused for one of the reasons that the contract
// knows.
func TestStandardLibrary(t *testing.T) {
	dir := newModule(t, "example.com/std")
	args, from := daily, dir
	switch os.Getenv("RESIL_STD") {
	case "all":
		args = []string{"std"}
	case "modules":
		args, from = []string{"-deps", "../..."}, "."
	case "corpus":
		args = requireCorpus(t, dir)
	}
	pkgs := listed(t, from, args...)
	var guards []guardedInterface
	for _, path := range slices.Sorted(maps.Keys(pkgs)) {
		guards = append(guards, exportedInterfaces(t, pkgs[path])...)
	}
	writeGuards(t, dir, guards)

	res, err := generator.Generate(generator.Options{Dir: dir, Patterns: []string{"./..."}})
	if err != nil {
		t.Fatal(err)
	}
	refused := make(map[string]bool)
	reasons := make(map[string]int)
	for _, p := range res.Problems {
		reason := refusal.FindString(p.Text)
		if reason == "" {
			t.Errorf("%s: %s", p.Pos, p.Text)
		}
		reasons[reason]++
		refused[fmt.Sprintf("%s:%d", p.Pos.Filename, p.Pos.Line)] = true
	}
	guards = slices.DeleteFunc(guards, func(g guardedInterface) bool {
		if err := os.RemoveAll(filepath.Join(dir, filepath.Dir(g.file()))); err != nil {
			t.Fatal(err)
		}
		return refused[fmt.Sprintf("%s:%d", filepath.Join(dir, g.file()), g.line)]
	})
	writeGuards(t, dir, guards)
	res = generate(t, dir, "./...")
	if err := res.Write(t.Context().Err); err != nil {
		t.Fatal(err)
	}
	methods := 0
	for _, f := range res.Files {
		methods += len(method.FindAll(f.Content, -1))
	}
	t.Logf("%d packages: %d interfaces with %d methods guarded, %d refused: %v", len(pkgs), len(guards), methods, len(refused), reasons)
	var modules []string // in the order in which they are listed
	guarding := make(map[string][]string)
	for _, g := range guards {
		if folder := "./" + filepath.Dir(g.file()); !slices.Contains(guarding[g.pkg.module], folder) {
			guarding[g.pkg.module] = append(guarding[g.pkg.module], folder)
		}
	}
	for _, p := range slices.SortedFunc(maps.Values(pkgs), func(a, b listedPackage) int { return cmp.Compare(a.order, b.order) }) {
		if !slices.Contains(modules, p.module) && len(guarding[p.module]) > 0 {
			modules = append(modules, p.module)
		}
	}
	for i, module := range modules {
		start := time.Now()
		for _, verb := range []string{"build", "vet"} {
			cmd := exec.CommandContext(t.Context(), "go", append([]string{verb}, guarding[module]...)...)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("go %s of what guards %s: %v\n%s", verb, cmp.Or(module, "std"), err, out)
			}
		}
		t.Logf("%d of %d: guards of %d packages of %s built and vetted in %.0f s",
			i+1, len(modules), len(guarding[module]), cmp.Or(module, "std"), time.Since(start).Seconds())
	}
}

// method matches the methods of decorators.
var method = regexp.MustCompile(`(?m)^func \(\w+ \*Guarded`)

// requireCorpus adds the modules of testdata/corpus.txt to the module in dir
// and returns patterns for their packages.
func requireCorpus(t *testing.T, dir string) []string {
	t.Helper()
	get := []string{"get"}
	patterns := []string{"-e"}
	for line := range strings.Lines(read(t, filepath.Join("testdata", "corpus.txt"))) {
		if path, version, ok := strings.Cut(strings.TrimSpace(line), " "); ok && path != "#" {
			get = append(get, path+"@"+version)
			patterns = append(patterns, path+"/...")
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", get...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return patterns
}

// listedPackage is a package whose interfaces are tried.
type listedPackage struct {
	path, dir string
	module    string // "" for the standard library
	order     int    // in which it was listed
}

// listed returns the packages that the go command lists in dir, by import path,
// but for internal ones, commands and our own.
func listed(t *testing.T, dir string, args ...string) map[string]listedPackage {
	t.Helper()
	const format = `{{if ne .Name "main"}}{{.ImportPath}} {{.Dir}} {{with .Module}}{{.Path}}{{end}}{{end}}`
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-f", format}, args...)...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	pkgs := make(map[string]listedPackage)
	for line := range strings.Lines(string(out)) {
		words := append(strings.Fields(line), "")
		if len(words) < 3 {
			continue
		}
		p := listedPackage{path: words[0], dir: words[1], module: words[2], order: len(pkgs)}
		if p.path != "unsafe" && !strings.Contains("/"+p.path+"/", "/internal/") && !strings.HasPrefix(p.path, "vendor/") &&
			!strings.HasPrefix(p.path, "github.com/resilgo/resil/") {
			pkgs[p.path] = p
		}
	}
	return pkgs
}

// refusal matches the reasons for which an interface may be refused.
var refusal = regexp.MustCompile(`which no other package can implement|constraint|must be plain|SetErr|cannot be written in package|whose Err\(\) cannot be set`)

// guardedInterface is an interface of the standard library to guard.
type guardedInterface struct {
	pkg  listedPackage
	name string
	line int // of its guard in the file written for its package
}

// file returns the file that guards the interfaces of a package.
func (g guardedInterface) file() string {
	name := "p_" + strings.NewReplacer("/", "_", ".", "_", "-", "_").Replace(g.pkg.path)
	return filepath.Join(name, name+".go")
}

// exportedInterfaces returns the exported interfaces that a package declares.
func exportedInterfaces(t *testing.T, pkg listedPackage) []guardedInterface {
	t.Helper()
	p, err := build.ImportDir(pkg.dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	var list []guardedInterface
	for _, name := range append(p.GoFiles, p.CgoFiles...) {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.IsExported() && spec.TypeParams == nil {
				if _, ok := spec.Type.(*ast.InterfaceType); ok {
					list = append(list, guardedInterface{pkg: pkg, name: spec.Name.Name})
				}
			}
			_, body := n.(*ast.BlockStmt)
			return !body
		})
	}
	slices.SortFunc(list, func(a, b guardedInterface) int { return strings.Compare(a.name, b.name) })
	return list
}

// writeGuards writes a package per package and notes the lines of the guards.
func writeGuards(t *testing.T, dir string, guards []guardedInterface) {
	t.Helper()
	files := make(map[string]*bytes.Buffer)
	for i := range guards {
		g := &guards[i]
		b := files[g.file()]
		if b == nil {
			b = new(bytes.Buffer)
			files[g.file()] = b
			fmt.Fprintf(b, "package %s\n\nimport (\n\t\"context\"\n\n\ttarget %q\n)\n", filepath.Dir(g.file()), g.pkg.path)
		}
		g.line = bytes.Count(b.Bytes(), []byte("\n")) + 2
		fmt.Fprintf(b, "\n//resil:guard std\ntype %s interface {\n\ttarget.%s\n\tProbeGuard(context.Context) error\n}\n", g.name, g.name)
	}
	for name, b := range files {
		writeFile(t, filepath.Join(dir, name), b.String())
	}
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// newModule returns the folder of a new module that can import this one.
func newModule(t *testing.T, name string) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	const module = "github.com/resilgo/resil"
	text := strings.Replace(string(mod), "module "+module, "module "+name, 1)
	writeFile(t, filepath.Join(dir, "go.mod"), text+fmt.Sprintf("\nrequire %s v0.0.0\n\nreplace %s => %s\n", module, module, root))
	writeFile(t, filepath.Join(dir, "go.sum"), string(sum))
	t.Setenv("GOFLAGS", "-mod=mod")
	return dir
}
