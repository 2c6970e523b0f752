package accuracy

import (
	"fmt"
	"strings"

	"github.com/resilgo/resil/benchmarks/internal/page"
)

// Table returns the accuracy per service and in all, for the document.
func Table() (string, error) {
	t := page.Table{Head: []string{"service", "calls", "known", "recall", "unguarded", "true", "precision", "other rules", "true", "precision"}}
	var all Score
	row := func(name string, s Score) {
		t.Rows = append(t.Rows, []string{
			name, fmt.Sprint(s.Calls), fmt.Sprint(s.Known), fmt.Sprintf("%.3f", s.Recall()),
			fmt.Sprint(s.Findings), fmt.Sprint(s.True), fmt.Sprintf("%.3f", s.Precision()),
			fmt.Sprint(s.Others), fmt.Sprint(s.OthersOK), fmt.Sprintf("%.3f", s.OtherPrecision()),
		})
	}
	for _, s := range Services {
		lines, _, err := Read(s.Name)
		if err != nil {
			return "", err
		}
		score := Rate(lines)
		all = all.Add(score)
		row("`"+s.Module[:strings.LastIndexByte(s.Module, '@')]+"`", score)
	}
	row("all", all)
	return t.String(), nil
}

// Wrong lists every place at which resilvet is wrong, for the document.
func Wrong() (string, error) {
	var b strings.Builder
	for _, s := range Services {
		lines, _, err := Read(s.Name)
		if err != nil {
			return "", err
		}
		for _, l := range lines {
			if l.Found == l.Truth {
				continue
			}
			what := "not seen"
			switch {
			case l.Truth == None:
				what = "false alarm of " + l.Rule()
			case l.Found == Guarded:
				what = "taken for guarded"
			case l.Found == Unguarded:
				what = "taken for unguarded"
			}
			why := strings.TrimPrefix(strings.TrimPrefix(l.Reading, "read"), ": ")
			if why != "" {
				why = ": " + why
			}
			fmt.Fprintf(&b, "- %s, %s: `%s` at %s%s\n", s.Name, what, l.Callee, l.Place, why)
		}
	}
	return b.String(), nil
}
