package gen

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Cost is what a command and all processes it started took.
type Cost struct {
	CPU float64 // seconds, user and system
	MiB float64 // the largest resident set of one process; 0 where it is unknown
}

// Run runs a command in dir and returns its cost. The environment is added to
// the present one.
func Run(dir string, env []string, name string, args ...string) (Cost, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return Cost{}, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	state := cmd.ProcessState
	return Cost{CPU: (state.UserTime() + state.SystemTime()).Seconds(), MiB: resident(state)}, nil
}
