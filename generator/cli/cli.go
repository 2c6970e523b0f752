// Package cli is the command resilgen without the process around it.
package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"go/token"
	"io"
	"path/filepath"
	"strings"

	"github.com/resilgo/resil/generator"
	"github.com/resilgo/resil/generator/directive"
	"github.com/resilgo/resil/generator/internal/emit"
	"github.com/resilgo/resil/generator/report"
)

// Exit codes.
const (
	Done    = 0 // done, or up to date
	Invalid = 1 // errors in the input or, with -check, differences
	Trouble = 2 // usage or environment
)

// Process is what the command needs of the process that runs it.
type Process struct {
	Args   []string // without the command's name
	Dir    string   // working directory, absolute
	Env    []string // nil is the current one
	Stdout io.Writer
	Stderr io.Writer

	// Calls finds the outbound calls of packages that no guard covers, for the
	// subcommand suggest. Nil means that there is no analyzer to ask.
	Calls func(patterns []string) ([]report.Call, error)
}

// Run runs the command and returns its exit code. When ctx is done, it stops
// between two files.
func Run(ctx context.Context, p Process) int {
	var out bytes.Buffer // reports come whole or not at all
	c := &command{Process: p, ctx: ctx, out: &out}
	code, err := c.run()
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			c.sayf("resilgen: %s", line)
		}
		code = Trouble
	}
	if _, err := p.Stdout.Write(out.Bytes()); err != nil {
		c.sayf("resilgen: %v", err)
		return Trouble
	}
	return code
}

// command is one run.
type command struct {
	Process
	ctx context.Context
	out *bytes.Buffer

	check, dryRun, verbose bool
}

// sayf writes a line to standard error.
func (c *command) sayf(format string, args ...any) {
	_, _ = fmt.Fprintf(c.Stderr, format+"\n", args...) // there is nobody left to tell
}

func (c *command) printf(format string, args ...any) { fmt.Fprintf(c.out, format, args...) }

// run parses the arguments. Its error is one of usage or environment.
func (c *command) run() (int, error) {
	if len(c.Args) > 0 {
		if sub := subcommand(c.Args[0]); sub != nil {
			return sub.run(c, c.Args[1:])
		}
	}
	flags := c.flags("")
	c.emitFlags(flags)
	flags.BoolVar(&c.verbose, "v", false, "")
	if code, done := c.parse(flags, c.Args); done {
		return code, nil
	}
	return c.generate(flags.Args())
}

const usage = `Usage: resilgen [-check] [-n] [-v] [packages]
       resilgen COMMAND [arguments]

Resilgen writes a decorator for every interface with a //resil:guard line in
the packages (default "."), one file beside each source file.

  -check  write nothing; print a diff and every missing, stale or orphaned file
  -n      write nothing; print what would be written
  -v      say what is done

What has not changed since the last run is passed over; RESILGEN_CACHE names
the folder that remembers it, or is "off".

Exit codes: 0 done or up to date, 1 errors in the input or (-check)
differences, 2 usage or environment.

Commands:
`

// flags returns an empty set of flags. What -h prints is for [command.parse].
func (c *command) flags(name string) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	return flags
}

// usage prints what -h of a command prints; "" is the command proper.
func (c *command) usage(name string) {
	if s := subcommand(name); s != nil {
		c.printf("%s", s.usage())
		return
	}
	c.printf("%s", usage)
	for _, s := range subcommands() {
		c.printf("  %-34s  %s\n", s.name+" "+s.args, s.about)
	}
}

// emitFlags adds the flags that say what to do with files.
func (c *command) emitFlags(flags *flag.FlagSet) {
	flags.BoolVar(&c.check, "check", false, "")
	flags.BoolVar(&c.dryRun, "n", false, "")
}

// parse parses arguments. It reports done, with an exit code, when there is
// nothing left to do.
func (c *command) parse(flags *flag.FlagSet, args []string) (code int, done bool) {
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		c.usage(flags.Name())
		return Done, true
	case err != nil:
		command := "resilgen"
		if flags.Name() != "" {
			command += " " + flags.Name()
		}
		c.sayf("resilgen: %v; %s -h lists the flags", err, command)
		return Trouble, true
	}
	for _, arg := range flags.Args() {
		if strings.HasPrefix(arg, "-") {
			c.sayf("resilgen: flag %s after an argument; flags come first", arg)
			return Trouble, true
		}
	}
	return Done, false
}

