package unguarded_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/resilgo/resil/analyzer/internal/catalog"
	"github.com/resilgo/resil/analyzer/internal/fixture"
)

// TestThingsMadeOfEachOther holds that what guards is found where everything is
// made of everything, without following every way there is: of forty things
// those are more than can be counted.
func TestThingsMadeOfEachOther(t *testing.T) {
	for name, policies := range map[string]string{
		"guarded":   ", circuitbreaker.NewBuilder[*http.Response]().Build()",
		"unguarded": "",
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			want := ""
			if name == "unguarded" {
				want = ` // want unguarded "http"`
			}
			b.WriteString(`-- main.go --
package main

import (
	"net/http"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/failsafehttp"
)

var _ = circuitbreaker.NewBuilder[int]

func main() {
`)
			const n = 40
			for i := range n {
				fmt.Fprintf(&b, "\tvar r%d http.RoundTripper\n", i)
			}
			for i := range n {
				for j := range n {
					fmt.Fprintf(&b, "\tr%d = failsafehttp.NewRoundTripper(r%d)\n", i, j)
				}
			}
			fmt.Fprintf(&b, "\tr0 = failsafehttp.NewRoundTripper(nil%s)\n", policies)
			fmt.Fprintf(&b, "\t(&http.Client{Transport: r%d, Timeout: 1}).Get(\"x\")%s\n}\n", n-1, want)
			fixture.Run(t, []byte(b.String()), catalog.Default(), "unguarded")
		})
	}
}
