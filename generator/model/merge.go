package model

import (
	"cmp"
	"fmt"
	"go/types"
	"slices"
	"strings"
	"time"

	"github.com/resilgo/resil/generator/directive"
	resil "github.com/resilgo/resil/runtime"
)

// Merge joins the interfaces of all packages by the NAME of their dependency.
// What one leaves out it inherits from the others; two different stated values
// are a problem at the later one. Dependencies come sorted by name, their
// interfaces in the order given, problems in the order found. Sketches add
// what they state and nothing else, see [Sketch]. The packages must share one
// file set.
func Merge(pkgs []*Package) ([]*Dependency, []Problem) {
	byName := map[string]*Dependency{}
	var out []*Dependency
	var problems []Problem
	for _, p := range pkgs {
		for _, f := range p.Files {
			for _, i := range f.Interfaces {
				d := byName[i.Dependency]
				if d == nil {
					d = &Dependency{Name: i.Dependency}
					byName[i.Dependency] = d
					out = append(out, d)
				}
				problems = append(problems, d.join(i, p)...)
			}
		}
	}
	for _, d := range out {
		if d.Breaker != nil {
			problems = append(problems, d.misfits(d.Breaker.Value.Fits(d.Timeout, d.rate()))...)
		}
	}
	slices.SortFunc(out, func(a, b *Dependency) int { return strings.Compare(a.Name, b.Name) })
	return out, problems
}

// Outline returns the package with no more than [Merge] needs of it: without
// the syntax and the types, which are most of its memory.
func (p *Package) Outline() *Package {
	home := types.NewPackage(p.Path, p.Name)
	out := &Package{Path: p.Path, Name: p.Name, Types: home, fset: p.fset}
	for _, f := range p.Files {
		file := &File{Name: f.Name}
		for _, i := range f.Interfaces {
			file.Interfaces = append(file.Interfaces, i.outline(home))
		}
		out.Files = append(out.Files, file)
	}
	return out
}

func (i *Interface) outline(home *types.Package) *Interface {
	out := &Interface{
		Name: i.Name, Pos: i.Pos, Object: types.NewTypeName(i.Object.Pos(), home, i.Object.Name(), nil),
		Guard: i.Guard, Directives: i.Directives, Dependency: i.Dependency, Criticality: i.Criticality, Down: i.Down,
		Breaker: i.Breaker, Bulkhead: i.Bulkhead, Rate: i.Rate,
	}
	for _, m := range i.Methods {
		if m.Timeout != nil {
			out.Methods = append(out.Methods, &Method{Name: m.Name, Timeout: m.Timeout})
		}
	}
	return out
}

// join adds what an interface states to the dependency.
func (d *Dependency) join(i *Interface, p *Package) []Problem {
	j := &joint{d: d, i: i, p: p}
	d.Criticality = joinKey(j, d.Criticality, i.Guard, "criticality", i.Criticality)
	d.Down = joinKey(j, d.Down, i.Guard, "down", i.Down)
	d.Breaker = joinBreaker(j, d.Breaker, i.Breaker)
	d.Bulkhead = joinBulkhead(j, d.Bulkhead, i.Bulkhead)
	d.Rate = joinRate(j, d.Rate, i.Rate)
	for _, m := range i.Methods {
		if m.Timeout != nil {
			d.Timeout = max(d.Timeout, m.Timeout.Value.Attempt)
		}
	}
	d.all = append(d.all, i)
	if !p.sketch {
		d.Interfaces = append(d.Interfaces, i)
	}
	return j.problems
}

// Incomplete returns what the interfaces of each dependency state that means
// nothing without a rule that none of them states. They must be all there are.
func Incomplete(deps []*Dependency) []Problem {
	var problems []Problem
	for _, d := range deps {
		if d.Breaker != nil {
			problems = append(problems, d.misfits(d.Breaker.Value.Validate())...)
		}
	}
	return problems
}

func (d *Dependency) rate() resil.Rate {
	if d.Rate == nil {
		return resil.Rate{}
	}
	return d.Rate.Value
}

// misfits places the reasons why what the dependency's interfaces state for its
// breaker cannot work together; each by itself has been checked.
func (d *Dependency) misfits(err error) []Problem {
	if err == nil {
		return nil
	}
	line := d.Breaker.Lines[len(d.Breaker.Lines)-1]
	var problems []Problem
	for reason := range strings.SplitSeq(err.Error(), "\n") {
		pos, end := line.Pos, line.End
		for _, l := range d.Breaker.Lines {
			for _, a := range l.Args {
				if strings.HasPrefix(reason, a.Key+"=") {
					pos, end = a.Pos, a.End
				}
			}
		}
		problems = append(problems, Problem{Pos: pos, End: end, Message: fmt.Sprintf("breaker of dependency %s: %s", d.Name, reason)})
	}
	return problems
}

