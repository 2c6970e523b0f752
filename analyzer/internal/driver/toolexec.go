package driver

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// ToolexecFlag is the first argument of this program when the go command runs it
// in front of its tools, see [Toolexec].
const ToolexecFlag = "-toolexec"

// refusal returns the value of the go command's -toolexec that makes it run this
// program in front of its tools; empty if that cannot be done.
func refusal() string {
	self, err := os.Executable()
	if err != nil || strings.ContainsAny(self, `"'`) {
		return ""
	}
	return `"` + self + `" ` + ToolexecFlag
}

// Toolexec stands in front of the go command's tools. It lets them tell their
// version, on which the names of cached files depend, and refuses all else: so
// the go command finds what it has compiled before and compiles nothing. It
// returns the exit code.
func Toolexec(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || !slices.ContainsFunc(args[1:], asksVersion) {
		// With output, the error of the package is that of a failed compilation.
		_, _ = io.WriteString(stderr, "not compiled\n")
		return 1
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitCode()
	case err != nil:
		return 1
	}
	return 0
}

// asksVersion reports whether the argument makes a tool, or a C compiler, tell
// what it is and do nothing.
func asksVersion(arg string) bool { return arg == "-V=full" || arg == "-###" }
