// Command vet measures resilvet on Prometheus beside other analyzers, and
// rewrites the table of docs/benchmarks.md.
//
//	vet [-check] [-n] [-rounds N] [-peers=false]
//
// The module is fetched and cut down to the packages that reach no cloud SDK,
// whose compilation would take longer than everything else together. CPU
// seconds are those of the whole process tree, memory that of its largest
// process. The build cache is one of its own, and warm where nothing else is
// said; it and all that is written are kept in memory where that can be.
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
	"github.com/resilgo/resil/benchmarks/internal/fetched"
	"github.com/resilgo/resil/benchmarks/internal/page"
)

// root and document are seen from the module's folder.
const (
	root     = ".."
	document = "../docs/benchmarks.md"
	subject  = "github.com/prometheus/prometheus@v0.316.0"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "floor" {
		exitOn(floor(os.Args[2:]))
		return
	}
	if done, err := emptyTool(os.Args[1:], os.Stdout); done {
		exitOn(err)
		return
	}
	b := bench{out: os.Stdout}
	flag.BoolVar(&b.check, "check", false, "fail when a goal is missed")
	flag.BoolVar(&b.dry, "n", false, "print the table, leave "+document+" alone")
	flag.IntVar(&b.rounds, "rounds", 3, "rounds, of which the median counts")
	flag.BoolVar(&b.peers, "peers", true, "measure the others, too")
	flag.Parse()
	exitOn(b.run())
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "vet:", err)
		os.Exit(1)
	}
}

type bench struct {
	rounds            int
	check, dry, peers bool
	out               io.Writer

	work string // temporary folder
	dir  string // the module under analysis
	self string // this program
	vet  string // resilvet
}

// row is a line of the table. A goal of 0 is none.
type row struct {
	name    string
	prepare func() (command []string, env []string, err error) // once a round
	cpu     func(floor float64) float64                        // most CPU seconds, given those of the floor
	mib     float64                                            // most memory
	// than is a row that this one may cost no more than, with what a process costs.
	than string
}

func (b *bench) run() error {
	work, err := os.MkdirTemp(scratch(), "vet")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }() // a leftover in the temporary folder does no harm
	b.work, b.dir, b.vet = work, filepath.Join(work, "prometheus"), filepath.Join(work, "resilvet")
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if err := b.subject(); err != nil {
		return err
	}
	if err := build(root, b.vet, "./cmd/resilvet"); err != nil {
		return err
	}
	rows, err := b.rows()
	if err != nil {
		return err
	}
	costs := make(map[string]gen.Cost)
	var missed []error
	t := page.Table{Head: []string{"on 56k lines of Prometheus", "CPU s", "× floor", "MiB", "goal"}}
	for _, r := range rows {
		cost, err := b.measure(r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		costs[r.name] = cost
		line, err := r.judge(cost, costs)
		if err != nil {
			missed = append(missed, err)
		}
		t.Rows = append(t.Rows, line)
		fmt.Fprintln(b.out, strings.Join(line, "\t"))
	}
	if !b.dry {
		if err := page.Replace(document, "vetting", t.String()); err != nil {
			return err
		}
	}
	if b.check {
		return errors.Join(missed...)
	}
	return nil
}

// noise is what two runs of the same small command differ by, in CPU seconds.
const noise = 0.15

func (r row) judge(cost gen.Cost, costs map[string]gen.Cost) (line []string, missed error) {
	base := costs[floorRow].CPU
	most, goal := 0.0, ""
	switch {
	case r.cpu != nil:
		most = r.cpu(base)
		goal = fmt.Sprintf("%.1f", most)
	case r.than != "":
		most = costs[r.than].CPU + noise
		goal = "as “" + r.than + "”"
	}
	if most > 0 && cost.CPU > most {
		missed = fmt.Errorf("%s: %.2f CPU s, goal %.2f", r.name, cost.CPU, most)
	}
	if r.mib > 0 {
		goal += fmt.Sprintf(", %.0f MiB", r.mib)
		if cost.MiB > r.mib {
			missed = errors.Join(missed, fmt.Errorf("%s: %.0f MiB, goal %.0f", r.name, cost.MiB, r.mib))
		}
	}
	return []string{r.name, fmt.Sprintf("%.2f", cost.CPU), fmt.Sprintf("%.1f", cost.CPU/base), fmt.Sprintf("%.0f", cost.MiB), goal}, missed
}

// measure returns the medians over the rounds.
func (b *bench) measure(r row) (gen.Cost, error) {
	var cpu, mib []float64
	for range b.rounds {
		command, env, err := r.prepare()
		if err != nil {
			return gen.Cost{}, err
		}
		cost, err := b.once(command, env)
		if err != nil {
			return gen.Cost{}, err
		}
		cpu, mib = append(cpu, cost.CPU), append(mib, cost.MiB)
	}
	slices.Sort(cpu)
	slices.Sort(mib)
	return gen.Cost{CPU: cpu[len(cpu)/2], MiB: mib[len(mib)/2]}, nil
}

// once runs an analyzer; that it has findings, or that go vet fails for them,
// is no failure of the measurement.
func (b *bench) once(command, env []string) (gen.Cost, error) {
	script := `"$@" >/dev/null 2>"$OUT"; code=$?; [ $code -le 3 ] || exit $code`
	log := filepath.Join(b.work, "stderr")
	args := append([]string{"-c", script, "sh"}, command...)
	// A build cache of its own: what else is in the user's does not matter then.
	environ := append(fetched.Environ(), "TMPDIR="+b.work, "GOCACHE="+filepath.Join(b.work, "gocache"))
	cost, err := gen.Run(b.dir, append(append(environ, env...), "OUT="+log, "PWD="+b.dir), "sh", args...)
	if err != nil {
		text, _ := os.ReadFile(log) // it explains the error, if it is there
		return gen.Cost{}, fmt.Errorf("%w\n%s", err, text)
	}
	return cost, nil
}

