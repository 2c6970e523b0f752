package manifest

import (
	"os"
	"path/filepath"
	"testing"
)

// TestRecallNoticesEveryChange saves a manifest, changes one thing and expects
// that nothing is recalled; without a change everything is.
func TestRecallNoticesEveryChange(t *testing.T) {
	write := func(t *testing.T, path ...string) {
		t.Helper()
		name := filepath.Join(path[:len(path)-1]...)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(path[len(path)-1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	remove := func(t *testing.T, path ...string) {
		t.Helper()
		if err := os.RemoveAll(filepath.Join(path...)); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name   string
		change func(t *testing.T, root string)
		env    string
		stays  bool
	}{
		{name: "nothing", change: func(*testing.T, string) {}, stays: true},
		{name: "a file that is no Go file", change: func(t *testing.T, root string) { write(t, root, "mod/shop/README", "x") }, stays: true},
		{name: "testdata", change: func(t *testing.T, root string) { write(t, root, "mod/shop/testdata/x.go", "x") }, stays: true},
		{name: "a source file", change: func(t *testing.T, root string) { write(t, root, "mod/shop/a.go", "package shop // other") }},
		{name: "a generated file", change: func(t *testing.T, root string) { write(t, root, "mod/shop/a_resil.go", "edited") }},
		{name: "a generated file that is gone", change: func(t *testing.T, root string) { remove(t, root, "mod/shop/a_resil.go") }},
		{name: "a new file", change: func(t *testing.T, root string) { write(t, root, "mod/shop/b.go", "package shop") }},
		{name: "a new package", change: func(t *testing.T, root string) { write(t, root, "mod/deep/er/c.go", "package er") }},
		{name: "a removed package", change: func(t *testing.T, root string) { remove(t, root, "mod/shop") }},
		{name: "go.mod", change: func(t *testing.T, root string) { write(t, root, "mod/go.mod", "module y") }},
		{name: "go.sum", change: func(t *testing.T, root string) { write(t, root, "mod/go.sum", "sum") }},
		{name: "a workspace above", change: func(t *testing.T, root string) { write(t, root, "go.work", "go 1.26") }},
		{name: "a vendored module", change: func(t *testing.T, root string) { write(t, root, "mod/vendor/modules.txt", "# m") }},
		{name: "a package outside", change: func(t *testing.T, root string) { write(t, root, "other/o.go", "package other // changed") }},
		{name: "a new file in a package outside", change: func(t *testing.T, root string) { write(t, root, "other/p.go", "package other") }},
		{name: "the environment", change: func(*testing.T, string) {}, env: "GOFLAGS=-tags=x"},
		{name: "the system", change: func(*testing.T, string) {}, env: "GOOS=plan9"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("XDG_CACHE_HOME", t.TempDir())
			root := t.TempDir()
			dir := filepath.Join(root, "mod")
			write(t, dir, "go.mod", "module x")
			write(t, dir, "shop/a.go", "package shop")
			write(t, root, "other/o.go", "package other")
			env, patterns := os.Environ(), []string{"./..."}

			m := Open(dir, env, patterns)
			var got int
			if m.Recall(&got) {
				t.Fatal("recalled before anything was saved")
			}
			write(t, dir, "shop/a_resil.go", "generated")
			m.Save([]string{filepath.Join(dir, "shop"), filepath.Join(root, "other")},
				map[string][]byte{filepath.Join(dir, "shop/a_resil.go"): []byte("generated")}, 7)

			test.change(t, root)
			recalled := Open(dir, append(env, test.env), patterns).Recall(&got)
			if recalled != test.stays {
				t.Errorf("recalled = %v, want %v", recalled, test.stays)
			}
			if recalled && got != 7 {
				t.Errorf("recalled %d, want what was saved: 7", got)
			}
		})
	}
}

// TestChangeWhileLoadingIsNoticed holds that what is saved are the files as
// they were before the load.
func TestChangeWhileLoadingIsNoticed(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := t.TempDir()
	file := filepath.Join(dir, "a.go")
	if err := os.WriteFile(file, []byte("package a"), 0o644); err != nil {
		t.Fatal(err)
	}
	m := Open(dir, os.Environ(), nil)
	if err := os.WriteFile(file, []byte("package a // edited meanwhile"), 0o644); err != nil {
		t.Fatal(err)
	}
	m.Save(nil, nil, 1)
	var got int
	if Open(dir, os.Environ(), nil).Recall(&got) {
		t.Error("recalled, although the file was edited after it was looked at")
	}
}

func TestNothingIsRemembered(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct {
		name     string
		cache    string
		env      []string
		patterns []string
	}{
		{"with an import path for a pattern", t.TempDir(), os.Environ(), []string{"example.com/x"}},
		{"with a file for a pattern", t.TempDir(), os.Environ(), []string{"./a.go"}},
		{"when switched off", t.TempDir(), append(os.Environ(), "RESILGEN_CACHE=off"), nil},
		{"in a folder that cannot be made", "/dev/null/cache", os.Environ(), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("XDG_CACHE_HOME", test.cache)
			Open(dir, test.env, test.patterns).Save(nil, nil, 1)
			var got int
			if Open(dir, test.env, test.patterns).Recall(&got) {
				t.Error("recalled")
			}
		})
	}
}

func TestBrokenRecordIsIgnored(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := t.TempDir()
	m := Open(dir, os.Environ(), nil)
	m.Save(nil, nil, 1)
	if err := os.WriteFile(m.path, []byte(`{"Roots":`), 0o600); err != nil {
		t.Fatal(err)
	}
	var got int
	if Open(dir, os.Environ(), nil).Recall(&got) {
		t.Error("recalled a record that was cut off")
	}
}
