package resolve_test

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/resilgo/resil/analyzer/internal/catalog"
	"github.com/resilgo/resil/analyzer/internal/fixture"
	"github.com/resilgo/resil/analyzer/internal/resolve"
)

// TestSameResultEveryTime: summaries are cache keys of their importers, and
// findings are compared with baselines, so neither may depend on the order of
// a map.
func TestSameResultEveryTime(t *testing.T) {
	names, err := filepath.Glob("../../*/testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			m := fixture.Load(t, data)
			first := m.Summaries(t, catalog.Default())
			want := resolve.Run(resolve.Input{Packages: first, Catalog: catalog.Default(), Whole: true})
			for range 5 {
				if again := m.Summaries(t, catalog.Default()); !reflect.DeepEqual(first, again) {
					t.Fatal("two summaries of the same package differ")
				}
				if got := resolve.Run(resolve.Input{Packages: first, Catalog: catalog.Default(), Whole: true}); !reflect.DeepEqual(got, want) {
					t.Fatalf("two runs differ:\n%+v\n%+v", got, want)
				}
			}
		})
	}
}
