package load

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/tools/go/packages"

	"github.com/resilgo/resil/generator/output"
)

// Unit is one package under one set of build constraints, with or without its
// test files. A package whose guards stand in files for several systems is
// several units, each with targets of its own.
type Unit struct {
	Path    string // import path
	Folder  *Folder
	Files   []*ast.File // with comments and bodies; own output left out
	Targets []*ast.File // those of Files to generate for
	Sources []string    // folders of all packages it depends on, but not those that never change

	// Set by Check.
	Types  *types.Package
	Info   *types.Info   // Defs and Implicits
	Errors []types.Error // what does not type-check; most of it may not matter, see [Unit.Explain]

	// HasRuntime reports whether the module can import the package that
	// generated code calls.
	HasRuntime bool

	// Variant reports whether the unit is left out of an ordinary build: it is
	// built for tests or for another system.
	Variant bool
	Tests   bool // built for tests

	// Broken reports whether the go command complains of the package itself,
	// so that type errors are no news.
	Broken bool

	universe *universe
	source   *source
}

// Import returns the package with an import path, if it was loaded: because
// something imports it or a directive names it.
func (u *Unit) Import(path string) (*types.Package, error) {
	p := u.universe.find(path)
	if p == nil || p.Dir == "" {
		return nil, errors.New("no package " + path + " is required by the module")
	}
	return u.universe.typesOf(p)
}

// Explain returns what keeps a declaration from being understood: the type
// errors inside it or, if there are none, all of the package, but not those
// that the missing generated code causes.
func (u *Unit) Explain(decl ast.Node) []Problem {
	var inside, all []Problem
	for _, e := range u.Errors {
		if u.awaitsGeneration(e) {
			continue
		}
		p := Problem{Pos: u.universe.fset.PositionFor(e.Pos, false), Message: e.Msg}
		all = append(all, p)
		if decl.Pos() <= e.Pos && e.Pos < decl.End() {
			inside = append(inside, p)
		}
	}
	if len(inside) > 0 {
		return inside
	}
	return all
}

// awaitsGeneration reports whether an error says that a name is missing which
// resilgen is about to generate.
func (u *Unit) awaitsGeneration(e types.Error) bool {
	name, ok := strings.CutPrefix(e.Msg, "undefined: ")
	if !ok {
		return false
	}
	for _, f := range u.Files {
		for _, spec := range guardedTypes(f) {
			n := output.NamesFor(spec.Name.Name)
			if name == n.Decorator || name == n.Constructor || name == n.Fallback {
				return true
			}
		}
	}
	return false
}

// Verify type-checks generated files, by path, together with the package and
// returns what is wrong with them.
func (u *Unit) Verify(generated map[string][]byte) []Problem {
	files := slices.Clone(u.source.checked)
	own := make(map[*token.File]bool)
	var wrong []Problem
	for _, path := range sortedKeys(generated) {
		f, err := parser.ParseFile(u.universe.fset, path, generated[path], parser.SkipObjectResolution)
		if err != nil {
			wrong = append(wrong, Problem{token.Position{Filename: path}, err.Error()})
			continue
		}
		own[u.universe.fset.File(f.FileStart)] = true
		files = append(files, f)
		defer u.universe.fset.RemoveFile(u.universe.fset.File(f.FileStart)) // nobody will ask again
	}
	conf := u.universe.config(u.source.pkg)
	conf.Context = nil // what one package instantiates is of no use to the next
	conf.IgnoreFuncBodies = false
	conf.Importer = importer{u.universe, u.source.pkg}
	conf.Error = func(err error) {
		var e types.Error
		if errors.As(err, &e) && own[u.universe.fset.File(e.Pos)] && (u.HasRuntime || !strings.Contains(e.Msg, Runtime)) {
			wrong = append(wrong, Problem{u.universe.fset.PositionFor(e.Pos, false), e.Msg})
		}
	}
	_, _ = conf.Check(u.source.pkg.PkgPath, u.universe.fset, files, nil) // errors went to conf.Error
	return wrong
}

// Release lets go of syntax and types, which are most of the memory of a large
// run. The unit is of no use afterwards.
func (u *Unit) Release() {
	u.Files, u.Targets, u.Types, u.Info, u.Errors, u.source = nil, nil, nil, nil, nil, nil
}

// check prepares the packages that build the given files, by import path, for
// type-checking and adds their units.
func (l *loader) check(conf config, roots []*packages.Package, files map[string][]string) error {
	u := newUniverse(l.res.Fset, roots)
	var units []*Unit
	for _, path := range sortedKeys(files) {
		builds := variants(roots, path)
		mine := make(map[*packages.Package][]string)
		for _, file := range files[path] {
			p := builder(builds, file)
			mine[p] = append(mine[p], file)
		}
		for _, p := range builds {
			if targets := mine[p]; targets != nil {
				if unit := l.unit(u, p, targets); unit != nil {
					units = append(units, unit)
				}
			}
		}
	}
	hasRuntime := u.needSupport(directives(units))
	for _, unit := range units {
		unit.HasRuntime, unit.Variant, unit.Tests = hasRuntime, conf != config{}, conf.tests
		unit.source.needAll()
		u.enqueue(unit.source)
		if err := l.needRefs(unit); err != nil {
			return err
		}
	}
	u.follow()
	u.needTies()
	u.follow()
	l.res.Units = append(l.res.Units, units...)
	return nil
}

