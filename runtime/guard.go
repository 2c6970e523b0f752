package resil

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/resilgo/resil/runtime/internal/breaker"
)

// With holds what stands in for the client. Its functions are called on the
// caller's goroutine and not kept.
type With[T any] struct {
	// Fallback runs the n-th (from 0) fallback of StrategyCall. nil = none.
	Fallback func(ctx context.Context, n int, cause error) (T, error)
	// Key returns the key of StrategyStale: comparable. nil = no stale answers.
	Key func() any
	// Copy returns a deep copy of an answer; nil = T holds no references that
	// anybody changes.
	Copy func(T) T
	// Outbox encodes the arguments for StrategyOutbox. nil = none.
	Outbox func() ([]byte, error)
}

// standIns is a With and what a stream adds. It is not part of With, which with
// its four words travels in registers: on the stack it would be written in
// words and copied in pairs of words, and the processor waits for the former
// before it can do the latter.
type standIns[T any] struct {
	With[T]

	tie func(T, context.CancelFunc) T // see CallStream; nil = the result ends with the call
}

// Guard is one guarded interface of a [System].
type Guard struct {
	sys     *System
	dep     *dependency
	spec    GuardSpec
	falling atomic.Int64 // fallbacks under way, and above them the quick one among them: the sum of one and Method.quick
	mildest atomic.Int32 // the highest rank of its methods
	probe   atomic.Pointer[func(context.Context) error]
	methods []*Method // guarded by sys.mu
	made    int       // methods ever; guarded by sys.mu
}

// Method is one guarded method of a [Guard].
type Method struct {
	sys    *System
	dep    *dependency
	brk    *breaker.Breaker // the dependency's
	guard  *Guard
	spec   MethodSpec // immutable
	conf   atomic.Pointer[methodConf]
	budget budget
	own    limits         // guarded by sys.mu; its parts are safe for concurrent use
	kept   *staleAnswers  // nil without StrategyStale
	stats  *methodCounter // nil until metrics are on; guarded by sys.mu, read through conf

	falling    []atomic.Int32               // per fallback: how many run, but for a quick one
	quick      int64                        // what a quick fallback of this method adds to guard.falling
	rejections [5]atomic.Pointer[rejection] // by Outcome-OutcomeOpen
}

// limits are a dependency's or a method's bulkhead and rate limiter, which keep
// their counts when they are configured anew.
type limits struct {
	bulkhead *bulkhead
	rate     *rate.Limiter
}

func (l *limits) configure(b *Bulkhead, r *Rate) {
	switch {
	case b == nil:
		l.bulkhead = nil
	case l.bulkhead == nil:
		l.bulkhead = newBulkhead(*b)
	default:
		l.bulkhead.configure(*b)
	}
	if r == nil {
		l.rate = nil
		return
	}
	d := r.WithDefaults()
	limit := rate.Limit(float64(d.N) / d.Per.Seconds())
	if l.rate == nil {
		l.rate = rate.NewLimiter(limit, d.Burst)
		return
	}
	l.rate.SetLimit(limit)
	l.rate.SetBurst(d.Burst)
}

// methodConf is what one call needs to know, computed whenever a policy
// changes. It is immutable.
type methodConf struct {
	// What a call looks at to which nothing happens comes first, to be together
	// in the cache.
	method    *Method
	calm      words // where a call goes to the client with nothing to wait for or tell
	shed      words // where a call is shed
	bare      bool  // calm, and there is nothing but breaker and level
	keyed     bool  // a write may be put aside
	clock     bool  // every attempt reads the clock when it begins
	twice     bool  // and when it ends
	metered   bool
	retries   bool
	limit     time.Duration  // of the first attempt: the attempt timeout or the total, 0 = none
	slow      time.Duration  // 0 = nothing is slow
	bulkheads [2]*bulkhead   // shared, own
	stats     *methodCounter // nil = not metered
	traced    *CallInfo      // what the tracer is told, level aside; nil = there is none
	retry     Retry          // defaults filled in

	limitTotal bool // limit is the total
	quick      bool // the first fallback is a function that may run as it is
	hedges     bool
	hedge      Hedge // defaults filled in
	timeout    Timeout
	levels     Actions
	fallbacks  []Fallback // defaults filled in
	stale      *staleAnswers
	rates      [2]*rate.Limiter
}

// Guard registers the guard of an interface; generated constructors call it.
// Guards of one dependency complete each other; when two state different
// values, Start returns an error that names both places, and after Start Guard
// panics with it. Registering the same interface again returns the same guard.
func (s *System) Guard(spec GuardSpec) *Guard {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.guard(spec)
	s.trouble(err)
	return g
}

// guard does what Guard does. Requires mu.
func (s *System) guard(spec GuardSpec) (*Guard, error) {
	err := spec.validate()
	if err != nil { // what is wrong is reported and must not act
		spec = GuardSpec{Dependency: spec.Dependency, Interface: spec.Interface, Position: spec.Position}
	}
	d := s.dependency(spec.Dependency)
	if g := d.guard(spec.Interface); g != nil {
		if err == nil && !reflect.DeepEqual(g.spec, spec) {
			err = g.spec.contradicts(spec)
		}
		return g, err
	}
	for _, other := range d.order {
		err = errors.Join(err, other.spec.contradicts(spec))
	}
	g := &Guard{sys: s, dep: d, spec: spec}
	d.order = append(d.order, g)
	d.configure()
	return g, err
}