// options returns what the generator is told.
func (c *command) options(patterns []string) generator.Options {
	return generator.Options{Dir: c.Dir, Env: c.Env, Patterns: patterns, Shortcut: true}
}

// valid prints errors of the input and reports whether there are none.
func (c *command) valid(f generator.Findings) bool {
	for _, m := range f.Problems {
		c.sayf("%s%s", c.place(m.Pos), printable(m.Text))
	}
	return len(f.Problems) == 0
}

// generate is the command proper.
func (c *command) generate(patterns []string) (int, error) {
	res, err := generator.Generate(c.options(patterns))
	if err != nil {
		return Trouble, meantCommand(err, patterns)
	}
	if !c.valid(res.Findings) {
		return Invalid, nil
	}
	for _, m := range res.Notes {
		c.sayf("%snote: %s", c.place(m.Pos), printable(m.Text))
	}
	if res.Interfaces == 0 {
		c.sayf("resilgen: no guarded interfaces in %s; nothing to generate", named(patterns))
	}
	code, err := c.emit(res.Changes, func() error { return res.Write(c.ctx.Err) })
	if c.verbose && err == nil {
		c.sayf("resilgen: %d guarded interfaces, %d files changed", res.Interfaces, len(res.Changes))
	}
	return code, err
}

// meantCommand adds to an error of loading what the first of the arguments may
// have been meant for: resilgen takes it for a package if it is no command.
func meantCommand(err error, args []string) error {
	if len(args) == 0 || strings.ContainsAny(args[0], "./") {
		return err
	}
	var names []string
	for _, s := range subcommands() {
		names = append(names, s.name)
	}
	if near := directive.Nearest(args[0], names); near != "" {
		return fmt.Errorf("%w\n%s is no command either; did you mean %s?", err, args[0], near)
	}
	return err
}

// emit does with changes what the flags say.
func (c *command) emit(changes []*emit.Change, write func() error) (int, error) {
	switch {
	case c.check:
		return c.differences(changes), nil
	case c.dryRun:
		c.preview(changes)
		return Done, nil
	}
	if err := write(); err != nil {
		return Trouble, err
	}
	for _, change := range changes {
		verb := "wrote"
		if change.Kind == emit.Remove {
			verb = "removed"
		}
		c.printf("%s %s\n", verb, c.rel(change.Path))
	}
	return Done, nil
}

// differences prints what -check finds and returns its exit code.
func (c *command) differences(changes []*emit.Change) int {
	for _, change := range changes {
		c.printf("%s: %s\n%s", c.rel(change.Path), change.Kind, change.Diff(c.rel(change.Path)))
	}
	if len(changes) == 0 {
		return Done
	}
	again := "resilgen"
	if s := subcommand(c.Args[0]); s != nil {
		again += " " + s.name
	}
	c.sayf("resilgen: %d of the generated files differ; run %s again", len(changes), again)
	return Invalid
}

// preview prints what would be written, as a txtar archive.
func (c *command) preview(changes []*emit.Change) {
	for _, change := range changes {
		if change.Kind == emit.Remove {
			c.sayf("resilgen: would remove %s", c.rel(change.Path))
			continue
		}
		c.printf("-- %s --\n%s", c.rel(change.Path), change.New)
	}
}

// named returns the patterns as the user gave them.
func named(patterns []string) string {
	if len(patterns) == 0 {
		return "."
	}
	return strings.Join(patterns, " ")
}

// place returns a position as compilers print it, relative to the working
// directory, ready to stand before a message.
func (c *command) place(pos token.Position) string {
	if pos.Filename == "" {
		return ""
	}
	pos.Filename = c.rel(pos.Filename)
	return pos.String() + ": "
}

// rel returns a path relative to the working directory, unless it leads
// outside of it.
func (c *command) rel(path string) string {
	rel, err := filepath.Rel(c.Dir, path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return path
	}
	return rel
}

// printable returns text without control characters that a terminal would act
// on. Messages quote the input.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return '\uFFFD'
		}
		return r
	}, text)
}
