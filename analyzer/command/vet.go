package command

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"

	"github.com/resilgo/resil/analyzer/directive"
	"github.com/resilgo/resil/analyzer/internal/config"
	"github.com/resilgo/resil/analyzer/internal/driver"
	"github.com/resilgo/resil/analyzer/internal/engine"
	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/analyzer/internal/fix"
	"github.com/resilgo/resil/analyzer/internal/report"
	"github.com/resilgo/resil/analyzer/stalegen"
)

// vetUnit answers "go vet -vettool" and "go fix -fixtool": one package, described
// by a file. Exit codes are those of unitchecker; with JSON, findings are no
// failure, because the go command reads them and fails itself.
func (c *command) vetUnit(filename string) (code int, err error) {
	unit, err := driver.ReadUnit(filename)
	if err != nil {
		return 0, err
	}
	if unit.Stdout != "" {
		out, err := os.Create(unit.Stdout)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, out.Close()) }()
		c.stdout = out
	}
	if unit.Foreign() {
		return exitClean, unit.Skip()
	}
	CollectLate()
	eng, err := c.unitEngine(unit)
	if err != nil {
		return 0, err
	}
	res, err := unit.Analyze(eng)
	if err != nil {
		return 0, err
	}
	if unit.VetxOnly {
		return exitClean, nil
	}
	findings := c.wanted(res.Findings)
	for _, p := range res.Problems {
		fmt.Fprintln(c.stderr, driver.Describe(p, func(filename string) string { return filename }))
	}
	switch {
	case c.fix:
		err = c.mendUnit(unit, findings)
	case c.json && len(res.Problems) == 0:
		err = report.JSON(c.stdout, named(findings), func(finding.Finding) string { return unit.ID })
	default:
		// The go command does not read the output of a tool that fails.
		err = report.Text(c.stderr, findings, "", c.context)
		if len(findings) > 0 {
			code = exitTrouble
		}
	}
	if len(res.Problems) > 0 {
		code = exitTrouble
	}
	return code, err
}

// CollectLate keeps the garbage collector quiet until there is garbage to speak
// of: most runs of resilgen and most units of go vet, for each of which the go
// command runs a process, are over before. Then it lets it run as often as keeps
// two hundred packages under 150 MiB.
func CollectLate() {
	const quiet, percent = 80 << 20, 200
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(quiet)
	// The first collection, when the limit is reached, finds this unused.
	runtime.AddCleanup(new([16]byte), func(struct{}) {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(math.MaxInt64)
	}, struct{}{})
}

// unitEngine reads the configuration of the module that holds the package. The
// go command runs us in the folder of the package; that a change of the file
// reaches its cache, printVersion sees to.
func (c *command) unitEngine(unit *driver.Unit) (*engine.Engine, error) {
	var conf config.Config
	if name := config.Find(unit.Dir); name != "" {
		var err error
		if conf, err = config.Read(name, names(c.suite)); err != nil {
			return nil, err
		}
	}
	return engine.New(conf, directive.Check, stalegen.Check)
}

// named puts the rule behind each message: go vet prints nothing else.
func named(findings []finding.Finding) []finding.Finding {
	out := make([]finding.Finding, len(findings))
	for i, f := range findings {
		f.Message += " (" + f.Rule + ")"
		out[i] = f
	}
	return out
}

// mendUnit applies fixes or prints them as a diff. The go command may want fixed
// files in an archive, to put them in place when all packages have been checked.
func (c *command) mendUnit(unit *driver.Unit, findings []finding.Finding) (err error) {
	plan, err := fix.Plan(findings, os.ReadFile)
	if err != nil {
		return err
	}
	write := func(name string, content []byte) error { return os.WriteFile(name, content, 0o644) }
	switch {
	case c.diff:
		for _, f := range plan.Files {
			if _, err := io.WriteString(c.stdout, f.Diff(filepath.Clean)); err != nil {
				return err
			}
		}
		return nil
	case unit.FixArchive != "":
		out, err := os.Create(unit.FixArchive)
		if err != nil {
			return err
		}
		archive := zip.NewWriter(out)
		defer func() { err = errors.Join(err, archive.Close(), out.Close()) }()
		write = func(name string, content []byte) error {
			w, err := archive.Create(name)
			if err != nil {
				return err
			}
			_, err = w.Write(content)
			return err
		}
	}
	for _, f := range plan.Files {
		if err := write(f.Name, f.New); err != nil {
			return err
		}
	}
	return nil
}
