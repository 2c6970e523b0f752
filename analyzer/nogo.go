package analyzer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/tools/go/analysis"

	"github.com/resilgo/resil/analyzer/directive"
	"github.com/resilgo/resil/analyzer/internal/config"
	"github.com/resilgo/resil/analyzer/internal/engine"
	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/analyzer/internal/pass"
	"github.com/resilgo/resil/analyzer/stalegen"
)

// Analyzer runs all rules in one, for drivers that take one analyzer with flags,
// such as Bazel's nogo. Its diagnostics have the rule as category and at the end
// of the message. Flags:
//
//	-rules     names of rules, separated by commas; empty means all
//	-settings  what .resilvet.yml holds, as JSON: a file is no input of a Bazel
//	           action, so its changes would go unseen
var Analyzer = newAnalyzer()

func newAnalyzer() *analysis.Analyzer {
	var opts flags
	a := &analysis.Analyzer{
		Name:      "resilvet",
		Doc:       "finds outbound calls that no guard covers, and guards that do not hold\n\nSee docs/rules for a page about each rule.",
		URL:       "https://github.com/resilgo/resil/tree/main/docs/rules",
		FactTypes: []analysis.Fact{new(pass.Calls)},
		Run:       opts.run,
	}
	a.Flags.StringVar(&opts.rules, "rules", "", "`names` of rules to run, separated by commas (default all)")
	a.Flags.StringVar(&opts.settings, "settings", "", "content of .resilvet.yml as `JSON`")
	return a
}

// flags are the flags of [Analyzer] and what follows from them.
type flags struct {
	rules    string
	settings string

	once   sync.Once // guards what follows; flags are parsed before the first run
	engine *engine.Engine
	wanted []string
	err    error
}

func (o *flags) run(p *analysis.Pass) (any, error) {
	o.once.Do(func() { o.engine, o.wanted, o.err = o.parse() })
	if o.err != nil {
		return nil, o.err
	}
	u := pass.Unit(p)
	findings, err := pass.Run(p, o.engine, u)
	if err != nil {
		return nil, err
	}
	findings = append(findings, o.engine.Exclude(o.engine.Local(u), nil)...)
	slices.SortFunc(findings, finding.Compare)
	for i := range findings {
		findings[i].Message += " (" + findings[i].Rule + ")"
	}
	pass.Report(p, findings, func(f finding.Finding) bool { return slices.Contains(o.wanted, f.Rule) })
	return nil, nil
}

func (o *flags) parse() (*engine.Engine, []string, error) {
	all := RuleNames()
	wanted := all
	if o.rules != "" {
		wanted = strings.Split(o.rules, ",")
		for _, name := range wanted {
			if !slices.Contains(all, name) {
				return nil, nil, fmt.Errorf("-rules: unknown rule %q; the rules are %s", name, strings.Join(all, ", "))
			}
		}
	}
	var c config.Config
	if o.settings != "" {
		dec := json.NewDecoder(bytes.NewReader([]byte(o.settings)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&c); err != nil {
			return nil, nil, fmt.Errorf("-settings: %w", err)
		}
	}
	if err := settingsError(c); err != nil {
		return nil, nil, fmt.Errorf("-settings: %w", err)
	}
	e, err := engine.New(c, directive.Check, stalegen.Check)
	return e, wanted, err
}

// settingsError joins what is wrong with settings that came from no file.
func settingsError(c config.Config) error {
	var errs []error
	for _, p := range c.Check(RuleNames()) {
		errs = append(errs, fmt.Errorf("%s: %s", p.Path, p.Message))
	}
	return errors.Join(errs...)
}
