package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const (
	repository = "../.."
	drivers    = repository + "/testdata/drivers"
)

// linter and resilvet are the binaries under test.
var linter, resilvet string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "gcl")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	linter, resilvet = filepath.Join(dir, "gcl"), filepath.Join(dir, "resilvet")
	command := exec.Command("go", "build", "-o", resilvet, "./cmd/resilvet")
	command.Dir = repository // it is of another module
	for _, build := range []*exec.Cmd{exec.Command("go", "build", "-o", linter, "."), command} {
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, build, err)
			os.Exit(1)
		}
	}
	code := m.Run()
	_ = os.RemoveAll(dir) // a leftover in the temporary folder does no harm
	os.Exit(code)
}

// lint runs the linter in dir with the settings of the plugin, and a cache of
// its own unless one is given.
func lint(t *testing.T, dir, settings, cache string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	if cache == "" {
		cache = t.TempDir()
	}
	config := filepath.Join(t.TempDir(), "golangci.yml")
	content := `version: "2"
run:
  relative-path-mode: wd
issues:
  uniq-by-line: false # two rules may speak of one call
linters:
  default: none
  enable: [resilvet]
  settings:
    custom:
      resilvet:
        type: module
        settings: ` + settings + "\n"
	if err := os.WriteFile(config, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), linter, append([]string{"run", "--allow-parallel-runners", "--config", config}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOLANGCI_LINT_CACHE="+cache)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// issues runs the linter and returns "file:line:col rule" for each issue.
func issues(t *testing.T, dir, settings, cache string, packages ...string) []string {
	t.Helper()
	stdout, stderr, _ := lint(t, dir, settings, cache, append([]string{"--output.json.path=stdout", "--show-stats=false"}, packages...)...)
	var report struct {
		Issues []struct {
			Text string
			Pos  struct {
				Filename     string
				Line, Column int
			}
		}
	}
	if err := json.NewDecoder(strings.NewReader(stdout)).Decode(&report); err != nil {
		t.Fatalf("%v in\n%s%s", err, stdout, stderr)
	}
	var got []string
	for _, i := range report.Issues {
		rule, _, _ := strings.Cut(i.Text, ":")
		got = append(got, fmt.Sprintf("%s:%d:%d %s", filepath.ToSlash(i.Pos.Filename), i.Pos.Line, i.Pos.Column, rule))
	}
	slices.Sort(got)
	return slices.Compact(got)
}

func TestPluginFindsWhatIsListed(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(drivers, "findings.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(content)) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[0] != "#" && slices.Contains(fields[2:], "plugin") {
			want = append(want, fields[0]+" "+fields[1])
		}
	}
	slices.Sort(want)
	cache := t.TempDir()
	for _, run := range []string{"cold", "from the cache"} {
		if got := issues(t, drivers, "{}", cache, "./..."); !slices.Equal(got, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", run, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	// A wrapper in a package that is not named is still seen through.
	if got := issues(t, drivers, "{}", "", "."); !slices.Contains(got, "main.go:17:18 unguarded") {
		t.Errorf("main alone: got\n%s\nwithout the call through the wrapper", strings.Join(got, "\n"))
	}
}

func TestSettings(t *testing.T) {
	const unguarded = "main.go:24:19 unguarded"
	tests := []struct {
		name, settings string
		want           bool // that a certain call is found unguarded
	}{
		{"one rule", "{rules: [unguarded]}", true},
		{"another rule", "{rules: [directive]}", false},
		{"what is no call", "{primitives: [{func: net.Dial, ignore: true}]}", false},
		{"what is excluded", "{exclusions: [{packages: [example.com/drivers], reason: tried elsewhere}]}", false},
		{"what is excluded of a file", "{exclusions: [{files: [fetch/**], reason: tried elsewhere}]}", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := issues(t, drivers, test.settings, "", "."); slices.Contains(got, unguarded) != test.want {
				t.Errorf("got %v, want %s there: %v", got, unguarded, test.want)
			}
		})
	}
}

func TestBadSettingsAreErrors(t *testing.T) {
	for settings, want := range map[string]string{
		"{rulez: []}":                      `unknown field "rulez"`,
		"{rules: [nope]}":                  `rules[0]: unknown rule "nope"`,
		"{guards: [{func: Run}]}":          `guards[0].func: "Run" does not name a function`,
		"{exclusions: [{funcs: [a.B]}]}":   "exclusions[0]: an exclusion needs a reason",
		"{guards: [{func: a.B, args: 1}]}": `unknown field "args"`,
	} {
		stdout, stderr, code := lint(t, drivers, settings, "", ".")
		if code == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%s: got exit code %d and\n%s%s\nwant an error with %s", settings, code, stdout, stderr, want)
		}
	}
}

// TestFixes lets the linter mend a directive that is none for a blank.
func TestFixes(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(drivers)); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, _ := lint(t, dir, "{rules: [directive]}", "", "--fix", "--show-stats=false", "./fetch")
	got, err := os.ReadFile(filepath.Join(dir, "fetch", "guard.go"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(got, []byte("\n//resil:guard stock\n")) {
		t.Errorf("got\n%s\n%s%s", got, stdout, stderr)
	}
}

func TestVersionHoldsTheBinary(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), linter, "version", "--short").Output()
	if err != nil {
		t.Fatal(err)
	}
	version := strings.TrimSpace(string(out))
	if prefix := "2.15.0-resilvet-"; !strings.HasPrefix(version, prefix) || len(version) != len(prefix)+12 {
		t.Errorf("got version %q, want %sHASH", version, prefix)
	}
}

// TestSARIFIsValid checks resilvet's output against the schema of OASIS, of which
// gosec, a dependency of golangci-lint, brings a copy.
func TestSARIFIsValid(t *testing.T) {
	gosec, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/securego/gosec/v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(strings.TrimSpace(string(gosec)), "report", "sarif", "testdata", "sarif-schema-2.1.0.json")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		t.Fatal("this version of gosec has no copy of the schema: ", file)
	}
	schema, err := jsonschema.NewCompiler().Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), resilvet, "-sarif", "-", "./...")
	cmd.Dir = drivers
	out, err := cmd.Output()
	if code := cmd.ProcessState.ExitCode(); code != 3 {
		t.Fatalf("%v: exit code %d, want 3", err, code)
	}
	log, err := jsonschema.UnmarshalJSON(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(log); err != nil {
		t.Error(err)
	}
}
