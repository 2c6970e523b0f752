package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/resilgo/resil/cmd/internal/script"
)

// hook is what pre-commit reads of a hook definition.
type hook struct {
	ID            string   `yaml:"id"`
	Name          string   `yaml:"name"`
	Description   string   `yaml:"description"`
	Entry         string   `yaml:"entry"`
	Args          []string `yaml:"args"`
	Language      string   `yaml:"language"`
	Types         []string `yaml:"types"`
	PassFilenames *bool    `yaml:"pass_filenames"`
	RequireSerial bool     `yaml:"require_serial"`
}

// TestPreCommitHooks runs the hooks as pre-commit does: the entry, its arguments,
// and the changed files unless the hook does not want them.
func TestPreCommitHooks(t *testing.T) {
	content, err := os.ReadFile("../../.pre-commit-hooks.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var hooks []hook
	if err := yaml.UnmarshalWithOptions(content, &hooks, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	codes := map[string]int{"resilgen-check": 1, "resilvet": 3, "resilvet-changed": 3}
	for _, h := range hooks {
		t.Run(h.ID, func(t *testing.T) {
			code, ok := codes[h.ID]
			if !ok {
				t.Fatal("nobody knows this hook")
			}
			delete(codes, h.ID)
			if h.Name == "" || h.Description == "" {
				t.Error("name or description is missing")
			}
			if h.Language != "golang" || !slices.Equal(h.Types, []string{"go"}) {
				t.Errorf("got language %q for types %q, want golang for go", h.Language, h.Types)
			}
			// With language golang, pre-commit installs the commands of this module.
			if _, err := os.Stat(filepath.Join("..", h.Entry, "main.go")); err != nil {
				t.Error(err)
			}
			args := h.Args
			if h.PassFilenames == nil || *h.PassFilenames {
				if !h.RequireSerial {
					t.Error("files are split between processes, each of which would check whole packages")
				}
				args = append(args, "main.go", "fetch/fetch.go", "fetch/guard.go")
			}
			run(t, drivers, code, script.Command(h.Entry), args...)
		})
	}
	for id := range codes {
		t.Errorf("hook %s is missing", id)
	}
}
