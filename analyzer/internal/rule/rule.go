// Package rule makes the analyzers of the rules.
package rule

import (
	"reflect"
	"sync"

	"golang.org/x/tools/go/analysis"

	"github.com/resilgo/resil/analyzer/internal/config"
	"github.com/resilgo/resil/analyzer/internal/engine"
	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/analyzer/internal/pass"
	"github.com/resilgo/resil/analyzer/internal/ruledoc"
)

// unconfigured is the engine without configuration.
var unconfigured = sync.OnceValues(func() (*engine.Engine, error) { return engine.New(config.Config{}) })

// resolved is what all rules without configuration share.
var resolved = pass.Resolved(unconfigured)

// New returns the analyzer of a rule that follows calls. source is the content of
// the rule's doc.go.
func New(name, source string) *analysis.Analyzer {
	return follows(&analysis.Analyzer{
		Name: name,
		Doc:  ruledoc.MustExtract(source, name),
		URL:  ruledoc.URL(name),
	}, resolved)
}

// follows makes a the analyzer of a rule whose findings are among the result of
// resolved.
func follows(a, resolved *analysis.Analyzer) *analysis.Analyzer {
	name := a.Name
	a.Requires = []*analysis.Analyzer{resolved}
	a.Run = func(p *analysis.Pass) (any, error) {
		findings, _ := p.ResultOf[resolved].(pass.Findings)
		pass.Report(p, findings, func(f finding.Finding) bool { return f.Rule == name })
		return nil, nil
	}
	return a
}

// Local returns the analyzer of a rule that looks at one package by itself.
func Local(name, source string, check func(*finding.Unit) []finding.Finding) *analysis.Analyzer {
	return &analysis.Analyzer{
		Name:       name,
		Doc:        ruledoc.MustExtract(source, name),
		URL:        ruledoc.URL(name),
		ResultType: reflect.TypeFor[pass.Findings](),
		// A generated file that is missing breaks the package: that is the news.
		RunDespiteErrors: true,
		Run: func(p *analysis.Pass) (any, error) {
			findings := pass.Findings(check(pass.Unit(p)))
			pass.Report(p, findings, func(finding.Finding) bool { return true })
			return findings, nil
		},
	}
}

// Configured returns the analyzer of the same rule with the configuration of e.
// resolved is made with [pass.Resolved] from e, and shared by all rules.
func Configured(a *analysis.Analyzer, e *engine.Engine, resolved *analysis.Analyzer) *analysis.Analyzer {
	copied := &analysis.Analyzer{Name: a.Name, Doc: a.Doc, URL: a.URL}
	if len(a.Requires) > 0 {
		return follows(copied, resolved)
	}
	copied.RunDespiteErrors = true
	copied.Run = func(p *analysis.Pass) (any, error) {
		silent := *p
		silent.Report = func(analysis.Diagnostic) {}
		result, err := a.Run(&silent)
		if err != nil {
			return nil, err
		}
		findings, _ := result.(pass.Findings)
		pass.Report(p, e.Exclude(findings, nil), func(finding.Finding) bool { return true })
		return nil, nil
	}
	return copied
}
