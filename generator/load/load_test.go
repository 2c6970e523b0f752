package load

import (
	"go/types"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

func TestConfigForFindsTheNearestBuild(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("written for linux on amd64; what is nearest differs elsewhere")
	}
	for _, test := range []struct {
		name, content string
		want          config
		fails         bool
	}{
		{name: "a_test.go", want: config{tests: true}},
		{name: "a_windows.go", want: config{goos: "windows"}},
		{name: "a_windows_test.go", want: config{goos: "windows", tests: true}},
		{name: "a_arm64.go", want: config{goarch: "arm64"}},
		{name: "a_darwin_arm64.go", want: config{goos: "darwin", goarch: "arm64"}},
		{name: "a.go", content: "//go:build integration", want: config{tags: "integration"}},
		{name: "a.go", content: "//go:build integration && windows", want: config{goos: "windows", tags: "integration"}},
		{name: "a.go", content: "//go:build a && (b || c)", want: config{tags: "a,b"}},
		{name: "a.go", content: "//go:build !linux", want: config{goos: "windows"}},
		{name: "a.go", content: "//go:build !unix", want: config{goos: "windows"}},
		{name: "a.go", content: "//go:build ignore", want: config{never: true}},
		{name: "a.go", content: "//go:build linux && !linux", fails: true},
		{name: "a_windows.go", content: "//go:build linux", fails: true},
	} {
		t.Run(test.name+" "+test.content, func(t *testing.T) {
			got, err := configFor(test.name, []byte(test.content+"\n\npackage p\n"))
			if got != test.want || (err != nil) != test.fails {
				t.Errorf("configFor = %+v, %v, want %+v", got, err, test.want)
			}
		})
	}
}

func TestFlagsKeepTheUsersTags(t *testing.T) {
	c := config{tags: "integration"}
	for _, test := range []struct {
		env  []string
		want string
	}{
		{nil, "-tags=integration"},
		{[]string{"GOFLAGS=-mod=mod -tags=a,b"}, "-tags=a,b,integration"},
		{[]string{"GOFLAGS=--tags=a"}, "-tags=a,integration"},
	} {
		if got := c.flags(test.env); !slices.Equal(got, []string{test.want}) {
			t.Errorf("flags(%v) = %v, want %s", test.env, got, test.want)
		}
	}
	if got := (config{goos: "windows"}).flags(nil); got != nil {
		t.Errorf("flags without tags = %v", got)
	}
}

