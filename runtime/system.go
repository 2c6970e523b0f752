package resil

import (
	"log/slog"
	"time"
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
}

// LevelConfig says how levels follow from dependencies. Zero fields take the
// defaults in parentheses.
type LevelConfig struct {
	Stable         time.Duration // a better level must have held this long (10s)
	MaxStable      time.Duration // bound of Stable, which doubles while the level flaps (40s)
	MinimalBelow   float64       // score below which the level is at least Minimal (50)
	EmergencyBelow float64       // score below which it is Emergency while a critical dependency is down (30)
	Several        int           // the score rule holds while this many are down (3) ...
	SeveralCrit    int           // ... or this many critical ones (2)
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
