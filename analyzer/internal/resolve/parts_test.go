package resolve_test

import (
	"slices"
	"testing"

	"github.com/resilgo/resil/analyzer/internal/catalog"
	"github.com/resilgo/resil/analyzer/internal/fixture"
	"github.com/resilgo/resil/analyzer/internal/resolve"
	"github.com/resilgo/resil/analyzer/internal/summary"
)

// TestOnePackageTellsOfACall holds that a call is told of once where packages
// are judged one by one: a goroutine is outside of every guard whoever starts it,
// so the package that starts it tells, and no command that imports it.
func TestOnePackageTellsOfACall(t *testing.T) {
	m := fixture.Load(t, []byte(`
-- work/work.go --
package work

import "net/http"

func Start() { go func() { http.Get("loose") }() }

func Fetch() { http.Get("plain") }
-- main.go --
package main

import "example.com/shop/work"

func main() {
	work.Start()
	work.Fetch()
}
`))
	all := m.Summaries(t, catalog.Default())
	for i, want := range [][]int{{7}, {5}} { // the lines of work.go that the command tells of, and the package itself
		other := all[1-i]
		res := resolve.Run(resolve.Input{
			Packages: all[i : i+1], Catalog: catalog.Default(),
			Dep: func(p string) *summary.Package {
				if p == other.Path {
					return other
				}
				return nil
			},
		})
		var got []int
		for _, f := range res.Findings {
			if f.Rule == "unguarded" {
				got = append(got, f.Pos.Line)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s tells of lines %v, want %v", all[i].Path, got, want)
		}
	}
}
