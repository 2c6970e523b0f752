package accuracy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/resilgo/resil/benchmarks/internal/fetched"
)

// Run fetches a service into a folder of the given one and returns what the
// resilvet program says of its calls.
func Run(resilvet, work string, s Service) ([]Call, error) {
	dir := filepath.Join(work, s.Name)
	if err := fetched.Module(s.Module, dir); err != nil {
		return nil, err
	}
	cmd := exec.Command(resilvet, "-report=json", "./...")
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
			File, Callee, Guard, Excluded string
			Line, Column                  int
			Unknown                       bool
		}
	}
	if err := json.Unmarshal(out, &report); err != nil {
		return nil, fmt.Errorf("the report on %s: %w", s.Name, err)
	}
	var calls []Call
	for _, c := range report.Calls {
		if c.Excluded != "" || c.Unknown {
			continue
		}
		found := Unguarded
		if c.Guard != "" {
			found = Guarded
		}
		calls = append(calls, Call{
			Place: fmt.Sprintf("%s:%d:%d", filepath.ToSlash(c.File), c.Line, c.Column), Found: found, Callee: short(c.Callee),
		})
	}
	return calls, nil
}

var folders = regexp.MustCompile(`[\w.\-]+/`)

// short leaves the folders out of the import paths in a function's name.
func short(callee string) string { return strings.TrimSpace(folders.ReplaceAllString(callee, "")) }
