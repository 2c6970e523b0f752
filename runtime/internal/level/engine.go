package level

import (
	"errors"
	"fmt"
	"time"
)

// Transition is one change of the level.
type Transition struct {
	From, To Level
	At       time.Time // when it was due: lazy evaluation may find it later
	Reason   Reason
}

// Engine holds the state of the dependencies and the level that follows from
// it. It is not safe for concurrent use. Times that run backwards are taken as
// the latest time seen.
type Engine struct {
	cfg  Config
	deps []dependency
	now  time.Time

	natural Level         // what the rules and the waiting say, force aside
	reason  Reason        // of natural
	scored  Level         // what the score rule asks for; see scoreLevel
	target  Level         // what the rules ask for now
	held    [5]time.Time  // by Level-1: since when target has been that good or better; zero = it is not
	dwell   time.Duration // how long a better level must hold now

	recovered   bool      // natural improved and has not worsened since
	recoveredAt time.Time // when it last improved

	forced  force
	history ring[Transition]
}

type dependency struct {
	Dependency
	down    bool
	slow    bool
	since   time.Time           // of the current outage
	outages ring[time.Duration] // ended ones
}

type force struct {
	level       Level // 0 = none
	until       time.Time
	actor, text string
}

// New returns an engine at Optimal with no dependencies. The caller has
// validated cfg.
func New(cfg Config) *Engine {
	cfg = cfg.WithDefaults()
	e := &Engine{
		cfg:     cfg,
		natural: Optimal,
		target:  Optimal,
		reason:  Reason{Rule: RuleUp, Score: 100},
		dwell:   cfg.Stable,
		history: ring[Transition]{max: cfg.History},
	}
	return e
}

// Add declares a dependency, up and not slow, and returns its id. Weights
// count from now on.
func (e *Engine) Add(now time.Time, d Dependency) (id int, changed []Transition) {
	return e.AddAll(now, []Dependency{d})
}

// AddAll declares dependencies, as Add does one, and judges once for all of
// them. Their ids follow first.
func (e *Engine) AddAll(now time.Time, ds []Dependency) (first int, changed []Transition) {
	first = len(e.deps)
	for _, d := range ds {
		e.deps = append(e.deps, dependency{Dependency: d, outages: ring[time.Duration]{max: maxOutages}})
	}
	return first, e.update(now, func() {})
}

// Define replaces what the rules know of dependency id and keeps its state.
func (e *Engine) Define(now time.Time, id int, d Dependency) []Transition {
	return e.DefineAll(now, map[int]Dependency{id: d})
}

// DefineAll does what Define does for all of the given dependencies, and judges
// once.
func (e *Engine) DefineAll(now time.Time, ds map[int]Dependency) []Transition {
	return e.update(now, func() {
		for id, d := range ds {
			e.deps[id].Dependency = d
		}
	})
}

// Set tells the state of dependency id: down or up and, when up, whether its
// slow share exceeds its slow ratio. A worse level takes effect at once. It
// returns the changes of the level, due ones before this one included.
func (e *Engine) Set(now time.Time, id int, down, slow bool) []Transition {
	d := &e.deps[id]
	if d.down == down && d.slow == slow {
		return e.Advance(now)
	}
	return e.update(now, func() {
		switch {
		case down && !d.down:
			d.since = e.now
		case !down && d.down:
			d.outages.push(e.now.Sub(d.since))
			e.scored = 0 // news, not noise: the plain thresholds decide
		}
		d.down, d.slow = down, slow
	})
}

// Force holds the level at l until the given time, whatever the dependencies
// do. The rules go on underneath, so that what follows is what would have been.
func (e *Engine) Force(now time.Time, l Level, until time.Time, actor, reason string) ([]Transition, error) {
	switch {
	case !l.valid():
		return nil, fmt.Errorf("cannot force level %d; want 1 to 5", uint8(l))
	case !until.After(now):
		return nil, errors.New("what is forced must expire in the future")
	}
	return e.update(now, func() { e.forced = force{level: l, until: until, actor: actor, text: reason} }), nil
}

// Unforce ends a force before it expires.
func (e *Engine) Unforce(now time.Time) []Transition {
	return e.update(now, func() { e.forced = force{} })
}

// Reconfigure replaces the configuration. State, waits, history and the
// history's bound stay.
func (e *Engine) Reconfigure(now time.Time, cfg Config) []Transition {
	return e.update(now, func() {
		old := e.cfg
		e.cfg = cfg.WithDefaults()
		if e.dwell == old.Stable {
			e.dwell = e.cfg.Stable
		}
		e.dwell = min(max(e.dwell, e.cfg.Stable), e.cfg.MaxStable)
	})
}

// Advance lets time pass: recoveries that are due and the end of a force take
// effect, each at its own time.
func (e *Engine) Advance(now time.Time) []Transition {
	changed := e.advanceTo(now)
	for due := e.Next(); !due.IsZero() && !due.After(now); due = e.Next() {
		changed = append(changed, e.step(due)...)
	}
	return changed
}

