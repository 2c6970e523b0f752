package accuracy

import (
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
		calls, err := Calls(s.Name)
		if err != nil {
			t.Fatal(err)
		}
		score := Rate(calls)
		if score.Unread > 0 {
			t.Errorf("%s: nobody has read %d places; write the truth in place of the question marks in testdata/%s.calls", s.Name, score.Unread, s.Name)
		}
		if score.Calls == 0 {
			t.Errorf("%s: no calls", s.Name)
		}
		all = all.Add(score)
	}
	if got := all.Precision(); got < leastPrecision {
		t.Errorf("precision is %.3f, want %.2f or more", got, leastPrecision)
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
		calls, err := Calls(name)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if Format(calls) != string(content) {
			t.Errorf("%s is not in order", file)
		}
	}
}

func TestRate(t *testing.T) {
	calls := []Call{
		{Truth: Unguarded, Found: Unguarded},
		{Truth: Unguarded, Found: NoCall},
		{Truth: Unguarded, Found: Guarded},
		{Truth: Guarded, Found: Guarded},
		{Truth: Guarded, Found: Unguarded},
		{Truth: NoCall, Found: Unguarded},
		{Truth: Unread, Found: Unguarded},
	}
	got := Rate(calls)
	want := Score{Calls: 5, Known: 2, Findings: 4, True: 1, Unread: 1}
	if got != want {
		t.Errorf("Rate = %+v, want %+v", got, want)
	}
	if got.Precision() != 0.25 || got.Recall() != 0.4 {
		t.Errorf("precision %v, recall %v, want 0.25 and 0.4", got.Precision(), got.Recall())
	}
}

func TestMerge(t *testing.T) {
	old := []Call{
		{"a.go:1:1", Unguarded, Unguarded, "x"}, // still found
		{"a.go:2:1", Unguarded, Unguarded, "x"}, // lost
		{"a.go:3:1", NoCall, Unguarded, "x"},    // a false alarm that is gone
		{"a.go:4:1", Unread, Unguarded, "x"},    // gone before anybody read it
	}
	found := []Call{{Place: "a.go:1:1", Found: Guarded}, {Place: "a.go:10:1", Found: Unguarded, Callee: "y"}}
	got := Merge(old, found)
	want := []Call{
		{"a.go:1:1", Unguarded, Guarded, "x"},
		{"a.go:2:1", Unguarded, NoCall, "x"},
		{"a.go:10:1", Unread, Unguarded, "y"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("Merge = %v, want %v", got, want)
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
			old, err := Calls(s.Name)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range Merge(slices.Clone(old), found) {
				i := slices.IndexFunc(old, func(o Call) bool { return o.Place == c.Place })
				switch {
				case i < 0:
					t.Errorf("new: %s %s %s", c.Place, c.Found, c.Callee)
				case old[i].Found != c.Found:
					t.Errorf("%s %s: found %s, then %s", c.Place, c.Callee, c.Found, old[i].Found)
				}
			}
		})
	}
}
