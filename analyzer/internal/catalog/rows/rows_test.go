//go:build rows

package rows

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/resilgo/resil/analyzer/internal/catalog"
)

// unserved are packages that are checked elsewhere: with the project itself.
var unserved = []string{
	"github.com/resilgo/resil/runtime", "github.com/resilgo/resil/runtime/chaos", "github.com/resilgo/resil/runtime/httpguard",
	"github.com/resilgo/resil/runtime/grpcguard", "github.com/resilgo/resil/runtime/sqlguard",
}

// TestRowsNameWhatExists type-checks the declarations of the real modules and
// looks up every row: each name must match a function with the row's shape in
// some version.
func TestRowsNameWhatExists(t *testing.T) {
	l := list(t)
	byPath := make(map[string][]*types.Package)
	for _, p := range l.roots {
		pkg, err := l.load(p)
		if err != nil {
			t.Errorf("%s: %v", p, err)
			continue
		}
		key := catalog.Normalize(p)
		byPath[key] = append(byPath[key], pkg)
	}
	// A line may speak of several modules: forks, successors, parts of one.
	lines := make(map[int][]*catalog.Row)
	for _, r := range catalog.Default().Rows() {
		lines[r.Line] = append(lines[r.Line], r)
	}
	var seen []string
	for line, rows := range lines {
		var pkgs []*types.Package
		for _, r := range rows {
			pkgs = append(pkgs, matching(byPath, r.Path)...)
		}
		r := rows[0]
		if len(pkgs) == 0 {
			if !slices.Contains(unserved, r.Path) {
				t.Errorf("catalog.table:%d: no version of %s is imported by imports.go", line, r.Path)
			}
			continue
		}
		for _, name := range r.Names {
			found := ""
			for _, p := range pkgs {
				if found = declares(p, r, name); found != "" {
					seen = append(seen, r.Key(name)+"\t"+l.module(p.Path())+"\t"+found)
					break
				}
			}
			if exists := found != ""; exists == r.Old {
				t.Errorf("catalog.table:%d: %s: a function that %s.%s speaks of, and no other row: %v", line, r.Path, r.Receiver, name, exists)
			}
		}
	}
	if t.Failed() {
		return
	}
	slices.Sort(seen)
	text := strings.Join(slices.Compact(seen), "\n") + "\n"
	if *update {
		if err := os.WriteFile(witnesses, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if old, err := os.ReadFile(witnesses); err != nil || string(old) != text {
		t.Errorf("%s is stale (%v): run this test with -update and read the difference", witnesses, err)
	}
}

// TestTimeoutsAreInTheSource reads in each module what the survey of timeouts
// quotes of it.
func TestTimeoutsAreInTheSource(t *testing.T) {
	content, err := os.ReadFile("../testdata/timeouts.txt")
	if err != nil {
		t.Fatal(err)
	}
	words := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	for line := range strings.Lines(string(content)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		part := strings.Split(strings.TrimSuffix(line, "\n"), " | ")
		module, file, quote := part[0], part[3], part[4]
		dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
		if err != nil {
			t.Errorf("%s: %v", module, err)
			continue
		}
		source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), file))
		if err != nil {
			t.Error(err)
			continue
		}
		if !strings.Contains(words(string(source)), words(quote)) {
			t.Errorf("%s: %s no longer has %q: what bounds its calls now?", module, file, quote)
		}
	}
}

// witnesses holds, for each name of each row, a function of a real module that
// it speaks of. The catalogue's own test compares it with the table, so that
// a row cannot be added or renamed without this test having been run.
const witnesses = "../testdata/witnesses.txt"

var update = flag.Bool("update", false, "write down which functions the rows were found to speak of")

func matching(byPath map[string][]*types.Package, pattern string) []*types.Package {
	var out []*types.Package
	for p, pkgs := range byPath {
		base, below := strings.CutSuffix(pattern, "/...")
		ok, _ := path.Match(pattern, p)
		if ok || below && (p == base || strings.HasPrefix(p, base+"/")) {
			out = append(out, pkgs...)
		}
	}
	slices.SortFunc(out, func(x, y *types.Package) int { return strings.Compare(x.Path(), y.Path()) })
	return out
}

