package load

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/tools/go/packages"
)

// universe holds the packages of one listing, each parsed and type-checked at
// most once. First everything that is needed is marked, over all packages;
// then types are checked on demand, of what is marked only.
type universe struct {
	fset    *token.FileSet
	sources map[string]*source        // by package ID
	types   map[string]*types.Package // by package ID
	queue   []*source                 // with pending declarations
	context *types.Context
	roots   []*packages.Package
	extra   map[string]*packages.Package // by import path: packages that generated code may import and the importing package does not
	docs    map[string]map[int]string    // see [Unit.Doc]; by file
}

func newUniverse(fset *token.FileSet, roots []*packages.Package) *universe {
	return &universe{
		fset: fset, roots: roots, sources: make(map[string]*source), types: make(map[string]*types.Package),
		context: types.NewContext(), extra: make(map[string]*packages.Package),
		docs: make(map[string]map[int]string),
	}
}

// source returns the parsed source of p, of which so far nothing may be needed.
func (u *universe) source(p *packages.Package) *source {
	s := u.sources[p.ID]
	if s == nil {
		s = u.parseDependency(p)
		u.sources[p.ID] = s
	}
	return s
}

// need marks a name of a package as needed.
func (u *universe) need(p *packages.Package, name string) {
	if p == nil || p.PkgPath == "unsafe" {
		return
	}
	s := u.source(p)
	s.need(name)
	u.enqueue(s)
}

func (u *universe) enqueue(s *source) {
	if len(s.pending) > 0 {
		u.queue = append(u.queue, s)
	}
}

// follow marks what the marked declarations reach, until nothing is new. Names
// are compared, not resolved: a local name that equals a package-level one
// marks too much, never too little.
func (u *universe) follow() {
	for len(u.queue) > 0 {
		s := u.queue[len(u.queue)-1]
		u.queue = u.queue[:len(u.queue)-1]
		for len(s.pending) > 0 {
			d := s.pending[len(s.pending)-1]
			s.pending = s.pending[:len(s.pending)-1]
			u.followDecl(s, d)
		}
	}
}

func (u *universe) followDecl(s *source, d declaration) {
	walk := func(n ast.Node) {
		ast.Inspect(n, func(n ast.Node) bool { return u.visit(s, d.file, n) })
	}
	if decl, ok := d.decl.(*ast.FuncDecl); ok {
		if decl.Recv != nil {
			walk(decl.Recv)
		}
		walk(decl.Type)
		return
	}
	switch spec := d.spec.(type) {
	case nil: // a group of constants
		walk(d.decl)
	case *ast.ValueSpec:
		walk(withoutValue(spec))
	default:
		walk(spec)
	}
}

// visit marks what a node names and reports whether to look below it.
func (u *universe) visit(s *source, f *sourceFile, n ast.Node) bool {
	switch n := n.(type) {
	case *ast.Field: // its names mean nothing outside of it
		ast.Inspect(n.Type, func(n ast.Node) bool { return u.visit(s, f, n) })
		return false
	case *ast.FuncLit:
		ast.Inspect(n.Type, func(n ast.Node) bool { return u.visit(s, f, n) })
		return false
	case *ast.SelectorExpr:
		if x, ok := n.X.(*ast.Ident); ok {
			if imp := f.imports[x.Name]; imp != nil {
				imp.used = true
				u.need(imp.pkg, n.Sel.Name)
			}
			u.needLocal(s, f, x.Name)
			return false
		}
		ast.Inspect(n.X, func(n ast.Node) bool { return u.visit(s, f, n) })
		return false
	case *ast.Ident:
		u.needLocal(s, f, n.Name)
	}
	return true
}

// needLocal marks a name of the package itself, or one that a dot import brings.
func (u *universe) needLocal(s *source, f *sourceFile, name string) {
	s.need(name)
	for _, dot := range f.dots {
		if dot.pkg != nil && ast.IsExported(name) && len(u.source(dot.pkg).index[name]) > 0 {
			dot.used = true
			u.need(dot.pkg, name)
		}
	}
}

// check type-checks what is needed of a source.
func (u *universe) check(s *source, conf types.Config, info *types.Info) *types.Package {
	conf.Importer = importer{u, s.pkg}
	pkg, _ := conf.Check(s.pkg.PkgPath, u.fset, s.checked, info) // errors go to conf.Error
	return pkg
}

// config returns the type checker's settings for a package.
func (u *universe) config(p *packages.Package) types.Config {
	conf := types.Config{
		Context:                  u.context,
		IgnoreFuncBodies:         true,
		FakeImportC:              true,
		DisableUnusedImportCheck: true,
		Error:                    func(error) {},
		Sizes:                    types.SizesFor("gc", cmp.Or(os.Getenv("GOARCH"), runtime.GOARCH)),
	}
	if p.Module != nil && p.Module.GoVersion != "" {
		conf.GoVersion = "go" + p.Module.GoVersion
	}
	return conf
}

// typesOf returns the types of a dependency.
func (u *universe) typesOf(p *packages.Package) (*types.Package, error) {
	if p.PkgPath == "unsafe" {
		return types.Unsafe, nil
	}
	pkg, known := u.types[p.ID]
	if !known {
		u.types[p.ID] = nil // a cycle, which the go command has reported
		s := u.source(p)
		s.finish()
		pkg = u.check(s, u.config(p), nil)
		u.types[p.ID], s.checked = pkg, nil
	}
	if pkg == nil {
		return nil, fmt.Errorf("import cycle through %s", p.PkgPath)
	}
	return pkg, nil
}

// importer resolves the imports of one package.
type importer struct {
	u   *universe
	pkg *packages.Package
}

// Import implements [types.Importer].
func (i importer) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	p := cmp.Or(i.pkg.Imports[path], i.u.find(path))
	if p == nil || p.Dir == "" {
		return nil, fmt.Errorf("could not import %s", path)
	}
	return i.u.typesOf(p)
}

// find returns the package with an import path, wherever it was listed, nil if
// it was not.
func (u *universe) find(path string) *packages.Package {
	if p := u.extra[path]; p != nil {
		return p
	}
	return byPath(u.roots, path)
}

// byPath returns the package with an import path among everything listed, the
// nearest to the roots first.
func byPath(roots []*packages.Package, path string) *packages.Package {
	var found *packages.Package
	packages.Visit(roots, func(p *packages.Package) bool {
		if found == nil && p.PkgPath == path && p.ForTest == "" {
			found = p
		}
		return found == nil
	}, nil)
	return found
}

// changeable returns the folders of a package and of all it depends on, without
// those of the standard library and of the module cache, which never change.
func (u *universe) changeable(p *packages.Package) []string {
	standard := ""
	if e := u.find("errors"); e != nil {
		standard = filepath.Dir(e.Dir) + string(filepath.Separator)
	}
	dirs := make(map[string]bool)
	visit := func(p *packages.Package) bool {
		if p.Dir != "" && (standard == "" || !strings.HasPrefix(p.Dir, standard)) && !cached(p) {
			dirs[p.Dir] = true
		}
		return true
	}
	roots := []*packages.Package{p}
	if r := u.find(Runtime); r != nil {
		roots = append(roots, r) // what is generated is compiled with it
	}
	packages.Visit(roots, visit, nil)
	return sortedKeys(dirs)
}

// cached reports whether a package is in the module cache.
func cached(p *packages.Package) bool {
	m := p.Module
	if m != nil && m.Replace != nil {
		m = m.Replace
	}
	return m != nil && !m.Main && m.Version != "" && strings.Contains(p.Dir, "@"+m.Version)
}
