package share

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	randv2 "math/rand/v2"
	"sync"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// Store is where replicas meet. It must be safe for concurrent use.
type Store interface {
	// Exchange leaves a replica's report, in the place of its last one, and
	// returns what all live replicas report. It must return when ctx is done.
	Exchange(ctx context.Context, r Report) (View, error)
}

// Report is what one replica tells.
type Report struct {
	Replica string          // unique among the replicas
	TTL     time.Duration   // after which the report no longer counts
	Open    map[string]bool // all dependencies; true where its own breaker is not closed
}

// View is what all replicas tell.
type View struct {
	Replicas int            // live ones, this one included
	Open     map[string]int // how many of them report a dependency as open, this one included
}

// Config tunes a [Sharer]. Zero fields take the defaults in parentheses.
type Config struct {
	Every   time.Duration // between exchanges, ±10 % jitter; a breaker that opens is told at once (2s)
	Timeout time.Duration // of one exchange (1s)
	TTL     time.Duration // after which a silent replica does not count (3 × Every)

	Quorum float64 // share of the live replicas, more than which must report a dependency as open (0.5)
	Peers  int     // other replicas that must, at least (2)

	Hold time.Duration // how long a hint holds a breaker open (10s)
	Gap  time.Duration // between two hints to one breaker, at least (5m)

	Logger *slog.Logger // nil = slog.Default() at the time of logging
}

// WithDefaults returns c with its zero fields filled in.
func (c Config) WithDefaults() Config {
	setDefault(&c.Every, 2*time.Second)
	setDefault(&c.Timeout, time.Second)
	setDefault(&c.TTL, 3*c.Every)
	setDefault(&c.Quorum, 0.5)
	setDefault(&c.Peers, 2)
	setDefault(&c.Hold, 10*time.Second)
	setDefault(&c.Gap, 5*time.Minute)
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate returns every reason why c cannot work, joined.
func (c Config) Validate() error {
	c = c.WithDefaults()
	var errs []error
	add := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf("share: "+format, args...))
		}
	}
	add(c.Every < 100*time.Millisecond || c.Every > time.Hour, "a period of %s is out of range; want 100ms to 1h", c.Every)
	add(c.Timeout < 0 || c.Timeout > time.Minute, "a timeout of %s is out of range; want more than 0s and at most 1m", c.Timeout)
	add(c.TTL < 2*c.Every || c.TTL > 24*time.Hour, "reports that count for %s are out of range; want at least two periods of %s", c.TTL, c.Every)
	add(!(c.Quorum >= 0 && c.Quorum < 1), "a quorum of %v is out of range; want 0 or more and less than 1", c.Quorum) // NaN fails
	add(c.Peers < 2, "with %d other replica one that errs could open all breakers; want at least 2", c.Peers)
	add(c.Hold < time.Second || c.Hold > time.Minute, "a hold of %s is out of range; want 1s to 1m", c.Hold)
	add(c.Gap < 2*c.Hold || c.Gap > 24*time.Hour, "a gap of %s is out of range; want at least two holds of %s", c.Gap, c.Hold)
	return errors.Join(errs...)
}

// Sharer exchanges hints for one system. It is safe for concurrent use.
type Sharer struct {
	sys     *resil.System
	store   Store
	cfg     Config
	replica string

	opened chan struct{} // wakes the loop: a breaker has opened

	mu      sync.Mutex // guards what follows
	stop    context.CancelFunc
	done    chan struct{}
	closed  bool
	last    View
	at      time.Time
	err     error
	applied uint64

	hints map[string]*hint // by dependency; used by the loop alone
}

// hint is what the loop remembers of one dependency.
type hint struct {
	quorum bool      // there was a quorum at the last look
	given  time.Time // when it last held the breaker open
}

// New returns a sharer that does nothing until Start.
func New(sys *resil.System, store Store, cfg Config) (*Sharer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if sys == nil || store == nil {
		return nil, errors.New("share: needs a system and a store")
	}
	return &Sharer{
		sys: sys, store: store, cfg: cfg.WithDefaults(), replica: rand.Text(),
		opened: make(chan struct{}, 1), hints: map[string]*hint{},
	}, nil
}

// Start begins to exchange. It neither waits for the store nor fails if that
// is away. A second Start, and one after Close, is an error.
func (s *Sharer) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stop != nil || s.closed {
		return errors.New("share: started or closed before")
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop, s.done = stop, make(chan struct{})
	unsubscribe := s.sys.Subscribe(func(c resil.Change) {
		if c.Kind == resil.ChangeBreaker && c.To == resil.BreakerOpen.String() {
			select {
			case s.opened <- struct{}{}:
			default: // it is awake already
			}
		}
	})
	go func() {
		defer close(s.done)
		defer unsubscribe()
		s.loop(ctx)
	}()
	return nil
}

