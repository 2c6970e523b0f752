package resil

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/resilgo/resil/runtime/internal/breaker"
	"github.com/resilgo/resil/runtime/internal/level"
	"github.com/resilgo/resil/runtime/internal/mono"
)

// dependency is one outside thing the system depends on, shared by all guards
// of its name.
type dependency struct {
	sys     *System
	name    string
	id      int // in the level engine
	breaker *breaker.Breaker

	random   func() float64 // of retries' waits; nil = the library's
	lastPass atomic.Int64   // mono.Time of the last call that passed a level
	down     atomic.Bool    // as the level engine knows it
	checked  atomic.Bool    // it has a health check
	open     atomic.Int64   // the breaker's open period

	// Guarded by sys.mu.
	order      []*Guard // as registered
	operations map[string]*operation
	methods    []*Method
	shared     limits
	spec       GuardSpec     // effective, defaults filled in
	longest    time.Duration // attempt timeout of any method
	disabled   bool

	// Guarded by sys.levels.mu.
	broken    bool // the breaker is open or half-open
	slow      bool // the breaker's slow share exceeds its ratio
	ailing    bool // down by its health checks
	rule      level.Dependency
	undefined bool   // rule is not yet the engine's
	sick      string // class of the last failed check's error; "" = none
	forced    *Forced
}

// dependency returns the dependency of a name, making it if need be. Requires
// mu.
func (s *System) dependency(name string) *dependency {
	if d := s.find(name); d != nil {
		return d
	}
	d := &dependency{sys: s, name: name, id: -1}
	d.lastPass.Store(int64(mono.Now() - MaxDuration))
	d.breaker = breaker.New(breakerConfig(Breaker{}.WithDefaults(0), 0), d.breakerChanged)
	d.breaker.Jitter(s.jitter(name))
	if s.config.Seed != 0 {
		d.random = s.jitter("retries of " + name)
	}
	d.spec = GuardSpec{Dependency: name, Criticality: Medium, Down: Medium.Down()}
	s.defineLevel(d)
	// Readers hold slices that end before what this appends.
	deps := append(*s.deps.Load(), d)
	s.deps.Store(&deps)
	s.index.Store(name, d)
	return d
}

// sorted returns the dependencies by name.
func (s *System) sorted() []*dependency {
	deps := slices.Clone(*s.deps.Load())
	slices.SortFunc(deps, func(a, b *dependency) int { return strings.Compare(a.name, b.name) })
	return deps
}

// breakerConfig turns a complete Breaker into what the shell takes. A round
// whose probes are under way for longer than an open period, or twice the
// longest attempt, hangs.
func breakerConfig(b Breaker, timeout time.Duration) breaker.Config {
	return breaker.Config{
		Failures: b.Failures, Ratio: b.Ratio, Min: b.Min, Window: b.Window,
		Slow: b.Slow, SlowRatio: b.SlowRatio,
		Open: b.Open, Good: b.Good, Probes: b.Probes,
		Round: max(b.Open, 2*timeout),
	}
}

// guard returns the guard of an interface, nil if there is none. Requires
// sys.mu.
func (d *dependency) guard(iface string) *Guard {
	for _, g := range d.order {
		if g.spec.Interface == iface {
			return g
		}
	}
	return nil
}

// stated returns what d's guards and o state together. Requires sys.mu.
func (d *dependency) stated(o DependencyOverride) GuardSpec {
	merged := GuardSpec{Dependency: d.name}
	for _, g := range d.order {
		merged.inherit(new(problems), g.spec)
	}
	merged.override(o)
	return merged
}

// effective returns what d's guards and o state together, defaults filled in,
// and the longest attempt timeout. Requires sys.mu.
func (d *dependency) effective(o DependencyOverride) (merged GuardSpec, longest time.Duration) {
	merged = d.stated(o)
	if merged.Criticality == 0 {
		merged.Criticality = Medium
	}
	if merged.Down == 0 {
		merged.Down = merged.Criticality.Down()
	}
	for _, m := range d.methods {
		longest = max(longest, m.effective(o).Timeout.Attempt)
	}
	var b Breaker
	if merged.Breaker != nil {
		b = *merged.Breaker
	}
	b = b.WithDefaults(longest)
	merged.Breaker = &b
	return merged, longest
}

