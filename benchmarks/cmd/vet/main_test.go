package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/resilgo/resil/benchmarks/gen"
)

func TestGoals(t *testing.T) {
	costs := map[string]gen.Cost{floorRow: {CPU: 1}, "list": {CPU: 0.4}}
	for _, c := range []struct {
		name   string
		row    row
		cost   gen.Cost
		missed bool
	}{
		{"within twice the floor", row{cpu: func(f float64) float64 { return 2 * f }}, gen.Cost{CPU: 1.9}, false},
		{"above twice the floor", row{cpu: func(f float64) float64 { return 2 * f }}, gen.Cost{CPU: 2.1}, true},
		{"too much memory", row{cpu: func(f float64) float64 { return 2 * f }, mib: 250}, gen.Cost{CPU: 1, MiB: 251}, true},
		{"as another row", row{than: "list"}, gen.Cost{CPU: 0.45}, false},
		{"more than another row", row{than: "list"}, gen.Cost{CPU: 0.6}, true},
		{"no goal", row{}, gen.Cost{CPU: 100}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			line, err := c.row.judge(c.cost, costs)
			if got := err != nil; got != c.missed {
				t.Errorf("missed = %v (%v), want %v", got, err, c.missed)
			}
			if len(line) != 5 {
				t.Errorf("%d cells, want 5: %q", len(line), line)
			}
		})
	}
}

// go vet caches nothing for a tool that writes no facts, and does not run one
// that does not say which it is.
func TestEmptyToolSpeaksWithGoVet(t *testing.T) {
	var out bytes.Buffer
	if called, err := emptyTool([]string{"-V=full"}, &out); !called || err != nil || !strings.Contains(out.String(), " buildID=") {
		t.Errorf("-V=full: %v, %v, %q", called, err, out.String())
	}
	out.Reset()
	if called, err := emptyTool([]string{"-flags"}, &out); !called || err != nil || strings.TrimSpace(out.String()) != "[]" {
		t.Errorf("-flags: %v, %v, %q", called, err, out.String())
	}
	facts := filepath.Join(t.TempDir(), "facts")
	unit := filepath.Join(t.TempDir(), "unit.cfg")
	if err := os.WriteFile(unit, []byte(`{"VetxOutput": "`+filepath.ToSlash(facts)+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if called, err := emptyTool([]string{unit}, &out); !called || err != nil {
		t.Errorf("unit: %v, %v", called, err)
	}
	if _, err := os.Stat(facts); err != nil {
		t.Error(err)
	}
	if called, _ := emptyTool([]string{"-n", "-rounds=1"}, &out); called {
		t.Error("taken for a call by go vet: -n -rounds=1")
	}
}
