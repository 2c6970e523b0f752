package driver

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/resilgo/resil/analyzer/directive"
	"github.com/resilgo/resil/analyzer/internal/config"
	"github.com/resilgo/resil/analyzer/internal/engine"
	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/analyzer/internal/guards"
	"github.com/resilgo/resil/analyzer/internal/summary"
	"github.com/resilgo/resil/generator/model"
)

// Module describes a run over a whole module.
type Module struct {
	Dir      string   // where patterns are resolved; empty is the working directory
	Patterns []string // packages to report on; empty is "."
	Tags     string   // build tags, separated by commas
	Tests    bool     // look at _test.go files too
	Engine   *engine.Engine
	Cache    Cache
}

// Result is what a run finds.
type Result struct {
	Findings []finding.Finding // sorted by place
	Calls    []finding.Call    // sorted by place
	Problems []error           // what is wrong with the packages themselves, see [Describe]

	// Awaiting are type errors that say no more than that resilgen has not run:
	// the rule stalegen has a finding for each.
	Awaiting []error
}

// Add adds what another run found.
func (r *Result) Add(other *Result) {
	r.Findings = append(r.Findings, other.Findings...)
	r.Calls = append(r.Calls, other.Calls...)
	r.Problems = append(r.Problems, other.Problems...)
	r.Awaiting = append(r.Awaiting, other.Awaiting...)
}

// Analyze loads the packages that the patterns name together with the rest of
// their module, checks all of it, and returns what it finds in the named ones.
// The rest is needed because a client may be guarded where it is wired, in
// main. An error means that nothing could be analyzed.
func (m Module) Analyze(ctx context.Context) (*Result, error) {
	request, err := m.listing()
	if err != nil {
		return nil, err
	}
	pkgs, err := request.list(ctx)
	if err != nil {
		return nil, err
	}
	named := make(map[string]bool)
	for _, p := range pkgs {
		if p.own() && p.ForTest == "" && request.named(p) {
			named[p.ImportPath] = true
		}
	}
	var problems []error
	for _, p := range pkgs {
		if !p.own() || named[p.tested()] {
			problems = append(problems, p.problems()...)
		}
	}
	if len(named) == 0 && len(problems) == 0 {
		return nil, fmt.Errorf("%s: no packages", strings.Join(request.Patterns, " "))
	}
	key := m.Cache.key(pkgs, named)
	if res := m.Cache.load(key); res != nil && len(problems) == 0 {
		return res, nil
	}
	r := newRun(m.Engine, pkgs)
	r.analyze(ctx)
	res := r.collect(func(p *listed) bool { return named[p.tested()] })
	res.Problems = append(problems, res.Problems...)
	m.Cache.store(key, res)
	return res, nil
}

func (m Module) listing() (listing, error) {
	l := listing{Dir: m.Dir, Patterns: m.Patterns, Tags: m.Tags, Tests: m.Tests}
	if len(l.Patterns) == 0 {
		l.Patterns = []string{"."}
	}
	dir := m.Dir
	if dir == "" {
		wd, err := os.Getwd()
		if err != nil {
			return listing{}, err
		}
		dir = wd
	}
	root := config.ModuleRoot(dir)
	all := root == dir && slices.Contains(l.Patterns, "./...")
	if root != "" && !all {
		l.Whole = root
	}
	return l, nil
}

// problems returns what the go command says against the package, without what
// comes of compiling: errors in our own code are found again, with columns, and
// most of it has not been compiled at all.
func (p *listed) problems() []error {
	if p.Error == nil || strings.HasPrefix(p.Error.Err, "# ") {
		return nil
	}
	text := strings.TrimSpace(p.Error.Err)
	if p.Error.Pos != "" {
		text = p.Error.Pos + ": " + text
	}
	return []error{errors.New(text)}
}

// run is one pass over the packages of a module. Every package is a task that
// starts when those it imports are done.
type run struct {
	engine  *engine.Engine
	fset    *token.FileSet
	exports *exports           // of all but test variants
	listed  map[string]*listed // by ImportPath, which names test variants too
	order   []*task            // dependencies first
	tasks   map[string]*task   // by ImportPath
	cpu     *semaphore.Weighted
}

