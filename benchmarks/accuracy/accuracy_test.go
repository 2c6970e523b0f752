package accuracy

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// document is where the numbers are published.
const document = "../../docs/resilvet-accuracy.md"

// Below these, resilvet is not worth believing.
const leastPrecision, leastRecall = 0.97, 0.95

func TestAccuracy(t *testing.T) {
	var all Score
	for _, s := range Services {
		lines, module, err := Read(s.Name)
		if err != nil {
			t.Fatal(err)
		}
		if module != s.Module {
			t.Errorf("%s: %q was read, %s is run", s.Name, module, s.Module)
		}
		score := Rate(lines)
		if score.Unread > 0 {
			t.Errorf("%s: nobody has read %d places; write the truth in place of the question marks in testdata/%s.calls, and that you have read them", s.Name, score.Unread, s.Name)
		}
		if score.Calls == 0 {
			t.Errorf("%s: no calls", s.Name)
		}
		all = all.Add(score)
	}
	if got := all.Precision(); got < leastPrecision {
		t.Errorf("precision is %.3f, want %.2f or more", got, leastPrecision)
	}
	if got := all.OtherPrecision(); got < leastPrecision {
		t.Errorf("precision of the other rules is %.3f, want %.2f or more", got, leastPrecision)
	}
	if got := all.Recall(); got < leastRecall {
		t.Errorf("recall is %.3f, want %.2f or more", got, leastRecall)
	}
	if len(Services) < 12 {
		t.Errorf("%d services, want twelve or more", len(Services))
	}
}

func TestDocumentHasTheNumbers(t *testing.T) {
	page, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []func() (string, error){Table, Wrong} {
		text, err := part()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(page), strings.TrimSpace(text)) {
			t.Errorf("%s does not say what testdata does; run go -C benchmarks run ./cmd/accuracy -table", document)
		}
	}
}

func TestFilesBelongToServices(t *testing.T) {
	files, err := filepath.Glob("testdata/*.calls")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".calls")
		if !slices.ContainsFunc(Services, func(s Service) bool { return s.Name == name }) {
			t.Errorf("%s belongs to no service", file)
		}
		lines, module, err := Read(name)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if Format(module, lines) != string(content) {
			t.Errorf("%s is not in order", file)
		}
	}
}

func TestRate(t *testing.T) {
	lines := []Line{
		{Truth: Unguarded, Found: Unguarded},
		{Truth: Unguarded, Found: None},
		{Truth: Unguarded, Found: Guarded},
		{Truth: Guarded, Found: Guarded, Reading: "read: in the hook"},
		{Truth: Guarded, Found: Unguarded},
		{Truth: None, Found: Unguarded},
		{Truth: "nodeadline", Found: "nodeadline"},
		{Truth: None, Found: "nodeadline"},
		{Truth: "budget", Found: None},
	}
	for i := range lines {
		lines[i].Reading = cmp.Or(lines[i].Reading, "read")
	}
	lines = append(lines, Line{Truth: Unread, Found: Unguarded}, Line{Truth: Unguarded, Found: Unguarded})
	got := Rate(lines)
	want := Score{Calls: 5, Known: 2, Findings: 5, True: 2, Others: 2, OthersOK: 1, Unread: 2}
	if got != want {
		t.Errorf("Rate = %+v, want %+v", got, want)
	}
	if got.Precision() != 0.4 || got.Recall() != 0.4 || got.OtherPrecision() != 0.5 {
		t.Errorf("precision %v and %v, recall %v, want 0.4, 0.5 and 0.4", got.Precision(), got.OtherPrecision(), got.Recall())
	}
}

func TestMerge(t *testing.T) {
	old := []Line{
		{"a.go:1:1", Unguarded, Unguarded, "x", "read"},       // still found
		{"a.go:1:1", "nodeadline", "nodeadline", "x", "read"}, // beside it
		{"a.go:2:1", Unguarded, Unguarded, "x", "read"},       // lost
		{"a.go:3:1", None, Unguarded, "x", "read"},            // a false alarm that is gone
		{"a.go:4:1", Unread, Unguarded, "x", ""},              // gone before anybody read it
		{"a.go:5:1", Unguarded, Unguarded, "x", "read"},       // now another call
	}
	found := []Line{
		{Place: "a.go:1:1", Found: Guarded, Callee: "x"},
		{Place: "a.go:1:1", Found: "nodeadline", Callee: "x"},
		{Place: "a.go:5:1", Found: Unguarded, Callee: "y"},
		{Place: "a.go:10:1", Found: Unguarded, Callee: "y"},
	}
	got := Merge(old, found)
	want := []Line{
		{"a.go:1:1", Unguarded, Guarded, "x", "read"},
		{"a.go:1:1", "nodeadline", "nodeadline", "x", "read"},
		{"a.go:2:1", Unguarded, None, "x", "read"},
		{"a.go:5:1", Unread, Unguarded, "y", ""},
		{"a.go:10:1", Unread, Unguarded, "y", ""},
	}
	if !slices.Equal(got, want) {
		t.Errorf("Merge = %v, want %v", got, want)
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"a.go:1:1\t-\tunguarded\tx\tread\n":                  "line 1: want #",
		"# m@v1\na.go:1:1\t-\tunguarded\tx\n":                "line 2: want place",
		"# m@v1\na.go:1:1\tunguarded\t?\tx\tread\n":          "line 2: truth",
		"# m@v1\na.go:1:1\t-\t-\tx\tread\n":                  "say something",
		"# m@v1\na.go:1:1\tnodeadline\tunguarded\tx\tread\n": "of one rule",
	} {
		if _, _, err := parse(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// TestSmallServices runs resilvet on the real code of the services that are
// small; cmd/accuracy runs it on all.
func TestSmallServices(t *testing.T) {
	if testing.Short() {
		t.Skip("fetches modules")
	}
	work := t.TempDir()
	resilvet := filepath.Join(work, "resilvet")
	build := exec.Command("go", "build", "-o", resilvet, "./cmd/resilvet")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for _, s := range Services {
		if !s.Small {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			found, err := Run(resilvet, work, s)
			if err != nil {
				t.Fatal(err)
			}
			old, _, err := Read(s.Name)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range Merge(slices.Clone(old), found) {
				i := slices.IndexFunc(old, func(o Line) bool { return o.key() == l.key() })
				switch {
				case i < 0:
					t.Errorf("new: %s %s %s", l.Place, l.Found, l.Callee)
				case old[i].Found != l.Found || old[i].Callee != l.Callee:
					t.Errorf("%s %s: found %s, then %s (%s)", l.Place, l.Callee, l.Found, old[i].Found, old[i].Callee)
				}
			}
		})
	}
}
