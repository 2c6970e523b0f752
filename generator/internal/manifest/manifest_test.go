package manifest

import (
	"os"
	"path/filepath"
	"testing"
	"time"
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
		{name: "a nested module that appears", change: func(t *testing.T, root string) { write(t, root, "mod/shop/go.mod", "module z") }},
		{name: "a file of a nested module", change: func(t *testing.T, root string) { write(t, root, "mod/nested/x.go", "package y") }, stays: true},
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
		{name: "a module that is replaced", change: func(t *testing.T, root string) { write(t, root, "replaced/go.mod", "module r\n\ngo 1.26") }},
		{name: "a module of the workspace", change: func(t *testing.T, root string) { write(t, root, "used/go.mod", "module u\n\ngo 1.26") }},
		{name: "a module that one of the workspace replaces", change: func(t *testing.T, root string) { write(t, root, "usedtoo/go.mod", "module v\n\ngo 1.26") }},
		{name: "an overlay", change: func(*testing.T, string) {}, env: "GOFLAGS=-overlay=o.json"},
		{name: "another module file", change: func(*testing.T, string) {}, env: "GOFLAGS=-modfile=other.mod"},
		{name: "a package outside", change: func(t *testing.T, root string) { write(t, root, "other/o.go", "package other // changed") }},
		{name: "a new file in a package outside", change: func(t *testing.T, root string) { write(t, root, "other/p.go", "package other") }},
		{name: "the environment", change: func(*testing.T, string) {}, env: "GOFLAGS=-tags=x"},
		{name: "the system", change: func(*testing.T, string) {}, env: "GOOS=plan9"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("RESILGEN_CACHE", t.TempDir())
			root := t.TempDir()
			dir := filepath.Join(root, "mod")
			write(t, dir, "go.mod", "module x\n\nreplace r => ../replaced // local\n")
			write(t, root, "go.work", "go 1.26\n\nuse (\n\t./mod\n\t./used\n)\n")
			write(t, root, "replaced/go.mod", "module r")
			write(t, root, "used/go.mod", "module u\n\nreplace v => ../usedtoo\n")
			write(t, root, "usedtoo/go.mod", "module v")
			write(t, dir, "shop/a.go", "package shop")
			write(t, dir, "nested/go.mod", "module nested")
			write(t, root, "other/o.go", "package other")
			env, patterns := os.Environ(), []string{"./..."}

			m := Open(dir, env, patterns)
			var got int
			if m.Recall(&got) != nil {
				t.Fatal("recalled before anything was saved")
			}
			write(t, dir, "shop/a_resil.go", "generated")
			m.Save([]string{filepath.Join(dir, "shop"), filepath.Join(root, "other")},
				map[string][]byte{filepath.Join(dir, "shop/a_resil.go"): []byte("generated")}, value(7))

			test.change(t, root)
			known := Open(dir, append(env, test.env), patterns).Recall(&got)
			if same := known != nil && known.Same; same != test.stays {
				t.Errorf("same = %v, want %v", same, test.stays)
			}
			if known != nil && got != 7 {
				t.Errorf("recalled %d, want what was saved: 7", got)
			}
		})
	}
}

// TestChangeWhileLoadingIsNoticed holds that what is saved are the files as
// they were before the load.
func TestChangeWhileLoadingIsNoticed(t *testing.T) {
	t.Setenv("RESILGEN_CACHE", t.TempDir())
	dir := t.TempDir()
	file := filepath.Join(dir, "a.go")
	if err := os.WriteFile(file, []byte("package a"), 0o644); err != nil {
		t.Fatal(err)
	}
	m := Open(dir, os.Environ(), nil)
	if err := os.WriteFile(file, []byte("package a // edited meanwhile"), 0o644); err != nil {
		t.Fatal(err)
	}
	m.Save(nil, nil, value(1))
	var got int
	if known := Open(dir, os.Environ(), nil).Recall(&got); known == nil || known.Same {
		t.Error("nothing has changed, although the file was edited after it was looked at")
	}
}