// task is the work on one package that is checked from source: our own, and
// what has no export data. What is imported by export data never depends on a
// package with a task, or there would be two of its types.
type task struct {
	pkg     *listed
	imports []*task       // what it imports
	done    chan struct{} // closed when the fields below are set

	types    *types.Package
	summary  *summary.Package
	local    []finding.Finding
	problems []error
	guards   *guards.Guards // nil for most
	awaited  []string       // names that resilgen is yet to declare
}

func newRun(e *engine.Engine, pkgs []*listed) *run {
	r := &run{
		engine: e,
		fset:   token.NewFileSet(),
		listed: make(map[string]*listed, len(pkgs)),
		tasks:  make(map[string]*task),
		cpu:    semaphore.NewWeighted(int64(runtime.GOMAXPROCS(0))),
	}
	r.exports = newExports(r.fset, func(path string) (string, error) { return r.exportFile(path) })
	for _, p := range pkgs {
		r.listed[p.ImportPath] = p
		if len(p.files()) == 0 || p.ImportPath == "unsafe" {
			continue
		}
		t := &task{pkg: p, done: make(chan struct{})}
		for _, id := range p.needs() {
			// The go command lists imports first: one that is not yet known is part
			// of a cycle.
			if dep, ok := r.tasks[id]; ok {
				t.imports = append(t.imports, dep)
			}
		}
		if !p.own() && p.Export != "" && len(t.imports) == 0 || p.isTestMain() {
			continue
		}
		r.tasks[p.ImportPath] = t
		r.order = append(r.order, t)
	}
	return r
}

func (r *run) exportFile(id string) (string, error) {
	p := r.listed[id]
	switch {
	case p == nil:
		return "", fmt.Errorf("package %s is not known to the go command", id)
	case p.Export == "" && len(p.problems()) > 0:
		return "", errors.New(strings.Join(strings.Fields(p.Error.Err), " ")) // it spreads advice over lines
	case p.Export == "":
		return "", fmt.Errorf("package %s does not compile", id)
	}
	return p.Export, nil
}

// analyze runs all tasks.
func (r *run) analyze(ctx context.Context) {
	var wg sync.WaitGroup
	for _, t := range r.order {
		wg.Go(func() {
			defer close(t.done)
			for _, dep := range t.imports {
				<-dep.done
			}
			if err := r.cpu.Acquire(ctx, 1); err != nil {
				t.problems = []error{err}
				return
			}
			defer r.cpu.Release(1)
			r.analyzePackage(t)
		})
	}
	wg.Wait()
}

// analyzePackage sets the fields of t. The syntax trees are garbage when it
// returns; what stays is the package's types, for its importers, and the
// summary.
func (r *run) analyzePackage(t *task) {
	p := t.pkg
	defer func() {
		if v := recover(); v != nil {
			t.problems = append(t.problems, fmt.Errorf("%s: internal error: %v\n%s", p.ImportPath, v, debug.Stack()))
		}
	}()
	src := source{
		path:      p.path(),
		goVersion: p.goVersion(),
		files:     p.files(),
		cgo:       len(p.CgoFiles) > 0,
		importer:  importerFunc(func(path string) (*types.Package, error) { return r.imported(p.resolve(path)) }),
	}
	if p.Module != nil {
		src.module = p.Module.Path
	}
	if !p.own() || p.isRebuilt() {
		t.types = declarations(r.fset, src)
		r.add(t)
		return
	}
	unit, problems := check(r.fset, src)
	t.types = unit.Pkg
	r.add(t)
	if p.ForTest != "" {
		// The other files are part of the package without tests.
		unit.Files = slices.DeleteFunc(unit.Files, func(f *ast.File) bool { return !unit.IsTest(f) })
	}
	t.problems = first(problems)
	t.summary = r.engine.Summary(unit, r.summaryOf)
	t.local = r.engine.Local(unit)
	t.guards = guards.Of(unit)
	if t.guards != nil && slices.ContainsFunc(t.local, func(f finding.Finding) bool { return f.Rule == "stalegen" }) {
		t.awaited = t.guards.Declares()
	}
}

