package resolve_test

import (
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
	for _, a := range fixture.Archives(t, "../../*/testdata/*.txtar") {
		t.Run(a.Name, func(t *testing.T) {
			m := fixture.Load(t, a.Data)
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
