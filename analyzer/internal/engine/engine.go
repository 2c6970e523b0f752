// Package engine runs the rules on packages, however a driver loads them: one
// code path for the command line, go vet, golangci-lint and Bazel, so that they
// find the same.
package engine

import (
	"fmt"
	"path/filepath"
	"sync"

	"github.com/resilgo/resil/analyzer/internal/catalog"
	"github.com/resilgo/resil/analyzer/internal/config"
	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/analyzer/internal/importers"
	"github.com/resilgo/resil/analyzer/internal/resolve"
	"github.com/resilgo/resil/analyzer/internal/summary"
)

// Engine holds what all rules share. It is immutable and safe for concurrent
// use.
type Engine struct {
	config  config.Config
	catalog *catalog.Catalog
	local   []Check
	roots   sync.Map // folder -> root of its module
}

// Check is a rule that looks at one package by itself.
type Check func(*finding.Unit) []finding.Finding

// New returns an engine that knows what c adds to the built-in catalogue, and
// that has the local rules. c must have passed [config.Config.Check].
func New(c config.Config, local ...Check) (*Engine, error) {
	var extra catalog.Extra
	for _, p := range c.Primitives {
		f, err := config.ParseFunc(p.Func)
		if err != nil {
			return nil, err
		}
		extra.Primitives = append(extra.Primitives, catalog.Primitive{
			Package: f.Package, Receiver: f.Receiver, Names: []string{f.Name},
			Dependency: p.Dependency, Ignore: p.Ignore,
		})
	}
	for _, g := range c.Guards {
		f, err := config.ParseFunc(g.Func)
		if err != nil {
			return nil, err
		}
		extra.Guards = append(extra.Guards, catalog.Guard{
			Package: f.Package, Receiver: f.Receiver, Names: []string{f.Name},
			Name: g.Name, Value: g.Makes, Timed: g.Timed,
		})
	}
	cat, err := catalog.Default().With(extra)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return &Engine{config: c, catalog: cat, local: local}, nil
}

// Summary returns what other packages and Resolve need to know of u; nil or
// empty if there is nothing to know. dep returns the summaries of packages that
// u imports, directly or not, and nil where there is none.
func (e *Engine) Summary(u *finding.Unit, dep func(path string) *summary.Package) *summary.Package {
	return summary.Of(u, e.catalog, dep)
}

// Resolve judges the packages together. With whole, they are all packages of
// their module. dep returns the summaries of other packages; it may be nil.
//
// A single package that nothing else in its module imports is judged as a whole,
// with those that only it reaches: all that calls or wires them is in sight.
func (e *Engine) Resolve(pkgs []*summary.Package, dep func(path string) *summary.Package, whole bool) resolve.Result {
	in := resolve.Input{Packages: pkgs, Dep: dep, Catalog: e.catalog, Whole: whole}
	result := resolve.Run(in)
	if !result.Open || len(pkgs) != 1 || pkgs[0].Dir == "" {
		return result
	}
	top := pkgs[0]
	root := config.ModuleRoot(top.Dir)
	if !top.Main && !importers.None(root, top.Path) {
		return result
	}
	in.Whole = true
	for _, path := range importers.Closed(root, top.Module, top.Path) {
		if s := dep(path); s != nil {
			in.Closed = append(in.Closed, s)
		}
	}
	return resolve.Run(in)
}

// Local returns the findings of the rules that look at one package by itself.
func (e *Engine) Local(u *finding.Unit) []finding.Finding {
	var findings []finding.Finding
	for _, check := range e.local {
		findings = append(findings, check(u)...)
	}
	return findings
}

// Exclude returns what the configuration's exclusions leave of the findings, and
// marks the calls that they take out.
func (e *Engine) Exclude(findings []finding.Finding, calls []finding.Call) []finding.Finding {
	if len(e.config.Exclusions) == 0 {
		return findings
	}
	var kept []finding.Finding
	for _, f := range findings {
		place := config.Place{Rule: f.Rule, Package: f.Package, File: e.file(f.Pos.Filename), Callee: f.Callee}
		if _, ok := e.config.Excluded(place); !ok {
			kept = append(kept, f)
		}
	}
	for i := range calls {
		c := &calls[i]
		if c.Excluded != "" {
			continue
		}
		place := config.Place{Rule: "unguarded", Package: c.Package, File: e.file(c.Pos.Filename), Callee: c.Callee}
		if reason, ok := e.config.Excluded(place); ok {
			c.Excluded = reason
		}
	}
	return kept
}

// file returns the slash-separated path of a file below the root of its module;
// the whole path if it is in none.
func (e *Engine) file(filename string) string {
	dir := filepath.Dir(filename)
	root, ok := e.roots.Load(dir)
	if !ok {
		root, _ = e.roots.LoadOrStore(dir, config.ModuleRoot(dir))
	}
	//nolint:errcheck // the map holds nothing else
	if rel, err := filepath.Rel(root.(string), filename); err == nil && root != "" {
		filename = rel
	}
	return filepath.ToSlash(filename)
}
