package summary_test

import (
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/resilgo/resil/analyzer/internal/catalog"
	"github.com/resilgo/resil/analyzer/internal/fixture"
)

// FuzzSources judges a package of one file, whatever stands in it: nothing may
// panic or take for ever. The seeds are the first file of each fixture.
func FuzzSources(f *testing.F) {
	for _, a := range fixture.Archives(f, "../../*/testdata/*.txtar") {
		for _, file := range txtar.Parse(a.Data).Files {
			if strings.HasSuffix(file.Name, ".go") {
				f.Add(file.Data)
				break
			}
		}
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		if strings.Contains(string(source), fixture.Module) {
			t.Skip("imports itself, which no go list lets through")
		}
		fixture.Survive(t, &txtar.Archive{Files: []txtar.File{{Name: "main.go", Data: source}}}, catalog.Default())
	})
}
