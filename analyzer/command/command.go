// Package command is the command line of resilvet: flags in, findings out.
package command

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/resilgo/resil/analyzer"
	"github.com/resilgo/resil/analyzer/directive"
	"github.com/resilgo/resil/analyzer/internal/config"
	"github.com/resilgo/resil/analyzer/internal/driver"
	"github.com/resilgo/resil/analyzer/internal/engine"
	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/analyzer/internal/fix"
	"github.com/resilgo/resil/analyzer/internal/report"
	"github.com/resilgo/resil/analyzer/internal/ruledoc"
	"github.com/resilgo/resil/analyzer/stalegen"
)

// The exit codes of resilvet.
const (
	exitClean    = 0
	exitTrouble  = 1
	exitFindings = 3
)

// Toolexec answers the go command where it runs this binary in place of a tool:
// resilvet lists packages without letting anything be compiled, and asks for
// that through its own executable. Every command that calls [Main] must ask
// Toolexec first. It reports false when args, the name first, are not that.
func Toolexec(args []string, stdout, stderr io.Writer) (code int, ours bool) {
	if len(args) < 2 || args[1] != driver.ToolexecFlag {
		return 0, false
	}
	return driver.Toolexec(args[2:], stdout, stderr), true
}

// Main runs resilvet with the arguments, of which the first is its name, and
// returns its exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	if code, ours := Toolexec(args, stdout, stderr); ours {
		return code
	}
	c := &command{stdout: stdout, stderr: stderr, suite: analyzer.Suite()}
	code, err := c.run(args[1:])
	switch {
	case errors.Is(err, errUsage):
		return exitTrouble
	case err != nil:
		c.problem(err)
		return exitTrouble
	}
	return code
}

// command is one run of resilvet.
type command struct {
	*options
	stdout, stderr io.Writer
	suite          []*analysis.Analyzer
	dir            string // working directory
}

func (c *command) run(args []string) (int, error) {
	// As in all tools of go/analysis, "help" and "help RULE" explain.
	if len(args) > 0 && args[0] == "help" {
		if len(args) > 1 {
			args = []string{"-explain", args[1]}
		} else {
			args = []string{"-h"}
		}
	}
	opts, err := parse(args, c.suite, c.stderr)
	if errors.Is(err, flag.ErrHelp) {
		opts.usage(c.stdout)
		return exitClean, nil
	}
	if err != nil {
		return 0, err
	}
	c.options = opts
	if c.dir, err = os.Getwd(); err != nil {
		return 0, err
	}
	switch {
	case c.version:
		return exitClean, c.printVersion()
	case c.printFlags:
		return exitClean, c.vetFlags(c.stdout)
	case c.explain != "":
		return exitClean, c.printRule()
	case c.set.NArg() == 1 && strings.HasSuffix(c.set.Arg(0), ".cfg"):
		return c.vetUnit(c.set.Arg(0))
	default:
		return c.profiled(c.analyze)
	}
}

func (c *command) printRule() error {
	i := slices.Index(names(c.suite), c.explain)
	_, err := io.WriteString(c.stdout, ruledoc.Text(c.explain, c.suite[i].Doc))
	return err
}

// analyze is the run over packages.
func (c *command) analyze() (int, error) {
	conf, err := c.configuration()
	if err != nil {
		return 0, err
	}
	eng, err := engine.New(conf, directive.Check, stalegen.Check)
	if err != nil {
		return 0, err
	}
	var known *report.Baseline
	if c.baseline != "" && c.writeBaseline == "" { // else all are known in a moment
		if known, err = report.ReadBaseline(c.baseline); err != nil {
			return 0, err
		}
	}
	var res driver.Result
	runs, err := targets(c.dir, c.set.Args())
	if err != nil {
		return 0, err
	}
	for _, t := range runs {
		of, err := driver.Module{
			Dir:      t.dir,
			Patterns: t.patterns,
			Tags:     c.tags,
			Tests:    c.tests || c.report != "",
			Engine:   eng,
			Cache:    resultCache(conf),
		}.Analyze(context.Background())
		if err != nil {
			return 0, err
		}
		res.Add(of)
	}
	findings := c.wanted(res.Findings)
	problems := res.Problems
	if !slices.ContainsFunc(findings, func(f finding.Finding) bool { return f.Rule == "stalegen" }) {
		problems = append(problems, res.Awaiting...)
	}
	for _, p := range problems {
		c.problem(p)
	}
	if c.writeBaseline != "" {
		if err := writeFile(c.writeBaseline, func(w io.Writer) error { return report.WriteBaseline(w, findings) }); err != nil {
			return 0, err
		}
		fmt.Fprintf(c.stderr, "resilvet: wrote %s to %s\n", plural(len(findings), "finding"), c.writeBaseline)
		findings = nil
	}
	if known != nil {
		var gone int
		findings, gone = known.New(findings)
		if gone > 0 {
			fmt.Fprintf(c.stderr, "resilvet: %s in %s no longer found; -write-baseline takes them out\n", plural(gone, "finding"), c.baseline)
		}
	}
	shown := findings
	if c.fix || c.diff {
		if shown, err = c.mend(findings); err != nil {
			return 0, err
		}
		if c.fix && !c.diff {
			findings = shown
		}
	}
	if err := c.print(shown, res.Calls); err != nil {
		return 0, err
	}
	switch {
	case len(problems) > 0:
		return exitTrouble, nil
	case len(findings) > 0:
		return exitFindings, nil
	default:
		return exitClean, nil
	}
}