func TestNothingIsRemembered(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct {
		name     string
		cache    string
		patterns []string
	}{
		{"with an import path for a pattern", t.TempDir(), []string{"example.com/x"}},
		{"with a file for a pattern", t.TempDir(), []string{"./a.go"}},
		{"when switched off", "off", nil},
		{"in a folder that cannot be made", "/dev/null/cache", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("RESILGEN_CACHE", test.cache)
			Open(dir, os.Environ(), test.patterns).Save(nil, nil, value(1))
			var got int
			if Open(dir, os.Environ(), test.patterns).Recall(&got) != nil {
				t.Error("recalled")
			}
		})
	}
}

// TestIndirectSourcesAreNeverRemembered holds that nothing is recalled where
// the go command reads files that nobody hashes.
func TestIndirectSourcesAreNeverRemembered(t *testing.T) {
	for _, setting := range []string{"GOFLAGS=-mod=mod -overlay=o.json", "GOFLAGS=-modfile=o.mod", "GOPACKAGESDRIVER=bazel"} {
		t.Run(setting, func(t *testing.T) {
			t.Setenv("RESILGEN_CACHE", t.TempDir())
			dir := t.TempDir()
			env := append(os.Environ(), setting)
			Open(dir, env, nil).Save(nil, nil, value(1))
			var got int
			if Open(dir, env, nil).Recall(&got) != nil {
				t.Error("recalled")
			}
		})
	}
}

func TestBrokenRecordIsIgnored(t *testing.T) {
	t.Setenv("RESILGEN_CACHE", t.TempDir())
	dir := t.TempDir()
	m := Open(dir, os.Environ(), nil)
	m.Save(nil, nil, value(1))
	if err := os.WriteFile(m.path, []byte(`{"Roots":`), 0o600); err != nil {
		t.Fatal(err)
	}
	var got int
	if Open(dir, os.Environ(), nil).Recall(&got) != nil {
		t.Error("recalled a record that was cut off")
	}
}

func value(v any) func(func([]string) string) any {
	return func(func([]string) string) any { return v }
}

// TestHashesOfFoldersTellWhichChanged edits one of two folders.
func TestHashesOfFoldersTellWhichChanged(t *testing.T) {
	t.Setenv("RESILGEN_CACHE", t.TempDir())
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, d := range []string{a, b} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d, "x.go"), []byte("package x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	patterns := []string{"./..."}
	Open(dir, os.Environ(), patterns).Save(nil, nil, func(hash func([]string) string) any {
		return []string{hash([]string{a}), hash([]string{b}), hash([]string{a, b})}
	})
	if err := os.WriteFile(filepath.Join(b, "y.go"), []byte("package x"), 0o644); err != nil {
		t.Fatal(err)
	}
	m := Open(dir, os.Environ(), patterns)
	var old []string
	known := m.Recall(&old)
	if known == nil || known.Same {
		t.Fatalf("known = %+v, want a record that has changed", known)
	}
	for i, want := range []struct {
		dirs []string
		same bool
	}{{[]string{a}, true}, {[]string{b}, false}, {[]string{a, b}, false}} {
		if got := known.Hash(want.dirs) == old[i]; got != want.same {
			t.Errorf("hash of %v is the same: %v, want %v", want.dirs, got, want.same)
		}
	}
	if got := m.Folders(); len(got) != 2 || got[0] != a || got[1] != b {
		t.Errorf("Folders = %v", got)
	}
}

func TestOldRecordsAreRemoved(t *testing.T) {
	cache, dir := t.TempDir(), t.TempDir()
	t.Setenv("RESILGEN_CACHE", cache)
	old, young := filepath.Join(cache, "old.json"), filepath.Join(cache, "young.json")
	for path, age := range map[string]time.Duration{old: kept + time.Hour, young: kept - time.Hour} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	Open(dir, os.Environ(), nil).Save(nil, nil, value(1))
	if _, err := os.Stat(old); err == nil {
		t.Error("a record of more than a month is still there")
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("a younger record is gone: %v", err)
	}
}
