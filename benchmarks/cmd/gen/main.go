// Command gen measures resilgen on synthetic repositories, beside mockery if
// that is on the PATH, and writes the table of docs/benchmarks.md.
//
//	gen [-check] [-n] [-rounds N]
//
// Each round starts from a repository without generated files and an empty
// build cache. CPU seconds are those of the whole process tree; they hold where
// wall time does not, but not on a machine that is overcommitted.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/resilgo/resil/benchmarks/gen"
	"github.com/resilgo/resil/benchmarks/internal/page"
)

// root and document are seen from the module's folder.
const (
	root     = ".."
	document = "../docs/benchmarks.md"
)

// size is one synthetic repository and the goals for it in CPU seconds.
type size struct {
	packages           int
	cold, again, touch float64 // 0 = no goal
	memory             float64 // MiB
}

var sizes = []size{
	{packages: 20, cold: 0.6, again: 0.05},
	{packages: 200, cold: 2.5, again: 0.15, touch: 0.4, memory: 150},
}

// Each package has this many interfaces of this many methods.
const interfaces, methods = 5, 10

func main() {
	check := flag.Bool("check", false, "fail when a goal is missed")
	dry := flag.Bool("n", false, "print the table, leave "+document+" alone")
	rounds := flag.Int("rounds", 3, "rounds, of which the median counts")
	flag.Parse()
	if err := bench(*rounds, *check, *dry, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func bench(rounds int, check, dry bool, out io.Writer) error {
	work, err := os.MkdirTemp("", "gen")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }() // a leftover in the temporary folder does no harm
	tools, err := tools(work)
	if err != nil {
		return err
	}
	table := page.Table{Head: []string{"CPU seconds", "packages", "cold", "again", "one interface changed", "MiB"}}
	var missed []error
	for _, s := range sizes {
		for _, t := range tools {
			m, err := measure(work, t, s, rounds)
			if err != nil {
				return err
			}
			table.Rows = append(table.Rows, []string{
				t.name, fmt.Sprint(s.packages), seconds(m.cold.CPU), seconds(m.again.CPU), seconds(m.touch.CPU), fmt.Sprintf("%.0f", m.cold.MiB),
			})
			if t.name == "resilgen" {
				missed = append(missed, s.missed(m)...)
			}
		}
	}
	if _, err := io.WriteString(out, table.String()); err != nil {
		return err
	}
	if !dry {
		if err := page.Replace(document, "generating", table.String()); err != nil {
			return err
		}
	}
	if check {
		return errors.Join(missed...)
	}
	return nil
}

func seconds(x float64) string { return fmt.Sprintf("%.2f", x) }

// tool is a generator under measurement.
type tool struct {
	name    string
	command []string
	prepare func(dir string) error
}

// tools builds resilgen and looks for its peers.
func tools(work string) ([]tool, error) {
	bin := filepath.Join(work, "resilgen")
	build := exec.Command("go", "build", "-o", bin, "./cmd/resilgen")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	list := []tool{{"resilgen", []string{bin, "./..."}, func(string) error { return nil }}}
	if mockery, err := exec.LookPath("mockery"); err == nil {
		list = append(list, tool{"mockery", []string{mockery}, func(dir string) error {
			config := "all: true\nrecursive: true\npackages:\n  example.com/synthetic:\n"
			return os.WriteFile(filepath.Join(dir, ".mockery.yml"), []byte(config), 0o644)
		}})
	}
	return list, nil
}

// result holds the medians of one tool on one repository.
type result struct{ cold, again, touch gen.Cost }

// missed returns the goals that a result misses.
func (s size) missed(r result) []error {
	var list []error
	for _, goal := range []struct {
		what      string
		got, most float64
	}{
		{"CPU seconds cold", r.cold.CPU, s.cold},
		{"CPU seconds again", r.again.CPU, s.again},
		{"CPU seconds after one change", r.touch.CPU, s.touch},
		{"MiB", r.cold.MiB, s.memory},
	} {
		if goal.most > 0 && goal.got > goal.most {
			list = append(list, fmt.Errorf("%d packages: %.2f %s, goal %.2f", s.packages, goal.got, goal.what, goal.most))
		}
	}
	return list
}

func measure(work string, t tool, s size, rounds int) (result, error) {
	var cold, again, touch []gen.Cost
	for range rounds {
		r, err := round(work, t, s)
		if err != nil {
			return result{}, err
		}
		cold, again, touch = append(cold, r.cold), append(again, r.again), append(touch, r.touch)
	}
	return result{median(cold), median(again), median(touch)}, nil
}

// round measures a tool from a fresh repository with empty caches.
func round(work string, t tool, s size) (r result, err error) {
	dir, err := os.MkdirTemp(work, "repo")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	repo := filepath.Join(dir, "repo")
	checkout, err := filepath.Abs(root)
	if err != nil {
		return r, err
	}
	if err := gen.Repository(repo, checkout, s.packages, interfaces, methods); err != nil {
		return r, err
	}
	if err := t.prepare(repo); err != nil {
		return r, err
	}
	env := []string{
		"GOCACHE=" + filepath.Join(dir, "build"), "RESILGEN_CACHE=" + filepath.Join(dir, "known"), "GOFLAGS=-mod=mod", "PWD=" + repo,
	}
	for _, step := range []struct {
		cost *gen.Cost
		edit bool
	}{{&r.cold, false}, {&r.again, false}, {&r.touch, true}} {
		if step.edit {
			if err := edit(filepath.Join(repo, gen.Source(s.packages/2))); err != nil {
				return r, err
			}
		}
		if *step.cost, err = gen.Run(repo, env, t.command[0], t.command[1:]...); err != nil {
			return r, err
		}
	}
	return r, nil
}

// edit changes one interface, so that its generated code differs.
func edit(file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	changed := strings.Replace(string(content), "limit int", "limit, offset int", 1)
	return os.WriteFile(file, []byte(changed), 0o644)
}

// median returns the medians of CPU and memory.
func median(costs []gen.Cost) gen.Cost {
	var cpu, mib []float64
	for _, c := range costs {
		cpu, mib = append(cpu, c.CPU), append(mib, c.MiB)
	}
	slices.Sort(cpu)
	slices.Sort(mib)
	return gen.Cost{CPU: cpu[len(cpu)/2], MiB: mib[len(mib)/2]}
}
