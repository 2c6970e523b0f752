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
	Dep      func(path string) *summary.Package // others that these import; may be nil
	Catalog  *catalog.Catalog
	Whole    bool // Packages is the whole module: wiring can be resolved
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
	slices.SortFunc(r.Findings, finding.Compare)
	return r
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
