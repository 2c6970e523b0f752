package generator_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/resilgo/resil/generator"
	"github.com/resilgo/resil/generator/report"
)

// TestMain keeps the tests out of the user's cache.
func TestMain(m *testing.M) {
	if err := os.Setenv("RESILGEN_CACHE", "off"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

var update = flag.Bool("update", false, "write the generated files of testdata/golden")

// golden is where each folder is a package whose generated files are
// committed beside their sources: what a reviewer reads is what is compared.
const golden = "../testdata/golden"

func goldenCases(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(golden)
	if err != nil {
		t.Fatal(err)
	}
	var cases []string
	for _, e := range entries {
		if e.IsDir() {
			cases = append(cases, e.Name())
		}
	}
	return cases
}

func generate(t *testing.T, dir string, patterns ...string) *generator.Result {
	t.Helper()
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	res, err := generator.Generate(generator.Options{Dir: dir, Patterns: patterns})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range res.Problems {
		t.Errorf("%s: %s", p.Pos, p.Text)
	}
	return res
}

func TestGolden(t *testing.T) {
	for _, name := range goldenCases(t) {
		t.Run(name, func(t *testing.T) {
			res := generate(t, filepath.Join(golden, name))
			if len(res.Files) == 0 {
				t.Error("nothing was generated")
			}
			if *update {
				if err := res.Write(t.Context().Err); err != nil {
					t.Fatal(err)
				}
				return
			}
			for _, c := range res.Changes {
				t.Errorf("%s is %s:\n%s", c.Path, c.Kind, c.Diff(filepath.Base(c.Path)))
			}
		})
	}
}

// TestGoldenRuns compiles, vets and runs what was generated, with the real
// runtime, also for the systems and tags that some of it is for, and with the
// tests that resilgen writes for all these interfaces.
func TestGoldenRuns(t *testing.T) {
	overlay := "-overlay=" + guardTests(t)
	for _, run := range []struct {
		name string
		env  string
		args []string
	}{
		{"vet", "", []string{"vet", overlay, "./..."}},
		{"vet on Windows", "GOOS=windows", []string{"vet", "./constraints"}},
		{"vet with tags", "", []string{"vet", "-tags=integration", "./constraints"}},
		{"test", "", []string{"test", overlay, "-timeout=60s", "./..."}},
	} {
		t.Run(run.name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "go", run.args...)
			cmd.Dir = golden
			cmd.Env = append(os.Environ(), run.env)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("go %v: %v\n%s", run.args, err, out)
			}
		})
	}
}

// guardTests writes the tests of the goldens' guards and returns the name of
// the file that tells the go command where to find them.
func guardTests(t *testing.T) (overlay string) {
	t.Helper()
	root, err := filepath.Abs(golden)
	if err != nil {
		t.Fatal(err)
	}
	m, err := generator.Load(generator.Options{Dir: root, Patterns: []string{"./..."}})
	if err != nil {
		t.Fatal(err)
	}
	files, err := report.Tests(report.Input{Fset: m.Fset, Packages: m.Packages, Dir: root})
	if err != nil || len(files) == 0 {
		t.Fatalf("%d test files: %v", len(files), err)
	}
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	replace := map[string]string{}
	for n, f := range files {
		if f.Content != nil {
			replace[f.Path] = write(fmt.Sprintf("%d.go", n), f.Content)
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	return write("overlay.json", list)
}
