package catalog

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the table of timeouts in the documentation")

// TestTimeoutsAgree holds that the survey of what bounds a client by itself, the
// rows and the page for people say the same. That the survey is right is held by
// the test in rows/, which reads it in the real modules.
func TestTimeoutsAgree(t *testing.T) {
	content, err := os.ReadFile("testdata/timeouts.txt")
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	page.WriteString("| client | by default | of what |\n|---|---|---|\n")
	bounded := make(map[string]bool)
	for line := range strings.Lines(string(content)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		part := strings.Split(strings.TrimSuffix(line, "\n"), " | ")
		if len(part) != 5 {
			t.Fatalf("testdata/timeouts.txt: %q has %d parts, want 5", line, len(part))
		}
		page.WriteString("| `" + part[0] + "` | " + part[1] + " | " + part[2] + " |\n")
		bounded[Normalize(part[0])] = part[1] != "none"
	}
	said := make(map[string]bool)
	for _, r := range Default().Rows() {
		if r.Limit == "" {
			continue
		}
		module, is := "", false
		for m, b := range bounded {
			if (r.Path == m || strings.HasPrefix(r.Path, m+"/")) && len(m) > len(module) {
				module, is = m, b
			}
		}
		// The first path of a section speaks for its forks and successors.
		if !is && r.Path != "github.com/bsm/redislock" && !strings.HasPrefix(r.Path, "github.com/ClickHouse/") {
			t.Errorf("catalog.table:%d: limit= of %s, which testdata/timeouts.txt does not know to have one", r.Line, r.Path)
		}
		said[module] = true
	}
	for m, is := range bounded {
		// Where no method takes a context no row needs to say it.
		if is && !said[m] && m != "github.com/bradfitz/gomemcache" {
			t.Errorf("testdata/timeouts.txt: %s bounds its calls, and no row says limit=", m)
		}
	}

	const doc, from, to = "../../../docs/resilvet.md", "<!-- timeouts -->\n\n", "\n<!-- /timeouts -->"
	text, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), from)
	old, after, closed := strings.Cut(rest, to)
	if !ok || !closed {
		t.Fatalf("%s has no place for the table of timeouts", doc)
	}
	if old == page.String() {
		return
	}
	if !*update {
		t.Fatalf("%s: the table of timeouts is stale; run go test ./analyzer/internal/catalog -update", doc)
	}
	if err := os.WriteFile(doc, []byte(before+from+page.String()+to+after), 0o600); err != nil {
		t.Fatal(err)
	}
}
