package resolve

import (
	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/analyzer/internal/summary"
)

// swap returns the fix of a call on a raw client where its decorator is in
// scope: to call that. Nil unless exactly one is there that certainly guards
// this very client.
func (p *program) swap(o *op) []finding.Fix {
	var fits []summary.Swap
	for _, s := range o.Swaps {
		if p.guards(o, s) {
			fits = append(fits, s)
		}
	}
	if len(fits) != 1 || o.Pos.As != "" {
		return nil
	}
	s := fits[0]
	return []finding.Fix{{
		Message: "call " + s.Expr + ", which guards it",
		Edits: []finding.Edit{{
			Filename: o.node.file.Name, Start: int(s.Start), End: int(s.End), New: s.Expr,
		}},
	}}
}

// guards reports whether what a swap calls is the decorator of the receiver,
// whatever path leads here.
func (p *program) guards(o *op, s summary.Swap) bool {
	if g := p.decorators[s.Type]; g != nil {
		return p.isRawOf(o, s, g)
	}
	found := false
	for _, val := range p.sorted(o.v(s.Var)) {
		x := &p.values[val]
		if x.Kind != summary.TypeValue {
			continue
		}
		g := p.decorators[x.Name]
		if g == nil || !p.isRawOf(o, s, g) {
			return false
		}
		found = true
	}
	return found
}

// isRawOf reports whether the receiver of an op is what the one decorator that
// the program makes of a guard wraps.
func (p *program) isRawOf(o *op, s summary.Swap, g *summary.Guard) bool {
	made := 0
	for _, n := range p.nodes {
		for _, o := range n.ops {
			if o.Kind == summary.Static && o.Callee == g.Constructor && !n.file.Test {
				made++
			}
		}
	}
	r := p.rawOf(g)
	if made != 1 {
		return false
	}
	if r.types[s.From] {
		return len(r.values) == 1
	}
	known := false
	for _, val := range p.sorted(o.v(o.Recv)) {
		if x := &p.values[val]; x.Kind != summary.ObjectValue || x.ID == "" {
			continue
		}
		if _, wrapped := r.values[val]; !wrapped {
			return false
		}
		known = true
	}
	return known
}
