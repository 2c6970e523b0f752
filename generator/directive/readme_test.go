package directive_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/resilgo/resil/generator/directive"
)

// TestReadmeNamesEveryDirective holds the table of the README to the grammar:
// a directive that does not exist is an error for whoever tries it, and one
// that is missing is one that nobody finds.
func TestReadmeNamesEveryDirective(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## Directives\n")
	if !found {
		t.Fatal("README.md has no section Directives")
	}
	section, _, _ = strings.Cut(section, "\n## ")

	word := regexp.MustCompile("`(?://resil:)?([a-z]+)(?: [A-Z]+)?`")
	var got []string
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		for _, m := range word.FindAllStringSubmatch(cells[1], -1) {
			got = append(got, m[1])
		}
	}
	var want []string
	for _, v := range directive.Verbs() {
		want = append(want, string(v.Verb))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("README.md speaks of the directives\n%v\nthe grammar has\n%v", got, want)
	}
}