// declares returns a function of a package that the catalogue looks up in row
// r, by the name or pattern; "" if there is none.
func declares(p *types.Package, r *catalog.Row, name string) string {
	fits := func(obj types.Object, through types.Type) string {
		fn, ok := obj.(*types.Func)
		if !ok {
			return ""
		}
		if ok, _ := path.Match(name, fn.Name()); !ok {
			return ""
		}
		if got := catalog.Default().Lookup(fn, through); got == nil || got.Line != r.Line {
			return ""
		}
		return types.ObjectString(fn, (*types.Package).Name)
	}
	for _, n := range p.Scope().Names() {
		obj := p.Scope().Lookup(n)
		if r.Receiver == "" {
			if found := fits(obj, nil); found != "" {
				return found
			}
			continue
		}
		tn, ok := obj.(*types.TypeName)
		if !ok {
			continue
		}
		if found := declaredOn(tn, r, name, fits); found != "" {
			return found
		}
	}
	return ""
}

func declaredOn(tn *types.TypeName, r *catalog.Row, name string, fits func(types.Object, types.Type) string) string {
	if ok, _ := path.Match(r.Receiver, tn.Name()); !ok {
		return ""
	}
	t := tn.Type()
	if name == catalog.FuncValue {
		n, ok := t.(*types.Named)
		if !ok {
			return ""
		}
		if got := catalog.Default().LookupFunc(n); got == nil || got.Line != r.Line {
			return ""
		}
		return types.ObjectString(tn, (*types.Package).Name)
	}
	if !types.IsInterface(t) {
		t = types.NewPointer(t)
	}
	for sel := range types.NewMethodSet(t).Methods() {
		if found := fits(sel.Obj(), tn.Type()); found != "" {
			return found
		}
	}
	return ""
}

// listing is the import closure, type-checked on demand without bodies.
type listing struct {
	pkgs  map[string]*listed
	roots []string
	fset  *token.FileSet
	done  map[string]*types.Package
}

type listed struct {
	Dir, ImportPath   string
	DepOnly, Standard bool
	GoFiles, CgoFiles []string
	Imports           []string
	ImportMap         map[string]string
	Error             *struct{ Err string }
	Module            *struct{ Path, Version string }
}

// module returns the module of a package with its version.
func (l *listing) module(p string) string {
	if lp := l.pkgs[p]; lp != nil && lp.Module != nil {
		return lp.Module.Path + "@" + lp.Module.Version
	}
	return "std"
}

func list(t *testing.T) *listing {
	t.Helper()
	l := &listing{pkgs: make(map[string]*listed), fset: token.NewFileSet(), done: make(map[string]*types.Package)}
	seen := make(map[string]bool)
	for _, r := range catalog.Default().Rows() { // the standard library's rows need no require
		if first, _, _ := strings.Cut(r.Path, "/"); !strings.Contains(first, ".") && !seen[r.Path] {
			seen[r.Path] = true
			l.roots = append(l.roots, r.Path)
		}
	}
	cmd := exec.Command("go", append([]string{"list", "-e", "-tags=modules", "-deps", "-json=Dir,ImportPath,DepOnly,Standard,GoFiles,CgoFiles,Imports,ImportMap,Error,Module", "."}, l.roots...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(listed)
		if err := d.Decode(p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		l.pkgs[p.ImportPath] = p
		if strings.HasSuffix(p.ImportPath, "/catalog/rows") {
			l.roots = append(l.roots, p.Imports...)
		}
	}
	return l
}

type from struct {
	l *listing
	p *listed
}

// Import implements types.Importer for the imports of a package.
func (f from) Import(p string) (*types.Package, error) {
	if p == "unsafe" {
		return types.Unsafe, nil
	}
	if m, ok := f.p.ImportMap[p]; ok {
		p = m
	}
	return f.l.load(p)
}

func (l *listing) load(p string) (*types.Package, error) {
	if pkg, ok := l.done[p]; ok {
		return pkg, nil
	}
	lp := l.pkgs[p]
	if lp == nil || lp.Error != nil {
		return nil, fmt.Errorf("package %s cannot be listed", p)
	}
	var files []*ast.File
	for _, name := range append(lp.GoFiles, lp.CgoFiles...) {
		f, err := parser.ParseFile(l.fset, filepath.Join(lp.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	// Errors in corners of the closure that no row speaks of do not matter: what
	// a row names and is not there is reported by itself.
	conf := types.Config{Importer: from{l, lp}, IgnoreFuncBodies: true, FakeImportC: true, Error: func(error) {}}
	pkg, _ := conf.Check(p, l.fset, files, nil)
	l.done[p] = pkg
	return pkg, nil
}
