// Command gen measures resilgen on synthetic repositories, beside generators of
// mocks at the versions that tools/generators pins, and writes the table of
// docs/benchmarks.md.
//
//	gen [-check] [-n] [-rounds N] [-peers=false]
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
	rounds := flag.Int("rounds", 3, "rounds, of which the median counts; peers get one")
	peers := flag.Bool("peers", true, "measure peers, which takes ten minutes of processor time")
	flag.Parse()
	if err := bench(*rounds, *check, *dry, *peers, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func bench(rounds int, check, dry, peers bool, out io.Writer) error {
	work, err := os.MkdirTemp("", "gen")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }() // a leftover in the temporary folder does no harm
	ours, err := resilgen(work)
	if err != nil {
		return err
	}
	tools := []tool{ours}
	if peers {
		others, err := others()
		if err != nil {
			return err
		}
		tools = append(tools, others...)
	}
	table := page.Table{Head: []string{"CPU seconds", "packages", "cold", "again", "one interface changed", "MiB"}}
	var missed []error
	for _, s := range sizes {
		for _, t := range tools {
			n := 1
			if t.name == ours.name {
				n = rounds
			}
			m, err := measure(work, t, s, n)
			if err != nil {
				return err
			}
			table.Rows = append(table.Rows, []string{
				t.name, fmt.Sprint(s.packages), seconds(m.cold.CPU), seconds(m.again.CPU), seconds(m.touch.CPU), fmt.Sprintf("%.0f", m.cold.MiB),
			})
			if t.name == ours.name {
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
	command []string // run once for the repository, or once in each package
	each    bool     // in each package; %s in an argument is its name
	config  map[string]string
}

// resilgen builds the command of this checkout.
func resilgen(work string) (tool, error) {
	bin := filepath.Join(work, "resilgen")
	build := exec.Command("go", "build", "-o", bin, "./cmd/resilgen")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return tool{}, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return tool{name: "resilgen", command: []string{bin, "./..."}}, nil
}

// others returns the peers, each as its documentation has it used.
func others() ([]tool, error) {
	moq := []string{"-rm", "-out", "mocks.go", "."}
	for i := range interfaces {
		moq = append(moq, fmt.Sprintf("Client%d", i))
	}
	list := []tool{
		{name: "mockery", config: map[string]string{
			".mockery.yml": "all: true\npackages:\n  example.com/synthetic:\n    config:\n      recursive: true\n",
			"root.go":      "// Package synthetic is made up.\npackage synthetic\n",
		}},
		{name: "mockgen", each: true, command: []string{"-source", "client.go", "-destination", "mocks.go", "-package", "%s"}},
		{name: "moq", each: true, command: moq},
	}
	for i := range list {
		t := &list[i]
		bin, err := exec.Command(filepath.Join(root, "tools", "tool"), t.name).Output()
		if err != nil {
			return nil, fmt.Errorf("tools/tool %s: %w", t.name, err)
		}
		t.command = append([]string{strings.TrimSpace(string(bin))}, t.command...)
	}
	return list, nil
}

// run runs the tool over a repository and returns what that costs.
func (t tool) run(repo string, packages int, env []string) (gen.Cost, error) {
	if !t.each {
		return gen.Run(repo, append(env, "PWD="+repo), t.command[0], t.command[1:]...)
	}
	var sum gen.Cost
	for p := range packages {
		dir := filepath.Dir(filepath.Join(repo, gen.Source(p)))
		args := slices.Clone(t.command[1:])
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "%s", filepath.Base(dir))
		}
		cost, err := gen.Run(dir, append(env, "PWD="+dir), t.command[0], args...)
		if err != nil {
			return sum, err
		}
		sum.CPU += cost.CPU
		sum.MiB = max(sum.MiB, cost.MiB)
	}
	return sum, nil
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
	for name, content := range t.config {
		if err := os.WriteFile(filepath.Join(repo, name), []byte(content), 0o644); err != nil {
			return r, err
		}
	}
	env := []string{
		"GOCACHE=" + filepath.Join(dir, "build"), "RESILGEN_CACHE=" + filepath.Join(dir, "known"), "GOFLAGS=-mod=mod",
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
		if *step.cost, err = t.run(repo, s.packages, env); err != nil {
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
