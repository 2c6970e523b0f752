// Package health runs the health checks of a system's dependencies: each every
// few seconds with a timeout of its own, one at a time per dependency, the
// first after a random part of its period so that many replicas started
// together do not knock together.
//
// A check is user code and is not trusted: a panic, a [runtime.Goexit] and a
// check that ignores its context are failed checks. A hung one is never
// started a second time: while it hangs each period counts one more failure,
// so at most one goroutine per dependency is ever lost to it.
package health

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Defaults of a [Check].
const (
	DefaultEvery   = 5 * time.Second
	DefaultTimeout = 2 * time.Second
	DefaultFall    = 3
	DefaultRise    = 2

	// jitter is how much a period may differ from Every, as a share of it.
	jitter = 0.1
)

// Errors of checks that did not return one.
var (
	ErrTimeout = fmt.Errorf("health check timed out: %w", context.DeadlineExceeded)
	ErrHung    = errors.New("health check still hangs after its timeout")
	errGoexit  = errors.New("health check ended its goroutine")
)

// Check is one health check.
type Check struct {
	Dependency string
	Name       string // tells the checks of one dependency apart, for reports
	Probe      func(context.Context) error
	Every      time.Duration // between starts, ±10 % jitter; 0 = 5s
	Timeout    time.Duration // 0 = 2s
	Fall       int           // failures in a row that turn the dependency down; 0 = 3
	Rise       int           // good ones in a row that turn it up again; 0 = 2
}

// WithDefaults returns c with its zero fields filled in.
func (c Check) WithDefaults() Check {
	if c.Every == 0 {
		c.Every = DefaultEvery
	}
	if c.Timeout == 0 {
		c.Timeout = min(DefaultTimeout, c.Every)
	}
	if c.Fall == 0 {
		c.Fall = DefaultFall
	}
	if c.Rise == 0 {
		c.Rise = DefaultRise
	}
	return c
}

// Validate returns every reason why c cannot work, joined.
func (c Check) Validate() error {
	c = c.WithDefaults()
	var errs []error
	add := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf("health check of %q: "+format, append([]any{c.Dependency}, args...)...))
		}
	}
	add(c.Probe == nil, "no function")
	add(c.Every < 10*time.Millisecond || c.Every > 24*time.Hour, "a period of %s is out of range; want 10ms to 24h", c.Every)
	add(c.Timeout < 0 || c.Timeout > c.Every, "a timeout of %s is out of range; want more than 0s and at most the period of %s", c.Timeout, c.Every)
	add(c.Fall < 0 || c.Fall > 1000, "fall=%d is out of range; want 1 to 1000", c.Fall)
	add(c.Rise < 0 || c.Rise > 1000, "rise=%d is out of range; want 1 to 1000", c.Rise)
	return errors.Join(errs...)
}

// Result is the outcome of one run of a check.
type Result struct {
	Dependency string
	Check      string
	At         time.Time     // when it ended, or was found hanging
	Took       time.Duration // since it started
	Err        error         // nil = good
	Hung       bool          // an earlier run still hangs, none was started
	Down       bool          // whether the dependency is down by its checks, this one counted
}

// Scheduler runs checks. It is safe for concurrent use; make one with [New].
type Scheduler struct {
	report func(Result)
	random func(dependency string) func() float64

	mu     sync.Mutex // guards what follows
	groups map[string]*group
	ctx    context.Context // nil before Start
	stop   context.CancelFunc
	loops  sync.WaitGroup
}

// New returns a scheduler without checks. It tells report every result, for
// one dependency one at a time and in order, on the dependency's own
// goroutine and without a lock held. After Close report is called no more.
func New(report func(Result)) *Scheduler {
	return &Scheduler{report: report, random: func(string) func() float64 { return rand.Float64 }, groups: map[string]*group{}}
}

// Jitter makes random the maker of each dependency's source of jitter, which
// has results in [0,1) and must be safe for concurrent use. It must be set
// before the first Add.
func (s *Scheduler) Jitter(random func(dependency string) func() float64) { s.random = random }