// variants returns the builds of a package: itself, with its tests, and its
// external tests, in this order. The first always exists.
func variants(roots []*packages.Package, path string) []*packages.Package {
	var plain, tested, external []*packages.Package
	for _, p := range roots {
		switch {
		case p.PkgPath == path && p.ForTest == "":
			plain = append(plain, p)
		case p.PkgPath == path && p.ForTest == path:
			tested = append(tested, p)
		case p.PkgPath == path+"_test" && p.ForTest == path:
			external = append(external, p)
		}
	}
	return slices.Concat(plain, tested, external)
}

// builder returns the first build that contains a file; the first of all when
// the go command could not read the file, so that we say why.
func builder(builds []*packages.Package, file string) *packages.Package {
	for _, p := range builds {
		if slices.Contains(p.GoFiles, file) {
			return p
		}
	}
	return builds[0]
}

// unit parses a package to generate for. It returns nil after reporting what
// keeps the package from being type-checked.
func (l *loader) unit(u *universe, p *packages.Package, targets []string) *Unit {
	s := u.parseRoot(p, targets)
	for _, e := range s.syntax {
		l.problem(e.Pos, e.Msg)
	}
	l.listErrors(p)
	for _, path := range sortedKeys(p.Imports) {
		l.listErrors(p.Imports[path])
	}
	if len(s.syntax) > 0 || len(p.Errors) > 0 && s.mixed() {
		return nil
	}
	unit := &Unit{Path: p.PkgPath, Folder: l.folders[filepath.Dir(targets[0])], Broken: len(p.Errors) > 0, Sources: u.changeable(p), universe: u, source: s}
	for _, f := range s.files {
		unit.Files = append(unit.Files, f.syntax)
		if slices.Contains(targets, u.fset.File(f.syntax.FileStart).Name()) {
			unit.Targets = append(unit.Targets, f.syntax)
		}
	}
	return unit
}

// listErrors reports what the go command has to say about a package.
func (l *loader) listErrors(p *packages.Package) {
	for _, e := range p.Errors {
		pos := l.listPosition(e.Pos)
		if !pos.IsValid() {
			pos = l.cyclePosition(p, e.Msg)
		}
		if l.overlaid(pos.Filename) {
			continue
		}
		l.problem(pos, strings.TrimSpace(e.Msg))
	}
}

// cyclePosition returns the place of the import that closes a cycle, of which
// the go command tells the packages only.
func (l *loader) cyclePosition(p *packages.Package, msg string) token.Position {
	_, stack, found := strings.Cut(msg, "import stack: [")
	if !found {
		return token.Position{}
	}
	cycle := strings.Fields(strings.TrimRight(stack, "]\n "))
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(l.res.Fset, name, nil, parser.ImportsOnly)
		if err != nil {
			continue
		}
		for _, spec := range f.Imports {
			if path, err := strconv.Unquote(spec.Path.Value); err == nil && slices.Contains(cycle, path) {
				return l.res.Fset.PositionFor(spec.Pos(), false)
			}
		}
	}
	return token.Position{}
}

