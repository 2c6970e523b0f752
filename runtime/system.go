package resil

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/resilgo/resil/runtime/internal/health"
)

// CallerDeadline says how an attempt is judged in which the caller's own
// deadline expired.
type CallerDeadline uint8

// The judgements of a caller's expired deadline.
const (
	// DeadlineAuto judges it a failure if the attempt had at least
	// min(attempt timeout, 1s) when it started, else neutral.
	DeadlineAuto    CallerDeadline = iota
	DeadlineFailure                // always a failure
	DeadlineNeutral                // never a failure
)

// Config configures a [System]. The zero value is good. Safe to copy.
type Config struct {
	CallerDeadline CallerDeadline
	Levels         LevelConfig
	Health         HealthConfig
	Logger         *slog.Logger // for transitions and trouble; nil = slog.Default() at the time of logging
	Overrides      Overrides    // in force from the start; see [System.Reload]
	Seed           uint64       // of all jitter, for simulations that must repeat; 0 = another one each time
}

// LevelConfig says how levels follow from dependencies. Zero fields take the
// defaults in parentheses.
type LevelConfig struct {
	Stable         time.Duration // a better level must have held this long (10s)
	MaxStable      time.Duration // bound of Stable, which doubles while the level flaps (40s)
	MinimalBelow   float64       // score below which the level is at least Minimal (50)
	EmergencyBelow float64       // score below which it is Emergency while a critical dependency is down (30)
	Down           int           // the score rule holds while this many dependencies are down (3)
	CriticalDown   int           // or this many critical ones (2)
	Margin         float64       // points by which the score must exceed a threshold before its rule lets go, unless a dependency comes back (5)
	Step           bool          // recover one level at a time, Stable apart, instead of straight back
	Weights        [4]float64    // of Low, Medium, High, Critical in the score (1, 2, 3, 4)
}

// HealthConfig is the default of health checks. Zero fields take the defaults
// in parentheses.
type HealthConfig struct {
	Every   time.Duration // period, jittered (5s)
	Timeout time.Duration // of one check (2s)
	Fall    int           // failed checks in a row until the dependency is down (3)
	Rise    int           // good checks in a row until it is up again (2)
}

// Option adds a part to a [System].
type Option interface{ apply(*System) }

type optionFunc func(*System)

func (f optionFunc) apply(s *System) { f(s) }

// WithTracer makes t observe every call.
func WithTracer(t Tracer) Option { return optionFunc(func(s *System) { s.tracer = t }) }

// WithInjector makes i add faults.
func WithInjector(i Injector) Option { return optionFunc(func(s *System) { s.injector = i }) }

// WithOutbox makes st keep the writes of outbox fallbacks.
func WithOutbox(st Store) Option { return optionFunc(func(s *System) { s.store = st }) }

// WithLogger makes l receive what Config.Logger would.
func WithLogger(l *slog.Logger) Option { return optionFunc(func(s *System) { s.config.Logger = l }) }

// System holds the dependencies of one process and the level that follows from
// them. Make one with [New]; it is safe for concurrent use and must not be
// copied. Usually there is one per process.
type System struct {
	word     atomic.Uint32 // level, and pending; see levels.go
	levelGen atomic.Uint64 // changes with the level
	due      atomic.Int64  // mono.Time at which something changes by time alone; 0 = nothing does

	config   Config
	tracer   Tracer
	injector Injector
	store    Store
	checks   *health.Scheduler
	checking atomic.Bool // checks run: between Start and Close
	events   events
	deps     atomic.Pointer[[]*dependency] // as registered; only grows
	index    sync.Map                      // name -> *dependency
	levels   levels
	starters sync.Pool // of *starter

	mu        sync.Mutex // guards what follows, and the registry's own fields
	overrides Overrides
	killswitch
	problems []error // until Start
	started  bool
	closed   bool
	metered  bool
}

