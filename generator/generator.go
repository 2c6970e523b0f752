package generator

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"

	"github.com/resilgo/resil/generator/internal/emit"
	"github.com/resilgo/resil/generator/internal/manifest"
	"github.com/resilgo/resil/generator/load"
	"github.com/resilgo/resil/generator/model"
	"github.com/resilgo/resil/generator/output"
	"github.com/resilgo/resil/generator/render"
)

// Options say what to generate for.
type Options struct {
	Dir      string   // working directory; "" is the current one
	Env      []string // environment of the go command; nil is the current one
	Patterns []string // packages as the go command takes them; none is "."

	// Shortcut allows to pass over packages that are known to be as they were
	// after an earlier run. The result has no Files of these, and is Unchanged
	// when it passed over all.
	Shortcut bool
}

// Findings is what there is to tell about the input.
type Findings struct {
	Problems []Message // errors, sorted; with one of them nothing is generated
	Notes    []Message // what the author should know, sorted
}

// Model is what the directives of packages say; reports are made of it.
type Model struct {
	Findings
	Fset     *token.FileSet
	Packages []*model.Package // with at least one guard, but for tests; sorted by folder
	Kin      []*model.Package // sketches of what else in the module guards the same dependencies
	Folders  []string         // of all packages that match, sorted
}

// Result is what a generation would write.
type Result struct {
	Findings
	Files      []File         // everything generated, sorted by path
	Changes    []*emit.Change // what on disk differs, sorted by path
	Interfaces int            // guarded ones, tests included
	Unchanged  bool           // see [Options.Shortcut]

	manifest *manifest.Manifest
	folders  []folderMemory
}

// Message is something to tell about a place in the input.
type Message struct {
	Pos  token.Position // line and column may be 0
	Text string
}

// File is a generated file.
type File struct {
	Path    string // absolute
	Source  string // path of the file with the guards
	Content []byte
}

// Generate finds the guards of the packages that match and renders their
// decorators. It writes nothing. Its error is one of usage or environment, or
// a defect of the generator; what is wrong with the input is in the result.
func Generate(opts Options) (*Result, error) {
	m := remembered(opts)
	if opts.Shortcut {
		if res := shortcut(opts, m); res != nil {
			return res, nil
		}
	}
	res, err := generate(opts, m)
	if err == nil && len(res.Problems)+len(res.Changes) == 0 {
		res.remember()
	}
	return res, err
}

