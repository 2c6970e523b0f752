package summary_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/resilgo/resil/analyzer/internal/catalog"
	"github.com/resilgo/resil/analyzer/internal/fixture"
)

// TestBrokenSources leaves out every fifth line of every fixture, fewer of long
// ones, one at a time: what is left rarely compiles, and must not make the
// detection panic.
func TestBrokenSources(t *testing.T) {
	for _, a := range fixture.Archives(t, "../../*/testdata/*.txtar") {
		whole := txtar.Parse(a.Data)
		stride := max(5, bytes.Count(a.Data, []byte("\n"))/40)
		for i, f := range whole.Files {
			lines := bytes.SplitAfter(f.Data, []byte("\n"))
			for j := 4; j < len(lines); j += stride {
				broken := &txtar.Archive{Comment: whole.Comment, Files: slices.Clone(whole.Files)}
				broken.Files[i].Data = bytes.Join(slices.Delete(slices.Clone(lines), j, j+1), nil)
				func() {
					defer func() {
						if r := recover(); r != nil {
							t.Errorf("%s without line %d of %s: %v", a.Name, j+1, f.Name, fmt.Sprint(r))
						}
					}()
					fixture.Survive(t, broken, catalog.Default())
				}()
			}
		}
	}
}
