package catalog

import (
	"os"
	"strings"
	"testing"
)

// ours are packages of the project itself: they have no version to check against.
const ours = "github.com/resilgo/resil/"

// TestEveryRowHasAWitness holds that each name of each row was found in the real
// module that it speaks of, by the test in rows/, which needs them all and is
// run by hand; and that what was found there has a row still.
func TestEveryRowHasAWitness(t *testing.T) {
	content, err := os.ReadFile("testdata/witnesses.txt")
	if err != nil {
		t.Fatal(err)
	}
	witnessed := make(map[string]bool)
	for line := range strings.Lines(string(content)) {
		key, rest, ok := strings.Cut(line, "\t")
		if module, function, two := strings.Cut(rest, "\t"); !ok || !two || module == "" || !strings.Contains(function, "(") {
			t.Fatalf("testdata/witnesses.txt: %q is no key, module and function", line)
		}
		witnessed[key] = true
	}
	rows, err := parse(table)
	if err != nil {
		t.Fatal(err)
	}
	first := make(map[int]bool)
	for _, r := range rows {
		// The first path of a section speaks for its forks and successors.
		if first[r.Line] || r.Old || strings.HasPrefix(r.Path, ours) {
			continue
		}
		first[r.Line] = true
		for _, name := range r.Names {
			key := r.Key(name)
			if !witnessed[key] {
				t.Errorf("catalog.table:%d: nobody has seen %s; run `go test -tags rows . -update` in rows/", r.Line, key)
			}
			delete(witnessed, key)
		}
	}
	for key := range witnessed {
		t.Errorf("testdata/witnesses.txt: no row for %s; run `go test -tags rows . -update` in rows/", key)
	}
}