// unpack writes an archive to a new folder, with a go.mod.
func unpack(t *testing.T, archive string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	files := txtar.Parse([]byte(archive)).Files
	files = append(files, txtar.File{Name: "go.mod", Data: []byte("module example.com/m\n\ngo 1.26\n")})
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestDependenciesAreLoadedAsFarAsTheyAreReached loads a package with a chain
// of dependencies and looks at what was type-checked of each.
func TestDependenciesAreLoadedAsFarAsTheyAreReached(t *testing.T) {
	dir := unpack(t, `
-- a/a.go --
package a

import (
	"context"

	"example.com/m/b"
	"example.com/m/onlyinbodies"
)

//resil:guard a
//resil:errors ignore=b.ErrGone
type A interface {
	Do(ctx context.Context, t *b.T) error
}

func f() { onlyinbodies.F() }
-- b/b.go --
package b

import (
	"errors"

	"example.com/m/c"
	"example.com/m/unreached"
)

var ErrGone, errPrivate = errors.New("gone"), errors.New("private")

type T struct {
	next  *T
	Field c.Number
	size  [n]byte
}

const (
	_ = iota
	n
)

func (t *T) Method() Result { return Result{} }

type Result struct{}

func Unreached() unreached.Type { return unreached.Type{} }
-- c/c.go --
package c

type Number = int

type Other struct{ broken Undefined }
-- onlyinbodies/x.go --
package onlyinbodies

func F() {}
-- unreached/x.go --
package unreached

type Type struct{}
`)
	res, err := Load(Options{Dir: dir, Patterns: []string{"./a"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Units) != 1 || len(res.Problems) != 0 {
		t.Fatalf("units %v, problems %v, want one unit", res.Units, res.Problems)
	}
	u := res.Units[0]
	u.Check()
	if len(u.Errors) > 0 {
		t.Errorf("type errors: %v", u.Errors)
	}
	imported := make(map[string]*types.Package)
	for _, p := range u.Types.Imports() {
		imported[p.Path()] = p
	}
	if imported["example.com/m/onlyinbodies"] != nil {
		t.Error("a package that only function bodies use was loaded")
	}
	b := imported["example.com/m/b"]
	if b == nil {
		t.Fatal("package b was not loaded")
	}
	if got, want := b.Scope().Names(), []string{"ErrGone", "Result", "T", "errPrivate", "n"}; !slices.Equal(got, want) {
		t.Errorf("of package b %v were loaded, want %v", got, want)
	}
	for _, p := range b.Imports() {
		if strings.HasSuffix(p.Path(), "unreached") {
			t.Error("a package that nothing reached was loaded")
		}
		if p.Path() == "example.com/m/c" && !slices.Equal(p.Scope().Names(), []string{"Number"}) {
			t.Errorf("of package c %v were loaded, want Number", p.Scope().Names())
		}
	}
	if _, err := u.Import("example.com/m/nowhere"); err == nil {
		t.Error("a package that does not exist was imported")
	}
}

// TestNamesInDirectivesAreLoaded mentions packages that nothing imports, or
// only by a blank import.
func TestNamesInDirectivesAreLoaded(t *testing.T) {
	dir := unpack(t, `
-- a/a.go --
package a

import (
	"context"
	_ "io"
)

//resil:guard a
//resil:errors ignore=io.EOF,example.com/m/errs.ErrA,net/textproto.Error
type A interface {
	Do(ctx context.Context) error
}
-- errs/errs.go --
package errs

import "errors"

var ErrA = errors.New("a")
`)
	res, err := Load(Options{Dir: dir, Patterns: []string{"./a"}})
	if err != nil {
		t.Fatal(err)
	}
	u := res.Units[0]
	u.Check()
	for path, name := range map[string]string{"io": "EOF", "example.com/m/errs": "ErrA", "net/textproto": "Error"} {
		p, err := u.Import(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if p.Scope().Lookup(name) == nil {
			t.Errorf("%s.%s was not loaded, only %v", path, name, p.Scope().Names())
		}
	}
}

// TestVerifyFindsWhatDoesNotCompile gives good and bad code for the package.
func TestVerifyFindsWhatDoesNotCompile(t *testing.T) {
	dir := unpack(t, `
-- a/a.go --
package a

import "context"

//resil:guard a
type A interface {
	Do(ctx context.Context) error
}

var broken = undefined
-- a/a_resil.go --
// Code generated by resilgen from a.go. DO NOT EDIT.

package a

type GuardedA struct{ stale Gone }
`)
	res, err := Load(Options{Dir: dir, Patterns: []string{"./a"}})
	if err != nil {
		t.Fatal(err)
	}
	u := res.Units[0]
	u.Check()
	path := filepath.Join(dir, "a", "a_resil.go")
	good := "package a\n\nimport \"context\"\n\ntype GuardedA struct{ next A }\n\nfunc (g *GuardedA) Do(ctx context.Context) error { return g.next.Do(ctx) }\n\nvar _ A = (*GuardedA)(nil)\n"
	if wrong := u.Verify(map[string][]byte{path: []byte(good)}); len(wrong) > 0 {
		t.Errorf("good code is wrong: %v", wrong)
	}
	bad := strings.Replace(good, "Do(ctx)", "Do(1)", 1)
	wrong := u.Verify(map[string][]byte{path: []byte(bad)})
	if len(wrong) != 1 || wrong[0].Pos.Filename != path || wrong[0].Pos.Line != 7 {
		t.Errorf("Verify = %v, want one error in line 7", wrong)
	}
}
