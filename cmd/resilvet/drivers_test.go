package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/packages"

	"github.com/resilgo/resil/analyzer"
	"github.com/resilgo/resil/cmd/internal/script"
)

const drivers = "../../testdata/drivers"

// TestDriversAgree runs the drivers on one module. What the plugin of
// golangci-lint finds there is tested where golangci-lint can be built.
func TestDriversAgree(t *testing.T) {
	dir, err := filepath.Abs(drivers)
	if err != nil {
		t.Fatal(err)
	}
	for driver, find := range map[string]func(*testing.T, string) []string{
		"alone": findAlone,
		"vet":   findUnderVet,
		"nogo":  findInOneAnalyzer,
	} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			got := find(t, dir)
			slices.Sort(got)
			got = slices.Compact(got)
			want := wanted(t, driver)
			if !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// wanted returns what the driver is to find, sorted, as "file:line:col rule".
func wanted(t *testing.T, driver string) []string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(drivers, "findings.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	lines := bufio.NewScanner(bytes.NewReader(content))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) > 2 && fields[0] != "#" && slices.Contains(fields[2:], driver) {
			want = append(want, fields[0]+" "+fields[1])
		}
	}
	slices.Sort(want)
	return want
}

func findAlone(t *testing.T, dir string) []string {
	out := run(t, dir, 3, script.Command("resilvet"), "-json", "./...")
	return fromJSON(t, dir, out)
}

func findUnderVet(t *testing.T, dir string) []string {
	out := run(t, dir, 0, "go", "vet", "-json", "-vettool="+script.Command("resilvet"), "./...")
	return fromJSON(t, dir, out)
}

// run returns the standard output of a program that must end with the code.
func run(t *testing.T, dir string, code int, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || cmd.ProcessState.ExitCode() != code {
		t.Fatalf("%s: %v, want exit code %d\n%s", cmd, err, code, stderr.Bytes())
	}
	return out
}

// fromJSON reads one or more trees of "go vet -json".
func fromJSON(t *testing.T, dir string, out []byte) []string {
	t.Helper()
	var places []string
	decoder := json.NewDecoder(bytes.NewReader(out))
	for decoder.More() {
		var tree map[string]map[string][]struct{ Category, Posn string }
		if err := decoder.Decode(&tree); err != nil {
			t.Fatalf("%v in\n%s", err, out)
		}
		for _, rules := range tree {
			for rule, diagnostics := range rules {
				for _, d := range diagnostics {
					if d.Category != rule {
						t.Errorf("%s: category %q of rule %q", d.Posn, d.Category, rule)
					}
					places = append(places, relative(t, dir, d.Posn)+" "+rule)
				}
			}
		}
	}
	return places
}

func relative(t *testing.T, dir, place string) string {
	t.Helper()
	rel, err := filepath.Rel(dir, place)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.ToSlash(rel)
}

// findInOneAnalyzer runs the analyzer that Bazel's nogo finds, as nogo does: one
// package after the other, with facts, and nothing but flags for settings.
func findInOneAnalyzer(t *testing.T, dir string) []string {
	pkgs, err := packages.Load(&packages.Config{Mode: packages.LoadAllSyntax | packages.NeedModule, Dir: dir}, "./...")
	if err != nil {
		t.Fatal(err)
	}
	graph, err := checker.Analyze([]*analysis.Analyzer{analyzer.Analyzer}, pkgs, nil)
	if err != nil {
		t.Fatal(err)
	}
	var places []string
	for _, root := range graph.Roots {
		if root.Err != nil {
			t.Error(root.Err)
		}
		for _, d := range root.Diagnostics {
			if !strings.Contains(d.Message, fmt.Sprintf("(%s)", d.Category)) {
				t.Errorf("message %q does not name its rule %s", d.Message, d.Category)
			}
			places = append(places, relative(t, dir, root.Package.Fset.Position(d.Pos).String())+" "+d.Category)
		}
	}
	return places
}
