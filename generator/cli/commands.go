package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/resilgo/resil/generator"
	"github.com/resilgo/resil/generator/directive"
	"github.com/resilgo/resil/generator/internal/emit"
	"github.com/resilgo/resil/generator/report"
)

// sub is one subcommand.
type sub struct {
	name  string
	args  string // what follows the name
	about string
	flags string // what they do, a line each
	run   func(c *command, args []string) (int, error)
}

// subcommands returns all of them, in the order of the help text.
func subcommands() []sub {
	return []sub{
		{
			"list", "[-json] [packages]", "what is guarded, by which policies, at which level",
			"  -json  as JSON: {dependencies: [...], methods: [...]}\n", (*command).list,
		},
		{"explain", "X.Method [packages]", "the policy in force for a method and where each value comes from", "", (*command).explain},
		{
			"alerts", "[-tests FILE] [packages]", "Prometheus alerting rules",
			"  -tests FILE  instead of rules unit tests for promtool of the rules in FILE:\n               each alert is silent, fires and resolves\n", (*command).alerts,
		},
		{"dashboard", "[packages]", "a Grafana dashboard", "", reporter(report.Dashboard)},
		{"runbook", "[packages]", "what to do about each dependency, in Markdown", "", reporter(func(in report.Input) ([]byte, error) {
			return report.Runbook(in), nil
		})},
		{
			"experiments", "[-only NAME] [packages]", "a Chaos Toolkit experiment that takes dependencies away",
			"  -only NAME  only of these dependencies, separated by commas\n", (*command).experiments,
		},
		{
			"tests", "[-check] [-n] [-coverage] [packages]", "a Go test file per package that proves each guard",
			"  -check  write nothing; print a diff and every missing, stale or\n          orphaned file\n  -n      write nothing; print what would be written\n  -coverage\n          also say how much of what is declared the tests exercise; exit 1 unless\n          it is all of it\n", (*command).tests,
		},
		{"suggest", "[packages]", "interfaces and directives to paste for calls that no guard covers", "", (*command).suggest},
		{"help", "[VERB]", "what a directive means; without a verb, which there are", "", (*command).help},
	}
}

// subcommand returns the subcommand of that name, nil if there is none.
func subcommand(name string) *sub {
	for _, s := range subcommands() {
		if s.name == name {
			return &s
		}
	}
	return nil
}

// usage returns the help text of a subcommand.
func (s *sub) usage() string {
	text := fmt.Sprintf("Usage: resilgen %s %s\n\n%s.\n", s.name, s.args, strings.ToUpper(s.about[:1])+s.about[1:])
	if s.flags != "" {
		text += "\n" + s.flags
	}
	return text
}

// reporter returns the run function of a report without options.
func reporter(render func(report.Input) ([]byte, error)) func(*command, []string) (int, error) {
	return func(c *command, args []string) (int, error) {
		flags := c.flags(c.Args[0])
		if code, done := c.parse(flags, args); done {
			return code, nil
		}
		return c.print(flags.Args(), render)
	}
}

// print prints a report of the packages.
func (c *command) print(patterns []string, render func(report.Input) ([]byte, error)) (int, error) {
	m, err := generator.Load(c.options(patterns))
	if err != nil || !c.valid(m.Findings) {
		return Invalid, err
	}
	c.noteNothing(m, patterns)
	content, err := render(report.Input{Fset: m.Fset, Packages: m.Packages, Kin: m.Kin, Dir: c.Dir})
	if err != nil {
		c.sayf("resilgen: %v", err)
		return Invalid, nil
	}
	c.out.Write(content)
	return Done, nil
}

// noteNothing says that there is nothing to report. Guards in test files are no
// part of the service.
func (c *command) noteNothing(m *generator.Model, patterns []string) {
	if len(m.Packages) == 0 {
		c.sayf("resilgen: no guarded interfaces in %s, test files aside", named(patterns))
	}
}

func (c *command) list(args []string) (int, error) {
	flags := c.flags("list")
	asJSON := flags.Bool("json", false, "")
	if code, done := c.parse(flags, args); done {
		return code, nil
	}
	return c.print(flags.Args(), func(in report.Input) ([]byte, error) {
		if *asJSON {
			return report.ListJSON(in)
		}
		return report.List(in), nil
	})
}

