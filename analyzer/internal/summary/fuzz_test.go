package summary_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/resilgo/resil/analyzer/internal/catalog"
	"github.com/resilgo/resil/analyzer/internal/fixture"
)

// FuzzSources judges a package of one file, whatever stands in it: nothing may
// panic or take for ever. The seeds are the first file of each fixture.
func FuzzSources(f *testing.F) {
	names, err := filepath.Glob("../../*/testdata/*.txtar")
	if err != nil || len(names) == 0 {
		f.Fatalf("no fixtures: %v", err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range txtar.Parse(data).Files {
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
