// Package config holds what users may tell resilvet about their code: more
// outbound primitives, more guards, and what to leave out. The command line
// reads it from .resilvet.yml; golangci-lint and Bazel hand it over as settings,
// because they could not see a file change.
package config

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Filename is the file that the command line looks for, from the working
// directory upwards to the root of the module.
const Filename = ".resilvet.yml"

// Config is the content of the file. The zero Config adds nothing.
type Config struct {
	// Primitives are functions that call a dependency.
	Primitives []Primitive `yaml:"primitives" json:"primitives"`

	// Guards are functions that run their function parameters inside a guard.
	Guards []Guard `yaml:"guards" json:"guards"`

	// Exclusions are places that are looked at but not reported.
	Exclusions []Exclusion `yaml:"exclusions" json:"exclusions"`
}

// Primitive is a function, method or interface method that calls a dependency.
type Primitive struct {
	// Func names it: "example.com/acme.Send" or "example.com/acme.Client.Send".
	// The spelling of go/types, "(*example.com/acme.Client).Send", is fine too,
	// and "*" stands for any characters in the names of type and function.
	Func string `yaml:"func" json:"func"`

	// Dependency is the kind of dependency in the report. Empty is the last
	// element of the package's path.
	Dependency string `yaml:"dependency" json:"dependency"`

	// Ignore says the reverse, against the built-in catalogue: it is no call.
	Ignore bool `yaml:"ignore" json:"ignore"`
}

// Guard is a function or method that runs its function parameters behind a
// breaker.
type Guard struct {
	// Func names it, as in [Primitive].
	Func string `yaml:"func" json:"func"`

	// Name is what the report calls the guard. Empty is the last element of the
	// package's path.
	Name string `yaml:"name" json:"name"`

	// Makes says that it runs nothing, but returns a client, transport, driver or
	// interceptor that has a breaker inside.
	Makes bool `yaml:"makes" json:"makes"`

	// Timed says that it bounds what it runs in time, too.
	Timed bool `yaml:"timed" json:"timed"`
}

// Exclusion leaves findings out. A finding must match all fields that are not
// empty; at least one of Packages, Files and Funcs must be given.
type Exclusion struct {
	// Rules that are left out; empty is all.
	Rules []string `yaml:"rules" json:"rules"`

	// Packages are import paths; "/..." at the end takes in those below.
	Packages []string `yaml:"packages" json:"packages"`

	// Files are patterns of path.Match for slash-separated paths below the root
	// of the module; "/**" at the end takes in everything below a folder.
	Files []string `yaml:"files" json:"files"`

	// Funcs are called functions, named as in [Primitive].
	Funcs []string `yaml:"funcs" json:"funcs"`

	// Reason says why. It is required, and shown in the coverage report.
	Reason string `yaml:"reason" json:"reason"`
}

// FuncName is a function's name taken apart.
type FuncName struct {
	Package  string // import path
	Receiver string // name of the receiver's type without "*" and type arguments; empty for a function
	Name     string
}

var (
	plainName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^((?:[^\s()*]+/)?[^\s()*/.]+(?:\.v\d+)?)\.(?:([\pL*?][\pL\d_*?]*)\.)?([\pL*?][\pL\d_*?]*)$`)
	})
	methodName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^\(\*?((?:[^\s()*]+/)?[^\s()*/.]+(?:\.v\d+)?)\.([\pL*?][\pL\d_*?]*)(?:\[.*\])?\)\.([\pL*?][\pL\d_*?]*)$`)
	})
)

// ParseFunc takes a function's name apart.
func ParseFunc(s string) (FuncName, error) {
	m := methodName().FindStringSubmatch(s)
	if m == nil {
		m = plainName().FindStringSubmatch(s)
	}
	if m == nil {
		return FuncName{}, fmt.Errorf("%q does not name a function; want example.com/pkg.Func or example.com/pkg.Type.Method", s)
	}
	return FuncName{Package: m[1], Receiver: m[2], Name: m[3]}, nil
}

