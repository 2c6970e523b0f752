// Package resolve joins the summaries of packages and judges: it follows
// functions, clients and contexts from where they are made to where they are
// used, walks every path from the entry points, and reports what breaks a rule.
//
// With the whole module in sight every path is known. Package by package, as
// go vet sees them, callers may be missing: a finding is then reported only if
// nothing that is out of sight could take it back.
package resolve

import (
	"slices"

	"github.com/resilgo/resil/analyzer/internal/catalog"
	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/analyzer/internal/summary"
)

// Input is what Run judges.
type Input struct {
	Packages []*summary.Package                 // to judge and report, sorted by path
	Closed   []*summary.Package                 // to judge with them: only they import these. Needs Whole
	Dep      func(path string) *summary.Package // others that these import; may be nil
	Catalog  *catalog.Catalog
	Whole    bool // all that calls or wires the packages is in sight
}

// Result is what Run found, in order.
type Result struct {
	Findings []finding.Finding
	Calls    []finding.Call

	// Open tells that something hinges on who else calls the packages, or wires
	// them. Never with Input.Whole.
	Open bool
}

// Run judges. It does not alter its input and may be called concurrently.
func Run(in Input) Result {
	p := link(in)
	p.solve()
	p.store()
	p.graph()
	p.reach()
	calls := p.calls()
	r := Result{Calls: p.report(calls), Open: p.open}
	for _, rule := range rules {
		r.Findings = append(r.Findings, rule(p, calls)...)
	}
	r.Findings = slices.DeleteFunc(r.Findings, p.accepted)
	r.Findings = slices.DeleteFunc(r.Findings, p.toldElsewhere(in, calls))
	slices.SortFunc(r.Findings, finding.Compare)
	return r
}

// accepted reports whether //resil:guarded speaks of the place of a finding.
// The author has been there and given a reason: whatever the rule, saying it
// again helps nobody.
func (p *program) accepted(f finding.Finding) bool {
	i := slices.IndexFunc(p.pkgs, func(k *pkg) bool { return k.Path == f.Package })
	if i < 0 {
		return false
	}
	files := p.pkgs[i].Files
	// Only a //line comment gives a place a name that none of the files has.
	named := func(file summary.File) bool { return file.Name == f.Pos.Filename }
	renamed := !slices.ContainsFunc(files, named)
	return slices.ContainsFunc(files, func(file summary.File) bool {
		return (renamed || named(file)) && slices.ContainsFunc(file.Accepted, func(x summary.Span) bool {
			return int(x.From) <= f.Pos.Offset && f.Pos.Offset < int(x.To)
		})
	})
}

var rules = []func(*program, []call) []finding.Finding{
	unguarded,
	alwaysOn,
	nodeadline,
	bypassed,
	unsaferetry,
	retrystorm,
	budget,
	freshbreaker,
	fallbackloop,
}
