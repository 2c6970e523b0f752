package admin

import (
	"fmt"
	"strings"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// Where a value in force comes from.
const (
	fromDefault   = "default"
	fromDirective = "directive"
	fromCode      = "code"
	fromOverride  = "override"
)

// sources tells where each value of a policy comes from: the override if it
// states it, else the first guard that does, else it is a default.
type sources struct {
	name   string
	values []valueView
}

// add notes a value. override tells whether the overrides state it, and stated
// whether a guard does.
func (s *sources) add(value string, override bool, guards []resil.GuardStated, stated func(resil.GuardStated) bool) {
	v := valueView{Value: value, Source: fromDefault}
	switch {
	case override:
		v.Source = fromOverride
	default:
		for _, g := range guards {
			if stated(g) {
				v.Source, v.Place = source(g), place(g)
				break
			}
		}
	}
	s.values = append(s.values, v)
}

func (s *sources) view() policyView { return policyView{s.name, s.values} }

func source(g resil.GuardStated) string {
	if g.Code() {
		return fromCode
	}
	return fromDirective
}

func place(g resil.GuardStated) string {
	if g.Code() {
		return ""
	}
	return g.Guard.Position
}

// sharedPolicies are those that all methods of a dependency share.
func sharedPolicies(d resil.DependencyStatus) []policyView {
	all := []policyView{breakerPolicy(d)}
	if r := d.Limits.Rate; r != nil {
		p := sources{name: "rate"}
		over := d.Override.Rate // replaces the whole policy
		p.add(rateText(*r), over != nil, d.Stated, func(g resil.GuardStated) bool { return g.Guard.Rate != nil })
		p.add(burstText(*r), over != nil && over.Burst != 0, d.Stated, func(g resil.GuardStated) bool {
			return over == nil && g.Guard.Rate != nil && g.Guard.Rate.Burst != 0
		})
		all = append(all, p.view())
	}
	if b := d.Limits.Bulkhead; b != nil {
		p := sources{name: "bulkhead"}
		over := d.Override.Bulkhead // as above
		p.add(maxText(*b), over != nil, d.Stated, func(g resil.GuardStated) bool { return g.Guard.Bulkhead != nil })
		p.add(waitText(*b), over != nil && over.Wait != 0, d.Stated, func(g resil.GuardStated) bool {
			return over == nil && g.Guard.Bulkhead != nil && g.Guard.Bulkhead.Wait != 0
		})
		all = append(all, p.view())
	}
	return all
}

func breakerPolicy(d resil.DependencyStatus) policyView {
	p := sources{name: "breaker"}
	b := *d.Limits.Breaker
	add := func(value string, isSet func(resil.Breaker) bool) {
		p.add(value, d.Override.Breaker != nil && isSet(*d.Override.Breaker), d.Stated, func(g resil.GuardStated) bool {
			return g.Guard.Breaker != nil && isSet(*g.Guard.Breaker)
		})
	}
	if b.Failures > 0 {
		add(fmt.Sprintf("failures=%d", b.Failures), func(b resil.Breaker) bool { return b.Failures != 0 })
	}
	if b.Ratio > 0 {
		add(fmt.Sprintf("ratio=%v", b.Ratio), func(b resil.Breaker) bool { return b.Ratio != 0 })
	}
	if b.Slow > 0 {
		add("slow="+short(b.Slow), func(b resil.Breaker) bool { return b.Slow != 0 })
		add(fmt.Sprintf("slowratio=%v", b.SlowRatio), func(b resil.Breaker) bool { return b.SlowRatio != 0 })
	}
	if b.Ratio > 0 || b.Slow > 0 {
		add(fmt.Sprintf("min=%d", b.Min), func(b resil.Breaker) bool { return b.Min != 0 })
		add("window="+short(b.Window), func(b resil.Breaker) bool { return b.Window != 0 })
	}
	add("open="+short(b.Open), func(b resil.Breaker) bool { return b.Open != 0 })
	add(fmt.Sprintf("probes=%d/%d", b.Good, b.Probes), func(b resil.Breaker) bool { return b.Probes != 0 })
	return p.view()
}

// methodSources tells where the values of one method come from: an override of
// the method or of its dependency, else its own guard.
type methodSources struct {
	guard  resil.GuardStated
	stated resil.MethodSpec
	all    []policyView
}

func (m *methodSources) policy(name string, values ...valueView) {
	m.all = append(m.all, policyView{name, values})
}

func (m *methodSources) value(text string, override, stated bool) valueView {
	switch {
	case override:
		return valueView{Value: text, Source: fromOverride}
	case stated:
		return valueView{Value: text, Source: source(m.guard), Place: place(m.guard)}
	default:
		return valueView{Value: text, Source: fromDefault}
	}
}

// methodPolicies are the policies of one method, outermost first.
func methodPolicies(d resil.DependencyStatus, g resil.GuardStated, m resil.MethodStated) []policyView {
	f, o := m.InForce, d.Override.Methods[m.InForce.Name]
	v := methodSources{guard: g, stated: m.Stated, all: []policyView{}}
	for i, fallback := range f.Fallbacks {
		v.fallback(fallback, m.Stated.Fallbacks[i])
	}
	timeouts := []*resil.Timeout{d.Override.Timeout, o.Timeout}
	if f.Timeout.Total > 0 {
		v.policy("total", v.value(short(f.Timeout.Total), anySet(timeouts, func(t resil.Timeout) bool { return t.Total != 0 }), m.Stated.Timeout.Total != 0))
	}
	if r := f.Retry; r != nil {
		v.retry(*r, []*resil.Retry{d.Override.Retry, o.Retry})
	}
	if h := f.Hedge; h != nil {
		over := d.Override.Hedge != nil || o.Hedge != nil
		v.policy("hedge", v.value("after="+short(h.After), over, true), v.value(fmt.Sprintf("max=%d", h.Max), over, m.Stated.Hedge != nil && m.Stated.Hedge.Max != 0))
	}
	if r := f.Rate; r != nil {
		v.policy("rate", v.value(rateText(*r), o.Rate != nil, true),
			v.value(burstText(*r), o.Rate != nil && o.Rate.Burst != 0, o.Rate == nil && m.Stated.Rate.Burst != 0))
	}
	if f.Timeout.Attempt > 0 {
		v.policy("timeout", v.value(short(f.Timeout.Attempt), anySet(timeouts, func(t resil.Timeout) bool { return t.Attempt != 0 }), m.Stated.Timeout.Attempt != 0))
	}
	if b := f.Bulkhead; b != nil {
		v.policy("bulkhead", v.value(maxText(*b), o.Bulkhead != nil, true),
			v.value(waitText(*b), o.Bulkhead != nil && o.Bulkhead.Wait != 0, o.Bulkhead == nil && m.Stated.Bulkhead.Wait != 0))
	}
	return v.all
}

func (m *methodSources) retry(r resil.Retry, over []*resil.Retry) {
	var s resil.Retry
	if m.stated.Retry != nil {
		s = *m.stated.Retry
	}
	m.policy("retry",
		m.value(fmt.Sprintf("attempts=%d", r.Attempts), anySet(over, func(r resil.Retry) bool { return r.Attempts != 0 }), s.Attempts != 0),
		m.value("backoff="+short(r.Base)+".."+short(r.Max), anySet(over, func(r resil.Retry) bool { return r.Base != 0 || r.Max != 0 }), s.Base != 0 || s.Max != 0),
		m.value(fmt.Sprintf("budget=%v", r.Budget), anySet(over, func(r resil.Retry) bool { return r.Budget != 0 }), s.Budget != 0))
}

func (m *methodSources) fallback(f, stated resil.Fallback) {
	text := f.Strategy.String()
	values := []valueView{}
	switch f.Strategy {
	case resil.StrategyCall:
		values = append(values, m.value("call="+f.Name, false, true))
	case resil.StrategyStale:
		values = append(values, m.value("stale="+short(f.TTL), false, true), m.value(fmt.Sprintf("max=%d", f.Max), false, stated.Max != 0))
	default:
		values = append(values, m.value(text, false, true))
	}
	m.policy("fallback", append(values, m.value(fmt.Sprintf("limit=%d", f.Limit), false, stated.Limit != 0))...)
}

// anySet reports whether one of the overrides states a value.
func anySet[T any](over []*T, isSet func(T) bool) bool {
	for _, o := range over {
		if o != nil && isSet(*o) {
			return true
		}
	}
	return false
}

func rateText(r resil.Rate) string {
	per := map[time.Duration]string{time.Second: "s", time.Minute: "m", time.Hour: "h"}[r.Per]
	return fmt.Sprintf("%d/%s", r.N, per)
}

func burstText(r resil.Rate) string    { return fmt.Sprintf("burst=%d", r.WithDefaults().Burst) }
func maxText(b resil.Bulkhead) string  { return fmt.Sprintf("max=%d", b.Max) }
func waitText(b resil.Bulkhead) string { return "wait=" + short(b.Wait) }

// short spells a duration as directives do: "1m", not "1m0s".
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