// generate goes through the stages, one unit after the other.
func generate(opts Options, m *manifest.Manifest) (*Result, error) {
	g, err := newGeneration(opts)
	if err != nil {
		return nil, err
	}
	res := &Result{manifest: m}
	for _, u := range g.loaded.Units {
		pkg := g.model(u)
		g.check(u, pkg)
		if len(g.Problems) == 0 {
			files, err := g.render(u, pkg)
			if err != nil {
				return nil, err
			}
			res.Files = append(res.Files, files...)
		}
		// The rest of a large run would not have the memory.
		g.models = append(g.models, pkg.Outline())
		u.Release()
	}
	g.merge()
	res.Interfaces, res.folders = g.interfaces(), g.memories(g.Notes)
	if len(g.Problems) == 0 {
		slices.SortFunc(res.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
		if res.Changes, err = g.compare(res.Files); err != nil {
			return nil, err
		}
	}
	if res.Findings = g.findings(); len(res.Problems) > 0 {
		res.Files, res.Changes = nil, nil
	}
	return res, nil
}

// Load finds the guards of the packages that match, for reports. Its error is
// that of [Generate].
func Load(opts Options) (*Model, error) {
	g, err := newGeneration(opts)
	if err != nil {
		return nil, err
	}
	m := &Model{Fset: g.loaded.Fset}
	for _, f := range g.loaded.Folders {
		m.Folders = append(m.Folders, f.Path)
	}
	for _, u := range g.loaded.Units {
		pkg := g.model(u)
		g.check(u, pkg)
		g.models = append(g.models, pkg)
		if len(pkg.Files) > 0 && !u.Tests {
			m.Packages = append(m.Packages, pkg)
		}
	}
	for _, k := range g.merge() {
		if !k.variant {
			m.Kin = append(m.Kin, k.pkg)
		}
	}
	m.Findings = g.findings()
	return m, nil
}

// Write brings the changes of a result to disk. interrupted is asked between
// files; its error stops the writing.
func (r *Result) Write(interrupted func() error) error {
	if len(r.Changes) == 0 {
		return nil
	}
	if err := emit.Apply(r.Changes, interrupted); err != nil {
		return err
	}
	r.remember()
	return nil
}

// generation is the state of one run through the stages.
type generation struct {
	Findings
	loaded *load.Result
	models []*model.Package // by unit, with the files that the unit is to be generated for
}

// newGeneration loads the packages.
func newGeneration(opts Options) (*generation, error) {
	loaded, err := load.Load(load.Options{Dir: opts.Dir, Env: opts.Env, Patterns: opts.Patterns})
	if err != nil {
		return nil, err
	}
	g := &generation{loaded: loaded}
	for _, p := range loaded.Problems {
		g.problem(p.Pos, p.Message)
	}
	return g, nil
}

// model makes the model of a unit.
func (g *generation) model(u *load.Unit) *model.Package {
	u.Check()
	res := model.Build(model.Input{Fset: g.loaded.Fset, Files: u.Files, Pkg: u.Types, Info: u.Info, Import: u.Import, Doc: u.Doc})
	u.Info = nil // only the model needs it
	pkg := *res.Package
	pkg.Files = slices.DeleteFunc(slices.Clone(pkg.Files), func(f *model.File) bool { return !slices.Contains(u.Targets, f.Syntax) })
	for _, p := range res.Problems {
		g.problem(g.position(p.Pos), p.Message)
	}
	for _, n := range res.Notes {
		if targets(u, n.Pos) {
			g.Notes = append(g.Notes, Message{g.position(n.Pos), n.Message})
		}
	}
	return &pkg
}

// interfaces counts the guarded interfaces.
func (g *generation) interfaces() int {
	n := 0
	for _, p := range g.models {
		for _, f := range p.Files {
			n += len(f.Interfaces)
		}
	}
	return n
}

// findings returns what there is to tell, in order and each once.
func (g *generation) findings() Findings {
	return Findings{Problems: inOrder(g.Problems), Notes: inOrder(g.Notes)}
}

// targets reports whether a place is in a file that the unit is to be
// generated for.
func targets(u *load.Unit, pos token.Pos) bool {
	for _, f := range u.Targets {
		if f.FileStart <= pos && pos <= f.FileEnd {
			return true
		}
	}
	return false
}

// check finds what the model does not show.
func (g *generation) check(u *load.Unit, pkg *model.Package) {
	for _, f := range pkg.Files {
		for _, iface := range f.Interfaces {
			g.checkTypes(u, f, iface)
		}
	}
}

// checkTypes reports why an interface does not type-check, and what its
// decorator could not spell.
func (g *generation) checkTypes(u *load.Unit, f *model.File, i *model.Interface) {
	bad := g.invalid(i)
	for _, m := range i.Methods {
		if why := unnameable(m, u.Types); why != "" && len(bad) == 0 {
			g.problem(g.position(i.Guard.Pos), fmt.Sprintf("%s.%s cannot be written in package %s: %s; guard an interface of your own without it", i.Name, m.Name, u.Types.Name(), why))
		}
	}
	if len(bad) == 0 {
		return
	}
	var causes []load.Problem
	if !u.Broken {
		causes = u.Explain(declaration(f.Syntax, i.Name))
	}
	for _, p := range causes {
		// The go command has said better why an import fails.
		if !strings.HasPrefix(p.Message, "could not import ") || !g.complained(p.Pos) {
			g.problem(p.Pos, p.Message)
		}
	}
	if u.Broken || len(causes) > 0 {
		// With the causes told, what the model says of the methods is no news.
		g.Problems = slices.DeleteFunc(g.Problems, func(p Message) bool { return bad[p.Pos] })
	}
}

// complained reports whether there is a problem on the line of pos.
func (g *generation) complained(pos token.Position) bool {
	return slices.ContainsFunc(g.Problems, func(p Message) bool {
		return p.Pos.Filename == pos.Filename && p.Pos.Line == pos.Line
	})
}

// invalid returns the places of the methods that mention a type that did not
// type-check.
func (g *generation) invalid(i *model.Interface) map[token.Position]bool {
	bad := make(map[token.Position]bool)
	for _, m := range i.Methods {
		walkTypes(m.Signature, func(t types.Type) {
			if types.Unalias(t) == types.Typ[types.Invalid] {
				bad[g.position(m.Pos)] = true
			}
		})
	}
	return bad
}

// render makes the files of a unit and type-checks them together with its
// package.
func (g *generation) render(u *load.Unit, pkg *model.Package) ([]File, error) {
	var files []File
	generated := make(map[string][]byte)
	for _, f := range pkg.Files {
		content, err := render.File(g.loaded.Fset, pkg, f)
		if err != nil {
			return nil, err
		}
		path := filepath.Join(u.Folder.Path, output.Name(filepath.Base(f.Name)))
		generated[path] = content
		files = append(files, File{Path: path, Source: f.Name, Content: content})
	}
	if len(generated) == 0 {
		return nil, nil
	}
	wrong := u.Verify(generated)
	if names := shadowed(u.Types); len(wrong) > 0 && names != "" {
		g.problem(g.position(pkg.Files[0].Interfaces[0].Guard.Pos), fmt.Sprintf(
			"package %s declares %s, which generated code needs as the language has it; rename it, or guard the interface in another package", pkg.Name, names))
		return files, nil
	}
	for _, e := range wrong {
		g.unverified(pkg, generated, e)
	}
	return files, nil
}

// shadowed names the predeclared identifiers that a package declares anew and
// that generated code may use, "" for none.
func shadowed(pkg *types.Package) string {
	var names []string
	for _, name := range []string{"any", "bool", "byte", "error", "int", "nil", "string", "true"} {
		if pkg.Scope().Lookup(name) != nil {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// unverified reports, at its guard, a decorator that does not compile.
func (g *generation) unverified(pkg *model.Package, generated map[string][]byte, e load.Problem) {
	for _, f := range pkg.Files {
		path := filepath.Join(filepath.Dir(f.Name), output.Name(filepath.Base(f.Name)))
		if path != e.Pos.Filename {
			continue
		}
		before := generated[path][:min(e.Pos.Offset, len(generated[path]))]
		culprit, last := f.Interfaces[0], -1
		for _, i := range f.Interfaces {
			if at := bytes.LastIndex(before, []byte("type "+i.Decorator)); at > last {
				culprit, last = i, at
			}
		}
		g.problem(g.position(culprit.Guard.Pos), fmt.Sprintf("the decorator of %s would not compile: %s", culprit.Name, e.Message))
	}
}

// compare finds what on disk differs from what was generated.
func (g *generation) compare(files []File) ([]*emit.Change, error) {
	var changes []*emit.Change
	wanted := make(map[string]bool)
	for _, f := range files {
		wanted[f.Path] = true
		change, err := emit.Compare(f.Path, f.Content)
		var refusal *emit.Refusal
		switch {
		case errors.As(err, &refusal):
			g.problem(token.Position{Filename: refusal.Path}, refusal.Reason)
		case err != nil:
			return nil, err
		case change != nil:
			changes = append(changes, change)
		}
	}
	for _, folder := range g.loaded.Folders {
		for name, content := range folder.Output {
			if path := filepath.Join(folder.Path, name); !wanted[path] && !folder.Partial {
				changes = append(changes, emit.Orphan(path, content))
			}
		}
	}
	slices.SortFunc(changes, func(a, b *emit.Change) int { return cmp.Compare(a.Path, b.Path) })
	return changes, nil
}

func (g *generation) position(pos token.Pos) token.Position {
	return g.loaded.Fset.PositionFor(pos, false)
}

func (g *generation) problem(pos token.Position, text string) {
	g.Problems = append(g.Problems, Message{pos, text})
}

// inOrder sorts messages by place and drops repetitions.
func inOrder(list []Message) []Message {
	slices.SortStableFunc(list, func(a, b Message) int {
		return cmp.Or(
			cmp.Compare(a.Pos.Filename, b.Pos.Filename), cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Column, b.Pos.Column), cmp.Compare(a.Text, b.Text),
		)
	})
	return slices.Compact(list)
}
