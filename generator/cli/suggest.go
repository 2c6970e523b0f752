package cli

import (
	"errors"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"

	"github.com/resilgo/resil/generator/report"
)

// suggest prints interfaces and directives for clients that no guard covers.
func (c *command) suggest(args []string) (int, error) {
	flags := c.flags("suggest")
	if code, done := c.parse(flags, args); done {
		return code, nil
	}
	if c.Calls == nil {
		return Trouble, errors.New("suggest needs the analyzer, which this build lacks")
	}
	patterns := flags.Args()
	if len(patterns) == 0 {
		patterns = []string{"."}
	}
	calls, err := c.Calls(patterns)
	if err != nil {
		return Trouble, err
	}
	if len(calls) == 0 {
		c.sayf("resilgen: every outbound call in %s is guarded", named(patterns))
		return Done, nil
	}
	lookup, err := c.callees(calls)
	if err != nil {
		return Trouble, err
	}
	c.out.Write(report.Suggest(calls, lookup))
	return Done, nil
}

// callees loads the packages whose methods are called, together, so that their
// types agree.
func (c *command) callees(calls []report.Call) (func(path string) *types.Package, error) {
	var paths []string
	for _, call := range calls {
		if path := report.PackageOf(call.Callee); path != "" && !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	if paths == nil {
		return func(string) *types.Package { return nil }, nil
	}
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedTypes | packages.NeedImports | packages.NeedDeps,
		Dir:  c.Dir, Env: c.Env, Context: c.ctx,
	}, paths...)
	if err != nil {
		return nil, errors.New(strings.TrimSpace(err.Error()))
	}
	byPath := map[string]*types.Package{}
	for _, p := range loaded {
		byPath[p.PkgPath] = p.Types
	}
	return func(path string) *types.Package { return byPath[path] }, nil
}
