package house_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	defectRow   = regexp.MustCompile(`^\| ([A-Z]\d+) \| .* \| (.*) \|$`)
	defectFile  = regexp.MustCompile("^`([^`]+)` (.*)$")
	defectTest  = regexp.MustCompile(`\*([^*]+)\*`)
	defectNamed = regexp.MustCompile(`\{"((?:[A-Z]\d+ )+)`)
)

// TestEveryKnownDefectHasATest holds docs/defects.md: every defect is there,
// every test that it names exists, and it names every test that speaks of a
// defect.
func TestEveryKnownDefectHasATest(t *testing.T) {
	page := read(t, "docs/defects.md")
	rows := map[string]string{}
	for _, line := range lines(page) {
		if row := defectRow.FindStringSubmatch(line); row != nil {
			if rows[row[1]] != "" {
				t.Errorf("%s has two rows", row[1])
			}
			rows[row[1]] = row[2]
		}
	}
	for family, last := range map[string]int{"E": 14, "G": 21, "T": 3, "R": 2, "B": 1, "F": 2} {
		for i := 1; i <= last; i++ {
			id := family + strconv.Itoa(i)
			if rows[id] == "" {
				t.Errorf("docs/defects.md has no row for %s", id)
			}
		}
	}
	for id, where := range rows {
		for _, part := range strings.Split(where, "; ") {
			match := defectFile.FindStringSubmatch(part)
			if match == nil {
				t.Errorf("%s: %q does not name a file and its tests", id, part)
				continue
			}
			source, tests := read(t, match[1]), defectTest.FindAllStringSubmatch(match[2], -1)
			if len(tests) == 0 {
				t.Errorf("%s: no test of %s is named", id, match[1])
			}
			for _, test := range tests {
				if name := test[1]; !strings.Contains(source, "func "+name+"(") &&
					!strings.Contains(source, `{"`+name+`", func`) && !strings.Contains(source, "\n-- "+name+".want --") {
					t.Errorf("%s: %s has no test %q", id, match[1], name)
				}
			}
		}
	}
	const promises = "runtime/promises_test.go"
	for _, named := range defectNamed.FindAllStringSubmatch(read(t, promises), -1) {
		for _, id := range strings.Fields(named[1]) {
			if !strings.Contains(rows[id], promises) {
				t.Errorf("docs/defects.md does not know of the test of %s in %s", id, promises)
			}
		}
	}
}
