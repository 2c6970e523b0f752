// Package golangci is resilvet as a module plugin of golangci-lint v2.
//
//	linters:
//	  enable: [resilvet]
//	  settings:
//	    custom:
//	      resilvet:
//	        type: module
//	        settings: {}   # what .resilvet.yml holds, and rules: [names]
//
// Settings are taken from there alone: golangci-lint could not tell when a file
// of ours has changed, and would answer from its cache.
package golangci

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/golangci/plugin-module-register/register"
	"golang.org/x/tools/go/analysis"

	"github.com/resilgo/resil/analyzer"
	"github.com/resilgo/resil/analyzer/internal/config"
	"github.com/resilgo/resil/analyzer/internal/engine"
	"github.com/resilgo/resil/analyzer/internal/pass"
	"github.com/resilgo/resil/analyzer/internal/rule"
)

func init() { register.Plugin("resilvet", New) }

// Settings are what stands under linters.settings.custom.resilvet.settings.
type Settings struct {
	config.Config

	// Rules to run; empty means all.
	Rules []string `json:"rules"`
}

// New makes the plugin from its settings. Unknown keys and bad values are errors.
func New(conf any) (register.LinterPlugin, error) {
	s, err := register.DecodeSettings[Settings](conf)
	if err != nil {
		return nil, err
	}
	all := analyzer.RuleNames()
	var errs []error
	for i, name := range s.Rules {
		if !slices.Contains(all, name) {
			errs = append(errs, fmt.Errorf("rules[%d]: unknown rule %q; the rules are %s", i, name, strings.Join(all, ", ")))
		}
	}
	for _, p := range s.Check(all) {
		errs = append(errs, fmt.Errorf("%s: %s", p.Path, p.Message))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &plugin{settings: s}, nil
}

type plugin struct {
	settings Settings
}

// BuildAnalyzers returns the rules, made anew so that plugins with different
// settings share nothing.
func (p *plugin) BuildAnalyzers() ([]*analysis.Analyzer, error) {
	e, err := engine.New(p.settings.Config)
	if err != nil {
		return nil, err
	}
	resolved := pass.Resolved(func() (*engine.Engine, error) { return e, nil })
	var rules []*analysis.Analyzer
	for _, a := range analyzer.Suite() {
		if len(p.settings.Rules) > 0 && !slices.Contains(p.settings.Rules, a.Name) {
			continue
		}
		rules = append(rules, alone(rule.Configured(a, e, resolved)))
	}
	return rules, nil
}

// alone makes the rule report findings without related places: golangci-lint
// prints each of those as an issue of its own. Messages name the path anyway.
func alone(a *analysis.Analyzer) *analysis.Analyzer {
	run := a.Run
	a.Run = func(p *analysis.Pass) (any, error) {
		inner := *p
		inner.Report = func(d analysis.Diagnostic) {
			d.Related = nil
			p.Report(d)
		}
		return run(&inner)
	}
	return a
}

// GetLoadMode asks for type information.
func (*plugin) GetLoadMode() string { return register.LoadModeTypesInfo }
