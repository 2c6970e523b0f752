package gen

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"testing"
)

func TestRepositoryHasWhatWasAsked(t *testing.T) {
	dir := t.TempDir()
	if err := Repository(dir, "../..", 3, 2, 4); err != nil {
		t.Fatal(err)
	}
	for p := range 3 {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, Source(p)), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(f.Decls); got != 4 { // imports, Item and two interfaces
			t.Errorf("%s has %d declarations, want 4", Source(p), got)
		}
	}
}

func TestRunCountsTheWholeProcessTree(t *testing.T) {
	cost, err := Run(t.TempDir(), nil, "sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done")
	if err != nil {
		t.Fatal(err)
	}
	if cost.CPU <= 0 {
		t.Errorf("CPU = %v, want more than nothing", cost.CPU)
	}
	if _, err := Run(t.TempDir(), nil, "false"); err == nil {
		t.Error("a command that fails is no measurement")
	}
}