// Method registers a method of the guard and returns its handle; generated
// constructors call it. Registering it again returns the same handle.
func (g *Guard) Method(spec MethodSpec) *Method {
	m, misfit := g.register(spec)
	if misfit != nil {
		g.sys.logger().Error("overrides do not fit a method that was met after they were loaded", "error", misfit)
	}
	return m
}

// register does what Method does. misfit says which overrides do not fit the
// method of a lazy guard: they were loaded before anybody could know, and a
// call on its way must not panic over them. What cannot apply is left out.
func (g *Guard) register(spec MethodSpec) (m *Method, misfit error) {
	s := g.sys
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := g.method(spec)
	if s.started && g.spec.Lazy {
		misfit = g.dep.conflicts(s.overrides.Dependencies[g.dep.name])
	}
	s.trouble(err)
	return m, misfit
}

// method does what Method does. Requires sys.mu.
func (g *Guard) method(spec MethodSpec) (*Method, error) {
	place := g.spec.Interface + "." + spec.Name
	if i := slices.IndexFunc(g.methods, func(m *Method) bool { return m.spec.Name == spec.Name }); i >= 0 {
		m := g.methods[i]
		if !sameMethod(m.spec, spec) {
			return m, fmt.Errorf("%s is registered twice with different policies (%s)", place, g.spec.Position)
		}
		return m, nil
	}
	var err error
	if e := spec.validate(); e != nil { // what is wrong is reported and must not act
		err = fmt.Errorf("%s: %w", place, e)
		spec = MethodSpec{Name: spec.Name, Kind: spec.Kind, Essential: spec.Essential, NoContext: spec.NoContext}
	}
	if spec.Levels == (Actions{}) {
		spec.Levels = DefaultActions(spec.Kind, spec.Essential, spec.Fallbacks)
	}
	m := &Method{sys: g.sys, dep: g.dep, brk: g.dep.breaker, guard: g, spec: spec, falling: make([]atomic.Int32, len(spec.Fallbacks))}
	g.made++
	m.quick = int64(g.made)<<quickShift | 1
	for _, f := range spec.Fallbacks {
		if f.Strategy == StrategyStale {
			m.kept = &staleAnswers{max: f.WithDefaults().Max}
		}
	}
	if g.sys.metered {
		m.stats = newMethodCounter(len(spec.Fallbacks))
	}
	g.methods = append(g.methods, m)
	g.dep.methods = append(g.dep.methods, m)
	g.dep.extend(m)
	if g.sys.started && !g.spec.Lazy {
		err = errors.Join(err, g.dep.conflicts(g.sys.overrides.Dependencies[g.dep.name]))
	}
	return m, err
}

// sameMethod reports whether two specs state the same; functions, which cannot
// be compared, are the same if both are there or both are not.
func sameMethod(a, b MethodSpec) bool {
	if (a.Ignore == nil) != (b.Ignore == nil) || (a.Failure == nil) != (b.Failure == nil) {
		return false
	}
	a.Ignore, a.Failure, b.Ignore, b.Failure = nil, nil, nil, nil
	if b.Levels == (Actions{}) {
		b.Levels = a.Levels
	}
	return reflect.DeepEqual(a, b)
}

// Health makes probe a health check of the guard's dependency, past its
// policies. The last probe given to a guard counts.
func (g *Guard) Health(probe func(context.Context) error) {
	if g.probe.Swap(&probe) != nil {
		return
	}
	err := g.sys.addCheck(g.spec.Dependency, g.spec.Interface, func(ctx context.Context) error {
		return (*g.probe.Load())(ctx)
	}, HealthConfig{})
	g.sys.mu.Lock()
	defer g.sys.mu.Unlock()
	g.sys.trouble(err)
}

// Replay gives the outbox the function that delivers deferred writes of m with
// the raw client. Deliveries pass m's policies, but no fallback and no level.
func (m *Method) Replay(f func(ctx context.Context, payload []byte) error) {
	if m.sys.store == nil {
		return // Start reports it
	}
	m.sys.store.Bind(m.origin(), func(ctx context.Context, payload []byte) error {
		_, err := deliver(ctx, m.conf.Load(), func(ctx context.Context) (struct{}, error) {
			return struct{}{}, f(ctx, payload)
		})
		return err
	})
}

// origin names m for the outbox.
func (m *Method) origin() Origin {
	return Origin{Dependency: m.dep.name, Interface: m.guard.spec.Interface, Method: m.spec.Name}
}

// deliver is one attempt of a deferred write: the level has nothing to say, and
// the outbox itself repeats and keeps.
func deliver(ctx context.Context, c *methodConf, do func(context.Context) (struct{}, error)) (struct{}, error) {
	var s call
	if err := ctx.Err(); err != nil {
		return struct{}{}, err
	}
	plain := *c
	plain.fallbacks, plain.stale = nil, nil
	s.begin(ctx, &plain, 0)
	s.action = ActOnce
	v, err := attempt(&s, &s.arm, do, nil)
	return conclude(&s, v, err, nil)
}
