package report

import (
	"bytes"
	"flag"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/resilgo/resil/analyzer/internal/finding"
)

var update = flag.Bool("update", false, "write the golden files anew")

// source is the file that the fixtures speak of. A test below needs more than
// one byte per character in front of a finding.
const source = `package shop

func (s *Store) Load() {
	name := "Käse"; s.db.Query("…")
	s.db.Query("again")
}
`

// fixtures returns findings and calls in a file below a fresh folder.
func fixtures(t *testing.T) (dir string, findings []finding.Finding, calls []finding.Call) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "shop", "store.go")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	at := func(line int, text string) token.Position {
		lines := strings.SplitAfter(source, "\n")
		offset := len(strings.Join(lines[:line-1], ""))
		column := strings.Index(lines[line-1], text)
		return token.Position{Filename: file, Offset: offset + column, Line: line, Column: column + 1}
	}
	end := func(p token.Position, n int) token.Position {
		p.Column += n
		p.Offset += n
		return p
	}
	for _, line := range []int{4, 5} {
		pos := at(line, "Query")
		findings = append(findings, finding.Finding{
			Rule: "unguarded", Pos: pos, End: end(pos, len("Query")),
			Message: "call of db is not guarded: 100 % of its failures, timeouts: all of them",
			Package: "example.com/shop", Func: "(*Store).Load", Callee: "(*database/sql.DB).Query",
			Related: []finding.Related{{Pos: at(3, "Load"), Message: "reached from here"}},
			Fixes: []finding.Fix{{Message: "call it later", Edits: []finding.Edit{
				{Filename: file, Start: pos.Offset, End: pos.Offset + len("Query"), New: "Later"},
			}}},
		})
		calls = append(calls, finding.Call{
			Pos: pos, Package: "example.com/shop", Func: "(*Store).Load", Callee: "(*database/sql.DB).Query", Dependency: "sql",
		})
	}
	findings = append(findings, finding.Finding{
		Rule: "stalegen", Pos: token.Position{Filename: file, Line: 1, Column: 1},
		Message: "store_resil.go is out of date", Package: "example.com/shop",
	}, finding.Finding{ // below "//line page.y:7", which leaves the column open
		Rule: "unguarded", Pos: token.Position{Filename: filepath.Join(dir, "page.y"), Line: 7}, End: token.Position{Filename: filepath.Join(dir, "page.y"), Line: 7},
		Message: "call is not guarded", Package: "example.com/shop", Func: "page", Callee: "net/http.Get",
	})
	calls = append(calls,
		finding.Call{Pos: at(5, "again"), Package: "example.com/shop", Func: "f", Callee: "net/http.Get", Dependency: "http", Guard: "gobreaker", Deadline: true},
		finding.Call{Pos: at(5, "again"), Package: "example.com/cmd", Func: "main", Callee: "net/http.Get", Dependency: "http", Unknown: true},
		finding.Call{Pos: at(5, "again"), Package: "example.com/cmd", Func: "main", Callee: "net/http.Get", Dependency: "http", Excluded: "a|b <test> file"},
	)
	return dir, findings, calls
}

var rules = []Rule{
	{Name: "stalegen", Summary: "finds guards", Text: "stalegen: finds guards\n\nThe text.\n\nMore.\n", Help: "Finds **guards**.", URL: "https://example.com/stalegen"},
	{Name: "unguarded", Summary: "finds calls", Text: "unguarded: finds calls\n\n" + strings.Repeat("ä", 600), Help: "Finds calls.", URL: "https://example.com/unguarded"},
}

func TestGolden(t *testing.T) {
	dir, findings, calls := fixtures(t)
	coverage := func(format string) func(io.Writer) error {
		return func(w io.Writer) error { return NewCoverage(calls, dir).Write(w, format) }
	}
	for name, write := range map[string]func(io.Writer) error{
		"text":          func(w io.Writer) error { return Text(w, findings, dir, -1) },
		"context":       func(w io.Writer) error { return Text(w, findings, dir, 1) },
		"json":          func(w io.Writer) error { return JSON(w, findings, nil) },
		"sarif":         func(w io.Writer) error { return SARIF(w, findings, rules, dir, "1.2.3") },
		"github":        func(w io.Writer) error { return Annotations(w, findings, dir) },
		"baseline":      func(w io.Writer) error { return WriteBaseline(w, findings) },
		"coverage.md":   coverage("md"),
		"coverage.json": coverage("json"),
		"coverage.html": coverage("html"),
	} {
		t.Run(name, func(t *testing.T) {
			var buf bytes.Buffer
			if err := write(&buf); err != nil {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(buf.String(), filepath.ToSlash(dir), "$DIR")
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant %s:\n%s", got, golden, want)
			}
		})
	}
}

