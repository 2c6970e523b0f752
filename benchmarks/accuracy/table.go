package accuracy

import (
	"fmt"
	"strings"

	"github.com/resilgo/resil/benchmarks/internal/page"
)

// Table returns the accuracy per service and in all, for the document.
func Table() (string, error) {
	t := page.Table{Head: []string{"service", "calls", "known", "recall", "findings", "true", "precision"}}
	var all Score
	row := func(name string, s Score) {
		t.Rows = append(t.Rows, []string{
			name, fmt.Sprint(s.Calls), fmt.Sprint(s.Known), fmt.Sprintf("%.3f", s.Recall()),
			fmt.Sprint(s.Findings), fmt.Sprint(s.True), fmt.Sprintf("%.3f", s.Precision()),
		})
	}
	for _, s := range Services {
		calls, err := Calls(s.Name)
		if err != nil {
			return "", err
		}
		score := Rate(calls)
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
		calls, err := Calls(s.Name)
		if err != nil {
			return "", err
		}
		for _, c := range calls {
			if c.Found == c.Truth {
				continue
			}
			what := "not seen"
			switch {
			case c.Truth == NoCall:
				what = "false alarm"
			case c.Found == Guarded:
				what = "taken for guarded"
			case c.Found == Unguarded:
				what = "taken for unguarded"
			}
			fmt.Fprintf(&b, "- %s, %s: `%s` at %s\n", s.Name, what, c.Callee, c.Place)
		}
	}
	return b.String(), nil
}
