// Package pass runs the engine inside drivers that speak go/analysis:
// golangci-lint, Bazel's nogo, analysistest.
package pass

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"go/ast"
	"go/build"
	"go/token"
	"go/types"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/resilgo/resil/analyzer/internal/engine"
	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/analyzer/internal/summary"
)

// Calls is the fact about a package that reaches outbound calls or guards: its
// summary. It is kept encoded, because drivers decode the facts of all imports
// and few are looked at.
type Calls struct {
	Summary []byte // gob of summary.Package
}

// AFact marks Calls as a fact.
func (*Calls) AFact() {}

func (c *Calls) String() string { return "calls" }

// Encode returns the fact about a package, nil if there is nothing to tell.
func Encode(s *summary.Package) (*Calls, error) {
	if s.Empty() {
		return nil, nil
	}
	var buf bytes.Buffer
	if err := gob.NewEncoder(&buf).Encode(s); err != nil {
		return nil, fmt.Errorf("encoding the summary of %s: %w", s.Path, err)
	}
	return &Calls{Summary: buf.Bytes()}, nil
}

// Decode is the reverse of Encode.
func (c *Calls) Decode() (*summary.Package, error) {
	s := new(summary.Package)
	if err := gob.NewDecoder(bytes.NewReader(c.Summary)).Decode(s); err != nil {
		return nil, fmt.Errorf("decoding a summary: %w", err)
	}
	return s, nil
}

// Findings are what a package's pass found, by every rule.
type Findings []finding.Finding

// Resolved returns an analyzer that runs no rule itself: its result are the
// Findings of the rules that follow calls, which require it. made supplies the
// engine, once per pass.
func Resolved(made func() (*engine.Engine, error)) *analysis.Analyzer {
	return &analysis.Analyzer{
		Name:       "resilcalls",
		Doc:        "collects outbound calls and guards for the rules of resilvet",
		FactTypes:  []analysis.Fact{new(Calls)},
		ResultType: reflect.TypeFor[Findings](),
		Run: func(p *analysis.Pass) (any, error) {
			e, err := made()
			if err != nil {
				return nil, err
			}
			return Run(p, e, Unit(p))
		},
	}
}

// Run summarizes the package of p for its importers and returns the findings of
// the rules that follow calls.
func Run(p *analysis.Pass, e *engine.Engine, u *finding.Unit) (Findings, error) {
	if foreign(p) {
		return nil, nil
	}
	var broken error
	deps := dependencies(p)
	dep := func(path string) *summary.Package {
		s, err := deps(path)
		if err != nil && broken == nil {
			broken = err
		}
		return s
	}
	s := e.Summary(u, dep)
	fact, err := Encode(s)
	if err != nil {
		return nil, err
	}
	if fact != nil {
		p.ExportPackageFact(fact)
	}
	if s == nil {
		return Findings(nil), broken
	}
	res := e.Resolve([]*summary.Package{s}, dep, false)
	return Findings(e.Exclude(res.Findings, nil)), broken
}

// foreign reports whether the package is not our own code, but of the standard
// library or of a module at a version: the catalogue knows what there is to know
// of it. Drivers hand it over all the same, because the analyzer has facts.
func foreign(p *analysis.Pass) bool {
	// Some drivers give an empty module where there is none.
	if p.Module != nil && p.Module.Path != "" {
		return p.Module.Version != ""
	}
	if first, _, _ := strings.Cut(p.Pkg.Path(), "/"); strings.Contains(first, ".") || len(p.Files) == 0 {
		return false
	}
	root := build.Default.GOROOT
	return root == "" || strings.HasPrefix(p.Fset.Position(p.Files[0].FileStart).Filename, filepath.Join(root, "src")+string(filepath.Separator))
}

// dependencies returns a function that decodes the summaries of imported
// packages when they are first asked for.
func dependencies(p *analysis.Pass) func(path string) (*summary.Package, error) {
	var facts map[string]*Calls // made when it is first needed: most packages have no outbound call
	decoded := make(map[string]*summary.Package)
	return func(path string) (*summary.Package, error) {
		if s, ok := decoded[path]; ok {
			return s, nil
		}
		if facts == nil {
			facts = make(map[string]*Calls)
			for _, f := range p.AllPackageFacts() {
				if c, ok := f.Fact.(*Calls); ok && f.Package != p.Pkg {
					facts[f.Package.Path()] = c
				}
			}
		}
		fact, ok := facts[path]
		if !ok {
			decoded[path] = nil
			return nil, nil
		}
		s, err := fact.Decode()
		decoded[path] = s
		return s, err
	}
}