// TestPageNeedsNothingElse holds the HTML report to being one file: no script,
// style, image or font from anywhere.
func TestPageNeedsNothingElse(t *testing.T) {
	dir, _, calls := fixtures(t)
	var buf bytes.Buffer
	if err := NewCoverage(calls, dir).Write(&buf, "html"); err != nil {
		t.Fatal(err)
	}
	for _, forbidden := range []string{"http:", "https:", "src=", "<link", "@import", "url("} {
		if strings.Contains(buf.String(), forbidden) {
			t.Errorf("the page holds %q", forbidden)
		}
	}
	if !strings.Contains(buf.String(), "a|b &lt;test&gt; file") {
		t.Error("text is not escaped")
	}
}

func TestUnknownFormatIsAnError(t *testing.T) {
	if err := NewCoverage(nil, ".").Write(io.Discard, "pdf"); err == nil {
		t.Error("got no error")
	}
}

func TestPercent(t *testing.T) {
	tests := []struct {
		name               string
		guarded, unguarded int
		unknown            int
		want               int
	}{
		{name: "nothing to guard", want: 100},
		{name: "nothing that can be judged", unknown: 3, want: 100},
		{name: "all", guarded: 7, want: 100},
		{name: "none", unguarded: 7, want: 0},
		{name: "all but one is less than all", guarded: 999, unguarded: 1, want: 99},
		{name: "what cannot be judged does not count", guarded: 1, unguarded: 1, unknown: 8, want: 50},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var calls []finding.Call
			for _, group := range []struct {
				n int
				c finding.Call
			}{{test.guarded, finding.Call{Guard: "g"}}, {test.unguarded, finding.Call{}}, {test.unknown, finding.Call{Unknown: true}}} {
				calls = append(calls, slices.Repeat([]finding.Call{group.c}, group.n)...)
			}
			if got := NewCoverage(calls, ".").Total.Percent; got != test.want {
				t.Errorf("got %d %%, want %d %%", got, test.want)
			}
		})
	}
}

func TestBaseline(t *testing.T) {
	_, findings, _ := fixtures(t)
	write := func(findings []finding.Finding) *Baseline {
		t.Helper()
		var buf bytes.Buffer
		if err := WriteBaseline(&buf, findings); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "baseline.json")
		if err := os.WriteFile(file, buf.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		b, err := ReadBaseline(file)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	moved := slices.Clone(findings)
	for i := range moved {
		moved[i].Pos.Line += 100
		moved[i].Pos.Offset += 1000
	}
	lined := finding.Finding{Rule: "directive", Message: "timeout is also stated at a.go:12:3, line 12"}
	linedMoved := lined
	linedMoved.Message = "timeout is also stated at a.go:120:3, line 120"
	elsewhere := findings[0]
	elsewhere.Func = "(*Store).Save"
	tests := []struct {
		name     string
		baseline *Baseline
		findings []finding.Finding
		want     int // new findings
		gone     int
	}{
		{name: "all known", baseline: write(findings), findings: findings},
		{name: "moved lines are known", baseline: write(findings), findings: moved},
		{name: "places in the message may move too", baseline: write([]finding.Finding{lined}), findings: []finding.Finding{linedMoved}},
		{name: "empty baseline knows nothing", baseline: write(nil), findings: findings, want: len(findings)},
		{name: "another function is new", baseline: write(findings), findings: []finding.Finding{elsewhere}, want: 1, gone: len(findings)},
		{name: "one more of the same is new", baseline: write(findings[1:]), findings: findings, want: 1},
		{name: "mended ones are told", baseline: write(findings), findings: findings[:1], gone: len(findings) - 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, gone := test.baseline.New(test.findings)
			if len(got) != test.want || gone != test.gone {
				t.Errorf("got %d new and %d gone, want %d and %d", len(got), gone, test.want, test.gone)
			}
		})
	}
}

func TestReadBaselineErrors(t *testing.T) {
	for name, test := range map[string]struct{ content, want string }{
		"no JSON":        {"{\n\tnope", ":2:2:"},
		"unknown key":    {`{"version":1,"find":[]}`, `unknown field "find"`},
		"future version": {`{"version":7}`, "version 7"},
		"no version":     {`{"findings":[]}`, "version 0"},
		"empty":          {"", ":1:1: the file is empty"},
		"another shape":  {`[]`, ":1:2: unexpected array"},
		"conflict":       {"{\"version\":1,\n<<<<<<< HEAD\n", ":2:1: invalid character '<'"},
		"two of them":    {"{\"version\":1}\n{\"version\":1}", ":2:1: more follows"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "baseline.json")
			if err := os.WriteFile(file, []byte(test.content), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := ReadBaseline(file)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), file) {
				t.Errorf("got %v, want an error with %q and the file", err, test.want)
			}
		})
	}
}

func TestRelative(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	if got := Relative(dir, filepath.Join(link, "a.go")); got != "a.go" {
		t.Errorf("through a link: got %s, want a.go", got)
	}
	if got := Relative(dir, "/elsewhere/a.go"); got != "/elsewhere/a.go" {
		t.Errorf("outside: got %s", got)
	}
	if got := Short("/home/me/src/sub", "/home/me/src/a.go"); got != filepath.Join("..", "a.go") {
		t.Errorf("Short: got %s", got)
	}
}
