package driver

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/resilgo/resil/analyzer/internal/summary"
)

// told writes what a unit told, as the go command keeps it.
func told(t *testing.T, f *facts, own *summary.Package) string {
	t.Helper()
	content, err := f.with(own)
	if err != nil {
		t.Fatal(err)
	}
	return written(t, content)
}

func written(t *testing.T, content []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "vet.out")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// read reads what imports told, and closes it when the test ends.
func read(t *testing.T, files map[string]string) *facts {
	t.Helper()
	f := readFacts(files)
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func ofOne(path string) *summary.Package {
	return &summary.Package{Path: path, Funcs: []summary.Func{{ID: path + ".F", Name: "F", Outer: -1}}}
}

// TestFactsArePassedOn holds that a unit is told of what lies two imports away,
// in the same bytes whatever the order.
func TestFactsArePassedOn(t *testing.T) {
	far := told(t, read(t, nil), ofOne("example.com/far"))
	near := told(t, read(t, map[string]string{"example.com/far": far}), ofOne("example.com/near"))
	beside := told(t, read(t, map[string]string{"example.com/far": far}), nil) // has nothing to tell itself
	nothing := told(t, read(t, nil), nil)
	if info, err := os.Stat(nothing); err != nil || info.Size() != 0 {
		t.Errorf("nothing takes %d bytes, %v", info.Size(), err)
	}

	f := read(t, map[string]string{"example.com/near": near, "example.com/beside": beside, "fmt": nothing})
	for _, path := range []string{"example.com/far", "example.com/near"} {
		if s := f.summary(path); s == nil || s.Path != path || len(s.Funcs) != 1 || s.Funcs[0].ID != path+".F" {
			t.Errorf("of %s: %+v", path, s)
		}
	}
	for _, path := range []string{"example.com/beside", "fmt", "example.com/unheard"} {
		if s := f.summary(path); s != nil {
			t.Errorf("of %s: %+v", path, s)
		}
	}
	if len(f.failures) > 0 {
		t.Error(f.failures)
	}
	once, err := f.with(nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := read(t, map[string]string{"example.com/beside": beside, "example.com/near": near}).with(nil)
	if err != nil || !bytes.Equal(once, again) {
		t.Errorf("the same facts are told in other bytes: %v", err)
	}
}

// TestFailuresArePassedOn holds that a defect in a dependency's unit, which the
// go command ignores, reaches all that import it.
func TestFailuresArePassedOn(t *testing.T) {
	content, err := new(facts).pack("example.com/far", []byte("internal error: no such thing"), failure)
	if err != nil {
		t.Fatal(err)
	}
	near := told(t, read(t, map[string]string{"example.com/far": written(t, content)}), ofOne("example.com/near"))
	f := read(t, map[string]string{"example.com/near": near})
	if f.summary("example.com/far") != nil || len(f.failures) != 1 || !strings.Contains(f.failures[0].Error(), "no such thing") {
		t.Errorf("failures: %v", f.failures)
	}
}

// TestBrokenFactsAreTold holds that a damaged file is no silence.
func TestBrokenFactsAreTold(t *testing.T) {
	content, err := os.ReadFile(told(t, read(t, nil), ofOne("example.com/far")))
	if err != nil {
		t.Fatal(err)
	}
	for what, damaged := range map[string][]byte{"cut": content[:len(content)/2], "turned": append(bytes.Repeat([]byte{0xff}, 60), content[60:]...)} {
		f := read(t, map[string]string{"example.com/far": written(t, damaged)})
		if s := f.summary("example.com/far"); s != nil || len(f.failures) != 1 {
			t.Errorf("%s: %+v, %v", what, s, f.failures)
		}
	}
}