// New returns a system with no dependencies at Optimal. It starts no goroutine.
func New(config Config, options ...Option) (*System, error) {
	s := &System{config: config}
	for _, o := range options {
		o.apply(s)
	}
	if err := s.config.prepare(); err != nil {
		return nil, err
	}
	if err := s.config.Overrides.validate(); err != nil {
		return nil, err
	}
	s.overrides = s.config.Overrides
	s.deps.Store(new([]*dependency))
	s.events.log = s.logChange
	s.events.dropped = func(n int) {
		s.contained(func() { s.logger().Warn("changes were dropped: a listener is slow", "count", n) })
	}
	s.events.wakeUp = func(dependency string) {
		if s.store != nil {
			s.contained(func() { s.store.Wake(dependency) })
		}
	}
	s.checks = health.New(s.checkDone)
	s.checks.Jitter(s.jitter)
	s.startLevels()
	return s, nil
}

// Start begins health checks, timers and the outbox's replay. It does not wait
// for a dependency and does not fail because one is down. It returns every
// contradiction and invalid value that guards have stated so far; ctx bounds
// the start only. A second Start is an error.
func (s *System) Start(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.start(); err != nil {
		return err
	}
	if s.store != nil {
		if err := s.store.Start(ctx, s.up); err != nil {
			s.mu.Lock()
			s.started = false // it may be tried again
			s.mu.Unlock()
			return fmt.Errorf("resil: start of the outbox: %w", err)
		}
	}
	s.checks.Start()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.checking.Store(true)
		s.live(true)
	}
	return nil
}

func (s *System) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case s.started:
		return errors.New("resil: the system has been started already")
	}
	errs := append([]error(nil), s.problems...)
	errs = append(errs, s.overrides.unknown(s), s.conflicts(s.overrides), s.missing())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("resil: %w", err)
	}
	s.started = true
	return nil
}

// missing returns what methods need and the system does not have. Requires mu.
func (s *System) missing() error {
	if s.store != nil {
		return nil
	}
	var errs []error
	for _, d := range *s.deps.Load() {
		for _, m := range d.methods {
			for _, f := range m.spec.Fallbacks {
				if f.Strategy == StrategyOutbox {
					errs = append(errs, fmt.Errorf("%s.%s (%s): %w", d.name, m.spec.Name, m.guard.spec.Position, errNoOutbox))
				}
			}
		}
	}
	return errors.Join(errs...)
}

// Close stops health checks, timers and replay, and waits until what they have
// begun and the delivery of events have ended, or ctx is done. It is
// idempotent. Guards go on working; levels then worsen and recover lazily. A
// listener may call it, and is not waited for; a delivery of the outbox, which
// would wait for itself, must not.
func (s *System) Close(ctx context.Context) error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.checking.Store(false)
	s.mu.Unlock()
	s.enable(nil, "the system was closed")
	s.live(false)
	var errs []error
	if first {
		errs = append(errs, s.checks.Close(ctx))
		if s.store != nil {
			errs = append(errs, s.store.Close(ctx))
		}
	}
	errs = append(errs, s.events.drain(ctx))
	return errors.Join(errs...)
}

// trouble remembers what guards state wrongly until Start returns it; after
// Start it panics, because nobody would look. Requires mu, which the caller
// releases in a defer.
func (s *System) trouble(err error) {
	switch {
	case err == nil:
	case s.started:
		panic(fmt.Sprintf("resil: %v", err))
	default:
		s.problems = append(s.problems, err)
	}
}

// logger returns where the system logs.
func (s *System) logger() *slog.Logger {
	if l := s.config.Logger; l != nil {
		return l
	}
	return slog.Default()
}

// up reports whether a dependency may be called: it is not down.
func (s *System) up(name string) bool {
	d := s.find(name)
	return d != nil && !d.down.Load()
}

func (s *System) find(name string) *dependency {
	d, _ := s.index.Load(name)
	found, _ := d.(*dependency) // nil when nothing is
	return found
}
