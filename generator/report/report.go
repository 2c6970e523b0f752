package report

import (
	"fmt"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/resilgo/resil/generator/directive"
	"github.com/resilgo/resil/generator/model"
	resil "github.com/resilgo/resil/runtime"
)

// Input is what every report is made of.
type Input struct {
	Fset     *token.FileSet
	Packages []*model.Package // without problems
	Kin      []*model.Package // sketches of what else guards the same dependencies; only what it states is shown
	Dir      string           // paths below it are shown relative to it; "" shows them as they are
}

// dependencies joins the guards of all packages by dependency, sorted by name.
func (in Input) dependencies() []*dependency {
	merged, _ := model.Merge(slices.Concat(in.Packages, in.Kin)) // contradictions are for the generator to report
	var out []*dependency
	titles := titles(merged)
	for _, d := range merged {
		if len(d.Interfaces) > 0 { // else only sketches state it
			out = append(out, &dependency{Dependency: d, in: in, titles: titles})
		}
	}
	return out
}

// titles returns what each interface is called in a text: by its name, with its
// package where several have the name, with the import path where that is not
// enough.
func titles(deps []*model.Dependency) map[*model.Interface]string {
	out := map[*model.Interface]string{}
	for _, name := range []func(*model.Interface) string{
		func(i *model.Interface) string { return i.Object.Pkg().Path() + "." + i.Name },
		qualified,
		func(i *model.Interface) string { return i.Name },
	} {
		count := map[string]int{}
		for _, d := range deps {
			for _, i := range d.Interfaces {
				count[name(i)]++
			}
		}
		for _, d := range deps {
			for _, i := range d.Interfaces {
				if out[i] == "" || count[name(i)] == 1 {
					out[i] = name(i)
				}
			}
		}
	}
	return out
}

// place returns "file:line" of a position, relative and with slashes.
func (in Input) place(pos token.Pos) string {
	at := in.Fset.PositionFor(pos, false)
	return in.path(at.Filename) + ":" + strconv.Itoa(at.Line)
}

func (in Input) path(name string) string {
	if in.Dir != "" {
		if rel, err := filepath.Rel(in.Dir, name); err == nil && filepath.IsLocal(rel) {
			name = rel
		}
	}
	return filepath.ToSlash(name)
}

// qualified names an interface with its package, as in "shop.Prices".
func qualified(i *model.Interface) string { return i.Object.Pkg().Name() + "." + i.Name }

// dependency is a dependency with everything that is in force for it.
type dependency struct {
	*model.Dependency
	in     Input
	titles map[*model.Interface]string // of all dependencies
}

// method is what a method is called in a text.
func (d *dependency) method(i *model.Interface, m *model.Method) string {
	return d.titles[i] + "." + m.Name
}

func (d *dependency) criticality() resil.Criticality {
	if d.Criticality == nil {
		return resil.Medium
	}
	return d.Criticality.Value
}

// down returns the level the system enters while the dependency is down.
func (d *dependency) down() resil.Level {
	if d.Down == nil {
		return d.criticality().Down()
	}
	return d.Down.Value
}

// breaker returns the breaker with its defaults filled in.
func (d *dependency) breaker() resil.Breaker {
	var b resil.Breaker
	if d.Breaker != nil {
		b = d.Breaker.Value
	}
	return b.WithDefaults(d.Timeout)
}

// guarded calls visit for each guarded method, in order.
func (d *dependency) guarded(visit func(i *model.Interface, m *model.Method)) {
	for _, i := range d.Interfaces {
		for _, m := range i.Methods {
			if m.Guarded() {
				visit(i, m)
			}
		}
	}
}

// any reports whether a guarded method of the dependency has a property.
func (d *dependency) any(has func(m *model.Method) bool) bool {
	found := false
	d.guarded(func(_ *model.Interface, m *model.Method) { found = found || has(m) })
	return found
}

// healthChecked reports whether one of the interfaces has a probe.
func (d *dependency) healthChecked() bool {
	for _, i := range d.Interfaces {
		if i.Health != nil {
			return true
		}
	}
	return false
}

// policy is one policy in force with the source of each of its values.
type policy struct {
	name   string
	values []value
}

// value is one setting of a policy. An empty source is a default.
type value struct {
	text   string // as a directive spells it
	source token.Pos
}

func (p *policy) text() string {
	words := []string{p.name}
	for _, v := range p.values {
		words = append(words, v.text)
	}
	return strings.Join(words, " ")
}

// settings collects the values of a policy from the lines that state it.
type settings struct {
	policy
	lines []*directive.Directive
}

func newSettings(name string, lines ...*directive.Directive) *settings {
	return &settings{policy: policy{name: name}, lines: lines}
}

// add notes a value under the key that states it, if a line does.
func (s *settings) add(key, text string) {
	source := token.NoPos
	for _, line := range s.lines {
		if pos, ok := line.At(key); ok && source == token.NoPos {
			source = pos
		}
	}
	s.values = append(s.values, value{text, source})
}

