package stalegen

import (
	"bytes"
	_ "embed"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/analyzer/internal/guards"
	"github.com/resilgo/resil/analyzer/internal/rule"
	"github.com/resilgo/resil/generator/model"
	"github.com/resilgo/resil/generator/output"
	"github.com/resilgo/resil/generator/render"
)

//go:embed doc.go
var doc string

// Analyzer is the rule stalegen.
var Analyzer = rule.Local("stalegen", doc, Check)

// Check compares what resilgen would write for the package with what is there.
func Check(u *finding.Unit) []finding.Finding {
	if slices.ContainsFunc(u.Files, finding.IsCgo) {
		return nil // what resilgen would make of the originals is not known
	}
	g := guards.Of(u)
	written := written(u)
	if g == nil && len(written) == 0 {
		return nil
	}
	var findings []finding.Finding
	if g != nil && !g.Unsure {
		for _, source := range g.Model.Files {
			if troubled(u, g, source.Name) {
				continue // what a directive with a problem would generate is not known
			}
			if f, ok := compare(u, g.Model, source); ok {
				findings = append(findings, f)
			}
		}
	}
	return append(findings, orphans(u, g, written)...)
}

// troubled reports whether the rule directive reports something in the file.
func troubled(u *finding.Unit, g *guards.Guards, file string) bool {
	return slices.ContainsFunc(g.Problems, func(p model.Problem) bool {
		return u.Fset.PositionFor(p.Pos, false).Filename == file
	})
}

// written returns the files of the package that resilgen wrote, by the base name
// of their source.
func written(u *finding.Unit) map[string]*ast.File {
	files := make(map[string]*ast.File)
	for _, f := range u.Files {
		if source := guards.Generated(u, f); source != "" && !finding.IsTestFile(source) {
			files[source] = f
		}
	}
	return files
}

// compare reports the first guard of a source file if its generated file is not
// what it should be.
func compare(u *finding.Unit, pkg *model.Package, source *model.File) (finding.Finding, bool) {
	if len(source.Interfaces) == 0 || !understood(source) {
		return finding.Finding{}, false
	}
	want, err := render.File(u.Fset, pkg, source)
	if err != nil {
		return finding.Finding{}, false // a defect of resilgen, which reports it itself
	}
	name := filepath.Join(filepath.Dir(source.Name), output.Name(filepath.Base(source.Name)))
	got, err := os.ReadFile(name)
	if err == nil && bytes.Equal(got, want) {
		return finding.Finding{}, false
	}
	first := source.Interfaces[0]
	found := at(u, first.Guard.Pos, first.Guard.End)
	if err != nil {
		found.Message = fmt.Sprintf("%s is not generated: %s guards nothing; run resilgen", filepath.Base(name), first.Name)
	} else {
		found.Message = fmt.Sprintf("%s is out of date: it does not do what the directives of %s say; run resilgen", filepath.Base(name), filepath.Base(source.Name))
	}
	found.Fixes = []finding.Fix{{
		Message: "write " + filepath.Base(name),
		Edits:   []finding.Edit{{Filename: name, Start: 0, End: len(got), New: string(want)}},
	}}
	return found, true
}

// understood reports whether go/types knows every type that the decorators of
// the file mention: in a package with errors it may not.
func understood(source *model.File) bool {
	for _, i := range source.Interfaces {
		for _, m := range i.Methods {
			if strings.Contains(types.TypeString(m.Signature, nil), "invalid type") {
				return false
			}
		}
	}
	return true
}

// orphans reports generated files whose source has no guard.
func orphans(u *finding.Unit, g *guards.Guards, written map[string]*ast.File) []finding.Finding {
	guarded := make(map[string]bool)
	if g != nil {
		for _, source := range g.Model.Files {
			guarded[filepath.Base(source.Name)] = true
		}
	}
	var findings []finding.Finding
	for _, f := range u.Files { // in the order of files, not of the map
		source := guards.Generated(u, f)
		if written[source] != f || guarded[source] {
			continue
		}
		if g != nil && troubled(u, g, filepath.Join(filepath.Dir(u.Filename(f)), source)) {
			continue // its guard may be what has the problem
		}
		found := at(u, f.Package, f.Name.End())
		found.Message = fmt.Sprintf("%s is left over: %s holds no guard; run resilgen, which removes it", filepath.Base(u.Filename(f)), source)
		findings = append(findings, found)
	}
	return findings
}

func at(u *finding.Unit, pos, end token.Pos) finding.Finding {
	return finding.Finding{
		Rule:    "stalegen",
		Pos:     u.Fset.Position(pos),
		End:     u.Fset.Position(end),
		Package: u.Pkg.Path(),
	}
}