// configure computes everything that follows from specs and overrides anew:
// for the dependency and each of its methods. Requires sys.mu.
func (d *dependency) configure() {
	o := d.sys.overrides.Dependencies[d.name]
	d.disabled = d.sys.disabled() || o.Disabled
	d.spec, d.longest = d.effective(o)
	b := *d.spec.Breaker
	d.open.Store(int64(b.Open))
	d.breaker.Configure(breakerConfig(b, d.longest))
	d.breaker.Disable(d.disabled)
	d.shared.configure(d.spec.Bulkhead, d.spec.Rate)
	for _, m := range d.methods {
		m.configure(o)
	}
	for _, g := range d.order {
		var mildest int32
		for _, m := range g.methods {
			mildest = max(mildest, m.rank())
		}
		g.mildest.Store(mildest)
	}
	d.sys.defineLevel(d)
}

// extend configures m, the newest method of d. The others and the breaker stay
// as they are unless its attempts may take longer than theirs: an interface
// with hundreds of methods registers them one by one. Requires sys.mu.
func (d *dependency) extend(m *Method) {
	o := d.sys.overrides.Dependencies[d.name]
	if m.effective(o).Timeout.Attempt > d.longest {
		d.configure()
		return
	}
	m.configure(o)
	m.guard.mildest.Store(max(m.guard.mildest.Load(), m.rank()))
}

// effective returns m's spec with its overrides, defaults not filled in. An
// override of the dependency reaches the methods that have such a policy or,
// for timeouts, could have one.
func (m *Method) effective(o DependencyOverride) MethodSpec {
	e := m.spec
	timeout := func(t *Timeout) {
		if t != nil {
			if t.Attempt != 0 {
				e.Timeout.Attempt = t.Attempt
			}
			if t.Total != 0 {
				e.Timeout.Total = t.Total
			}
		}
	}
	if !m.spec.NoContext {
		timeout(o.Timeout)
	}
	if o.Retry != nil && e.Retry != nil {
		e.Retry = mergeRetry(e.Retry, o.Retry)
	}
	if o.Hedge != nil && e.Hedge != nil {
		e.Hedge = o.Hedge
	}
	mo, ok := o.Methods[m.spec.Name]
	if !ok {
		return e
	}
	timeout(mo.Timeout)
	if mo.Retry != nil {
		e.Retry = mergeRetry(e.Retry, mo.Retry)
	}
	if mo.Hedge != nil {
		e.Hedge = mo.Hedge
	}
	if mo.Bulkhead != nil {
		e.Bulkhead = mo.Bulkhead
	}
	if mo.Rate != nil {
		e.Rate = mo.Rate
	}
	if mo.Levels != (Actions{}) {
		e.Levels, _ = MergeActions(e.Levels, mo.Levels)
	}
	return e
}

func mergeRetry(base, over *Retry) *Retry {
	var r Retry
	if base != nil {
		r = *base
	}
	if over.Attempts != 0 {
		r.Attempts = over.Attempts
	}
	if over.Base != 0 || over.Max != 0 {
		r.Base, r.Max = over.Base, over.Max
	}
	if over.Budget != 0 {
		r.Budget = over.Budget
	}
	return &r
}

