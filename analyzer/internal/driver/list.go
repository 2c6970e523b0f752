package driver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
)

// listed is what go list tells of a package.
type listed struct {
	ImportPath string
	Name       string
	Dir        string
	Export     string   // file with export data; empty if the package does not compile
	ForTest    string   // the package whose test variant this is
	Match      []string // the patterns that name the package
	GoFiles    []string // relative to Dir
	CgoFiles   []string
	Imports    []string
	ImportMap  map[string]string
	Standard   bool
	Module     *listedModule
	Error      *listedError
	DepsErrors []*listedError
}

type listedModule struct {
	Path      string
	Main      bool
	GoVersion string
}

type listedError struct {
	ImportStack []string
	Pos         string
	Err         string
}

// own reports whether the package is part of the code under analysis: of the
// main module, or of a workspace's, or made of files named on the command line.
func (p *listed) own() bool {
	return !p.Standard && (p.Module == nil || p.Module.Main)
}

// path returns the import path without the suffix of a test variant.
func (p *listed) path() string {
	return withoutVariant(p.ImportPath)
}

// tested returns the import path of the package whose tests these are; for a
// package without tests its own.
func (p *listed) tested() string {
	if p.ForTest != "" {
		return p.ForTest
	}
	return p.ImportPath
}

// isTestMain reports whether the package is the main that the go command writes
// for a test.
func (p *listed) isTestMain() bool {
	return p.ForTest == "" && strings.HasSuffix(p.ImportPath, ".test")
}

// isRebuilt reports whether the package is only built again for a test, because
// it imports the package under test. It holds no tests.
func (p *listed) isRebuilt() bool {
	return p.ForTest != "" && p.path() != p.ForTest && p.path() != p.ForTest+"_test"
}

// needs returns the ImportPaths of the packages that must be done before this
// one. A variant for a test needs the packages proper too, whose summaries hold
// for both.
func (p *listed) needs() []string {
	var ids []string
	for _, path := range p.Imports {
		ids = append(ids, p.resolve(path))
		if p.ForTest != "" {
			ids = append(ids, withoutVariant(p.resolve(path)))
		}
	}
	if p.ForTest != "" {
		ids = append(ids, p.ForTest)
	}
	return ids
}

// resolve returns the ImportPath of the package that the import path stands
// for in p.
func (p *listed) resolve(path string) string {
	if mapped, ok := p.ImportMap[path]; ok {
		return mapped
	}
	return path
}

// fields are the fields of [listed]; naming them spares the go command work.
const fields = "-json=ImportPath,Name,Dir,Export,ForTest,Match,GoFiles,CgoFiles,Imports,ImportMap,Standard,Module,Error,DepsErrors"

// listing is a request to the go command.
type listing struct {
	Dir      string // where the command runs; empty is the working directory
	Patterns []string
	Whole    string // root of the module whose other packages are wanted too; empty for none
	Tags     string
	Tests    bool
}

// list asks the go command for the packages that the patterns name, for the
// rest of the module, and for all that they import, dependencies first. Only
// packages that the build cache holds have export data: with none at all, as on
// a fresh machine, compiling would cost ten times what reading the declarations
// costs.
func (l listing) list(ctx context.Context) ([]*listed, error) {
	args := []string{"list", "-e", "-deps", "-export", fields}
	if l.Tests {
		args = append(args, "-test")
	}
	if wrapper := refusal(); wrapper != "" {
		args = append(args, "-toolexec="+wrapper)
	}
	if l.Tags != "" {
		args = append(args, "-tags="+l.Tags)
	}
	args = append(args, "--")
	args = append(args, l.Patterns...)
	if l.Whole != "" {
		args = append(args, wholePattern(l.Whole))
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = l.Dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("running the go command: %w", err)
	}
	var pkgs []*listed
	decoder := json.NewDecoder(stdout)
	var decodeErr error
	for {
		p := new(listed)
		if decodeErr = decoder.Decode(p); decodeErr != nil {
			break
		}
		pkgs = append(pkgs, p)
	}
	// Wait may only be called when all output has been read.
	_, _ = io.Copy(io.Discard, stdout)
	// What was not compiled may make the command fail although it told all.
	if err := cmd.Wait(); err != nil && len(pkgs) == 0 {
		if message := strings.TrimSpace(stderr.String()); message != "" {
			return nil, errors.New(message)
		}
		return nil, fmt.Errorf("go list: %w", err)
	}
	if !errors.Is(decodeErr, io.EOF) {
		return nil, fmt.Errorf("reading the output of go list: %w", decodeErr)
	}
	return pkgs, nil
}

func wholePattern(root string) string { return filepath.Join(root, "...") }

// named reports whether the user's patterns name the package, as against the
// rest of the module, which is only looked at.
func (l listing) named(p *listed) bool {
	for _, m := range p.Match {
		if l.Whole == "" || m != wholePattern(l.Whole) {
			return true
		}
	}
	return false
}
