package report

import (
	"encoding/json"
	"go/token"
	"io"

	"github.com/resilgo/resil/analyzer/internal/finding"
)

// The types below are the shape of "go vet -json": package, rule, diagnostics.

type jsonTree map[string]map[string][]jsonDiagnostic

type jsonDiagnostic struct {
	Category       string        `json:"category,omitempty"`
	Posn           string        `json:"posn"`
	End            string        `json:"end"`
	Message        string        `json:"message"`
	SuggestedFixes []jsonFix     `json:"suggested_fixes,omitempty"`
	Related        []jsonRelated `json:"related,omitempty"`
}

type jsonFix struct {
	Message string     `json:"message"`
	Edits   []jsonEdit `json:"edits"`
}

type jsonEdit struct {
	Filename string `json:"filename"`
	Start    int    `json:"start"`
	End      int    `json:"end"`
	New      string `json:"new"`
}

type jsonRelated struct {
	Posn    string `json:"posn"`
	End     string `json:"end"`
	Message string `json:"message"`
}

// JSON writes findings in the shape of "go vet -json": an object from package to
// rule to diagnostics, with the rule as category and absolute filenames. id
// returns what a finding's package is called; nil means its import path.
func JSON(w io.Writer, findings []finding.Finding, id func(finding.Finding) string) error {
	tree := make(jsonTree)
	for _, f := range findings {
		pkg := f.Package
		if id != nil {
			pkg = id(f)
		}
		if tree[pkg] == nil {
			tree[pkg] = make(map[string][]jsonDiagnostic)
		}
		tree[pkg][f.Rule] = append(tree[pkg][f.Rule], diagnostic(f))
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "\t")
	return enc.Encode(tree)
}

func diagnostic(f finding.Finding) jsonDiagnostic {
	d := jsonDiagnostic{
		Category: f.Rule,
		Posn:     f.Pos.String(),
		End:      orPos(f.End, f.Pos).String(),
		Message:  f.Message,
	}
	for _, fix := range f.Fixes {
		out := jsonFix{Message: fix.Message}
		for _, e := range fix.Edits {
			out.Edits = append(out.Edits, jsonEdit(e))
		}
		d.SuggestedFixes = append(d.SuggestedFixes, out)
	}
	for _, r := range f.Related {
		d.Related = append(d.Related, jsonRelated{Posn: r.Pos.String(), End: r.Pos.String(), Message: r.Message})
	}
	return d
}

func orPos(pos, instead token.Position) token.Position {
	if pos.IsValid() {
		return pos
	}
	return instead
}