// configuration reads the file of -config, or the one that holds for the working
// directory.
func (c *command) configuration() (config.Config, error) {
	name := c.config
	if name == "" {
		if name = config.Find(c.dir); name == "" {
			return config.Config{}, nil
		}
		name = report.Short(c.dir, name)
	}
	return config.Read(name, names(c.suite))
}

// wanted returns the findings of enabled rules, and those in tests only if they
// were asked for.
func (c *command) wanted(findings []finding.Finding) []finding.Finding {
	enabled := c.enabled(c.suite)
	var out []finding.Finding
	for _, f := range findings {
		if slices.Contains(enabled, f.Rule) && (c.tests || !f.Test) {
			out = append(out, f)
		}
	}
	return out
}

// mend applies fixes, or prints what they would change, and returns the findings
// that are left.
func (c *command) mend(findings []finding.Finding) ([]finding.Finding, error) {
	plan, err := fix.Plan(findings, os.ReadFile)
	if err != nil {
		return nil, err
	}
	for _, f := range plan.Files {
		if c.diff {
			fmt.Fprint(c.stdout, f.Diff(func(name string) string { return report.Short(c.dir, name) }))
			continue
		}
		if err := os.WriteFile(f.Name, f.New, 0o644); err != nil {
			return nil, err
		}
	}
	if plan.Conflicts > 0 {
		fmt.Fprintf(c.stderr, "resilvet: %s overlap others; run it again\n", plural(plan.Conflicts, "fix", "fixes"))
	}
	return plan.Left, nil
}

// print writes the findings, and the report if one is asked for. What is not
// findings in text has standard output for itself.
func (c *command) print(findings []finding.Finding, calls []finding.Call) error {
	text := c.stdout
	switch {
	case c.report != "":
		if err := report.NewCoverage(calls, c.dir).Write(c.stdout, c.report); err != nil {
			return err
		}
		text = c.stderr
	case c.diff, c.sarif == "-":
		text = c.stderr
	}
	if c.sarif != "" {
		if err := c.writeSARIF(findings); err != nil {
			return err
		}
	}
	if c.json {
		return report.JSON(c.stdout, findings, nil)
	}
	if err := report.Text(text, findings, c.dir, c.context); err != nil {
		return err
	}
	if os.Getenv("GITHUB_ACTIONS") == "true" {
		return report.Annotations(text, findings, c.repository())
	}
	return nil
}

func (c *command) writeSARIF(findings []finding.Finding) error {
	var rules []report.Rule
	for _, a := range c.suite {
		rules = append(rules, report.Rule{
			Name:    a.Name,
			Summary: ruledoc.Summary(a.Doc),
			Text:    ruledoc.Text(a.Name, a.Doc),
			Help:    ruledoc.Help(a.Doc),
			URL:     a.URL,
		})
	}
	write := func(w io.Writer) error {
		return report.SARIF(w, findings, rules, c.repository(), moduleVersion())
	}
	if c.sarif == "-" {
		return write(c.stdout)
	}
	return writeFile(c.sarif, write)
}

// repository returns the root of the repository, which code scanning and
// annotations name files from: that of the workflow, or the nearest folder with
// a .git, or the root of the module.
func (c *command) repository() string {
	root := c.dir
	if module := config.ModuleRoot(c.dir); module != "" {
		root = module
	}
	for dir := root; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
			root = dir
			break
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if resolved, err := filepath.EvalSymlinks(root); err == nil {
		root = resolved
	}
	return root
}

// problem prints what is wrong with a package or with the run. Positions are
// shown as findings are.
func (c *command) problem(err error) {
	fmt.Fprintf(c.stderr, "%s\n", driver.Describe(err, func(filename string) string { return report.Short(c.dir, filename) }))
}

// writeFile writes a file as a whole: it is not touched if write fails.
func writeFile(name string, write func(io.Writer) error) error {
	var buf bytes.Buffer
	if err := write(&buf); err != nil {
		return err
	}
	return os.WriteFile(name, buf.Bytes(), 0o644)
}

func plural(n int, singular string, irregular ...string) string {
	word := singular
	switch {
	case n == 1:
	case len(irregular) > 0:
		word = irregular[0]
	default:
		word += "s"
	}
	return fmt.Sprintf("%d %s", n, word)
}

// moduleVersion returns the version that this program was built from; empty if
// it was built from a checkout.
func moduleVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "(devel)" {
		return strings.TrimPrefix(info.Main.Version, "v")
	}
	return ""
}