// configure computes what calls of m need to know. Requires sys.mu.
func (m *Method) configure(o DependencyOverride) {
	e := m.effective(o)
	c := &methodConf{method: m, levels: e.Levels, stale: m.kept, stats: m.stats, metered: m.stats != nil}
	for _, f := range e.Fallbacks {
		c.fallbacks = append(c.fallbacks, f.WithDefaults())
	}
	if !m.dep.disabled {
		m.own.configure(e.Bulkhead, e.Rate)
		c.bulkheads = [2]*bulkhead{m.dep.shared.bulkhead, m.own.bulkhead}
		c.rates = [2]*rate.Limiter{m.dep.shared.rate, m.own.rate}
		c.timeout = e.Timeout
		c.slow = m.dep.spec.Breaker.Slow
		repeatable := e.Kind == Read || e.Idempotent
		if e.Retry != nil && repeatable && e.Retry.Attempts > 1 {
			c.retry, c.retries = e.Retry.WithDefaults(), true
		}
		if e.Hedge != nil && repeatable {
			c.hedge, c.hedges = e.Hedge.WithDefaults(), true
		}
	} else {
		c.levels = Actions{ActCall, ActCall, ActCall, ActCall, ActCall}
	}
	c.limit, c.limitTotal = c.timeout.first()
	c.twice = c.slow != 0 || c.metered
	m.budget.resize(c.retry.Attempts)
	c.clock = c.twice || c.limit != 0 || c.rates[0] != nil || c.rates[1] != nil
	c.bare = !c.clock && c.bulkheads == [2]*bulkhead{}
	c.keyed = slices.ContainsFunc(c.fallbacks, func(f Fallback) bool { return f.Strategy == StrategyOutbox })
	c.quick = c.timeout.Attempt == 0 && len(c.fallbacks) > 0 && c.fallbacks[0].Strategy == StrategyCall
	if m.sys.tracer != nil {
		c.traced = &CallInfo{Dependency: m.dep.name, Method: m.spec.Name, Operation: m.dep.name + "." + m.spec.Name, Kind: m.spec.Kind}
	}
	for _, l := range Levels() {
		switch a := c.levels.At(l); {
		case m.sys.injector != nil:
		case a < ActStale:
			if c.stale == nil && !e.Streams && c.rates == [2]*rate.Limiter{} {
				c.calm |= 1 << l
			}
		case a == ActShed && !c.metered:
			c.shed |= 1 << l
		}
	}
	m.conf.Store(c)
	for i := range m.rejections {
		m.rejections[i].Store(nil)
	}
}

// first returns how long the first attempt may take, 0 for ever, and whether it
// is the total that says so.
func (t Timeout) first() (limit time.Duration, total bool) {
	if t.Total != 0 && (t.Attempt == 0 || t.Total < t.Attempt) {
		return t.Total, true
	}
	return t.Attempt, false
}

// allowed takes an attempt from the rate limits.
func (c *methodConf) allowed(now mono.Time) bool {
	for _, r := range c.rates {
		if r != nil && !r.AllowN(mono.At(now), 1) {
			return false
		}
	}
	return true
}

// refillAt returns when the rate limits let the next attempt start, if none does
// before.
func (c *methodConf) refillAt(now mono.Time) mono.Time {
	at := now
	for _, r := range c.rates {
		if r == nil {
			continue
		}
		if lacks := 1 - r.TokensAt(mono.At(now)); lacks > 0 {
			at = max(at, now+mono.Time(lacks/float64(r.Limit())*float64(time.Second)))
		}
	}
	return at
}

// passes reports whether a call of m may reach the client although the level
// forbids it, so that no level can lock itself in: once per open period, while
// the dependency is down, no health check runs that would notice its return,
// and m is the mildest kind of method that its interface has.
func (d *dependency) passes(m *Method) bool {
	if !d.down.Load() || d.checked.Load() && d.sys.checking.Load() || m.rank() < m.guard.mildest.Load() {
		return false
	}
	now := mono.Now()
	last := d.lastPass.Load()
	if now-mono.Time(last) < mono.Time(d.open.Load()) || !d.breaker.Ready(now) {
		return false
	}
	return d.lastPass.CompareAndSwap(last, int64(now))
}

// rank orders methods by what a call can spoil: reads and what may be repeated
// first, writes last.
func (m *Method) rank() int32 {
	switch {
	case m.spec.Kind == Read || m.spec.Idempotent:
		return 2
	case m.spec.Kind == Unmarked:
		return 1
	default:
		return 0
	}
}

// mayCall reports whether real calls of any method reach the client at level l.
func (d *dependency) mayCall(l Level) bool {
	d.sys.mu.Lock()
	defer d.sys.mu.Unlock()
	for _, m := range d.methods {
		if m.conf.Load().levels.At(l) < ActFallback {
			return true
		}
	}
	return false
}

// inherit fills in what g leaves out from o; two different stated values are a
// problem.
func (g *GuardSpec) inherit(p *problems, o GuardSpec) {
	inherit(p, "criticality", &g.Criticality, o.Criticality)
	inherit(p, "down", &g.Down, o.Down)
	if o.Breaker != nil {
		var b Breaker
		if g.Breaker != nil {
			b = *g.Breaker
		}
		b.inherit(p, *o.Breaker)
		g.Breaker = &b
	}
	inheritPointer(p, "bulkhead", &g.Bulkhead, o.Bulkhead)
	inheritPointer(p, "rate", &g.Rate, o.Rate)
	g.Lazy = g.Lazy || o.Lazy
}