// Close ends the exchange and waits for the one under way until ctx is done. A
// hold that a hint began ends by itself. It is idempotent.
func (s *Sharer) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	stop, done := s.stop, s.done
	s.mu.Unlock()
	if stop == nil {
		return nil
	}
	stop()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Sharer) loop(ctx context.Context) {
	timer := time.NewTimer(time.Duration(randv2.Int64N(int64(s.cfg.Every)))) // replicas start together
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.opened:
		case <-timer.C:
		}
		s.exchange(ctx)
		timer.Reset(time.Duration(float64(s.cfg.Every) * (0.9 + 0.2*randv2.Float64())))
	}
}

// exchange tells and listens once.
func (s *Sharer) exchange(ctx context.Context) {
	status := s.sys.Status()
	report := Report{Replica: s.replica, TTL: s.cfg.TTL, Open: map[string]bool{}}
	for _, d := range status.Dependencies {
		// What is forced shows nothing of what our own calls found.
		report.Open[d.Name] = d.Breaker != resil.BreakerClosed && d.Forced == nil
	}
	view, err := s.ask(ctx, report)
	if ctx.Err() != nil {
		return
	}
	s.note(view, err)
	if err != nil {
		// What we do not know is no quorum: it has to be found anew.
		clear(s.hints)
		return
	}
	for _, d := range status.Dependencies {
		s.judge(d, report, view)
	}
}

// ask asks the store, which is not trusted: neither to return nor to make
// sense.
func (s *Sharer) ask(ctx context.Context, r Report) (view View, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("share: the store panicked: %v", v)
		}
	}()
	view, err = s.store.Exchange(ctx, r)
	if err != nil {
		return View{}, err
	}
	if view.Replicas < 1 {
		return View{}, fmt.Errorf("share: the store speaks of %d replicas", view.Replicas)
	}
	for name, n := range view.Open {
		if n < 0 || n > view.Replicas {
			return View{}, fmt.Errorf("share: the store speaks of %d open breakers of %q among %d replicas", n, name, view.Replicas)
		}
	}
	return view, nil
}

// judge follows what the others say of one dependency.
func (s *Sharer) judge(d resil.DependencyStatus, own Report, view View) {
	h := s.hints[d.Name]
	if h == nil {
		h = &hint{}
		s.hints[d.Name] = h
	}
	others := view.Open[d.Name]
	if own.Open[d.Name] {
		others--
	}
	quorum := others >= s.cfg.Peers && float64(others) > s.cfg.Quorum*float64(view.Replicas)
	news := quorum && !h.quorum
	h.quorum = quorum
	switch {
	case !news, d.Forced != nil, d.Breaker != resil.BreakerClosed, d.Disabled:
		return
	case !h.given.IsZero() && time.Since(h.given) < s.cfg.Gap:
		return
	}
	h.given = time.Now()
	reason := fmt.Sprintf("hint: open on %d of %d replicas", others, view.Replicas)
	if err := s.sys.Dependency(d.Name).Force(true, s.cfg.Hold, reason); err != nil {
		s.logger().Error("a hint was not followed", "dependency", d.Name, "error", err)
		return
	}
	s.mu.Lock()
	s.applied++
	s.mu.Unlock()
}

// note keeps the outcome of an exchange, and logs when it changes.
func (s *Sharer) note(view View, err error) {
	before := s.keep(view, err)
	switch {
	case err != nil && before == nil:
		s.logger().Warn("replicas share no hints", "error", err)
	case err == nil && before != nil:
		s.logger().Info("replicas share hints again", "replicas", view.Replicas)
	}
}

// keep keeps the outcome of an exchange and returns the error of the one before.
func (s *Sharer) keep(view View, err error) (before error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, s.err = s.err, err
	if err == nil {
		s.last, s.at = view, time.Now()
	}
	return before
}

func (s *Sharer) logger() *slog.Logger {
	if s.cfg.Logger != nil {
		return s.cfg.Logger
	}
	return slog.Default()
}

// Status is the state of a sharer.
type Status struct {
	Replica string
	View    View      // of the last exchange that worked
	At      time.Time // of that exchange; zero before the first
	Err     error     // of the last exchange, nil if it worked
	Hints   uint64    // how often a quorum opened a breaker early
}

// Status returns the state of the sharer.
func (s *Sharer) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Status{Replica: s.replica, View: s.last, At: s.at, Err: s.err, Hints: s.applied}
}