// advanceTo lets take effect what is due before now, and not yet what is due
// at now: an input of the same moment comes first, so that a level which
// worsens just when it would have recovered does not flicker.
func (e *Engine) advanceTo(now time.Time) []Transition {
	var changed []Transition
	for due := e.Next(); !due.IsZero() && due.Before(now); due = e.Next() {
		changed = append(changed, e.step(due)...)
	}
	if now.After(e.now) {
		e.now = now
	}
	return changed
}

// Next returns when the level may next change by the passing of time alone; the
// zero time means never.
func (e *Engine) Next() time.Time {
	next := e.recoveryDue()
	if e.forced.level != 0 && (next.IsZero() || e.forced.until.Before(next)) {
		next = e.forced.until
	}
	return next
}

// Level returns the level as of the last input.
func (e *Engine) Level() Level {
	if e.forced.level != 0 {
		return e.forced.level
	}
	return e.natural
}

// Reason returns why the level holds as of the last input.
func (e *Engine) Reason() Reason {
	if f := e.forced; f.level != 0 {
		return Reason{Rule: RuleForced, Score: e.Score(), Until: f.until, Actor: f.actor, Text: f.text}
	}
	r := e.reason
	r.Score = e.Score()
	if e.target < e.natural {
		r.Rule, r.Since, r.Until = RuleStable, e.held[e.natural-2], e.recoveryDue()
	}
	return r
}

// Score returns the health score, 0 to 100.
func (e *Engine) Score() float64 { return e.tally().score }

// Target returns the level that the rules ask for, waits and force aside.
func (e *Engine) Target() Level { return e.target }

// Dwell returns how long a better level must hold now.
func (e *Engine) Dwell() time.Duration { return e.dwell }

// History returns the last transitions, oldest first.
func (e *Engine) History() []Transition { return e.history.all() }

// update lets time pass until now, applies a change and lets it take effect.
func (e *Engine) update(now time.Time, apply func()) []Transition {
	changed := e.advanceTo(now)
	from := e.Level()
	apply()
	e.judge()
	changed = append(changed, e.moved(from)...)
	return append(changed, e.Advance(now)...)
}

// step lets what is due at the given time take effect.
func (e *Engine) step(due time.Time) []Transition {
	from := e.Level()
	if due.After(e.now) {
		e.now = due
	}
	if e.forced.level != 0 && !e.now.Before(e.forced.until) {
		e.forced = force{}
	}
	if r := e.recoveryDue(); !r.IsZero() && !r.After(e.now) {
		e.recover()
	}
	return e.moved(from)
}

// moved records and returns the transition from the given level to the current
// one, if they differ.
func (e *Engine) moved(from Level) []Transition {
	to := e.Level()
	if from == to {
		return nil
	}
	t := Transition{From: from, To: to, At: e.now, Reason: e.Reason()}
	e.history.push(t)
	return []Transition{t}
}

// judge applies the rules to the state: worsening at once, and since when
// better levels hold.
func (e *Engine) judge() {
	t := e.tally()
	e.scored = e.cfg.scoreLevel(t, e.scored)
	e.target = max(t.worst, e.scored)
	for i := range e.held {
		switch {
		case e.target > Level(i+1):
			e.held[i] = time.Time{}
		case e.held[i].IsZero():
			e.held[i] = e.now
		}
	}
	switch {
	case e.target > e.natural:
		e.worsen()
		e.reason = e.explain(e.natural, t)
	case e.target == e.natural:
		e.reason = e.explain(e.natural, t)
	}
}

// worsen goes to the target. Coming soon after a recovery it is flapping, and
// the next recovery has to hold for longer.
func (e *Engine) worsen() {
	e.natural = e.target
	switch {
	case !e.recovered:
		// The same incident deepens.
	case e.now.Sub(e.recoveredAt) < calmFactor*e.cfg.MaxStable:
		e.dwell = min(2*e.dwell, e.cfg.MaxStable)
	default:
		e.dwell = e.cfg.Stable
	}
	e.recovered = false
}

// recoveryDue returns when a better level has held long enough, the zero time
// if none is on its way.
func (e *Engine) recoveryDue() time.Time {
	if e.target >= e.natural {
		return time.Time{}
	}
	since := e.held[e.natural-2]
	if e.cfg.Step && e.recovered && e.recoveredAt.After(since) {
		since = e.recoveredAt
	}
	return since.Add(e.dwell)
}

// recover goes to the best level that has held long enough, or one step.
func (e *Engine) recover() {
	to := e.natural - 1
	for !e.cfg.Step && to > e.target && !e.held[to-2].Add(e.dwell).After(e.now) {
		to--
	}
	e.natural, e.recovered, e.recoveredAt = to, true, e.now
	if e.natural == e.target {
		e.reason = e.explain(e.natural, e.tally())
	}
}
