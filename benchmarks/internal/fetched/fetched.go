// Package fetched brings modules from the module proxy into folders of their
// own, to run tools on them.
package fetched

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Module downloads module@version with the go command and copies it to the
// folder, which must not exist. The module cache stays as it is.
func Module(module, folder string) error {
	cmd := exec.Command("go", "mod", "download", "-json", module)
	cmd.Dir = os.TempDir() // outside of any module
	out, err := cmd.Output()
	var answer struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(out, &answer); jsonErr != nil {
		return fmt.Errorf("go mod download %s: %w", module, errors.Join(err, jsonErr))
	}
	if answer.Error != "" {
		return fmt.Errorf("go mod download: %s", answer.Error)
	}
	if err := os.CopyFS(folder, os.DirFS(answer.Dir)); err != nil {
		return err
	}
	// The module cache is read-only, and so is what was copied from it.
	return filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if d.IsDir() {
			mode = 0o755
		}
		return os.Chmod(name, mode)
	})
}

// Environ is the environment for tools that look at a fetched module by itself:
// no workspace, no flags of ours, and sums that are missing are looked up.
func Environ() []string {
	var env []string
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		if name != "GOFLAGS" && name != "GOWORK" {
			env = append(env, e)
		}
	}
	return append(env, "GOWORK=off", "GOFLAGS=-mod=mod")
}
