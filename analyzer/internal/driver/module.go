package driver

import (
	"context"
	"errors"
	"fmt"
	"go/token"
	"go/types"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/resilgo/resil/analyzer/internal/config"
	"github.com/resilgo/resil/analyzer/internal/engine"
	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/analyzer/internal/summary"
)

// Module describes a run over a whole module.
type Module struct {
	Dir      string   // where patterns are resolved; empty is the working directory
	Patterns []string // packages or Go files to report on; empty is "."
	Tags     string   // build tags, separated by commas
	Tests    bool     // look at _test.go files too
	Engine   *engine.Engine
}

// Result is what a run finds.
type Result struct {
	Findings []finding.Finding // sorted by place
	Calls    []finding.Call    // sorted by place
	Problems []error           // what is wrong with the packages themselves; positions are in the text
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
	run := newRun(m.Engine, pkgs)
	named := make(map[string]bool)
	var problems []error
	for _, p := range pkgs {
		switch {
		case p.own() && request.named(p) && p.ForTest == "":
			named[p.path()] = true
			problems = append(problems, p.problems()...)
		case !p.own() && p.Error != nil:
			problems = append(problems, p.problems()...)
		}
	}
	if len(named) == 0 && len(problems) == 0 {
		return nil, fmt.Errorf("%s: no packages", strings.Join(request.Patterns, " "))
	}
	units := run.analyze(ctx)
	return run.collect(units, problems, func(path string) bool { return named[strings.TrimSuffix(path, "_test")] || named[path] }), nil
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
	if root != "" && !all && !namesFiles(l.Patterns) {
		l.Whole = root
	}
	return l, nil
}

// problems returns what the go command says against the package, without the
// compiler's errors in our own code: those are found again, with columns.
func (p *listed) problems() []error {
	if p.Error == nil || p.own() && strings.HasPrefix(p.Error.Err, "# ") {
		return nil
	}
	text := strings.TrimSpace(p.Error.Err)
	if p.Error.Pos != "" {
		text = p.Error.Pos + ": " + text
	}
	return []error{fmt.Errorf("%s", text)}
}

// run is one pass over the packages of a module. Every package is a task that
// starts when those it imports are done.
type run struct {
	engine  *engine.Engine
	fset    *token.FileSet
	exports *exports
	listed  map[string]*listed // by ImportPath, which names test variants too
	order   []*listed          // our own, dependencies first
	tasks   map[string]*task   // our own, by ImportPath
	cpu     *semaphore.Weighted
}

// task is the work on one package.
type task struct {
	done chan struct{} // closed when the fields below are set

	summary  *summary.Package
	local    []finding.Finding
	problems []error
}

func newRun(e *engine.Engine, pkgs []*listed) *run {
	r := &run{
		engine: e,
		fset:   token.NewFileSet(),
		listed: make(map[string]*listed, len(pkgs)),
		tasks:  make(map[string]*task),
		cpu:    semaphore.NewWeighted(int64(runtime.GOMAXPROCS(0))),
	}
	r.exports = newExports(r.fset, r.exportFile)
	for _, p := range pkgs {
		r.listed[p.ImportPath] = p
		if p.own() && len(p.files()) > 0 && !strings.HasSuffix(p.ImportPath, ".test") {
			r.order = append(r.order, p)
			r.tasks[p.ImportPath] = &task{done: make(chan struct{})}
		}
	}
	return r
}

func (r *run) exportFile(path string) (string, error) {
	p := r.listed[path]
	switch {
	case p == nil:
		return "", fmt.Errorf("package %s is not known to the go command", path)
	case p.Error != nil && p.Export == "":
		return "", fmt.Errorf("package %s cannot be used", path)
	case p.Export == "":
		return "", fmt.Errorf("package %s has no export data", path)
	}
	return p.Export, nil
}

// analyze runs all tasks and returns them in the order of r.order.
func (r *run) analyze(ctx context.Context) []*task {
	var wg sync.WaitGroup
	tasks := make([]*task, len(r.order))
	for i, p := range r.order {
		t := r.tasks[p.ImportPath]
		tasks[i] = t
		wg.Go(func() {
			defer close(t.done)
			for _, imported := range p.Imports {
				if dep, ok := r.tasks[p.resolve(imported)]; ok {
					<-dep.done
				}
			}
			if err := r.cpu.Acquire(ctx, 1); err != nil {
				t.problems = []error{err}
				return
			}
			defer r.cpu.Release(1)
			r.analyzePackage(p, t)
		})
	}
	wg.Wait()
	return tasks
}

// resolve returns the ImportPath of the package that the import path stands
// for in p.
func (p *listed) resolve(path string) string {
	if mapped, ok := p.ImportMap[path]; ok {
		return mapped
	}
	return path
}

// analyzePackage sets the fields of t. The syntax trees are garbage when it
// returns; what stays is the package's types, for its importers, and the
// summary.
func (r *run) analyzePackage(p *listed, t *task) {
	defer func() {
		if v := recover(); v != nil {
			t.problems = append(t.problems, fmt.Errorf("%s: internal error: %v\n%s", p.ImportPath, v, debug.Stack()))
		}
	}()
	module := ""
	if p.Module != nil {
		module = p.Module.Path
	}
	unit, problems := check(r.fset, source{
		path:      p.path(),
		module:    module,
		goVersion: p.goVersion(),
		files:     p.files(),
		cgo:       len(p.CgoFiles) > 0,
		importer: importerFunc(func(path string) (*types.Package, error) {
			return r.exports.Import(p.resolve(path))
		}),
	})
	r.exports.add(unit.Pkg)
	t.problems = first(problems)
	t.summary = r.engine.Summary(unit, r.summaryOf)
	t.local = r.engine.Local(unit)
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
func (r *run) collect(tasks []*task, problems []error, named func(path string) bool) *Result {
	res := &Result{Problems: problems}
	var summaries []*summary.Package
	for i, t := range tasks {
		if t.summary != nil {
			summaries = append(summaries, t.summary)
		}
		if named(r.order[i].path()) {
			res.Problems = append(res.Problems, t.problems...)
			res.Findings = append(res.Findings, t.local...)
		}
	}
	slices.SortFunc(summaries, func(a, b *summary.Package) int { return strings.Compare(a.Path, b.Path) })
	resolved := r.engine.Resolve(summaries, nil, true)
	for _, f := range resolved.Findings {
		if named(f.Package) {
			res.Findings = append(res.Findings, f)
		}
	}
	for _, c := range resolved.Calls {
		if named(c.Package) {
			res.Calls = append(res.Calls, c)
		}
	}
	res.Findings = r.engine.Exclude(res.Findings, res.Calls)
	slices.SortFunc(res.Findings, finding.Compare)
	slices.SortFunc(res.Calls, finding.CompareCalls)
	return res
}
