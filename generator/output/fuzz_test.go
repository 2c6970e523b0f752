package output_test

import (
	"go/build"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/resilgo/resil/generator/output"
)

// FuzzName holds, for any base name of a source file, that what is generated
// from it is another file that is built wherever the source is, is a test where
// that is one, and names the source in its header.
func FuzzName(f *testing.F) {
	for _, name := range []string{"a.go", "a_linux.go", "a_linux_amd64_test.go", "linux_test.go", "_linux.go", "a_resil.go", "a__windows.go", "a.b_test.go", "a_test_linux.go", "é_arm64.go", ".go", "a_resil_test.go"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if !strings.HasSuffix(name, ".go") || name != filepath.Base(name) || strings.ContainsAny(name, "\x00\r\n/\\") {
			return
		}
		got := output.Name(name)
		if got == name || got != filepath.Base(got) || strings.HasSuffix(got, "_test.go") != strings.HasSuffix(name, "_test.go") {
			t.Errorf("Name(%q) = %q", name, got)
		}
		for _, goos := range []string{"linux", "windows", "plan9"} {
			for _, goarch := range []string{"amd64", "arm64"} {
				if built(t, goos, goarch, got) != built(t, goos, goarch, name) {
					t.Errorf("%s and %s, generated from it, are not built alike on %s/%s", name, got, goos, goarch)
				}
			}
		}
		header := output.Header(name) + "\n\npackage p\n"
		if source, ok := output.Source([]byte(header)); !ok || source != name || !output.Generated([]byte(header)) {
			t.Errorf("Source(%q) = %q, %v", header, source, ok)
		}
	})
}

func built(t *testing.T, goos, goarch, name string) bool {
	t.Helper()
	machine := build.Context{GOOS: goos, GOARCH: goarch, Compiler: "gc", OpenFile: func(string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("package p\n")), nil
	}}
	match, err := machine.MatchFile("", name)
	if err != nil {
		t.Fatal(err)
	}
	return match
}

// FuzzSource holds that only what stands before the package clause makes a file
// ours, whatever else it holds.
func FuzzSource(f *testing.F) {
	for _, content := range []string{"package p\n", "/* package\n */\npackage p\n", "\ufeff", "`", "//go:build x\n\npackage p", "package p // package q"} {
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content string) {
		ours := output.Header("a.go") + "\n"
		if source, ok := output.Source([]byte(ours + content)); !ok || source != "a.go" {
			t.Errorf("ours before %q is %q, %v", content, source, ok)
		}
		if _, ok := output.Source([]byte("package p\n" + content + "\n" + ours)); ok {
			t.Errorf("ours after a package clause and %q counts", content)
		}
	})
}
