package chaos

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// Config tunes an injector. Zero fields take the defaults in parentheses.
type Config struct {
	Seed   uint64        // of which calls are hit (0)
	Floor  resil.Level   // the worst level at which faults go on (Limited)
	MaxTTL time.Duration // the longest that Enable accepts (1h)
	Logger *slog.Logger  // nil = slog.Default() at the time of logging
}

// Injector is a resil.Injector, resil.ResultInjector and resil.StatusInjector. It is safe for
// concurrent use.
type Injector struct {
	cfg    Config
	faults []*fault

	// run is the experiment under way, nil if none: all that a call looks at.
	run atomic.Pointer[run]

	mu   sync.Mutex // serialises Enable and the ends of runs
	last string     // how the last run ended
}

// fault is a Fault with its counts.
type fault struct {
	Fault
	matched  atomic.Uint64
	injected atomic.Uint64
}

// run is one experiment.
type run struct {
	sys    *resil.System
	start  time.Time
	until  time.Time
	reason string
	over   chan struct{} // closed at its end; wakes what hangs and waits
	timer  *time.Timer
	unsub  func()
}

// New returns an injector, which is off. The error lists every fault that
// cannot work.
func New(cfg Config, faults ...Fault) (*Injector, error) {
	if cfg.Floor == 0 {
		cfg.Floor = resil.Limited
	}
	if cfg.MaxTTL == 0 {
		cfg.MaxTTL = time.Hour
	}
	var errs []error
	if !cfg.Floor.Valid() {
		errs = append(errs, fmt.Errorf("chaos: no level %d to stop below", cfg.Floor))
	}
	if cfg.MaxTTL < 0 || cfg.MaxTTL > 24*time.Hour {
		errs = append(errs, fmt.Errorf("chaos: longest time %s is out of range; want at most 24h", cfg.MaxTTL))
	}
	i := &Injector{cfg: cfg}
	for n, f := range faults {
		if err := f.validate(); err != nil {
			errs = append(errs, fmt.Errorf("chaos: fault %d: %w", n+1, err))
		}
		if f.Share == 0 {
			f.Share = 1
		}
		i.faults = append(i.faults, &fault{Fault: f})
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return i, nil
}

// Enable lets the faults happen for the given time. Reaching a level of sys
// worse than the floor ends it; so Enable refuses when that is so already. A
// new Enable takes the place of the one before.
func (i *Injector) Enable(sys *resil.System, ttl time.Duration, reason string) error {
	switch {
	case sys == nil:
		return errors.New("chaos: no system whose level could stop it")
	case ttl <= 0 || ttl > i.cfg.MaxTTL:
		return fmt.Errorf("chaos: %s is out of range; want more than 0s and at most %s", ttl, i.cfg.MaxTTL)
	case reason == "":
		return errors.New("chaos: a reason is mandatory")
	}
	if l := sys.Level(); l > i.cfg.Floor {
		return fmt.Errorf("chaos: the level is %s already; faults stop below %s", l, i.cfg.Floor)
	}
	now := time.Now()
	r := &run{sys: sys, start: now, until: now.Add(ttl), reason: reason, over: make(chan struct{})}
	i.replace(r)
	i.logger().Warn("chaos enabled", "ttl", ttl, "reason", reason, "faults", len(i.faults))
	return nil
}

// replace makes r the run under way.
func (i *Injector) replace(r *run) {
	i.mu.Lock()
	before := i.run.Load()
	ended := i.end(before, "replaced")
	r.timer = time.AfterFunc(time.Until(r.until), func() { i.stop(r, "expired") })
	r.unsub = r.sys.OnLevel(func(t resil.Transition) { i.check(r, t.To) })
	i.run.Store(r)
	i.mu.Unlock()
	if ended {
		i.logEnd(before, "replaced")
	}
}

// Disable ends what is enabled. Calls that hang or wait go on to the client.
func (i *Injector) Disable(reason string) { i.stop(i.run.Load(), reason) }

// check ends a run below the floor.
func (i *Injector) check(r *run, l resil.Level) bool {
	if l <= i.cfg.Floor {
		return true
	}
	i.stop(r, fmt.Sprintf("the level is %s", l))
	return false
}

func (i *Injector) stop(r *run, why string) {
	i.mu.Lock()
	ended := i.end(r, why)
	i.mu.Unlock()
	if ended {
		i.logEnd(r, why)
	}
}

// end ends r and reports whether it had not ended before. Requires mu; the
// logger, which may ask the injector, is told outside it.
func (i *Injector) end(r *run, why string) bool {
	if r == nil || !i.run.CompareAndSwap(r, nil) {
		return false
	}
	close(r.over)
	r.timer.Stop()
	r.unsub()
	i.last = why
	return true
}

func (i *Injector) logEnd(r *run, why string) {
	i.logger().Warn("chaos ended", "why", why, "reason", r.reason)
}

func (i *Injector) logger() *slog.Logger {
	if i.cfg.Logger != nil {
		return i.cfg.Logger
	}
	return slog.Default()
}

// Status is what an injector does.
type Status struct {
	Enabled bool
	Since   time.Time // zero unless enabled, as Until
	Until   time.Time
	Reason  string
	Ended   string // why the run before ended; "" if there was none
	Faults  []FaultStatus
}

// FaultStatus is one fault with its counts since New.
type FaultStatus struct {
	Fault
	Matched  uint64 // calls it was for while enabled
	Injected uint64 // those it hit; of Slow and Truncate, results that could be changed
}

// Status returns what the injector does.
func (i *Injector) Status() Status {
	i.mu.Lock()
	defer i.mu.Unlock()
	st := Status{Ended: i.last}
	if r := i.run.Load(); r != nil {
		st.Enabled, st.Since, st.Until, st.Reason = true, r.start, r.until, r.reason
	}
	for _, f := range i.faults {
		st.Faults = append(st.Faults, FaultStatus{f.Fault, f.matched.Load(), f.injected.Load()})
	}
	return st
}

// InjectorStatus implements resil.StatusInjector.
func (i *Injector) InjectorStatus() resil.InjectorStatus {
	st := i.Status()
	out := resil.InjectorStatus{Enabled: st.Enabled, Since: st.Since, Until: st.Until, Reason: st.Reason}
	for _, f := range st.Faults {
		out.Faults = append(out.Faults, resil.FaultStatus{Kind: f.Kind.String(), Dependency: f.Dependency, Method: f.Method, Injected: f.Injected})
	}
	return out
}

// Inject implements resil.Injector. Faults act in the order of their list;
// the first that keeps the client from being called is the last.
func (i *Injector) Inject(ctx context.Context, dependency, method string) (after func(error) error, err error) {
	r := i.current()
	if r == nil {
		return nil, nil
	}
	for n, f := range i.faults {
		if f.Kind > Panic {
			continue // of results
		}
		luck, hit := i.draw(ctx, r, n, dependency, method)
		if !hit {
			continue
		}
		f.hit(ctx)
		if err := f.act(ctx, r, luck, dependency, method); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// current returns the run under way, if the level lets it go on.
func (i *Injector) current() *run {
	r := i.run.Load()
	if r == nil || !i.check(r, r.sys.Level()) {
		return nil
	}
	if !time.Now().Before(r.until) { // the timer is late
		i.stop(r, "expired")
		return nil
	}
	return r
}

// draw decides whether fault n is to hit a call, and returns random bits for
// what it does then.
func (i *Injector) draw(ctx context.Context, r *run, n int, dependency, method string) (luck uint64, hit bool) {
	f := i.faults[n]
	if !f.matches(ctx, dependency, method, time.Since(r.start)) {
		return 0, false
	}
	luck = mix(i.cfg.Seed + mix(uint64(n)+mix(f.matched.Add(1))))
	if unit(luck) >= f.Share {
		return 0, false
	}
	return mix(luck), true
}

// hit counts a fault that a call has met, and tells the call's trace.
func (f *fault) hit(ctx context.Context) {
	f.injected.Add(1)
	resil.ReportFault(ctx, f.Kind.String())
}

// act does what a fault does before the client.
func (f *fault) act(ctx context.Context, r *run, luck uint64, dependency, method string) error {
	switch f.Kind {
	case Error:
		if f.Err == nil {
			return ErrInjected
		}
		return &injected{f.Err}
	case Latency:
		return wait(ctx, r, f.delay(luck))
	case Hang:
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-r.over:
			return nil
		}
	default:
		panic(&Panicked{dependency, method})
	}
}

// delay returns the fault's delay with its jitter.
func (f *fault) delay(luck uint64) time.Duration {
	return f.Delay + time.Duration((2*unit(luck)-1)*float64(f.Jitter))
}

// wait waits until d has passed or r is over.
func wait(ctx context.Context, r *run, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.over:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// injected is an injected error that is also the one a fault states.
type injected struct{ err error }

func (e *injected) Error() string   { return "injected: " + e.err.Error() }
func (e *injected) Unwrap() []error { return []error{ErrInjected, e.err} }

// mix is splitmix64's finaliser: every bit of x changes half of the result's.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// unit maps x to [0,1).
func unit(x uint64) float64 { return float64(x>>11) / (1 << 53) }
