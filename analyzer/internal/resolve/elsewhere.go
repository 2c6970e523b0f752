package resolve

import (
	"slices"

	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/analyzer/internal/summary"
)

// toldElsewhere returns whether a finding is told of where another package is
// judged: that of the call, or one that starts a goroutine on the way to it,
// which is outside of every guard whoever starts it.
func (p *program) toldElsewhere(in Input, calls []call) func(finding.Finding) bool {
	ours := make(map[string]bool)
	for _, s := range in.Packages {
		ours[s.Path] = true
	}
	told := make(map[string][]finding.Finding)
	tells := func(path string, f finding.Finding) bool {
		if ours[path] {
			return false
		}
		findings, ok := told[path]
		if !ok {
			if s := p.summaryOf(path); s != nil {
				findings = Run(Input{Packages: []*summary.Package{s}, Dep: p.summaryOf, Catalog: in.Catalog}).Findings
			}
			told[path] = findings
		}
		return slices.ContainsFunc(findings, func(t finding.Finding) bool { return t.Rule == f.Rule && t.Pos == f.Pos })
	}
	return func(f finding.Finding) bool {
		if ours[f.Package] {
			return false
		}
		if tells(f.Package, f) {
			return true
		}
		i := slices.IndexFunc(calls, func(c call) bool {
			return c.op.node.pkg.Path == f.Package && p.position(c.op.node, c.op.Pos) == f.Pos
		})
		return i >= 0 && slices.ContainsFunc(p.trail(calls[i].op.node), func(e *edge) bool {
			return e.mode == loose && tells(e.from.pkg.Path, f)
		})
	}
}

// summaryOf returns the summary of a package in sight.
func (p *program) summaryOf(path string) *summary.Package {
	i := slices.IndexFunc(p.pkgs, func(k *pkg) bool { return k.Path == path })
	if i < 0 {
		return nil
	}
	return p.pkgs[i].Package
}
