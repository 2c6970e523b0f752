package accuracy

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/resilgo/resil/benchmarks/internal/fetched"
)

var drivers = flag.Bool("drivers", false, "run resilvet on public services alone, under go vet and in golangci-lint, and compare")

// TestDriversAgree holds that what go vet and golangci-lint find, in packages
// that they see one by one, resilvet finds with the whole module in sight. They
// may find less where more than one command or public package leads.
//
//	go -C benchmarks test ./accuracy -run TestDriversAgree -drivers -v
func TestDriversAgree(t *testing.T) {
	if !*drivers {
		t.Skip("builds golangci-lint and compiles five services; asked for by -drivers")
	}
	work := t.TempDir()
	resilvet := build(t, work)
	tool := exec.Command("tools/tool", "gcl")
	tool.Dir = "../.."
	out, err := tool.Output()
	if err != nil {
		t.Fatal(err)
	}
	golangci := strings.TrimSpace(string(out))
	config := filepath.Join(work, "golangci.yml")
	if err := os.WriteFile(config, []byte(`version: "2"
linters:
  default: none
  enable: [resilvet]
  settings:
    custom:
      resilvet: {type: module}
issues: {uniq-by-line: false, max-issues-per-linter: 0, max-same-issues: 0}
run: {timeout: 20m, tests: false, relative-path-mode: wd}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, all := range map[string]bool{"heimdall": true, "asynq": true, "go-workflows": false, "kine": false, "podinfo": true} {
		t.Run(name, func(t *testing.T) {
			s := Services[slices.IndexFunc(Services, func(s Service) bool { return s.Name == name })]
			dir := filepath.Join(work, name)
			if err := fetched.Module(s.Module, dir); err != nil {
				t.Fatal(err)
			}
			alone := diagnostics(t, dir, resilvet, "-json", "./...")
			vet := diagnostics(t, dir, "go", "vet", "-json", "-vettool="+resilvet, "./...")
			lint := issues(t, dir, golangci, "run", "--config", config, "--output.json.path", "stdout", "--show-stats=false", "./...")
			t.Logf("%d findings alone, %d under go vet, %d in golangci-lint", len(alone), len(vet), len(lint))
			for driver, found := range map[string][]string{"go vet": vet, "golangci-lint": lint} {
				if len(found) < len(alone) && (all || 2*len(found) < len(alone)) {
					t.Errorf("%s finds %d of %d", driver, len(found), len(alone))
				}
				for _, f := range found {
					if !slices.Contains(alone, f) && !slices.ContainsFunc(alone, func(a string) bool { return lineOf(a) == f }) {
						t.Errorf("%s alone finds %s", driver, f)
					}
				}
			}
		})
	}
}

// build builds resilvet into a folder.
func build(t *testing.T, folder string) string {
	t.Helper()
	resilvet := filepath.Join(folder, "resilvet")
	cmd := exec.Command("go", "build", "-o", resilvet, "./cmd/resilvet")
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return resilvet
}

// output runs a tool that tells of findings by its exit code.
func output(t *testing.T, dir, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(fetched.Environ(), "RESILVET_CACHE=off", "GITHUB_ACTIONS=")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || len(out) == 0) {
		t.Fatalf("%s: %v\n%s", cmd, err, stderr.Bytes())
	}
	return out
}

// diagnostics returns what "go vet -json" and its like print, as
// "file:line:col rule".
func diagnostics(t *testing.T, dir, name string, args ...string) []string {
	t.Helper()
	var found []string
	for decoder := json.NewDecoder(bytes.NewReader(output(t, dir, name, args...))); decoder.More(); {
		var tree map[string]map[string][]struct{ Category, Posn string }
		if err := decoder.Decode(&tree); err != nil {
			t.Fatal(err)
		}
		for _, rules := range tree {
			for rule, all := range rules {
				for _, d := range all {
					found = append(found, relative(t, dir, d.Posn)+" "+rule)
				}
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// elsewhere is how golangci-lint is told of a call in another package: at the
// place that reaches it, with its own at the end.
var elsewhere = regexp.MustCompile(`\[(\S+):(\d+)\]`)

// issues returns what golangci-lint prints, as "file:line:col rule", and as
// "file:line rule" if the call is in another package than the issue.
func issues(t *testing.T, dir, name string, args ...string) []string {
	t.Helper()
	var report struct {
		Issues []struct {
			Text string
			Pos  struct {
				Filename     string
				Line, Column json.Number
			}
		}
	}
	if err := json.Unmarshal(output(t, dir, name, args...), &report); err != nil {
		t.Fatal(err)
	}
	mod, err := exec.Command("go", "-C", dir, "list", "-m").Output()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, i := range report.Issues {
		rule, _, _ := strings.Cut(i.Text, ":")
		place := relative(t, dir, i.Pos.Filename+":"+i.Pos.Line.String()+":"+i.Pos.Column.String())
		if m := elsewhere.FindStringSubmatch(i.Text); m != nil {
			place = strings.TrimPrefix(m[1], strings.TrimSpace(string(mod))+"/") + ":" + m[2]
		}
		found = append(found, place+" "+rule)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// lineOf leaves the column out.
func lineOf(finding string) string {
	place, rule, _ := strings.Cut(finding, " ")
	return place[:strings.LastIndexByte(place, ':')] + " " + rule
}

func relative(t *testing.T, dir, place string) string {
	t.Helper()
	if !filepath.IsAbs(place) {
		return filepath.ToSlash(place)
	}
	rel, err := filepath.Rel(dir, place)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.ToSlash(rel)
}
