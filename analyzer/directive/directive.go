package directive

import (
	_ "embed"
	"go/token"
	"regexp"
	"slices"
	"sync"

	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/analyzer/internal/guards"
	"github.com/resilgo/resil/analyzer/internal/rule"
	grammar "github.com/resilgo/resil/generator/directive"
	"github.com/resilgo/resil/generator/model"
)

//go:embed doc.go
var doc string

// Analyzer is the rule directive.
var Analyzer = rule.Local("directive", doc, Check)

// Check returns what is wrong with the directives of one package.
func Check(u *finding.Unit) []finding.Finding {
	g := guards.Of(u)
	if g == nil {
		return nil
	}
	problems := g.Problems
	if len(problems) == 0 {
		// Contradictions are looked for where each line by itself is right.
		_, problems = model.Merge([]*model.Package{g.Model})
	}
	var findings []finding.Finding
	for _, p := range problems {
		found := at(u.Fset, u.Pkg.Path(), p)
		if fix, ok := closeUp(u, p.Pos); ok {
			found.Fixes = []finding.Fix{fix}
		}
		findings = append(findings, found)
	}
	return findings
}

// Contradictions returns what guards in different packages of a module state
// against each other. The packages share the file set; those with a problem of
// their own are best left out.
func Contradictions(fset *token.FileSet, pkgs []*model.Package) []finding.Finding {
	inside := make(map[token.Pos]bool) // what Check reports
	for _, p := range pkgs {
		_, problems := model.Merge([]*model.Package{p})
		for _, problem := range problems {
			inside[problem.Pos] = true
		}
	}
	deps, problems := model.Merge(pkgs)
	problems = append(problems, model.Incomplete(deps)...)
	var findings []finding.Finding
	for _, problem := range problems {
		if !inside[problem.Pos] {
			findings = append(findings, at(fset, packageOf(fset, pkgs, problem.Pos), problem))
		}
	}
	return findings
}

// packageOf returns the path of the package that holds the position.
func packageOf(fset *token.FileSet, pkgs []*model.Package, pos token.Pos) string {
	name := fset.PositionFor(pos, false).Filename
	for _, p := range pkgs {
		if slices.ContainsFunc(p.Files, func(f *model.File) bool { return f.Name == name }) {
			return p.Path
		}
	}
	return ""
}

func at(fset *token.FileSet, pkg string, p model.Problem) finding.Finding {
	return finding.Finding{
		Rule:    "directive",
		Pos:     fset.Position(p.Pos),
		End:     fset.Position(p.End),
		Message: p.Message,
		Package: pkg,
	}
}

// gaps matches a directive that has blanks where none may be. Groups: what is to
// be replaced, and the verb.
var gaps = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(//[\t ]*resil:[\t ]*)([a-z]+)\b`)
})

// closeUp returns the fix of a directive, at pos, that has blanks behind its
// slashes or its colon and is else well-formed. It changes no program: what the
// directive says comes true when resilgen runs.
func closeUp(u *finding.Unit, pos token.Pos) (finding.Fix, bool) {
	text := commentAt(u, pos)
	m := gaps().FindStringSubmatch(text)
	if m == nil || m[1] == grammar.Prefix || !isVerb(m[2]) {
		return finding.Fix{}, false
	}
	start := u.Fset.PositionFor(pos, false)
	return finding.Fix{
		Message: "write " + grammar.Prefix + m[2],
		Edits: []finding.Edit{{
			Filename: start.Filename, Start: start.Offset, End: start.Offset + len(m[1]), New: grammar.Prefix,
		}},
	}, true
}

// commentAt returns the text of the comment that starts at pos; empty if there is
// none.
func commentAt(u *finding.Unit, pos token.Pos) string {
	for _, f := range u.Files {
		for _, group := range f.Comments {
			for _, c := range group.List {
				if c.Slash == pos {
					return c.Text
				}
			}
		}
	}
	return ""
}

func isVerb(word string) bool {
	return slices.ContainsFunc(grammar.Verbs(), func(v grammar.VerbDoc) bool { return string(v.Verb) == word })
}
