package directive

import (
	_ "embed"

	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/analyzer/internal/guards"
	"github.com/resilgo/resil/analyzer/internal/rule"
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
	return Findings(u, problems)
}

// Findings turns problems into findings of this rule in u.
func Findings(u *finding.Unit, problems []model.Problem) []finding.Finding {
	var findings []finding.Finding
	for _, p := range problems {
		pos := u.Fset.Position(p.Pos)
		findings = append(findings, finding.Finding{
			Rule:    "directive",
			Pos:     pos,
			End:     u.Fset.Position(p.End),
			Message: p.Message,
			Package: u.Pkg.Path(),
			Test:    finding.IsTestFile(pos.Filename),
		})
	}
	return findings
}
