package command

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/resilgo/resil/analyzer/internal/report"
)

// options are the flags of resilvet.
type options struct {
	set *flag.FlagSet

	json    bool
	context int
	fix     bool
	diff    bool
	rules   map[string]*choice

	// Of the command line alone, not of go vet.
	tests         bool
	tags          string
	sarif         string
	baseline      string
	writeBaseline string
	report        string
	config        string
	explain       string
	cpuProfile    string
	memProfile    string
	trace         string

	version    bool // -V=full
	printFlags bool
}

// ownFlags are the names of flags that mean nothing under go vet: it sees one
// package, chooses files and tags itself, and could not tell when a file that a
// flag names has changed.
var ownFlags = []string{
	"test", "tags", "sarif", "baseline", "write-baseline", "report", "config", "explain",
	"cpuprofile", "memprofile", "trace", "flags", "V",
}

// errUsage is returned when the arguments are wrong; what is wrong has been
// printed.
var errUsage = errors.New("usage")

// parse parses the arguments behind the command's name.
func parse(args []string, suite []*analysis.Analyzer, stderr io.Writer) (*options, error) {
	o := &options{set: flag.NewFlagSet("resilvet", flag.ContinueOnError), rules: make(map[string]*choice)}
	fs := o.set
	fs.SetOutput(io.Discard)
	fs.BoolVar(&o.json, "json", false, "print findings as JSON, in the shape of go vet -json")
	fs.IntVar(&o.context, "c", -1, "print the offending line with `N` lines of context")
	fs.BoolVar(&o.fix, "fix", false, "apply suggested fixes; print what is left")
	fs.BoolVar(&o.diff, "diff", false, "print what -fix would change as a unified diff, and change nothing")
	for _, a := range suite {
		c := new(choice)
		o.rules[a.Name] = c
		summary, _, _ := strings.Cut(a.Doc, "\n")
		fs.Var(c, a.Name, "run this rule only, or with =false all others: "+summary)
	}
	fs.BoolVar(&o.tests, "test", false, "look at _test.go files too")
	fs.StringVar(&o.tags, "tags", "", "build `tags`, separated by commas")
	fs.StringVar(&o.sarif, "sarif", "", "write findings to `FILE` as SARIF 2.1.0; - is standard output")
	fs.StringVar(&o.baseline, "baseline", "", "report only findings that are not in `FILE`")
	fs.StringVar(&o.writeBaseline, "write-baseline", "", "write all findings to `FILE` as the baseline, and succeed")
	fs.StringVar(&o.report, "report", "", "print the coverage of outbound calls as `FORMAT`: "+strings.Join(report.Formats, ", "))
	fs.StringVar(&o.config, "config", "", "read more primitives, guards and exclusions from `FILE` (default .resilvet.yml of the module, if there is one)")
	fs.StringVar(&o.explain, "explain", "", "print the documentation of `RULE`")
	fs.StringVar(&o.cpuProfile, "cpuprofile", "", "write a CPU profile to `FILE`")
	fs.StringVar(&o.memProfile, "memprofile", "", "write a memory profile to `FILE`")
	fs.StringVar(&o.trace, "trace", "", "write an execution trace to `FILE`")
	fs.BoolVar(&o.printFlags, "flags", false, "print the flags that go vet may pass on, as JSON")
	fs.Var(versionFlag{&o.version}, "V", "with =full, print the version as the go command wants it")

	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		fmt.Fprintf(stderr, "resilvet: %v\nRun 'resilvet -h' for usage.\n", err)
		return nil, errUsage
	}
	if err := o.check(suite); err != nil {
		fmt.Fprintf(stderr, "resilvet: %v\n", err)
		return nil, errUsage
	}
	return o, nil
}

// check refuses flags that cannot work together.
func (o *options) check(suite []*analysis.Analyzer) error {
	switch {
	case o.report != "" && !slices.Contains(report.Formats, o.report):
		return fmt.Errorf("-report=%s: want %s", o.report, strings.Join(report.Formats, ", "))
	case o.report != "" && o.json:
		return errors.New("-report and -json both print to standard output; choose one")
	case o.diff && o.json:
		return errors.New("-diff and -json both print to standard output; choose one")
	case o.sarif == "-" && (o.json || o.report != "" || o.diff):
		return errors.New("-sarif=- prints to standard output, as -json, -report and -diff do; give it a file")
	case o.writeBaseline != "" && (o.fix || o.diff):
		return errors.New("-write-baseline records findings, -fix and -diff mend them; choose one")
	case o.explain != "" && !slices.ContainsFunc(suite, func(a *analysis.Analyzer) bool { return a.Name == o.explain }):
		return fmt.Errorf("-explain=%s: no such rule; the rules are %s", o.explain, strings.Join(names(suite), ", "))
	}
	return nil
}

// enabled returns the names of the rules to run: those that are asked for, or
// else all but those that are not wanted.
func (o *options) enabled(suite []*analysis.Analyzer) []string {
	var only, others []string
	for _, name := range names(suite) {
		switch *o.rules[name] {
		case yes:
			only = append(only, name)
		case unset:
			others = append(others, name)
		case no:
		}
	}
	if len(only) > 0 {
		return only
	}
	return others
}

func names(suite []*analysis.Analyzer) []string {
	var names []string
	for _, a := range suite {
		names = append(names, a.Name)
	}
	return names
}

// vetFlags writes the flags that go vet may pass on, as it wants them.
func (o *options) vetFlags(w io.Writer) error {
	type vetFlag struct {
		Name  string
		Bool  bool
		Usage string
	}
	var flags []vetFlag
	o.set.VisitAll(func(f *flag.Flag) {
		if slices.Contains(ownFlags, f.Name) {
			return
		}
		b, ok := f.Value.(interface{ IsBoolFlag() bool })
		flags = append(flags, vetFlag{f.Name, ok && b.IsBoolFlag(), f.Usage})
	})
	data, err := json.MarshalIndent(flags, "", "\t")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", data)
	return err
}

func (o *options) usage(w io.Writer) {
	fmt.Fprint(w, `resilvet finds outbound calls that no guard covers, and guards that do not hold
what they promise.

Usage:
  resilvet [flags] [packages]                      (default .)
  go vet -vettool=$(command -v resilvet) [flags] [packages]

It exits with 0 if it finds nothing, 3 if there are findings, 1 if there is
trouble. A line with a comment //resil:guarded REASON is left alone.

Flags:
`)
	o.set.SetOutput(w)
	o.set.PrintDefaults()
}

// choice is a boolean flag that knows whether it was given.
type choice int

const (
	unset choice = iota
	yes
	no
)

func (c *choice) IsBoolFlag() bool { return true }

func (c *choice) String() string { return "" } // so that usage tells no default

func (c *choice) Set(s string) error {
	on, err := strconv.ParseBool(s)
	if err != nil {
		return errors.New("want true or false")
	}
	*c = no
	if on {
		*c = yes
	}
	return nil
}

// versionFlag is the part of the go command's -V protocol that tools must speak.
type versionFlag struct{ asked *bool }

func (versionFlag) IsBoolFlag() bool { return true }

func (versionFlag) String() string { return "" }

func (v versionFlag) Set(s string) error {
	*v.asked = true
	if s != "full" && s != "true" {
		return errors.New("want -V or -V=full")
	}
	return nil
}
