package ruledoc_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/resilgo/resil/analyzer"
	"github.com/resilgo/resil/analyzer/internal/ruledoc"
)

var update = flag.Bool("update", false, "write docs/rules anew")

const docs = "../../../docs/rules"

// TestPagesAreFresh holds docs/rules to the package comments of the rules.
func TestPagesAreFresh(t *testing.T) {
	pages := map[string]string{"README.md": index()}
	for _, a := range analyzer.Suite() {
		pages[a.Name+".md"] = ruledoc.Markdown(a.Name, a.Doc)
	}
	for name, want := range pages {
		file := filepath.Join(docs, name)
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s is not what the package comments say; run go test ./analyzer/internal/ruledoc -update", file)
		}
	}
	files, err := os.ReadDir(docs)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, ok := pages[f.Name()]; !ok {
			t.Errorf("%s/%s belongs to no rule", docs, f.Name())
		}
	}
}

func index() string {
	var b strings.Builder
	b.WriteString("# Rules of resilvet\n\n| rule | finds |\n|---|---|\n")
	for _, a := range analyzer.Suite() {
		fmt.Fprintf(&b, "| [%s](%s.md) | %s |\n", a.Name, a.Name, strings.TrimPrefix(ruledoc.Summary(a.Doc), "finds "))
	}
	b.WriteString("\n`resilvet -explain RULE` prints the same pages.\n")
	return b.String()
}

func TestExtract(t *testing.T) {
	const source = `// Package x defines the rule x.
//
// # Analyzer x
//
// x: finds things
//
// Details.
package x
`
	got, err := ruledoc.Extract(source, "x")
	if want := "finds things\n\nDetails."; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for name, broken := range map[string]string{
		"no heading":         "// Package x is bare.\npackage x\n",
		"no summary":         "// Package x is bare.\n//\n// # Analyzer x\n//\n// Finds things.\npackage x\n",
		"another's heading":  "// Package x is bare.\n//\n// # Analyzer xy\n//\n// xy: finds things\npackage x\n",
		"not even Go source": "package",
	} {
		if got, err := ruledoc.Extract(broken, "x"); err == nil {
			t.Errorf("%s: got %q, want an error", name, got)
		}
	}
}

func TestMarkdownFencesCode(t *testing.T) {
	got := ruledoc.Markdown("x", "finds things\n\nWrong:\n\n\ta()\n\n\tb()\n\nRight:\n\n\tc()")
	want := "# x\n\nFinds things.\n\nWrong:\n\n```go\na()\n\nb()\n```\n\nRight:\n\n```go\nc()\n```\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