// joint is the merging of one interface into its dependency.
type joint struct {
	d        *Dependency
	i        *Interface
	p        *Package
	problems []Problem
}

// pick returns what the two say of one key of a line: the one that states it.
// Both stating different values is a problem at the later line.
func pick[T comparable](j *joint, line *directive.Directive, key string, old, stated T) T {
	var none T
	switch {
	case stated == none:
		return old
	case old == none || old == stated:
		return stated
	}
	pos, end := line.Pos, line.End
	for _, a := range line.Args {
		if a.Key == key {
			pos, end = a.Pos, a.End
		}
	}
	what := key + "="
	if key == "" {
		what = ""
	}
	j.problems = append(j.problems, Problem{Pos: pos, End: end, Message: fmt.Sprintf(
		"%s %s%s of dependency %s contradicts %s%s %s; state it once, or the same in both",
		line.Verb, what, spell(stated), j.d.Name, what, spell(old), j.other(line.Verb, key))})
	return old
}

// other names the interface that stated a key before, and where, for a message.
func (j *joint) other(verb directive.Verb, key string) string {
	for _, i := range j.d.all {
		line := lineOf(i.Directives, verb)
		if line == nil || !slices.ContainsFunc(line.Args, func(a directive.Arg) bool { return a.Key == key }) {
			continue
		}
		name, at := i.Name, place(j.p.fset, line.Pos)
		if pkg := i.Object.Pkg(); pkg.Path() != j.p.Path {
			name, at = pkg.Path()+"."+name, placeFrom(j.p.fset, j.i.Guard.Pos, line.Pos)
		}
		return "of " + name + " at " + at
	}
	return "stated before"
}

func spell(v any) string {
	switch v := v.(type) {
	case time.Duration:
		return short(v)
	case fmt.Stringer:
		return v.String()
	default:
		return fmt.Sprint(v)
	}
}

func joinKey[T comparable](j *joint, old *Setting[T], line *directive.Directive, key string, stated T) *Setting[T] {
	var none T
	if stated == none {
		return old
	}
	if old == nil {
		return &Setting[T]{Value: stated, Lines: []*directive.Directive{line}}
	}
	return &Setting[T]{Value: pick(j, line, key, old.Value, stated), Lines: append(slices.Clone(old.Lines), line)}
}

func joinBreaker(j *joint, old, stated *Setting[resil.Breaker]) *Setting[resil.Breaker] {
	if old == nil || stated == nil {
		return cmp.Or(old, stated)
	}
	line, a, b := stated.Lines[0], old.Value, stated.Value
	merged := resil.Breaker{
		Failures:  pick(j, line, "failures", a.Failures, b.Failures),
		Ratio:     pick(j, line, "ratio", a.Ratio, b.Ratio),
		Min:       pick(j, line, "min", a.Min, b.Min),
		Window:    pick(j, line, "window", a.Window, b.Window),
		Slow:      pick(j, line, "slow", a.Slow, b.Slow),
		SlowRatio: pick(j, line, "slowratio", a.SlowRatio, b.SlowRatio),
		Open:      pick(j, line, "open", a.Open, b.Open),
	}
	p := pick(j, line, "probes", probes{a.Good, a.Probes}, probes{b.Good, b.Probes})
	merged.Good, merged.Probes = p.good, p.of
	return &Setting[resil.Breaker]{Value: merged, Lines: append(slices.Clone(old.Lines), line)}
}

// probes is the value of the key probes=.
type probes struct{ good, of int }

func (p probes) String() string { return fmt.Sprintf("%d/%d", p.good, p.of) }

func joinBulkhead(j *joint, old, stated *Setting[resil.Bulkhead]) *Setting[resil.Bulkhead] {
	if old == nil || stated == nil {
		return cmp.Or(old, stated)
	}
	line, a, b := stated.Lines[0], old.Value, stated.Value
	merged := resil.Bulkhead{Max: pick(j, line, "max", a.Max, b.Max), Wait: pick(j, line, "wait", a.Wait, b.Wait)}
	return &Setting[resil.Bulkhead]{Value: merged, Lines: append(slices.Clone(old.Lines), line)}
}

func joinRate(j *joint, old, stated *Setting[resil.Rate]) *Setting[resil.Rate] {
	if old == nil || stated == nil {
		return cmp.Or(old, stated)
	}
	line, a, b := stated.Lines[0], old.Value, stated.Value
	merged := a
	if b.N != a.N || b.Per != a.Per {
		pick(j, line, "", spellRate(a), spellRate(b))
	}
	merged.Burst = pick(j, line, "burst", a.Burst, b.Burst)
	return &Setting[resil.Rate]{Value: merged, Lines: append(slices.Clone(old.Lines), line)}
}

func spellRate(r resil.Rate) string {
	r.Burst = 0 // a key of its own
	return directive.Rate{Rate: r}.String()
}
