package resolve_test

import (
	"maps"
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

// TestTheCommandTellsWhatItWires holds that a call which a package reaches on a
// goroutine of its own, but through an interface, is told of by the command that
// says what stands behind it.
func TestTheCommandTellsWhatItWires(t *testing.T) {
	m := fixture.Load(t, []byte(`
-- fetch/fetch.go --
package fetch

import "net/http"

type Client struct{}

func (Client) Fetch() { http.Get("here") }
-- main.go --
package main

import (
	"example.com/shop/fetch"
	"example.com/shop/work"
)

func main() { work.Start(fetch.Client{}) }
-- work/work.go --
package work

type Fetcher interface{ Fetch() }

func Start(f Fetcher) { go f.Fetch() }
`))
	all := m.Summaries(t, catalog.Default())
	told := make(map[string]int)
	for i, s := range all {
		res := resolve.Run(resolve.Input{
			Packages: all[i : i+1], Catalog: catalog.Default(),
			Dep: func(p string) *summary.Package {
				return all[slices.IndexFunc(all, func(s *summary.Package) bool { return s.Path == p })]
			},
		})
		for _, f := range res.Findings {
			if f.Rule == "unguarded" {
				told[s.Path]++
			}
		}
	}
	if want := map[string]int{"example.com/shop": 1}; !maps.Equal(told, want) {
		t.Errorf("got findings by package %v, want %v", told, want)
	}
}

// TestWhatOnlyOneReachesIsJudgedWithIt holds that what no package but one can
// reach is judged as with the whole module in sight, and told of once.
func TestWhatOnlyOneReachesIsJudgedWithIt(t *testing.T) {
	m := fixture.Load(t, []byte(`
-- main.go --
package main

import "example.com/shop/work"

func main() { work.Register() }
-- work/work.go --
package work

import "net/http"

func init() { http.Get("told there") }

func Register() {}

func Nobody() { http.Get("told here") }
`))
	all := m.Summaries(t, catalog.Default())
	res := resolve.Run(resolve.Input{Packages: all[:1], Closed: all[1:], Whole: true, Catalog: catalog.Default()})
	var got []string
	for _, f := range res.Findings {
		if f.Rule == "unguarded" {
			got = append(got, f.Func)
		}
	}
	if want := []string{"Nobody"}; !slices.Equal(got, want) {
		t.Errorf("got calls in %v, want %v", got, want)
	}
}
