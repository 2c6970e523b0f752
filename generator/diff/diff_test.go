package diff_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/resilgo/resil/generator/diff"
)

// TestHunksAreWhereTheySay changes texts at random and follows the diff: each
// hunk must lie in both texts where its head says, line by line.
func TestHunksAreWhereTheySay(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // texts to compare, the same in each run
	several := 0
	for range 2000 {
		var before, after []string
		for n := range random.IntN(120) {
			line := fmt.Sprintf("line %d\n", n)
			before = append(before, line)
			switch random.IntN(12) {
			case 0:
				after = append(after, "new "+line)
			case 1: // gone
			case 2:
				after = append(after, line, "more\n")
			default:
				after = append(after, line)
			}
		}
		text := diff.Unified("a", "b", strings.Join(before, ""), strings.Join(after, ""))
		var old, now int // next lines
		heads := 0
		for line := range strings.SplitAfterSeq(text, "\n") {
			switch {
			case line == "", strings.HasPrefix(line, "--- "), strings.HasPrefix(line, "+++ "):
				continue
			case strings.HasPrefix(line, "@@"):
				heads++
				old, now = head(t, line)
				continue
			}
			if line[0] != '+' {
				if old >= len(before) || before[old] != line[1:] {
					t.Fatalf("line %d of the old text is not %q:\n%s", old+1, line[1:], text)
				}
				old++
			}
			if line[0] != '-' {
				if now >= len(after) || after[now] != line[1:] {
					t.Fatalf("line %d of the new text is not %q:\n%s", now+1, line[1:], text)
				}
				now++
			}
		}
		if heads > 1 {
			several++
		}
		if (heads == 0) != slices.Equal(before, after) {
			t.Fatalf("%d hunks for %q and %q", heads, before, after)
		}
	}
	if several < 100 {
		t.Errorf("only %d texts with several hunks", several)
	}
}

// head returns the index of the first line of a hunk in both texts. Where a text
// has none, its number is that of the line before.
func head(t *testing.T, line string) (old, now int) {
	t.Helper()
	fields := strings.Fields(line)
	if len(fields) != 4 {
		t.Fatalf("head %q", line)
	}
	first := func(text string) int {
		start, count := 0, 1
		_, _ = fmt.Sscanf(text[1:], "%d,%d", &start, &count) // the second may be missing
		if count == 0 {
			return start
		}
		return start - 1
	}
	return first(fields[1]), first(fields[2])
}
