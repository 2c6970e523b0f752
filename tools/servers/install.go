//go:build linux

package servers

import (
	"context"
	_ "embed" // install.sh travels with the package
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

//go:embed install.sh
var installScript string

// debian finds an executable that a Debian package brings.
func debian(pkg, path string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		if err := output(exec.CommandContext(ctx, "/bin/sh", "-c", installScript, "install.sh", pkg)); err != nil {
			return "", err
		}
		_, err := os.Stat(path)
		return path, err
	}
}

// pinned finds a tool that this repository pins, by the script tools/tool.
func pinned(name string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		_, source, _, ok := runtime.Caller(0)
		if !ok || !filepath.IsAbs(source) {
			return "", errors.New("the checkout is not to be found from a binary built with -trimpath")
		}
		script := filepath.Join(filepath.Dir(source), "..", "tool")
		path, err := exec.CommandContext(ctx, script, name).Output()
		if err != nil {
			return "", explain(script+" "+name, err)
		}
		return strings.TrimSpace(string(path)), nil
	}
}

// credential is the user to run as, nil for the one we are.
func (r recipe) credential() (*syscall.Credential, error) {
	if r.user == "" || os.Geteuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup(r.user)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// output runs a command whose output matters only when it fails.
func output(command *exec.Cmd) error {
	text, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", command.Path, err, strings.TrimSpace(string(text)))
	}
	return nil
}

// explain adds what the command wrote to stderr.
func explain(what string, err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("%s: %w\n%s", what, err, strings.TrimSpace(string(exit.Stderr)))
	}
	return fmt.Errorf("%s: %w", what, err)
}
