package importers_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/resilgo/resil/analyzer/internal/importers"
)

// folder makes a folder, and a function that writes files into it.
func folder(t *testing.T) (root string, write func(name, content string)) {
	t.Helper()
	root = t.TempDir()
	return root, func(name, content string) {
		t.Helper()
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNone(t *testing.T) {
	root, write := folder(t)
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
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(root, link); err != nil {
		t.Fatal(err)
	}
	if importers.None(link, "example.com/m/used") {
		t.Error("None is true of a module that is looked at through a link")
	}
	if importers.None(filepath.Join(root, "missing"), "x") {
		t.Error("None is true of a folder that cannot be read")
	}
	if importers.None("", "x") {
		t.Error("None is true without a module")
	}
}

func TestClosed(t *testing.T) {
	root, write := folder(t)
	file := func(name, pkg string, imports ...string) {
		t.Helper()
		content := "package " + pkg + "\n"
		for _, i := range imports {
			content += "\nimport _ \"" + i + "\"\n"
		}
		write(name, content)
	}
	const m = "example.com/m"
	write("go.mod", "module "+m+"\n")
	file("main.go", "main", m+"/app", "example.com/modern", "net/http")
	file("app/app.go", "app", m+"/store", m+"/shared")
	file("app/app_test.go", "app", m+"/store/testing")
	file("store/store.go", "store", m+"/store/rows")
	file("store/rows/rows.go", "rows")
	file("shared/shared.go", "shared", m+"/below")
	file("below/below.go", "below")
	file("cmd/other/main.go", "main", m+"/shared")
	file("cmd/bench/bench.go", "bench", m+"/store", "testing") // there for tests
	write("store/gen.go", "// Writes rows.\n\n//go:build ignore\n\npackage main\n\nimport _ \""+m+"/shared\"\n")
	for path, want := range map[string][]string{
		m:                {m + "/app", m + "/store", m + "/store/rows"}, // the other command reaches what is shared, and what is below
		m + "/cmd/other": nil,
		m + "/store":     {m + "/store/rows"},
		m + "/nowhere":   nil,
	} {
		if got := importers.Closed(root, m, path); !slices.Equal(got, want) {
			t.Errorf("Closed(%q) = %v, want %v", path, got, want)
		}
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(root, link); err != nil {
		t.Fatal(err)
	}
	if got := importers.Closed(link, m, m); len(got) != 3 {
		t.Errorf("Closed through a link = %v, want three packages", got)
	}
	write("broken/broken.go", "package broken\n\nimport (\n")
	if got := importers.Closed(root, m, m); len(got) > 0 {
		t.Errorf("Closed = %v in a module with a file that says nothing of its imports", got)
	}
}