func (b *Breaker) inherit(p *problems, o Breaker) {
	inherit(p, "failures", &b.Failures, o.Failures)
	inherit(p, "ratio", &b.Ratio, o.Ratio)
	inherit(p, "min", &b.Min, o.Min)
	inherit(p, "window", &b.Window, o.Window)
	inherit(p, "slow", &b.Slow, o.Slow)
	inherit(p, "slowratio", &b.SlowRatio, o.SlowRatio)
	inherit(p, "open", &b.Open, o.Open)
	if o.Good != 0 || o.Probes != 0 {
		if b.Probes != 0 && (b.Good != o.Good || b.Probes != o.Probes) {
			p.add("probes=%d/%d contradicts probes=%d/%d", o.Good, o.Probes, b.Good, b.Probes)
		}
		b.Good, b.Probes = o.Good, o.Probes
	}
}

// override puts the stated values of o over g's.
func (g *GuardSpec) override(o DependencyOverride) {
	if o.Criticality != 0 {
		g.Criticality = o.Criticality
	}
	if o.Down != 0 {
		g.Down = o.Down
	}
	if o.Breaker != nil {
		b := *o.Breaker
		if g.Breaker != nil {
			b.inherit(new(problems), without(*g.Breaker, b))
		}
		g.Breaker = &b
	}
	if o.Bulkhead != nil {
		g.Bulkhead = o.Bulkhead
	}
	if o.Rate != nil {
		g.Rate = o.Rate
	}
}

// without returns b without the fields that over states.
func without(b, over Breaker) Breaker {
	from, drop := reflect.ValueOf(&b).Elem(), reflect.ValueOf(over)
	for i := range drop.NumField() {
		if !drop.Field(i).IsZero() {
			from.Field(i).SetZero()
		}
	}
	return b
}

// contradicts returns an error that names both places when g and o, guards of
// one dependency, state different values.
func (g GuardSpec) contradicts(o GuardSpec) error {
	var p problems
	merged := g
	merged.inherit(&p, o)
	if err := p.join(); err != nil {
		return fmt.Errorf("dependency %q: %s (%s) and %s (%s) contradict each other: %w",
			g.Dependency, o.Interface, o.Position, g.Interface, g.Position, err)
	}
	return nil
}

// complete adds to g's spec what spec states. Requires sys.mu.
func (g *Guard) complete(spec GuardSpec) error {
	err := spec.validate()
	for _, other := range g.dep.order {
		err = errors.Join(err, other.spec.contradicts(spec))
	}
	if err != nil {
		return err
	}
	before := g.spec
	g.spec.inherit(new(problems), spec)
	if !reflect.DeepEqual(before, g.spec) {
		g.dep.configure()
	}
	return nil
}

// defineLevel notes what d counts for. The level engine hears of it before it
// is next asked, of many at once: each judgement goes over all of them.
// Requires s.mu.
func (s *System) defineLevel(d *dependency) {
	s.levels.mu.Lock()
	defer s.levels.mu.Unlock()
	d.rule = s.levelSpec(d)
	if !d.undefined {
		d.undefined = true
		s.levels.undefined = append(s.levels.undefined, d)
	}
}

// define tells the level engine what defineLevel noted. Requires levels.mu.
func (s *System) define() {
	l := &s.levels
	if len(l.undefined) == 0 {
		return
	}
	var added []level.Dependency
	changed := map[int]level.Dependency{}
	next := l.defined
	for _, d := range l.undefined {
		d.undefined = false
		if d.id < 0 {
			d.id = next
			next++
			added = append(added, d.rule)
		} else {
			changed[d.id] = d.rule
		}
	}
	l.undefined, l.defined = nil, next
	now := time.Now()
	if len(added) > 0 {
		_, moves := l.engine.AddAll(now, added)
		s.moved(moves)
	}
	if len(changed) > 0 {
		s.moved(l.engine.DefineAll(now, changed))
	}
}

func (s *System) levelSpec(d *dependency) level.Dependency {
	return level.Dependency{
		Name:     d.name,
		Weight:   s.config.Levels.Weights[d.spec.Criticality-1],
		Critical: d.spec.Criticality == Critical,
		Down:     level.Level(d.spec.Down),
	}
}
