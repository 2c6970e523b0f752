package resolve

import (
	"slices"

	"github.com/resilgo/resil/analyzer/internal/catalog"
	"github.com/resilgo/resil/analyzer/internal/summary"
)

// repeat is how a function runs one of its parameters again after a failure.
type repeat struct {
	times int  // attempts, 1 = nobody knows how many
	of    int  // 1 + index of the parameter that says how many, 0 = none does
	hand  bool // in a loop that is written by hand
}

const mostTimes = catalog.Endless

// at returns the attempts at a call of the helper.
func (r repeat) at(o *op) int {
	if r.of > 0 && r.of <= len(o.Counts) && o.Counts[r.of-1] > 0 {
		return min(r.times*o.Counts[r.of-1], mostTimes)
	}
	return r.times
}

// repeats finds the helpers that run a function they are handed again when it
// fails, and notes at the edges to such functions how often that is.
func (p *program) repeats(owners map[int32]param) {
	found := make(map[param]repeat)
	for range 6 { // helpers around helpers
		changed := false
		note := func(own param, r repeat) {
			if have := found[own]; r.times > have.times || have.times == 0 {
				found[own], changed = r, true
			}
		}
		for _, n := range p.nodes {
			if n.file.Test || n.file.Resil {
				continue
			}
			for _, o := range n.ops {
				p.repeatedBy(o, owners, found, note)
			}
		}
		if !changed {
			break
		}
	}
	if len(found) == 0 {
		return
	}
	for _, n := range p.nodes {
		for i := range n.edges {
			e := &n.edges[i]
			if e.through == nil {
				continue
			}
			for j, a := range e.op.Args {
				if r, ok := found[param{e.through, j}]; ok && slices.Contains(p.functions(e.op.v(a)), e.to) {
					e.times = max(e.times, r.at(e.op))
					e.byHand = r.hand
				}
			}
		}
	}
}

// repeatedBy notes the parameters that an op runs again, by itself or because it
// is run again.
func (p *program) repeatedBy(o *op, owners map[int32]param, found map[param]repeat, note func(param, repeat)) {
	parameter := func(v int32) (param, bool) {
		own, ok := owners[v]
		return own, ok && v != 0 && inside(o.node, own.fn)
	}
	if own, ok := parameter(o.v(o.Recv)); ok && o.Kind == summary.Dynamic {
		if r := p.repeatOf(o, own.fn); r.times > 0 {
			note(own, r)
		}
	}
	for i, a := range o.Args {
		own, ok := parameter(o.v(a))
		if !ok {
			continue
		}
		r := p.repeatOf(o, own.fn)
		if o.Kind == summary.Extern && catalog.Effect(o.Row.Effect) == catalog.Retry {
			r = repeat{times: min(max(r.times, 1)*p.attempts(o), mostTimes), of: r.of}
		}
		for _, t := range o.targets {
			if inner := found[param{t, i}]; inner.times > 0 {
				r = repeat{times: min(max(r.times, 1)*inner.at(o), mostTimes), of: r.of, hand: inner.hand}
			}
		}
		if r.times > 0 && (o.runsArgs() || slices.ContainsFunc(o.targets, func(t *node) bool { return found[param{t, i}].times > 0 })) {
			note(own, r)
		}
	}
}

// repeatOf returns how often an op in a function, or in a literal of it, is done
// again for one call of the function: 0 times if it is not.
func (p *program) repeatOf(o *op, fn *node) repeat {
	r := repeat{}
	if o.Retry {
		r = repeat{times: max(o.Turns, 1), of: o.TurnsOf, hand: true}
	}
	for n := o.node; n != fn && n != nil; n = n.outer {
		for _, m := range p.nodes[fn.index:] {
			if m.top != fn.top {
				break
			}
			for _, e := range m.edges {
				if e.to == n && p.retries(e.op) {
					r = repeat{times: min(max(r.times, 1)*p.attempts(e.op)*max(e.op.Turns, 1), mostTimes), of: max(r.of, e.op.TurnsOf)}
				}
			}
		}
	}
	return r
}