// Problem is a mistake in a configuration.
type Problem struct {
	Path    string // of the value: "exclusions[0].rules[1]"; empty for the whole
	Message string
}

// Check returns all mistakes in c, in the order of the file. rules are the names
// that Exclusion.Rules may hold.
func (c Config) Check(rules []string) []Problem {
	var problems []Problem
	report := func(path, message string) { problems = append(problems, Problem{path, message}) }
	name := func(path, s string) {
		if _, err := ParseFunc(s); err != nil {
			report(path, err.Error())
		}
	}
	for i, p := range c.Primitives {
		name(fmt.Sprintf("primitives[%d].func", i), p.Func)
	}
	for i, g := range c.Guards {
		name(fmt.Sprintf("guards[%d].func", i), g.Func)
	}
	for i, e := range c.Exclusions {
		at := fmt.Sprintf("exclusions[%d]", i)
		for j, r := range e.Rules {
			if !slices.Contains(rules, r) {
				report(fmt.Sprintf("%s.rules[%d]", at, j), fmt.Sprintf("unknown rule %q; the rules are %s", r, strings.Join(rules, ", ")))
			}
		}
		for j, f := range e.Files {
			if _, err := path.Match(strings.TrimSuffix(f, "/**"), ""); err != nil {
				report(fmt.Sprintf("%s.files[%d]", at, j), fmt.Sprintf("bad pattern %q: %v", f, err))
			}
		}
		for j, f := range e.Funcs {
			name(fmt.Sprintf("%s.funcs[%d]", at, j), f)
		}
		if len(e.Packages)+len(e.Files)+len(e.Funcs) == 0 {
			report(at, "an exclusion must name packages, files or funcs")
		}
		if strings.TrimSpace(e.Reason) == "" {
			report(at, "an exclusion needs a reason")
		}
	}
	return problems
}

// Place is what exclusions are matched against.
type Place struct {
	Rule    string // empty for a call that no rule reports
	Package string // import path
	File    string // slash-separated path below the root of the module
	Callee  string // full name of the called function; may be empty
}

// Excluded returns the reason of the first exclusion that takes in the place.
func (c Config) Excluded(p Place) (reason string, ok bool) {
	for _, e := range c.Exclusions {
		if e.matches(p) {
			return e.Reason, true
		}
	}
	return "", false
}

func (e Exclusion) matches(p Place) bool {
	some := func(patterns []string, match func(pattern string) bool) bool {
		return len(patterns) == 0 || slices.ContainsFunc(patterns, match)
	}
	return some(e.Rules, func(r string) bool { return r == p.Rule }) &&
		some(e.Packages, func(pattern string) bool { return matchTree(pattern, "/...", p.Package) }) &&
		some(e.Files, func(pattern string) bool { return matchTree(pattern, "/**", p.File) }) &&
		some(e.Funcs, func(name string) bool { return sameFunc(name, p.Callee) })
}

// matchTree matches name against a pattern of path.Match, or against anything
// at or below it if the pattern ends in tail.
func matchTree(pattern, tail, name string) bool {
	root, tree := pattern, false
	if tail != "" {
		root, tree = strings.CutSuffix(pattern, tail)
	}
	for {
		if ok, err := path.Match(root, name); err == nil && ok {
			return true
		}
		i := strings.LastIndexByte(name, '/')
		if !tree || i < 0 {
			return false
		}
		name = name[:i]
	}
}

// sameFunc reports whether the pattern names the function.
func sameFunc(pattern, name string) bool {
	p, err := ParseFunc(pattern)
	if err != nil {
		return false
	}
	f, err := ParseFunc(name)
	if err != nil {
		return false
	}
	return p.Package == f.Package && (p.Receiver == "") == (f.Receiver == "") &&
		matchTree(p.Receiver, "", f.Receiver) && matchTree(p.Name, "", f.Name)
}