// Add adds a check, at any time before Close. Of several checks of one
// dependency each has its own counts, and the dependency is down while any of
// them says so.
func (s *Scheduler) Add(c Check) error {
	if err := c.Validate(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx != nil && s.ctx.Err() != nil {
		return fmt.Errorf("health check of %q: closed", c.Dependency)
	}
	g := s.groups[c.Dependency]
	if g == nil {
		g = &group{dependency: c.Dependency, report: s.report, random: s.random(c.Dependency), added: make(chan struct{}, 1)}
		s.groups[c.Dependency] = g
		if s.ctx != nil {
			s.run(g)
		}
	}
	g.add(c.WithDefaults())
	return nil
}

// Start starts the checks. A second Start does nothing.
func (s *Scheduler) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx != nil {
		return
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	for _, g := range s.groups {
		s.run(g)
	}
}

// run starts the loop of g. Requires s.mu.
func (s *Scheduler) run(g *group) {
	ctx := s.ctx
	s.loops.Go(func() { g.loop(ctx) })
}

// Close cancels running checks and returns when they have ended, when each
// was granted its timeout once more, or when ctx is done; then with its error.
// It is idempotent.
func (s *Scheduler) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.ctx == nil {
		s.ctx, s.stop = context.WithCancel(context.Background())
	}
	s.stop()
	s.mu.Unlock()

	done := make(chan struct{})
	go func() {
		s.loops.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// group is the checks of one dependency. Its loop runs them one at a time.
type group struct {
	dependency string
	report     func(Result)
	random     func() float64
	added      chan struct{} // wakes the loop to a new check

	mu     sync.Mutex // guards checks, the slice only
	checks []*check

	// hung is the run that has not returned in time, nil if none. Only the
	// loop uses it.
	hung *run
}

// check is a Check with its state, which only the group's loop uses.
type check struct {
	Check
	due   time.Time
	fails int
	goods int
	down  bool
}

// run is one run of a check.
type run struct {
	check *check
	start time.Time
	ended chan error // buffered: a late end blocks nobody
}

func (g *group) add(c Check) {
	first := g.phase(c)
	g.mu.Lock()
	g.checks = append(g.checks, &check{Check: c, due: time.Now().Add(first)})
	g.mu.Unlock()
	select {
	case g.added <- struct{}{}:
	default: // it is awake already
	}
}

func (g *group) loop(ctx context.Context) {
	g.spread() // checks added long before Start would all be due at once
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(time.Until(g.next()))
		select {
		case <-ctx.Done():
			return
		case <-g.added:
		case <-timer.C:
			g.runDue(ctx)
		}
	}
}

// spread sets the first due times anew.
func (g *group) spread() {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	for _, c := range g.checks {
		c.due = now.Add(g.phase(c.Check))
	}
}

// next returns when the next check is due.
func (g *group) next() time.Time {
	next := time.Now().Add(24 * time.Hour)
	for _, c := range g.all() {
		if c.due.Before(next) {
			next = c.due
		}
	}
	return next
}

func (g *group) all() []*check {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.checks[:len(g.checks):len(g.checks)]
}

func (g *group) runDue(ctx context.Context) {
	for _, c := range g.all() {
		now := time.Now()
		if c.due.After(now) || ctx.Err() != nil {
			continue
		}
		c.due = now.Add(g.period(c.Every))
		g.once(ctx, c)
	}
}

// phase returns when in its period a check begins.
func (g *group) phase(c Check) time.Duration {
	return time.Duration(float64(c.Every) * g.random())
}

// period returns every ±10 %.
func (g *group) period(every time.Duration) time.Duration {
	return time.Duration(float64(every) * (1 - jitter + 2*jitter*g.random()))
}

// once runs c, or counts a failure of the run that still hangs.
func (g *group) once(ctx context.Context, c *check) {
	if h := g.hung; h != nil {
		select {
		case <-h.ended: //nolint:errcheck // too late to count for anything
			g.hung = nil
		default:
			if h.check == c { // the others cannot be asked and keep their state
				g.tell(Result{Check: c.Name, Took: time.Since(h.start), Err: ErrHung, Hung: true}, c)
			}
			return
		}
	}
	r := begin(ctx, c)
	timeout := time.NewTimer(c.Timeout)
	defer timeout.Stop()
	select {
	case err := <-r.ended:
		if ctx.Err() != nil {
			return // our own cancel says nothing of the dependency
		}
		g.tell(Result{Check: c.Name, Took: time.Since(r.start), Err: err}, c)
	case <-timeout.C:
		g.hung = r
		g.tell(Result{Check: c.Name, Took: time.Since(r.start), Err: ErrTimeout}, c)
	case <-ctx.Done():
		select {
		case <-r.ended: //nolint:errcheck // the run is over, whatever it says
		case <-timeout.C: // lost: it ignores its context
		}
	}
}

// begin starts c on a goroutine of its own, because it may never return.
func begin(ctx context.Context, c *check) *run {
	r := &run{check: c, start: time.Now(), ended: make(chan error, 1)}
	go func() {
		err := errGoexit
		ctx, cancel := context.WithTimeout(ctx, c.Timeout)
		defer func() {
			if v := recover(); v != nil {
				err = fmt.Errorf("health check panicked: %v", v)
			}
			cancel()
			r.ended <- err
		}()
		err = c.Probe(ctx)
	}()
	return r
}

// tell counts the result and reports it.
func (g *group) tell(res Result, c *check) {
	c.count(res.Err == nil)
	res.Dependency, res.At = g.dependency, time.Now()
	for _, other := range g.all() {
		res.Down = res.Down || other.down
	}
	g.report(res)
}

// count applies fall and rise.
func (c *check) count(good bool) {
	if good {
		c.fails, c.goods = 0, c.goods+1
		c.down = c.down && c.goods < c.Rise
		return
	}
	c.goods, c.fails = 0, c.fails+1
	c.down = c.down || c.fails >= c.Fall
}
