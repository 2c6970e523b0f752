package report

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/resilgo/resil/analyzer/internal/finding"
)

// Formats are the formats that [Coverage.Write] knows.
var Formats = []string{"md", "html", "json"}

// Coverage tells how many of a module's outbound calls are guarded.
type Coverage struct {
	Total        Count        `json:"total"`
	Dependencies []NamedCount `json:"dependencies"` // by kind of dependency, by name
	Packages     []NamedCount `json:"packages"`     // by import path
	Guards       []Share      `json:"guards"`       // that guarded calls run in, by name
	Excluded     []Share      `json:"excluded"`     // calls that do not count, by reason
	Calls        []CallRecord `json:"calls"`        // all, by place
}

// Count counts outbound calls. Calls = Guarded + Unguarded + Unknown.
type Count struct {
	Calls     int `json:"calls"`     // without those excluded
	Guarded   int `json:"guarded"`   // every path is
	Unguarded int `json:"unguarded"` // at least one path is
	Unknown   int `json:"unknown"`   // too little is seen of the module to judge
	Deadline  int `json:"deadline"`  // bounded in time
	Excluded  int `json:"excluded"`  // beside Calls
	// Percent of the calls that can be judged that are guarded, rounded down, so
	// that 100 means all. 100 if there are none.
	Percent int `json:"percent"`
}

// NamedCount is the count for one dependency or package.
type NamedCount struct {
	Name string `json:"name"`
	Count
}

// Share is how many calls have something in common.
type Share struct {
	Name  string `json:"name"`
	Calls int    `json:"calls"`
}

// CallRecord is one outbound call.
type CallRecord struct {
	File       string `json:"file"` // relative, with slashes
	Line       int    `json:"line"`
	Column     int    `json:"column"`
	Package    string `json:"package"`
	Func       string `json:"func"`
	Callee     string `json:"callee"`
	Dependency string `json:"dependency"`
	Guard      string `json:"guard,omitempty"`
	Deadline   bool   `json:"deadline"`
	Unknown    bool   `json:"unknown,omitempty"`
	Excluded   string `json:"excluded,omitempty"`
}

// NewCoverage sums up calls. Files are relative to dir.
func NewCoverage(calls []finding.Call, dir string) *Coverage {
	c := &Coverage{Calls: make([]CallRecord, 0, len(calls))}
	dependencies := make(map[string]*NamedCount)
	packages := make(map[string]*NamedCount)
	guards := make(map[string]int)
	excluded := make(map[string]int)
	for _, call := range calls {
		dependency := cmp.Or(call.Dependency, "other")
		c.Total.add(call)
		named(dependencies, dependency).add(call)
		named(packages, call.Package).add(call)
		switch {
		case call.Excluded != "":
			excluded[call.Excluded]++
		case call.Guard != "":
			guards[call.Guard]++
		}
		c.Calls = append(c.Calls, CallRecord{
			File: filepath.ToSlash(Relative(dir, call.Pos.Filename)),
			Line: call.Pos.Line, Column: call.Pos.Column,
			Package: call.Package, Func: call.Func, Callee: call.Callee, Dependency: dependency,
			Guard: call.Guard, Deadline: call.Deadline, Unknown: call.Unknown, Excluded: call.Excluded,
		})
	}
	c.Total.finish()
	c.Dependencies = counts(dependencies)
	c.Packages = counts(packages)
	c.Guards = shares(guards)
	c.Excluded = shares(excluded)
	return c
}

func (c *Count) add(call finding.Call) {
	if call.Excluded != "" {
		c.Excluded++
		return
	}
	c.Calls++
	switch {
	case call.Guard != "":
		c.Guarded++
	case call.Unknown:
		c.Unknown++
	default:
		c.Unguarded++
	}
	if call.Deadline {
		c.Deadline++
	}
}

func (c *Count) finish() {
	c.Percent = 100
	if judged := c.Guarded + c.Unguarded; judged > 0 {
		c.Percent = 100 * c.Guarded / judged
	}
}

func named(m map[string]*NamedCount, name string) *Count {
	n, ok := m[name]
	if !ok {
		n = &NamedCount{Name: name}
		m[name] = n
	}
	return &n.Count
}