// Unit returns the package of p as a Unit.
func Unit(p *analysis.Pass) *finding.Unit {
	u := &finding.Unit{
		Path:       p.Pkg.Path(),
		Fset:       p.Fset,
		Files:      p.Files,
		Src:        p.ReadFile,
		Pkg:        p.Pkg,
		Info:       p.TypesInfo,
		TypeErrors: p.TypeErrors,
	}
	if p.Module != nil {
		u.ModulePath = p.Module.Path
	}
	return u
}

// Report reports those of the findings that match as diagnostics of p. Findings
// in test files are left out.
func Report(p *analysis.Pass, findings []finding.Finding, match func(finding.Finding) bool) {
	for _, f := range findings {
		if f.Test || !match(f) {
			continue
		}
		if d, ok := diagnostic(p, f); ok {
			p.Report(d)
		}
	}
}

// diagnostic turns a finding into one of go/analysis. These must lie in the
// package of p. A call in another package, which this one makes unguarded, is
// reported where this one reaches it, or where it imports what leads there; false
// if that is not known.
func diagnostic(p *analysis.Pass, f finding.Finding) (analysis.Diagnostic, bool) {
	d := analysis.Diagnostic{
		Pos:      pos(p.Fset, p.Files, f.Pos),
		End:      pos(p.Fset, p.Files, f.End),
		Category: f.Rule,
		Message:  f.Message,
	}
	elsewhere := func(at token.Pos) {
		d.Pos = at
		d.Message += fmt.Sprintf(" [%s/%s:%d]", f.Package, filepath.Base(f.Pos.Filename), f.Pos.Line)
	}
	for _, r := range f.Related {
		at := pos(p.Fset, p.Files, r.Pos)
		switch {
		case !at.IsValid():
		case !d.Pos.IsValid():
			elsewhere(at)
		default:
			d.Related = append(d.Related, analysis.RelatedInformation{Pos: at, Message: r.Message})
		}
	}
	if !d.Pos.IsValid() {
		elsewhere(importing(p, f.Package))
	}
	for _, fix := range f.Fixes {
		if s, ok := suggested(p, fix); ok {
			d.SuggestedFixes = append(d.SuggestedFixes, s)
		}
	}
	return d, d.Pos.IsValid()
}

// importing returns the place of the first import that leads to a package.
func importing(p *analysis.Pass, path string) token.Pos {
	seen := make(map[*types.Package]bool)
	var leads func(pkg *types.Package) bool
	leads = func(pkg *types.Package) bool {
		if pkg.Path() == path {
			return true
		}
		if seen[pkg] {
			return false
		}
		seen[pkg] = true
		return slices.ContainsFunc(pkg.Imports(), leads)
	}
	for _, f := range p.Files {
		for _, spec := range f.Imports {
			if name := p.TypesInfo.PkgNameOf(spec); name != nil && leads(name.Imported()) {
				return spec.Pos()
			}
		}
	}
	return token.NoPos
}

// suggested turns a fix into one of go/analysis. It reports false if the fix
// edits a file outside the package, or makes a new one.
func suggested(p *analysis.Pass, fix finding.Fix) (analysis.SuggestedFix, bool) {
	out := analysis.SuggestedFix{Message: fix.Message}
	for _, e := range fix.Edits {
		i := slices.IndexFunc(p.Files, func(f *ast.File) bool { return p.Fset.File(f.FileStart).Name() == e.Filename })
		if i < 0 {
			return analysis.SuggestedFix{}, false
		}
		file := p.Fset.File(p.Files[i].FileStart)
		if e.End > file.Size() {
			return analysis.SuggestedFix{}, false
		}
		out.TextEdits = append(out.TextEdits, analysis.TextEdit{
			Pos: file.Pos(e.Start), End: file.Pos(e.End), NewText: []byte(e.New),
		})
	}
	return out, true
}

// pos returns the token.Pos of a position in one of the files, NoPos if it lies
// in none. Offsets are those of the files as parsed; names and lines may come
// from //line comments.
func pos(fset *token.FileSet, files []*ast.File, at token.Position) token.Pos {
	if !at.IsValid() {
		return token.NoPos
	}
	for _, f := range files {
		file := fset.File(f.FileStart)
		if at.Offset > file.Size() {
			continue
		}
		if p := file.Pos(at.Offset); fset.Position(p) == at {
			return p
		}
	}
	return token.NoPos
}
