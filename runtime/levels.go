package resil

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/resilgo/resil/runtime/internal/breaker"
	"github.com/resilgo/resil/runtime/internal/level"
	"github.com/resilgo/resil/runtime/internal/mono"
)

// The system word holds what every call must know: the level, and whether
// something may change by the passing of time alone that no timer looks after,
// so that calls have to look at the clock.
const (
	levelMask = 1<<3 - 1
	pending   = 1 << 3
	wordMask  = levelMask | pending
)

// Lock order: System.mu, a breaker's, levels.mu, events.mu. None of them is
// held while user code runs.

// levels is the level engine and what is counted of it.
type levels struct {
	mu          sync.Mutex // guards what follows
	engine      *level.Engine
	since       time.Time // of the level
	left        time.Time // when Optimal was left; zero at Optimal
	transitions [5][5]uint64
	recovery    histogram
	forced      *Forced
	held        []*dependency // those whose breaker is forced
	undefined   []*dependency // those of which the engine must hear before it is asked
	defined     int           // how many the engine knows
	timer       *time.Timer   // for the next change by time alone; nil unless live
	live        bool          // between Start and Close
}

var defaultWeights = [4]float64{1, 2, 3, 4}

// prepare fills in defaults and returns what cannot work.
func (c *Config) prepare() error {
	if c.Levels.Weights == ([4]float64{}) {
		c.Levels.Weights = defaultWeights
	}
	errs := []error{c.Levels.engine().Validate()}
	for _, w := range c.Levels.Weights {
		if !(w >= 0 && w <= 1e6) {
			errs = append(errs, fmt.Errorf("a weight of %v is out of range; want 0 to 1e6", w))
		}
	}
	errs = append(errs, c.Health.validate())
	if c.CallerDeadline > DeadlineNeutral {
		errs = append(errs, fmt.Errorf("unknown CallerDeadline %d", c.CallerDeadline))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("resil: %w", err)
	}
	return nil
}

func (c LevelConfig) engine() level.Config {
	return level.Config{
		Stable: c.Stable, MaxStable: c.MaxStable,
		MinimalBelow: c.MinimalBelow, EmergencyBelow: c.EmergencyBelow,
		ScoreDown: c.Down, ScoreCritical: c.CriticalDown,
		Margin: c.Margin, Step: c.Step,
	}
}

func (s *System) startLevels() {
	s.levels.engine = level.New(s.config.Levels.engine())
	s.levels.since = time.Now()
	s.levels.recovery.bounds = recoveryBounds
	s.word.Store(uint32(Optimal))
}

// levelNow returns the level as last evaluated.
func (s *System) levelNow() Level { return Level(s.word.Load() & levelMask) }

// Level returns the current level. Recoveries that are due take effect.
func (s *System) Level() Level {
	if due := mono.Time(s.due.Load()); due != 0 && mono.Now() >= due {
		s.advance()
	}
	return s.levelNow()
}

// poll does on calls what Level does, while no timer does.
func (s *System) poll() {
	if s.word.Load()&pending != 0 {
		s.Level()
	}
}

func (s *System) advance() {
	now := mono.Now()
	s.levels.mu.Lock()
	held := slices.Clone(s.levels.held)
	s.levels.mu.Unlock()
	for _, d := range held {
		d.breaker.Expire(now)
	}
	s.levels.mu.Lock()
	defer s.levels.mu.Unlock()
	s.define()
	s.moved(s.levels.engine.Advance(time.Now()))
}

// moved publishes the level after the engine was asked, and tells of changes.
// Requires levels.mu.
func (s *System) moved(changed []level.Transition) {
	l := &s.levels
	for _, t := range changed {
		from, to := Level(t.From), Level(t.To)
		l.since = t.At
		l.transitions[from-1][to-1]++
		switch {
		case from == Optimal:
			l.left = t.At
		case to == Optimal:
			l.recovery.observe(t.At.Sub(l.left))
		}
		s.levelGen.Add(1)
		s.events.level(Transition{From: from, To: to, Reason: t.Reason.String(), At: t.At})
	}
	s.publish()
}

// publish writes the system word and arranges for the next change by time
// alone. Requires levels.mu.
func (s *System) publish() {
	now := time.Now()
	next := s.levels.engine.Next()
	sooner := func(f **Forced, dependency string) {
		switch {
		case *f == nil:
		case !now.Before((*f).Until):
			s.events.push(Change{Kind: ChangeForced, Dependency: dependency, From: (*f).To, Reason: "expired", At: (*f).Until})
			*f = nil
		case next.IsZero() || (*f).Until.Before(next):
			next = (*f).Until
		}
	}
	sooner(&s.levels.forced, "")
	s.levels.held = slices.DeleteFunc(s.levels.held, func(d *dependency) bool {
		sooner(&d.forced, d.name)
		return d.forced == nil
	})
	w := uint32(s.levels.engine.Level())
	if next.IsZero() {
		s.due.Store(0)
		s.word.Store(w)
		return
	}
	s.due.Store(int64(mono.Now() + next.Sub(now)))
	if !s.levels.live {
		w |= pending
	}
	s.word.Store(w)
	s.schedule(next.Sub(now))
}

// schedule lets the system look at the clock in a while. Requires levels.mu.
func (s *System) schedule(d time.Duration) {
	l := &s.levels
	switch {
	case !l.live:
	case l.timer == nil:
		l.timer = time.AfterFunc(d, s.advance)
	default:
		l.timer.Reset(d)
	}
}

