package fix

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/resilgo/resil/analyzer/internal/finding"
)

func TestPlan(t *testing.T) {
	const content = "package p\n\nvar a, b = 1, 2\n"
	one, two := strings.Index(content, "1"), strings.Index(content, "2")
	replace := func(at int, text string) finding.Finding {
		return finding.Finding{Message: text, Fixes: []finding.Fix{{
			Message: "write " + text,
			Edits:   []finding.Edit{{Filename: "p.go", Start: at, End: at + 1, New: text}},
		}}}
	}
	tests := []struct {
		name      string
		findings  []finding.Finding
		want      string // content of p.go; "" = unchanged
		left      []string
		conflicts int
	}{
		{
			name:     "edits apart are both made",
			findings: []finding.Finding{replace(two, "4"), replace(one, "3")},
			want:     "package p\n\nvar a, b = 3, 4\n",
		},
		{
			name:     "the same edit counts once",
			findings: []finding.Finding{replace(one, "3"), replace(one, "3")},
			want:     "package p\n\nvar a, b = 3, 2\n",
		},
		{
			name:      "the second of two that overlap is left for the next run",
			findings:  []finding.Finding{replace(one, "3"), replace(one, "5")},
			want:      "package p\n\nvar a, b = 3, 2\n",
			left:      []string{"5"},
			conflicts: 1,
		},
		{
			name:     "findings without a fix are left",
			findings: []finding.Finding{{Message: "no fix"}},
			left:     []string{"no fix"},
		},
		{
			name:     "what is changed is formatted",
			findings: []finding.Finding{replace(one, "  3")},
			want:     "package p\n\nvar a, b = 3, 2\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Plan(test.findings, func(string) ([]byte, error) { return []byte(content), nil })
			if err != nil {
				t.Fatal(err)
			}
			text := ""
			for _, f := range got.Files {
				text += string(f.New)
			}
			if text != test.want {
				t.Errorf("got content %q, want %q", text, test.want)
			}
			var left []string
			for _, f := range got.Left {
				left = append(left, f.Message)
			}
			if strings.Join(left, ",") != strings.Join(test.left, ",") || got.Conflicts != test.conflicts {
				t.Errorf("got %q left and %d conflicts, want %q and %d", left, got.Conflicts, test.left, test.conflicts)
			}
		})
	}
}

// TestPlanKeepsEndsOfLines holds that files of Windows editors stay what they are,
// and that what a tool of ours writes is written as it writes it.
func TestPlanKeepsEndsOfLines(t *testing.T) {
	const content = "package p\r\n\r\nvar a   = 1\r\n"
	one := strings.Index(content, "1")
	for name, test := range map[string]struct {
		edit finding.Edit
		want string
	}{
		"an edit": {finding.Edit{Start: one, End: one + 1, New: "2"}, "package p\r\n\r\nvar a = 2\r\n"},
		"a file":  {finding.Edit{End: len(content), New: "package p\n\nvar b = 1\n"}, "package p\n\nvar b = 1\n"},
	} {
		test.edit.Filename = "p.go"
		f := finding.Finding{Fixes: []finding.Fix{{Edits: []finding.Edit{test.edit}}}}
		got, err := Plan([]finding.Finding{f}, func(string) ([]byte, error) { return []byte(content), nil })
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Files) != 1 || string(got.Files[0].New) != test.want {
			t.Errorf("%s: got %q, want %q", name, got.Files, test.want)
		}
	}
}

func TestPlanRefusesEditsBeyondTheFile(t *testing.T) {
	f := finding.Finding{Fixes: []finding.Fix{{Edits: []finding.Edit{{Filename: "p.go", Start: 5, End: 9, New: "x"}}}}}
	_, err := Plan([]finding.Finding{f}, func(string) ([]byte, error) { return []byte("short"), nil })
	if err == nil || !strings.Contains(err.Error(), "p.go") {
		t.Errorf("got error %v, want one that names the file", err)
	}
}

func TestPlanCreatesMissingFiles(t *testing.T) {
	f := finding.Finding{Fixes: []finding.Fix{{Edits: []finding.Edit{{Filename: "new.go", New: "package p\n"}}}}}
	got, err := Plan([]finding.Finding{f}, func(string) ([]byte, error) { return nil, fs.ErrNotExist })
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Files) != 1 || string(got.Files[0].New) != "package p\n" || got.Files[0].Old != nil {
		t.Errorf("got %+v, want new.go made", got.Files)
	}
	if diff := got.Files[0].Diff(func(string) string { return "new.go" }); !strings.Contains(diff, "+package p") {
		t.Errorf("got diff %q", diff)
	}
}
