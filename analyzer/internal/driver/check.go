package driver

import (
	"bufio"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/tools/go/gcexportdata"

	"github.com/resilgo/resil/analyzer/internal/finding"
)

// exports imports packages from export data. It is safe for concurrent use;
// the packages it returns may be used while it reads others.
type exports struct {
	fset *token.FileSet
	file func(path string) (string, error) // of a package's export data

	mu   sync.Mutex
	pkgs map[string]*types.Package // those that are not Complete are only known by reference
}

func newExports(fset *token.FileSet, file func(path string) (string, error)) *exports {
	return &exports{fset: fset, file: file, pkgs: make(map[string]*types.Package)}
}

// add makes a package known that was checked from source.
func (e *exports) add(pkg *types.Package) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pkgs[pkg.Path()] = pkg
}

// Import returns the package of the path, reading its export data if need be.
func (e *exports) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if pkg := e.pkgs[path]; pkg != nil && pkg.Complete() {
		return pkg, nil
	}
	filename, err := e.file(path)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(filename)
	if err != nil {
		return nil, err
	}
	defer f.Close()                                      //nolint:errcheck // opened for reading
	r, err := gcexportdata.NewReader(bufio.NewReader(f)) //nolint:staticcheck // until Go 1.29 the compiler writes what it reads
	if err != nil {
		return nil, fmt.Errorf("export data of %s: %w", path, err)
	}
	return gcexportdata.Read(r, e.fset, e.pkgs, path)
}

// importerFunc is an importer made of a function.
type importerFunc func(path string) (*types.Package, error)

func (f importerFunc) Import(path string) (*types.Package, error) { return f(path) }

// source is what check needs to know of a package.
type source struct {
	path      string // import path
	module    string // path of its module
	goVersion string // such as "go1.26"; empty for the newest
	files     []string
	cgo       bool // files are as written, not as cgo rewrote them
	importer  types.Importer
}

// check parses and type-checks a package. Whatever is wrong with it is in the
// Unit's TypeErrors and in the second result, syntax errors first; the Unit is
// then as complete as it can be, and never nil.
func check(fset *token.FileSet, src source) (*finding.Unit, []error) {
	u := &finding.Unit{
		Path:       src.path,
		ModulePath: src.module,
		Fset:       fset,
		Src:        os.ReadFile,
	}
	var problems []error
	for _, name := range src.files {
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			problems = append(problems, syntaxErrors(err)...)
		}
		if f != nil && f.Name != nil {
			u.Files = append(u.Files, f)
		}
	}
	broken := len(problems) > 0
	u.Info = &types.Info{
		Types:        make(map[ast.Expr]types.TypeAndValue),
		Defs:         make(map[*ast.Ident]types.Object),
		Uses:         make(map[*ast.Ident]types.Object),
		Implicits:    make(map[ast.Node]types.Object),
		Instances:    make(map[*ast.Ident]types.Instance),
		Scopes:       make(map[ast.Node]*types.Scope),
		Selections:   make(map[*ast.SelectorExpr]*types.Selection),
		FileVersions: make(map[*ast.File]string),
	}
	config := types.Config{
		Importer:    src.importer,
		Sizes:       types.SizesFor("gc", build.Default.GOARCH),
		GoVersion:   src.goVersion,
		FakeImportC: src.cgo,
		Error: func(err error) {
			var e types.Error
			if !errors.As(err, &e) || e.Soft && broken {
				return
			}
			u.TypeErrors = append(u.TypeErrors, e)
			// What a syntax error leaves undeclared is no news.
			if !broken {
				problems = append(problems, e)
			}
		},
	}
	// The error is the first of those that went to config.Error.
	u.Pkg, _ = config.Check(src.path, fset, u.Files, u.Info)
	return u, problems
}

// declarations parses and type-checks what a package declares, without function
// bodies. Whatever is wrong with it does not show: it is not our code.
func declarations(fset *token.FileSet, src source) *types.Package {
	var files []*ast.File
	for _, name := range src.files {
		f, _ := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if f != nil && f.Name != nil {
			files = append(files, f)
		}
	}
	config := types.Config{
		Importer:         src.importer,
		Sizes:            types.SizesFor("gc", build.Default.GOARCH),
		GoVersion:        src.goVersion,
		IgnoreFuncBodies: true,
		FakeImportC:      true,
		Error:            func(error) {},
	}
	pkg, _ := config.Check(src.path, fset, files, nil)
	return pkg
}

// syntaxErrors takes the list of a parser's errors apart.
func syntaxErrors(err error) []error {
	var list scanner.ErrorList
	if !errors.As(err, &list) {
		return []error{err}
	}
	errs := make([]error, len(list))
	for i, e := range list {
		errs[i] = e
	}
	return errs
}

// files returns the absolute names of the files of a package, as written: cgo
// is left to [types.Config.FakeImportC].
func (p *listed) files() []string {
	names := make([]string, 0, len(p.GoFiles)+len(p.CgoFiles))
	for _, list := range [][]string{p.GoFiles, p.CgoFiles} {
		for _, name := range list {
			if !filepath.IsAbs(name) {
				name = filepath.Join(p.Dir, name)
			}
			names = append(names, name)
		}
	}
	return names
}

// goVersion returns the language version of the package as go/types wants it.
func (p *listed) goVersion() string {
	if p.Module == nil || p.Module.GoVersion == "" {
		return ""
	}
	return "go" + strings.TrimPrefix(p.Module.GoVersion, "go")
}