// live makes a timer do what calls do lazily otherwise.
func (s *System) live(on bool) {
	l := &s.levels
	l.mu.Lock()
	defer l.mu.Unlock()
	l.live = on
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	s.publish()
}

// recoveryAt estimates when the level will be better: by the length of past
// outages, else no sooner than the next probe of a dependency that is down. It
// is the zero time if there is nothing to go by.
func (s *System) recoveryAt() time.Time {
	s.levels.mu.Lock()
	defer s.levels.mu.Unlock()
	now := time.Now()
	if d, ok := s.levels.engine.Recovery(now); ok {
		return now.Add(d)
	}
	return s.nextProbe()
}

// nextProbe returns when the first open breaker lets a probe in, the zero time
// if none is open.
func (s *System) nextProbe() time.Time {
	now := mono.Now()
	var first mono.Time
	for _, d := range *s.deps.Load() {
		if until := d.breaker.Until(); d.down.Load() && until > now && (first == 0 || until < first) {
			first = until
		}
	}
	if first == 0 {
		return time.Time{}
	}
	return mono.Wall(first, now)
}

// breakerChanged follows a breaker. It runs under the breaker's lock.
func (d *dependency) breakerChanged(c breaker.Change) {
	s := d.sys
	s.levels.mu.Lock()
	defer s.levels.mu.Unlock()
	if c.From != c.To {
		s.events.push(Change{
			Kind: ChangeBreaker, Dependency: d.name,
			From: c.From.String(), To: c.To.String(), Reason: c.Reason, At: time.Now(),
		})
	}
	d.broken, d.slow = c.To != breaker.Closed, c.Slow
	d.settle()
}

// settle tells the level engine how d is. Requires levels.mu.
func (d *dependency) settle() {
	s, down := d.sys, d.broken || d.ailing
	s.define()
	if d.down.Swap(down) && !down {
		s.events.wake(d.name)
	}
	s.moved(s.levels.engine.Set(time.Now(), d.id, down, d.slow))
}

// Force holds the level at l for ttl, whatever the dependencies do; the rules
// go on underneath. ttl is more than 0 and at most MaxDuration; reason says why
// and must not be empty.
func (s *System) Force(l Level, ttl time.Duration, reason string) error {
	if !l.Valid() {
		return fmt.Errorf("resil: cannot force unknown level %d", uint8(l))
	}
	if err := checkForce(ttl, reason); err != nil {
		return err
	}
	s.levels.mu.Lock()
	defer s.levels.mu.Unlock()
	s.define()
	now := time.Now()
	changed, err := s.levels.engine.Force(now, level.Level(l), now.Add(ttl), "", reason)
	if err != nil {
		return fmt.Errorf("resil: %w", err)
	}
	s.levels.forced = &Forced{To: l.String(), Reason: reason, Until: now.Add(ttl)}
	s.events.push(Change{Kind: ChangeForced, To: l.String(), Reason: reason, At: now})
	s.moved(changed)
	return nil
}

// Unforce ends what [System.Force] began before it expires.
func (s *System) Unforce() {
	s.levels.mu.Lock()
	defer s.levels.mu.Unlock()
	f := s.levels.forced
	if f == nil {
		return
	}
	s.levels.forced = nil
	now := time.Now()
	s.events.push(Change{Kind: ChangeForced, From: f.To, Reason: "ended by hand", At: now})
	s.moved(s.levels.engine.Unforce(now))
}

// Force holds the dependency's breaker open or closed for ttl, whatever the
// dependency does. Forced open counts as down; while forced closed calls pass
// and results are not counted. ttl is more than 0 and at most MaxDuration;
// reason says why and must not be empty.
func (d *Dependency) Force(open bool, ttl time.Duration, reason string) error {
	if err := checkForce(ttl, reason); err != nil {
		return err
	}
	to := breaker.Closed
	if open {
		to = breaker.Open
	}
	d.dep.force(&Forced{To: to.String(), Reason: reason, Until: time.Now().Add(ttl)},
		&breaker.Forced{Open: open, Reason: reason, Until: mono.Now() + ttl})
	return nil
}

// Unforce ends what [Dependency.Force] began before it expires.
func (d *Dependency) Unforce() { d.dep.force(nil, nil) }

func (d *dependency) force(f *Forced, b *breaker.Forced) {
	d.breaker.Force(b)
	s := d.sys
	s.levels.mu.Lock()
	defer s.levels.mu.Unlock()
	change := Change{Kind: ChangeForced, Dependency: d.name, At: time.Now()}
	switch {
	case f != nil:
		change.To, change.Reason = f.To, f.Reason
	case d.forced != nil:
		change.From, change.Reason = d.forced.To, "ended by hand"
	default:
		return
	}
	d.forced = f
	if f != nil && !slices.Contains(s.levels.held, d) {
		s.levels.held = append(s.levels.held, d)
	}
	s.events.push(change)
	s.publish()
}

// Reset makes the dependency's breaker as new: closed, with nothing counted.
// What is forced stays, and so does what health checks say. reason must not be
// empty; it is told to those who follow changes.
func (d *Dependency) Reset(reason string) error {
	if reason == "" {
		return errors.New("resil: a reset needs a reason")
	}
	d.dep.breaker.Reset("reset: " + reason)
	return nil
}

func checkForce(ttl time.Duration, reason string) error {
	switch {
	case ttl <= 0 || ttl > MaxDuration:
		return fmt.Errorf("resil: what is forced must expire: ttl=%s is out of range; want more than 0s and at most %s", ttl, MaxDuration)
	case reason == "":
		return errors.New("resil: what is forced needs a reason")
	}
	return nil
}
