// Package diff prints what differs between two texts.
package diff

import (
	"fmt"
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// Unified returns the difference as a unified diff that patch and git apply
// take, "" if there is none.
func Unified(oldName, newName, before, after string) string {
	lines := strings.SplitAfter(udiff.Unified(oldName, newName, before, after), "\n")
	shift := 0 // by which lines have moved at a hunk
	for n, line := range lines {
		h, ok := parse(line)
		if !ok {
			continue
		}
		// The library does not count the lines between two changes of one hunk, so
		// that the hunks behind it begin too early. Both texts have something here.
		if h.oldCount > 0 && h.newCount > 0 {
			h.newStart = h.oldStart + shift
		}
		shift += h.newCount - h.oldCount
		lines[n] = h.String()
	}
	return strings.Join(lines, "")
}

// hunk is the line above a group of changes.
type hunk struct{ oldStart, oldCount, newStart, newCount int }

// parse reads the line above a group of changes; no other line begins so. A
// count of one may be left out.
func parse(line string) (h hunk, ok bool) {
	ranges, ok := strings.CutPrefix(line, "@@ -")
	if !ok {
		return hunk{}, false
	}
	before, after, _ := strings.Cut(strings.TrimSuffix(ranges, " @@\n"), " +")
	h.oldStart, h.oldCount = lineRange(before)
	h.newStart, h.newCount = lineRange(after)
	return h, true
}

func lineRange(text string) (start, count int) {
	count = 1
	_, _ = fmt.Sscanf(text, "%d,%d", &start, &count) // the second may be missing
	return start, count
}

func (h hunk) String() string {
	return fmt.Sprintf("@@ -%s +%s @@\n", spell(h.oldStart, h.oldCount), spell(h.newStart, h.newCount))
}

func spell(start, count int) string {
	if count == 1 {
		return fmt.Sprint(start)
	}
	return fmt.Sprintf("%d,%d", start, count)
}