// add makes the types of t known to those that import it. Variants for a test
// share the import path with the package proper, and are known to each other only.
func (r *run) add(t *task) {
	if t.pkg.ForTest == "" {
		r.exports.add(t.types)
	}
}

// imported returns the types of the package with that ImportPath.
func (r *run) imported(id string) (*types.Package, error) {
	if t, ok := r.tasks[id]; ok && t.pkg.ForTest != "" {
		if t.types == nil {
			return nil, fmt.Errorf("package %s cannot be used", id)
		}
		return t.types, nil
	}
	return r.exports.Import(id)
}

// maxProblems bounds what is said against one package, as the compiler does.
const maxProblems = 10

func first(problems []error) []error {
	if len(problems) <= maxProblems {
		return problems
	}
	return append(problems[:maxProblems:maxProblems], errors.New("too many errors"))
}

// summaryOf returns the summary of one of our own packages that a finished
// task has made, nil for all others.
func (r *run) summaryOf(path string) *summary.Package {
	t, ok := r.tasks[path]
	if !ok {
		return nil
	}
	select {
	case <-t.done:
		return t.summary
	default:
		return nil
	}
}

// collect judges the summaries of all packages together and keeps what lies in
// the named ones.
func (r *run) collect(named func(*listed) bool) *Result {
	res := &Result{}
	var summaries []*summary.Package
	var guarded []*model.Package
	var problems []error
	awaited := make(map[string]bool)
	ours := make(map[string]bool) // import paths, of test variants too
	for _, t := range r.order {
		if t.summary != nil {
			summaries = append(summaries, t.summary)
		}
		if t.guards != nil && len(t.guards.Problems) == 0 {
			guarded = append(guarded, t.guards.Model)
		}
		for _, name := range t.awaited {
			awaited[name] = true
		}
		if named(t.pkg) {
			ours[t.pkg.ImportPath], ours[t.pkg.path()] = true, true
			problems = append(problems, t.problems...)
			res.Findings = append(res.Findings, t.local...)
		}
	}
	for _, p := range problems {
		if awaits(p, awaited) {
			res.Awaiting = append(res.Awaiting, p)
		} else {
			res.Problems = append(res.Problems, p)
		}
	}
	slices.SortFunc(summaries, func(a, b *summary.Package) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(guarded, func(a, b *model.Package) int { return strings.Compare(a.Path, b.Path) })
	resolved := r.engine.Resolve(summaries, nil, true)
	for _, f := range slices.Concat(resolved.Findings, directive.Contradictions(r.fset, guarded)) {
		if ours[f.Package] {
			res.Findings = append(res.Findings, f)
		}
	}
	res.Calls = slices.DeleteFunc(resolved.Calls, func(c finding.Call) bool { return !ours[c.Package] })
	for i := range res.Findings {
		res.Findings[i].Package = withoutVariant(res.Findings[i].Package)
	}
	for i := range res.Calls {
		res.Calls[i].Package = withoutVariant(res.Calls[i].Package)
	}
	res.Findings = r.engine.Exclude(res.Findings, res.Calls)
	slices.SortFunc(res.Findings, finding.Compare)
	slices.SortFunc(res.Calls, finding.CompareCalls)
	return res
}

// withoutVariant returns the import path of a package that may be a test variant.
func withoutVariant(id string) string {
	path, _, _ := strings.Cut(id, " ")
	return path
}

// awaits reports whether a problem is that a name is not declared which resilgen
// is to declare.
func awaits(problem error, names map[string]bool) bool {
	var e types.Error
	if !errors.As(problem, &e) {
		return false
	}
	name, ok := strings.CutPrefix(e.Msg, "undefined: ")
	return ok && names[name[strings.LastIndexByte(name, '.')+1:]]
}