func (s *settings) count(key string, n int)              { s.add(key, key+"="+strconv.Itoa(n)) }
func (s *settings) duration(key string, d time.Duration) { s.add(key, key+"="+directive.Duration(d)) }

func (s *settings) share(key string, f float64) {
	s.add(key, key+"="+strconv.FormatFloat(f, 'f', -1, 64))
}

// policies returns what is in force for a method, outermost first, defaults
// filled in.
func (d *dependency) policies(m *model.Method) []policy {
	var out []policy
	add := func(s *settings) { out = append(out, s.policy) }
	for _, f := range m.Fallbacks {
		add(fallbackSettings(f))
	}
	if m.Timeout != nil && m.Timeout.Value.Total > 0 {
		s := newSettings("total", m.Timeout.Lines...)
		s.add("total", directive.Duration(m.Timeout.Value.Total))
		add(s)
	}
	if m.Retry != nil {
		r := m.Retry.Value.WithDefaults()
		s := newSettings("retry", m.Retry.Lines...)
		s.count("attempts", r.Attempts)
		s.add("backoff", "backoff="+directive.Duration(r.Base)+".."+directive.Duration(r.Max))
		s.share("budget", r.Budget)
		add(s)
	}
	if m.Hedge != nil {
		h := m.Hedge.Value.WithDefaults()
		s := newSettings("hedge", m.Hedge.Lines...)
		s.duration("after", h.After)
		s.count("max", h.Max)
		add(s)
	}
	add(d.breakerSettings())
	if d.Rate != nil {
		add(rateSettings("rate (shared)", d.Rate))
	}
	if m.Rate != nil {
		add(rateSettings("rate", m.Rate))
	}
	if m.Timeout != nil {
		s := newSettings("timeout", m.Timeout.Lines...)
		s.add("", directive.Duration(m.Timeout.Value.Attempt))
		add(s)
	}
	if d.Bulkhead != nil {
		add(bulkheadSettings("bulkhead (shared)", d.Bulkhead))
	}
	if m.Bulkhead != nil {
		add(bulkheadSettings("bulkhead", m.Bulkhead))
	}
	if m.Errs != nil {
		add(errorSettings(m.Errs))
	}
	return out
}

func fallbackSettings(f model.Fallback) *settings {
	s := newSettings("fallback", f.Line)
	spec := f.Spec.WithDefaults()
	switch spec.Strategy {
	case resil.StrategyCall:
		s.add("call", "call="+spec.Name)
	case resil.StrategyStale:
		s.duration("stale", spec.TTL)
		s.count("max", spec.Max)
		if f.Key != nil {
			s.add("key", "key="+f.Key.Name())
		} else {
			s.values = append(s.values, value{"shared", f.Line.Pos})
		}
	default:
		s.add("", spec.Strategy.String())
	}
	s.count("limit", spec.Limit)
	return s
}

func (d *dependency) breakerSettings() *settings {
	var lines []*directive.Directive
	if d.Breaker != nil {
		lines = d.Breaker.Lines
	}
	s := newSettings("breaker", lines...)
	b := d.breaker()
	if b.Failures > 0 {
		s.count("failures", b.Failures)
	}
	if b.Ratio > 0 {
		s.share("ratio", b.Ratio)
	}
	if b.Slow > 0 {
		s.duration("slow", b.Slow)
		s.share("slowratio", b.SlowRatio)
	}
	if b.Ratio > 0 || b.Slow > 0 {
		s.count("min", b.Min)
		s.duration("window", b.Window)
	}
	s.duration("open", b.Open)
	s.add("probes", fmt.Sprintf("probes=%d/%d", b.Good, b.Probes))
	return s
}

func rateSettings(name string, set *model.Setting[resil.Rate]) *settings {
	s := newSettings(name, set.Lines...)
	r := set.Value.WithDefaults()
	bare := directive.Rate{Rate: resil.Rate{N: r.N, Per: r.Per}}
	s.add("", bare.String())
	s.count("burst", r.Burst)
	return s
}

func bulkheadSettings(name string, set *model.Setting[resil.Bulkhead]) *settings {
	s := newSettings(name, set.Lines...)
	s.count("max", set.Value.Max)
	s.duration("wait", set.Value.Wait)
	return s
}

func errorSettings(set *model.Setting[model.Errors]) *settings {
	s := newSettings("errors", set.Lines...)
	for _, list := range []struct {
		key     string
		matches []model.ErrorMatch
	}{{"ignore", set.Value.Ignore}, {"failure", set.Value.Failure}} {
		var names []string
		for _, m := range list.matches {
			names = append(names, m.Ref.String())
		}
		if names != nil {
			s.add(list.key, list.key+"="+strings.Join(names, ","))
		}
	}
	return s
}

// kind names what a method does, in a word or two.
func kind(m *model.Method) string {
	words := []string{m.Kind.String()}
	if m.Idempotent {
		words = append(words, "idempotent")
	}
	if m.Essential {
		words = append(words, "essential")
	}
	if m.Health {
		words = append(words, "health")
	}
	return strings.Join(words, ", ")
}
