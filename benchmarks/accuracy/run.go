package accuracy

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/resilgo/resil/benchmarks/internal/fetched"
)

// Run fetches a service into a folder of the given one and returns what the
// resilvet program says of it: of its calls, and the findings of other rules.
func Run(resilvet, work string, s Service) ([]Line, error) {
	dir := filepath.Join(work, s.Name)
	if err := fetched.Module(s.Module, dir); err != nil {
		return nil, err
	}
	findings := filepath.Join(work, s.Name+".sarif")
	cmd := exec.Command(resilvet, append([]string{"-report=json", "-sarif", findings}, s.patterns()...)...)
	cmd.Dir = dir
	cmd.Env = append(fetched.Environ(), "RESILVET_CACHE=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	// 3: there are findings. 1: some package does not type-check here.
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 3) {
		return nil, fmt.Errorf("resilvet on %s: %w\n%s", s.Name, err, stderr.Bytes())
	}
	var report struct {
		Calls []struct {
			File, Callee, Dependency, Guard, Excluded string
			Line, Column                              int
			Unknown                                   bool
		}
	}
	if err := json.Unmarshal(out, &report); err != nil {
		return nil, fmt.Errorf("the report on %s: %w", s.Name, err)
	}
	var lines []Line
	callees := make(map[string]string)
	for _, c := range report.Calls {
		place := fmt.Sprintf("%s:%d:%d", filepath.ToSlash(c.File), c.Line, c.Column)
		callees[place] = c.Dependency + " " + short(c.Callee)
		if c.Excluded != "" || c.Unknown {
			continue
		}
		found := Unguarded
		if c.Guard != "" {
			found = Guarded
		}
		lines = append(lines, Line{Place: place, Found: found, Callee: callees[place]})
	}
	others, err := otherFindings(findings, callees)
	if err != nil {
		return nil, fmt.Errorf("the findings on %s: %w", s.Name, err)
	}
	return append(lines, others...), nil
}

// otherFindings returns the findings of the rules that do not speak of whether
// calls are guarded.
func otherFindings(file string, callees map[string]string) ([]Line, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var sarif struct {
		Runs []struct {
			Results []struct {
				RuleID    string
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine, StartColumn int }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(content, &sarif); err != nil {
		return nil, err
	}
	var lines []Line
	for _, r := range sarif.Runs[0].Results {
		if r.RuleID == string(Unguarded) || len(r.Locations) == 0 {
			continue
		}
		at := r.Locations[0].PhysicalLocation
		place := fmt.Sprintf("%s:%d:%d", at.ArtifactLocation.URI, at.Region.StartLine, at.Region.StartColumn)
		lines = append(lines, Line{Place: place, Found: Verdict(r.RuleID), Callee: cmp.Or(callees[place], "-")})
	}
	return lines, nil
}

var folders = regexp.MustCompile(`[\w.\-]+/`)

// short leaves the folders out of the import paths in a function's name.
func short(callee string) string { return strings.TrimSpace(folders.ReplaceAllString(callee, "")) }