const floorRow = "floor: list, parse, type-check, walk"

func (b *bench) rows() ([]row, error) {
	n := 0
	fresh := func(name string) string { n++; return filepath.Join(b.work, fmt.Sprintf("%s%d", name, n)) }
	always := func(env []string, command ...string) func() ([]string, []string, error) {
		return func() ([]string, []string, error) { return command, env, nil }
	}
	warm := filepath.Join(b.work, "known")
	// A tool that differs by a byte is another one: nothing that go vet
	// remembers is of use.
	cold := func(tool string) func() ([]string, []string, error) {
		return func() ([]string, []string, error) {
			name := fresh("tool")
			if err := pad(tool, name, n); err != nil {
				return nil, nil, err
			}
			return []string{"go", "vet", "-vettool=" + name, "./..."}, nil, nil
		}
	}
	rows := []row{
		{name: floorRow, prepare: always(nil, b.self, "floor", "./...")},
		{name: "go list -deps -export", prepare: always(nil, "go", "list", "-deps", "-export", "./...")},
		{name: "resilvet", prepare: always([]string{"RESILVET_CACHE=off"}, b.vet, "./..."), cpu: func(f float64) float64 { return 2 * f }, mib: 250},
		{name: "resilvet, nothing changed", prepare: always([]string{"RESILVET_CACHE=" + warm}, b.vet, "./..."), than: "go list -deps -export"},
		{name: "resilvet, empty build cache", prepare: func() ([]string, []string, error) {
			return []string{b.vet, "./..."}, []string{"RESILVET_CACHE=off", "GOCACHE=" + fresh("gocache")}, nil
		}, cpu: func(float64) float64 { return 8 }},
		{name: "empty tool in go vet", prepare: cold(b.self)},
		{name: "resilvet in go vet", prepare: cold(b.vet), cpu: func(float64) float64 { return 5 }},
		{name: "empty tool in go vet, again", prepare: always(nil, "go", "vet", "-vettool="+b.self, "./...")},
		{name: "resilvet in go vet, again", prepare: always(nil, "go", "vet", "-vettool="+b.vet, "./..."), than: "empty tool in go vet, again"},
	}
	// What is measured warm is warmed here.
	for _, r := range rows {
		if strings.HasSuffix(r.name, ", again") || strings.HasSuffix(r.name, "changed") || strings.HasPrefix(r.name, "go list") {
			command, env, _ := r.prepare() // those cannot fail
			if _, err := b.once(command, env); err != nil {
				return nil, err
			}
		}
	}
	// go vet compiles for tests what nothing else does.
	if _, err := b.once([]string{"go", "vet", "./..."}, nil); err != nil {
		return nil, err
	}
	if !b.peers {
		return rows, nil
	}
	return append(rows, b.others(cold, fresh)...), nil
}

// others builds the peers. One that cannot be had is left out, and said so.
func (b *bench) others(cold func(string) func() ([]string, []string, error), fresh func(string) string) []row {
	var rows []row
	for _, p := range []struct {
		name, pkg string
		prepare   func(bin string) func() ([]string, []string, error)
	}{
		{"noctx in go vet", "github.com/sonatard/noctx/cmd/noctx@v0.5.1", cold},
		{"bodyclose in go vet", "github.com/timakin/bodyclose@v0.0.0-20260723120731-857993a2939c", cold},
		{"staticcheck", "honnef.co/go/tools/cmd/staticcheck@v0.8.2", func(bin string) func() ([]string, []string, error) {
			return func() ([]string, []string, error) {
				return []string{bin, "./..."}, []string{"STATICCHECK_CACHE=" + fresh("staticcheck")}, nil
			}
		}},
		{"capslock", "github.com/google/capslock/cmd/capslock@v0.2.7", func(bin string) func() ([]string, []string, error) {
			return func() ([]string, []string, error) { return []string{bin, "-packages=./..."}, nil, nil }
		}},
		{"nilaway", "go.uber.org/nilaway/cmd/nilaway@latest", func(bin string) func() ([]string, []string, error) {
			return func() ([]string, []string, error) {
				return []string{bin, "-include-pkgs=github.com/prometheus/prometheus", "./..."}, nil, nil
			}
		}},
	} {
		install := exec.Command("go", "install", p.pkg)
		install.Dir = os.TempDir() // outside of any module
		install.Env = append(fetched.Environ(), "GOBIN="+b.work, "GOFLAGS=")
		if out, err := install.CombinedOutput(); err != nil {
			fmt.Fprintf(b.out, "%s cannot be had: %v\n%s", p.name, err, out)
			continue
		}
		path, _, _ := strings.Cut(p.pkg, "@")
		rows = append(rows, row{name: p.name, prepare: p.prepare(filepath.Join(b.work, filepath.Base(path)))})
	}
	return rows
}

func build(dir, bin, pkg string) error {
	cmd := exec.Command("go", "build", "-o", bin, pkg)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// pad copies a program and lets the copy differ.
func pad(from, to string, n int) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, append(content, fmt.Sprintf("%d %d", n, os.Getpid())...), 0o755)
}
