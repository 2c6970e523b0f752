package importers_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/resilgo/resil/analyzer/internal/importers"
)

func TestNone(t *testing.T) {
	root := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example.com/m\n")
	write("main.go", "package main\n\nimport _ \"example.com/m/used\"\n")
	write("used/a.go", "package used\n")
	write("top/a.go", "package top\n")
	write("top/a_test.go", "package top_test\n\nimport _ \"example.com/m/top\"\n")
	write("other/go.mod", "module example.com/other\n")
	write("other/a.go", "package other\n\nimport _ \"example.com/m/top\"\n")
	write("vendor/x/a.go", "package x\n\nimport _ \"example.com/m/top\"\n")
	for path, want := range map[string]bool{
		"example.com/m/used": false,
		"example.com/m/top":  true, // tests, other modules and vendored code do not count
	} {
		if got := importers.None(root, path); got != want {
			t.Errorf("None(%q) = %v, want %v", path, got, want)
		}
	}
	if importers.None(filepath.Join(root, "missing"), "x") {
		t.Error("None is true of a folder that cannot be read")
	}
	if importers.None("", "x") {
		t.Error("None is true without a module")
	}
}
