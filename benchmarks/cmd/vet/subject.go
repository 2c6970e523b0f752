package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/resilgo/resil/benchmarks/internal/fetched"
)

// clouds are modules that a package under measurement must not reach.
var clouds = []string{"github.com/aws/", "github.com/Azure/", "k8s.io/"}

// subject fetches the module and takes away the packages that reach a cloud
// SDK, or something that cannot be had.
func (b *bench) subject() error {
	if err := fetched.Module(subject, b.dir); err != nil {
		return err
	}
	cmd := exec.Command("go", "list", "-e", "-deps", "-json=Dir,GoFiles,Deps,Error,DepsErrors,Module", "./...")
	cmd.Dir, cmd.Env = b.dir, append(fetched.Environ(), "PWD="+b.dir)
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	kept := 0
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Dir           string
			GoFiles, Deps []string
			Error         any
			DepsErrors    []any
			Module        struct{ Main bool }
		}
		switch err := decoder.Decode(&p); {
		case errors.Is(err, io.EOF):
			if kept == 0 {
				return fmt.Errorf("nothing is left of %s", subject)
			}
			return nil
		case err != nil:
			return err
		}
		reaches := slices.ContainsFunc(p.Deps, func(dep string) bool {
			return slices.ContainsFunc(clouds, func(cloud string) bool { return strings.HasPrefix(dep, cloud) })
		})
		if !p.Module.Main {
			continue
		}
		if !reaches && p.Error == nil && len(p.DepsErrors) == 0 && len(p.GoFiles) > 0 {
			kept++
			// Tests may reach what their package does not.
			if err := remove(p.Dir, "*_test.go"); err != nil {
				return err
			}
			continue
		}
		if err := remove(p.Dir, "*.go"); err != nil {
			return err
		}
	}
}

func remove(dir, pattern string) error {
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			return err
		}
	}
	return nil
}
