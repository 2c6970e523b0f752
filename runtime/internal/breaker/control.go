package breaker

import (
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/resilgo/resil/runtime/internal/mono"
)

// Status is what a breaker shows.
type Status struct {
	State  State // as forced, if it is
	Until  mono.Time
	Forced *Forced // immutable
	Slow   bool
	Share  float64 // of slow calls in the window
	Opened uint64
}

// State returns the state that the breaker shows. It takes no lock.
func (b *Breaker) State() State {
	w := b.word.Load()
	if w&special == 0 {
		return State(w & stateMask)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.shown
}

// Status returns what the breaker shows. It changes nothing.
func (b *Breaker) Status() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := Status{
		State: b.shown, Until: mono.Time(b.until.Load()), Forced: b.forced, Slow: b.slow,
		Opened: b.opened,
	}
	if w := b.win.Load(); w != nil && w.total.calls() > 0 {
		s.Share = float64(w.total.slow) / float64(w.total.calls())
	}
	return s
}

// Until returns the end of the current open period, or of what is forced; it
// has no meaning unless the breaker is open.
func (b *Breaker) Until() mono.Time {
	until, held := mono.Time(b.until.Load()), mono.Time(b.held.Load())
	switch {
	case held == 0:
		return until
	case State(b.word.Load()&stateMask) == Open:
		return max(held, until)
	default:
		return held
	}
}

// Generation returns a number that changes with every change of state.
func (b *Breaker) Generation() uint64 { return b.word.Load() >> genShift }

// Ready reports whether the breaker would let a probe in. It changes nothing.
func (b *Breaker) Ready(now mono.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.forced != nil && now < b.forced.Until:
		return !b.forced.Open
	case b.state == Open:
		return now >= mono.Time(b.until.Load())
	case b.state == HalfOpen:
		r := &b.round
		if r.out > 0 && now >= r.hungAt {
			return true
		}
		return r.out+r.good+r.bad < b.cfg.Probes && now >= r.nextAt
	default:
		return true
	}
}

// Force holds the breaker open or closed until the given moment, whatever the
// dependency does; nil lets go. The state underneath stays as it is.
func (b *Breaker) Force(f *Forced) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forced = f
	reason := "no longer forced"
	b.held.Store(0)
	if f != nil {
		reason = "forced: " + f.Reason
		b.held.Store(int64(f.Until))
	}
	b.publish()
	b.show(reason)
}

// Expire ends what is forced if its time is over, and returns when that will
// be, 0 if nothing is forced.
func (b *Breaker) Expire(now mono.Time) mono.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire(now)
	if b.forced == nil {
		return 0
	}
	return b.forced.Until
}

func (b *Breaker) expire(now mono.Time) {
	if b.forced != nil && now >= b.forced.Until {
		b.forced = nil
		b.held.Store(0)
		b.publish()
		b.show("no longer forced")
	}
}

// Disable makes the breaker let everything pass and count nothing.
func (b *Breaker) Disable(off bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.disabled == off {
		return
	}
	b.disabled = off
	b.publish()
	reason := "enabled"
	if off {
		reason = "disabled"
	}
	b.show(reason)
}

// Configure replaces the configuration and keeps the counts. An open period
// or a round that has begun goes on; rules apply from the next result.
func (b *Breaker) Configure(cfg Config) {
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.cfg
	if old == cfg {
		return
	}
	b.cfg = cfg
	switch w := b.win.Load(); {
	case !cfg.windowed():
		// The window stays: a success that has just read the word may count.
	case w == nil:
		b.win.Store(newWindow(cfg.Window))
	case cfg.Window != old.Window:
		b.win.Store(w.resize(cfg.Window))
	}
	if cfg.Open != old.Open && b.state == Closed && b.gb != nil {
		b.replace()
	}
	b.publish()
}

// replace takes a fresh gobreaker that knows of the same failures in a row.
func (b *Breaker) replace() {
	run := int(b.gb.Counts().ConsecutiveFailures)
	b.renew()
	b.hold = true
	for range min(run, b.cfg.Failures) {
		b.tell(errFailure)
	}
	b.hold = false
}

// Reset forgets everything that was counted: the breaker is as new, closed
// unless it is forced open. Results of calls under way are dropped.
func (b *Breaker) Reset(reason string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gb, b.gbState = nil, gobreaker.StateClosed
	if w := b.win.Load(); w != nil {
		w.clear(mono.Now())
	}
	slow, shown := b.slow, b.shown
	b.round, b.ramp, b.dirty, b.slow = round{}, ramp{}, false, false
	b.move(Closed, reason)
	if slow && b.shown == shown && b.onChange != nil {
		b.onChange(Change{From: shown, To: shown})
	}
}

// Check counts a good or failed health check as a probe, if the breaker would
// let one in and no call has come for it within grace: real calls tell more
// than a check does.
func (b *Breaker) Check(now mono.Time, good bool, grace time.Duration) {
	if b.State() == Closed || !b.Ready(now) || !b.waited(now, grace) {
		return
	}
	t, ok := b.Enter(now)
	if !ok {
		return
	}
	v := Failure
	if good {
		v = Success
	}
	b.Done(t, v, false)
}

// waited reports whether the breaker has waited in vain for a probe for d.
func (b *Breaker) waited(now mono.Time, d time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == HalfOpen {
		return now >= b.round.lastAt+d
	}
	return now >= mono.Time(b.until.Load())+d
}