// placed matches the go command's positions: file:line, file:line:col.
var placed = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(.*?):(\d+)(?::(\d+))?$`)
})

// listPosition parses a position of the go command, which may be relative to
// the working directory.
func (l *loader) listPosition(pos string) token.Position {
	m := placed().FindStringSubmatch(pos)
	if m == nil {
		return token.Position{}
	}
	file := m[1]
	if !filepath.IsAbs(file) {
		if abs, err := filepath.Abs(filepath.Join(l.opts.Dir, file)); err == nil {
			file = abs
		}
	}
	line, _ := strconv.Atoi(m[2])
	column, _ := strconv.Atoi(m[3]) // 0 when there is none
	return token.Position{Filename: file, Line: line, Column: column}
}

// overlaid reports whether a file is our own output.
func (l *loader) overlaid(file string) bool {
	f := l.folders[filepath.Dir(file)]
	return f != nil && f.Output[filepath.Base(file)] != nil
}

// Check type-checks the package without function bodies.
func (u *Unit) Check() {
	u.Info = &types.Info{
		Defs:      make(map[*ast.Ident]types.Object),
		Implicits: make(map[ast.Node]types.Object),
	}
	conf := u.universe.config(u.source.pkg)
	conf.Error = func(err error) {
		var e types.Error
		if errors.As(err, &e) {
			u.Errors = append(u.Errors, e)
		}
	}
	u.source.finish()
	u.Types = u.universe.check(u.source, conf, u.Info)
}

// support are the packages that generated code may import although nothing in
// its package does yet.
var support = map[string]supported{
	Runtime:         {},
	"context":       {names: []string{"Background", "CancelFunc", "Context"}},
	"encoding/json": {names: []string{"Marshal", "Unmarshal"}, mention: "outbox"},
	"errors":        {names: []string{"As", "Is"}, mention: "errors"},
	"maps":          {names: []string{"Clone"}, mention: "stale"},
	"slices":        {names: []string{"Clone"}, mention: "stale"},
	"time":          {names: []string{"Duration", "Hour", "Microsecond", "Millisecond", "Minute", "Nanosecond", "Second"}},
}

// supported is what generated code uses of a package.
type supported struct {
	names   []string // of the runtime that is any
	mention string   // only if a directive says that; "" = always
}

// ties are the functions of the runtime that need a large package, which only
// matters if an interface mentions it.
var ties = map[string]string{"TieRows": "database/sql"}

// needSupport marks what generated code may name, given the text of all
// directives, and reports whether the runtime is among what the module can
// import.
func (u *universe) needSupport(directives string) (hasRuntime bool) {
	for _, p := range u.roots {
		s, ok := support[p.PkgPath]
		if !ok || p.ForTest != "" || p.Dir == "" {
			continue
		}
		u.extra[p.PkgPath] = p
		if p.PkgPath == Runtime {
			hasRuntime = true
			for name := range u.source(p).index {
				if ast.IsExported(name) && ties[name] == "" {
					u.need(p, name)
				}
			}
		}
		if strings.Contains(directives, s.mention) {
			for _, name := range s.names {
				u.need(p, name)
			}
		}
	}
	return hasRuntime
}

// needTies marks what generated code may name because of what was marked
// before.
func (u *universe) needTies() {
	reached := make(map[string]bool)
	for _, s := range u.sources {
		reached[s.pkg.PkgPath] = true
	}
	for name, path := range ties {
		if p := u.extra[Runtime]; p != nil && reached[path] {
			u.need(p, name)
		}
	}
}

// directives returns the text of the directives of units.
func directives(units []*Unit) string {
	var b strings.Builder
	for _, unit := range units {
		for _, f := range unit.Files {
			for _, group := range f.Comments {
				for _, c := range group.List {
					if strings.HasPrefix(c.Text, directivePrefix) {
						b.WriteString(c.Text + "\n")
					}
				}
			}
		}
	}
	return b.String()
}

const directivePrefix = "//resil:"

// reference matches what may be a qualified name in a directive.
var reference = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`([^\s,="]+)\.(\pL[\pL\pN_]*)`)
})

// needRefs marks the names of other packages that directives mention, which no
// declaration need mention. Packages that nothing imports are loaded.
func (l *loader) needRefs(unit *Unit) error {
	var unknown []string
	refs := make(map[string][]string) // of unknown packages
	for _, f := range unit.source.files {
		for _, group := range f.syntax.Comments {
			for _, c := range group.List {
				if !strings.HasPrefix(c.Text, directivePrefix) {
					continue
				}
				for _, m := range reference().FindAllStringSubmatch(c.Text, -1) {
					if !unit.needRef(m[1], m[2]) {
						unknown = append(unknown, m[1])
						refs[m[1]] = append(refs[m[1]], m[2])
					}
				}
			}
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	found, err := l.list(config{}, unknown)
	if err != nil {
		return nil //nolint:nilerr // not import paths after all: the model says what is wrong with them
	}
	for _, p := range found {
		if names := refs[p.PkgPath]; names != nil && p.Dir != "" {
			unit.universe.extra[p.PkgPath] = p
			for _, name := range names {
				unit.universe.need(p, name)
			}
		}
	}
	return nil
}

// needRef marks a name of the package that qualifier means: the name of an
// import of any file, blank ones included, or an import path. It reports false
// when no package imports such a path.
func (u *Unit) needRef(qualifier, name string) bool {
	found := false
	use := func(imp *importSpec) {
		imp.used, found = true, true
		u.universe.needRef(imp.pkg, name)
	}
	for _, f := range u.source.files {
		if imp := f.imports[qualifier]; imp != nil {
			use(imp)
		}
		for _, imp := range f.blanks {
			if imp.pkg != nil && (imp.pkg.Name == qualifier || imp.pkg.PkgPath == qualifier) {
				use(imp)
			}
		}
	}
	if p := u.universe.find(qualifier); p != nil && p.Dir != "" {
		u.universe.needRef(p, name)
		found = true
	}
	return found
}

// needRef marks a name that a directive mentions. Of a name that does not
// exist, all others are needed, to find the one that was meant.
func (u *universe) needRef(p *packages.Package, name string) {
	if p == nil || p.PkgPath == "unsafe" {
		return
	}
	s := u.source(p)
	if len(s.index[name]) > 0 {
		u.need(p, name)
		return
	}
	for other := range s.index {
		if ast.IsExported(other) {
			u.need(p, other)
		}
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
