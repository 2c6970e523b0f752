//go:build rows

package rows

import (
	"bytes"
	"encoding/json"
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
	"github.com/resilgo/resil/runtime", "github.com/resilgo/resil/runtime/httpguard",
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
			exists := slices.ContainsFunc(pkgs, func(p *types.Package) bool { return declares(p, r, name) })
			if exists == r.Old {
				t.Errorf("catalog.table:%d: %s: a function that matches %s.%s with the row's shape: %v", line, r.Path, r.Receiver, name, exists)
			}
		}
	}
}

func matching(byPath map[string][]*types.Package, pattern string) []*types.Package {
	var out []*types.Package
	for p, pkgs := range byPath {
		base, below := strings.CutSuffix(pattern, "/...")
		ok, _ := path.Match(pattern, p)
		if ok || below && (p == base || strings.HasPrefix(p, base+"/")) {
			out = append(out, pkgs...)
		}
	}
	return out
}

// declares reports whether a package has a function that the row speaks of.
func declares(p *types.Package, r *catalog.Row, name string) bool {
	fits := func(obj types.Object) bool {
		fn, ok := obj.(*types.Func)
		if !ok {
			return false
		}
		ok, _ = path.Match(name, fn.Name())
		return ok && r.Shape.Matches(fn.Signature())
	}
	for _, n := range p.Scope().Names() {
		obj := p.Scope().Lookup(n)
		if r.Receiver == "" {
			if fits(obj) {
				return true
			}
			continue
		}
		tn, ok := obj.(*types.TypeName)
		if !ok {
			continue
		}
		if ok, _ := path.Match(r.Receiver, tn.Name()); !ok {
			continue
		}
		t := tn.Type()
		if !types.IsInterface(t) {
			t = types.NewPointer(t)
		}
		for sel := range types.NewMethodSet(t).Methods() {
			if fits(sel.Obj()) {
				return true
			}
		}
	}
	return false
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
	cmd := exec.Command("go", append([]string{"list", "-e", "-tags=rows", "-deps", "-json=Dir,ImportPath,DepOnly,Standard,GoFiles,CgoFiles,Imports,ImportMap,Error", "."}, l.roots...)...)
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