func counts(m map[string]*NamedCount) []NamedCount {
	out := make([]NamedCount, 0, len(m))
	for _, n := range m {
		n.finish()
		out = append(out, *n)
	}
	slices.SortFunc(out, func(a, b NamedCount) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func shares(m map[string]int) []Share {
	out := make([]Share, 0, len(m))
	for name, n := range m {
		out = append(out, Share{name, n})
	}
	slices.SortFunc(out, func(a, b Share) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// State is "guarded", "unguarded", "unknown" or "excluded".
func (r CallRecord) State() string {
	switch {
	case r.Excluded != "":
		return "excluded"
	case r.Guard != "":
		return "guarded"
	case r.Unknown:
		return "unknown"
	default:
		return "unguarded"
	}
}

// Place returns file:line:col.
func (r CallRecord) Place() string { return fmt.Sprintf("%s:%d:%d", r.File, r.Line, r.Column) }

// Write writes the coverage in one of [Formats].
func (c *Coverage) Write(w io.Writer, format string) error {
	switch format {
	case "md":
		return c.markdown(w)
	case "html":
		return page().Execute(w, c)
	case "json":
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(c)
	default:
		return fmt.Errorf("unknown format %q of the report; want %s", format, strings.Join(Formats, ", "))
	}
}

//go:embed coverage.html
var pageSource string

var page = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("coverage").Funcs(template.FuncMap{"section": section}).Parse(pageSource))
})

// tableSection is one table of the page.
type tableSection struct {
	Title, Column string
	Rows          any
}

func section(title, column string, rows any) tableSection { return tableSection{title, column, rows} }

func (c *Coverage) markdown(w io.Writer) error {
	p := printer{w: w}
	p.printf("# Resilience coverage\n\n")
	p.printf("%d %% of the outbound calls are guarded: %d of %d", c.Total.Percent, c.Total.Guarded, c.Total.Guarded+c.Total.Unguarded)
	if c.Total.Unknown > 0 {
		p.printf(", %d more cannot be judged", c.Total.Unknown)
	}
	if c.Total.Excluded > 0 {
		p.printf(", %d are left out", c.Total.Excluded)
	}
	p.printf(".\n")
	p.counts("Dependency", c.Dependencies)
	p.counts("Package", c.Packages)
	p.shares("Guard", c.Guards)
	p.shares("Left out because", c.Excluded)
	p.printf("\n## Calls\n\n| Place | Function | Calls | Dependency | Guard | Deadline |\n|---|---|---|---|---|---|\n")
	for _, r := range c.Calls {
		guard := cell(r.Guard)
		switch r.State() {
		case "unguarded":
			guard = "**none**"
		case "unknown":
			guard = "not seen"
		case "excluded":
			guard = "left out: " + cell(r.Excluded)
		}
		deadline := "no"
		if r.Deadline {
			deadline = "yes"
		}
		p.printf("| %s | %s | %s | %s | %s | %s |\n", cell(r.Place()), cell(r.Func), cell(r.Callee), cell(r.Dependency), guard, deadline)
	}
	return p.err
}

func (p *printer) counts(title string, counts []NamedCount) {
	if len(counts) == 0 {
		return
	}
	p.printf("\n| %s | Calls | Guarded | Unguarded | Not seen | Deadline | Left out | Coverage |\n|---|--:|--:|--:|--:|--:|--:|--:|\n", title)
	for _, n := range counts {
		p.printf("| %s | %d | %d | %d | %d | %d | %d | %d %% |\n",
			cell(n.Name), n.Calls, n.Guarded, n.Unguarded, n.Unknown, n.Deadline, n.Excluded, n.Percent)
	}
}

func (p *printer) shares(title string, shares []Share) {
	if len(shares) == 0 {
		return
	}
	p.printf("\n| %s | Calls |\n|---|--:|\n", title)
	for _, s := range shares {
		p.printf("| %s | %d |\n", cell(s.Name), s.Calls)
	}
}

// cell escapes text for a cell of a Markdown table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "*", `\*`, "_", `\_`, "<", "&lt;").Replace(s)
}