func (c *command) alerts(args []string) (int, error) {
	flags := c.flags("alerts")
	rules := flags.String("tests", "", "")
	if code, done := c.parse(flags, args); done {
		return code, nil
	}
	return c.print(flags.Args(), func(in report.Input) ([]byte, error) {
		if *rules != "" {
			return report.AlertTests(in, *rules)
		}
		return report.Alerts(in)
	})
}

func (c *command) experiments(args []string) (int, error) {
	flags := c.flags("experiments")
	names := flags.String("only", "", "")
	if code, done := c.parse(flags, args); done {
		return code, nil
	}
	return c.print(flags.Args(), func(in report.Input) ([]byte, error) {
		if *names == "" {
			return report.Experiments(in)
		}
		return report.Experiments(in, strings.Split(*names, ",")...)
	})
}

func (c *command) explain(args []string) (int, error) {
	flags := c.flags("explain")
	if code, done := c.parse(flags, args); done {
		return code, nil
	}
	if flags.NArg() == 0 {
		return Trouble, errors.New("explain needs the method, for example: resilgen explain Prices.Price")
	}
	return c.print(flags.Args()[1:], func(in report.Input) ([]byte, error) { return report.Explain(in, flags.Arg(0)) })
}

// tests writes the test files; unlike the reports they belong beside the code.
func (c *command) tests(args []string) (int, error) {
	flags := c.flags("tests")
	c.emitFlags(flags)
	coverage := flags.Bool("coverage", false, "")
	if code, done := c.parse(flags, args); done {
		return code, nil
	}
	if i := slices.IndexFunc(flags.Args(), func(arg string) bool { return strings.HasSuffix(arg, ".go") }); i >= 0 {
		return Trouble, fmt.Errorf("tests are written for whole packages; name the folder of %s", flags.Arg(i))
	}
	m, err := generator.Load(c.options(flags.Args()))
	if err != nil || !c.valid(m.Findings) {
		return Invalid, err
	}
	c.noteNothing(m, flags.Args())
	files, err := report.Tests(report.Input{Fset: m.Fset, Packages: m.Packages, Dir: c.Dir})
	if err != nil {
		return Trouble, err
	}
	changes, refused, err := testChanges(m.Folders, files)
	if err != nil {
		return Trouble, err
	}
	for _, r := range refused {
		c.sayf("%s: %s", c.rel(r.Path), r.Reason)
	}
	if len(refused) > 0 {
		return Invalid, nil
	}
	code, err := c.emit(changes, func() error { return emit.Apply(changes, c.ctx.Err) })
	if !*coverage || err != nil || code == Trouble {
		return code, err
	}
	for _, f := range files {
		c.printf("%s: %s\n", c.rel(f.Path), f.Coverage)
		for _, missing := range f.Coverage.Missing {
			c.sayf("%s: %s", c.rel(f.Path), missing)
			code = Invalid
		}
	}
	return code, nil
}

// testChanges compares written tests with what the folders hold, the tests of
// guards that are gone included.
func testChanges(folders []string, files []report.TestFile) (changes []*emit.Change, refused []*emit.Refusal, err error) {
	wanted := map[string]bool{}
	for _, f := range files {
		if f.Content == nil {
			continue // none of its guards can be tested
		}
		wanted[f.Path] = true
		change, err := emit.Compare(f.Path, f.Content)
		var refusal *emit.Refusal
		switch {
		case errors.As(err, &refusal):
			refused = append(refused, refusal)
		case err != nil:
			return nil, nil, err
		case change != nil:
			changes = append(changes, change)
		}
	}
	for _, dir := range folders {
		path := filepath.Join(dir, report.TestsFile)
		content, err := os.ReadFile(path)
		switch {
		case wanted[path] || errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, nil, err
		case bytes.HasPrefix(content, []byte(report.TestsHeader)):
			changes = append(changes, emit.Orphan(path, content))
		}
	}
	return changes, refused, nil
}

func (c *command) help(args []string) (int, error) {
	flags := c.flags("help")
	if code, done := c.parse(flags, args); done {
		return code, nil
	}
	if flags.NArg() > 1 {
		return Trouble, errors.New("help takes one directive")
	}
	if s := subcommand(flags.Arg(0)); s != nil {
		c.usage(s.name)
		return Done, nil
	}
	text, err := directive.Help(flags.Arg(0))
	if err != nil {
		return Trouble, err
	}
	c.printf("%s", text)
	return Done, nil
}
