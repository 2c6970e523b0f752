// Package fix applies suggested fixes.
package fix

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/generator/diff"
)

// Result is what fixes make of files.
type Result struct {
	Files []File            // changed files, by name
	Left  []finding.Finding // findings without a fix, or whose fix overlaps another's
	// Conflicts is how many of Left have a fix that can be applied in the next run.
	Conflicts int
}

// File is a file before and after.
type File struct {
	Name     string
	Old, New []byte // Old is nil if the file did not exist
}

// Plan works out what the first fix of each finding makes of the files that src
// reads, and writes nothing. A fix is taken whole or not at all; the same edit
// from several findings counts once. Changed Go files are formatted.
func Plan(findings []finding.Finding, src func(filename string) ([]byte, error)) (*Result, error) {
	res := &Result{}
	edits := make(map[string][]finding.Edit)
	for _, f := range findings {
		switch {
		case len(f.Fixes) == 0:
			res.Left = append(res.Left, f)
		case !add(edits, f.Fixes[0].Edits):
			res.Left = append(res.Left, f)
			res.Conflicts++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(edits)) {
		old, err := src(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		changed, err := apply(old, edits[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if strings.HasSuffix(name, ".go") {
			changed = formatted(changed, endsInCRLF(old) && len(edits[name][0].New) < len(changed))
		}
		res.Files = append(res.Files, File{Name: name, Old: old, New: changed})
	}
	return res, nil
}

// formatted returns Go source as gofmt leaves it, but for the ends of lines. What
// does not parse stays as it is.
func formatted(source []byte, crlf bool) []byte {
	out, err := format.Source(bytes.ReplaceAll(source, []byte("\r\n"), []byte("\n")))
	switch {
	case err != nil:
		return source
	case crlf:
		return bytes.ReplaceAll(out, []byte("\n"), []byte("\r\n"))
	}
	return out
}

// endsInCRLF reports whether all lines end as Windows editors end them.
func endsInCRLF(content []byte) bool {
	lines := bytes.Count(content, []byte("\n"))
	return lines > 0 && lines == bytes.Count(content, []byte("\r\n"))
}

// add adds all edits of a fix to edits, or none if one overlaps another fix.
func add(edits map[string][]finding.Edit, fix []finding.Edit) bool {
	for _, e := range fix {
		for _, other := range edits[e.Filename] {
			if e != other && overlap(e, other) {
				return false
			}
		}
	}
	for _, e := range fix {
		if !slices.Contains(edits[e.Filename], e) {
			edits[e.Filename] = append(edits[e.Filename], e)
		}
	}
	return true
}

// overlap reports whether the order of two edits of a file matters.
func overlap(a, b finding.Edit) bool {
	if a.Start == b.Start {
		return true
	}
	if a.Start > b.Start {
		a, b = b, a
	}
	return b.Start < a.End
}

func apply(content []byte, edits []finding.Edit) ([]byte, error) {
	slices.SortFunc(edits, func(a, b finding.Edit) int { return cmp.Compare(a.Start, b.Start) })
	var out []byte
	at := 0
	for _, e := range edits {
		if e.Start < at || e.End < e.Start || e.End > len(content) {
			return nil, fmt.Errorf("a fix replaces bytes %d to %d of %d: has the file changed meanwhile?", e.Start, e.End, len(content))
		}
		out = append(out, content[at:e.Start]...)
		out = append(out, e.New...)
		at = e.End
	}
	return append(out, content[at:]...), nil
}

// Diff returns a unified diff of the file, by the name that shown returns.
func (f File) Diff(shown func(filename string) string) string {
	name := shown(f.Name)
	return diff.Unified(name+" (old)", name+" (new)", string(f.Old), string(f.New))
}
