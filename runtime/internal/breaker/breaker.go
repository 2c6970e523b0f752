package breaker

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/resilgo/resil/runtime/internal/mono"
)

// State is the state of a breaker.
type State uint8

// The states.
const (
	Closed State = iota
	Open
	HalfOpen
)

// String returns the state's name.
func (s State) String() string {
	switch s {
	case Open:
		return "open"
	case HalfOpen:
		return "half-open"
	default:
		return "closed"
	}
}

// Verdict is what a call says about its dependency.
type Verdict uint8

// The verdicts.
const (
	Success Verdict = iota
	Failure
	Neutral
)

// Config is a complete, valid configuration: defaults are filled in.
type Config struct {
	Failures  int           // failures in a row that trip; 0 = no such rule
	Ratio     float64       // failure ratio that trips; 0 = no such rule
	Min       int           // calls in the window before a ratio counts
	Window    time.Duration // of both ratios
	Slow      time.Duration // longer calls are slow; 0 = no such rule
	SlowRatio float64
	Open      time.Duration // the open period before jitter
	Good      int           // good probes that close
	Probes    int           // probes of one round
	Round     time.Duration // a round with probes under way for longer is abandoned
}

func (c Config) windowed() bool { return c.Ratio > 0 || c.Slow > 0 }

// Change is a change of what the breaker shows. It is delivered under the
// breaker's lock: the receiver must return at once and not call the breaker.
type Change struct {
	From, To State  // equal when only Slow changed
	Slow     bool   // the slow share exceeds its ratio
	Reason   string // of the change
}

const (
	stateMask = 1<<2 - 1
	special   = 1 << 2 // forced, disabled or ramping: no fast path
	dirty     = 1 << 3 // gobreaker knows of failures in a row
	windowed  = 1 << 4 // successes are counted
	probe     = 1 << 5 // only in tokens
	ramped    = 1 << 6 // only in tokens
	bypass    = 1 << 7 // only in tokens
	shut      = 1 << 7 // only in the word: open, and the open period is not over
	class     = probe | ramped | bypass
	genShift  = 8
)

// Token is the permit of one call. It must be given back with Succeed or Done,
// on every way out of the call.
type Token uint64

func (t Token) gen() uint64 { return uint64(t) >> genShift }

// Neutral results give a probe's permit back at once, so that a caller's
// cancellation does not cost recovery. After neutralFree × Probes of them in
// one round each further probe waits a tenth of the open period: a caller that
// cancels everything must not send unlimited calls to a broken dependency.
const neutralFree = 10

// After recovery as many calls as rampStart may be under way at once, one more
// after each success, until rampFull or until rampTime has passed.
const (
	rampStart = 16
	rampFull  = 256
	rampTime  = 10 * time.Second
)

var (
	errFailure = errors.New("failure")
	errNeutral = errors.New("neutral")
)

// Breaker is safe for concurrent use.
type Breaker struct {
	word  atomic.Uint64 // generation<<8 | flags
	until atomic.Int64  // mono.Time of the end of the open period; valid while open
	held  atomic.Int64  // mono.Time of the end of what is forced; 0 = nothing is
	win   atomic.Pointer[window]
	_     [32]byte // the words above are read by every call, those below written by some

	onChange func(Change)
	random   func() float64 // in [0,1), of the jitter

	mu       sync.Mutex // guards everything below and every change of word
	cfg      Config
	gb       *gobreaker.TwoStepCircuitBreaker[struct{}] // nil until something failed
	gbOpen   time.Duration                              // gb's open period, jittered
	gbState  gobreaker.State                            // as OnStateChange last said
	trip     bool                                       // ReadyToTrip answers true: a window rule decided
	hold     bool                                       // ReadyToTrip answers false: history is being replayed
	state    State
	gen      uint64
	dirty    bool
	shut     bool
	round    round
	ramp     ramp
	forced   *Forced
	disabled bool
	slow     bool // the slow share exceeds its ratio
	shown    State
	opened   uint64
}

// round is one half-open round.
type round struct {
	done           func(error) // gobreaker's permit
	out            int         // probes under way
	good, bad      int
	neutral        int
	hungAt, nextAt mono.Time // valid while out > 0; no probe before
	lastAt         mono.Time // of the last probe let in
}

type ramp struct {
	active bool
	out    int
	limit  int
	until  mono.Time
}

// Forced is an override by hand.
type Forced struct {
	Open   bool
	Until  mono.Time
	Reason string
}

// New returns a closed breaker. onChange may be nil.
func New(cfg Config, onChange func(Change)) *Breaker {
	b := &Breaker{cfg: cfg, onChange: onChange, random: rand.Float64}
	if cfg.windowed() {
		b.win.Store(newWindow(cfg.Window))
	}
	b.publish()
	return b
}

// Jitter makes random, with results in [0,1), the source of the open period's
// jitter. It must be safe for concurrent use and be set before the first call.
func (b *Breaker) Jitter(random func() float64) { b.random = random }

// Fast returns a token if the breaker is closed and nothing special goes on.
// Otherwise the caller must ask Enter.
func (b *Breaker) Fast() (Token, bool) {
	w := b.word.Load()
	return Token(w), w&(stateMask|special) == 0
}

// Enter asks to call the dependency. It reports false when the breaker refuses.
func (b *Breaker) Enter(now mono.Time) (Token, bool) {
	if b.Shut() {
		return 0, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.enter(now)
}

// Shut reports whether the breaker is open and its open period is not over, by
// a timer's word: refusing needs no clock. Enter refuses then.
func (b *Breaker) Shut() bool { return b.word.Load()&(stateMask|special|shut) == uint64(Open)|shut }

func (b *Breaker) enter(now mono.Time) (Token, bool) {
	b.expire(now)
	switch {
	case b.disabled:
		return b.token(bypass), true
	case b.forced != nil:
		return b.token(bypass), !b.forced.Open
	}
	switch b.state {
	case Open:
		if now < mono.Time(b.until.Load()) {
			return 0, false
		}
		done, err := b.gb.Allow()
		if err != nil {
			return 0, false
		}
		b.round = round{done: done}
		b.move(HalfOpen, "the open period is over")
		return b.admit(now)
	case HalfOpen:
		return b.admit(now)
	default:
		return b.enterClosed(now)
	}
}

func (b *Breaker) enterClosed(now mono.Time) (Token, bool) {
	if !b.ramp.active {
		return b.token(0), true
	}
	if now >= b.ramp.until {
		b.endRamp()
		return b.token(0), true
	}
	if b.ramp.out >= b.ramp.limit {
		return 0, false
	}
	b.ramp.out++
	return b.token(ramped), true
}

// admit lets one probe into the current round, if there is room.
func (b *Breaker) admit(now mono.Time) (Token, bool) {
	if r := &b.round; r.out > 0 && now >= r.hungAt {
		b.abandon()
	}
	r := &b.round
	if r.out+r.good+r.bad >= b.cfg.Probes || now < r.nextAt {
		return 0, false
	}
	if r.out == 0 {
		r.hungAt = now + b.cfg.Round
	}
	r.out++
	r.lastAt = now
	return b.token(probe), true
}

// abandon replaces a round whose probes hang by a new one. The old permit goes
// back as excluded, which frees gobreaker's only half-open slot; results of the
// old probes are dropped by their generation.
func (b *Breaker) abandon() {
	b.round.done(errNeutral)
	done, err := b.gb.Allow()
	if err != nil { // cannot be: half-open with its slot free
		done = func(error) {}
	}
	b.round = round{done: done}
	b.gen++
	b.publish()
}

func (b *Breaker) token(kind uint64) Token {
	return Token(b.gen<<genShift | b.word.Load()&(dirty|windowed) | kind)
}

// Succeed gives t back after a call that was a success and not slow.
func (b *Breaker) Succeed(t Token) {
	if t&(windowed|dirty|class) != 0 || b.word.Load() != uint64(t) {
		b.succeed(t)
	}
}

// succeed is Succeed where there is something to do.
func (b *Breaker) succeed(t Token) {
	if t&(dirty|class) != 0 || b.word.Load() != uint64(t) {
		b.Done(t, Success, false)
		return
	}
	w := b.win.Load()
	s := &w.stripes[0]
	if n := len(w.stripes); n > 1 {
		s = &w.stripes[int(rand.Uint32())&(n-1)]
	}
	if s.good.Add(1) == 1 {
		w.arm(b)
	}
}

// Done gives t back. slow says that the call took longer than the configured
// time; it is ignored for neutral verdicts.
func (b *Breaker) Done(t Token, v Verdict, slow bool) {
	if t&bypass != 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.gen() != b.gen {
		return // of an older state
	}
	switch {
	case t&probe != 0:
		b.probed(v, slow)
	case t&ramped != 0 && b.ramp.active:
		b.ramp.out--
		if v == Success {
			b.ramp.limit++
		}
		if b.ramp.limit >= rampFull || mono.Now() >= b.ramp.until {
			b.endRamp()
		}
		b.judge(v, slow)
	default:
		b.judge(v, slow)
	}
}

// judge counts a result of the closed state.
func (b *Breaker) judge(v Verdict, slow bool) {
	if v == Neutral {
		return
	}
	slow = slow && b.cfg.Slow > 0
	reason := ""
	if w := b.win.Load(); w != nil {
		w.rotate(mono.Now())
		w.add(v == Failure, slow)
		reason = b.windowRule(w, v == Failure, slow)
	}
	b.trip = reason != ""
	switch {
	case b.trip, v == Failure:
		b.tell(errFailure)
		b.setDirty(b.cfg.Failures > 0)
	case b.dirty:
		b.tell(nil)
		b.setDirty(false)
	}
	b.trip = false
	if b.gbState == gobreaker.StateOpen {
		if reason == "" {
			reason = fmt.Sprintf("%d failures in a row", b.cfg.Failures)
		}
		b.open(reason)
		return
	}
	b.showSlow()
}

// windowRule returns why the window trips, "" if it does not. A rule is asked
// only about the kind of call it counts, as gobreaker asks ReadyToTrip only
// about failures.
func (b *Breaker) windowRule(w *window, failed, slow bool) string {
	total := w.total.calls()
	if total < b.cfg.Min {
		return ""
	}
	if c := b.cfg; failed && c.Ratio > 0 && share(w.total.bad, total) >= c.Ratio {
		return fmt.Sprintf("%d of %d calls failed", w.total.bad, total)
	}
	if c := b.cfg; slow && c.Slow > 0 && share(w.total.slow, total) >= c.SlowRatio {
		return fmt.Sprintf("%d of %d calls were slow", w.total.slow, total)
	}
	return ""
}

func share(n, total int) float64 {
	if total == 0 {
		return 0
	}
	// n/total rounds; a share that equals the ratio must compare equal.
	return math.Round(float64(n)/float64(total)*1e9) / 1e9
}

// tell reports a result of the closed state to gobreaker.
func (b *Breaker) tell(err error) {
	if b.gb == nil {
		b.renew()
	}
	if done, refused := b.gb.Allow(); refused == nil {
		done(err)
	}
}

func (b *Breaker) setDirty(d bool) {
	if b.dirty != d {
		b.dirty = d
		b.publish()
	}
}

// probed counts a result of the current round.
func (b *Breaker) probed(v Verdict, slow bool) {
	r := &b.round
	r.out--
	switch {
	case v == Neutral:
		r.neutral++
		if r.neutral >= neutralFree*b.cfg.Probes {
			r.nextAt = mono.Now() + b.cfg.Open/10
		}
	case v == Failure, slow && b.cfg.Slow > 0:
		r.bad++
	default:
		r.good++
	}
	switch {
	case r.good >= b.cfg.Good:
		r.done(nil)
		b.close(fmt.Sprintf("%d good probes", r.good))
	case r.bad > b.cfg.Probes-b.cfg.Good:
		r.done(errFailure)
		b.renew()
		b.trip = true
		b.tell(errFailure)
		b.trip = false
		b.open(fmt.Sprintf("%d bad probes", r.bad))
	}
}

// open follows gobreaker, which has just opened.
func (b *Breaker) open(reason string) {
	// Read after gobreaker read its clock, and one nanosecond longer than its
	// period: when ours is over, so is gobreaker's.
	b.until.Store(int64(mono.Now() + b.gbOpen))
	b.dirty, b.slow, b.ramp = false, false, ramp{}
	b.opened++
	b.shut = true
	b.move(Open, reason)
	gen := b.gen
	// A little early, so that who waits until the end of the period to the
	// nanosecond is not turned away by a timer that has yet to run.
	time.AfterFunc(b.gbOpen-min(time.Millisecond, b.gbOpen/2), func() { b.unshut(gen) })
}

// unshut ends what open began: from now on callers look at the clock.
func (b *Breaker) unshut(gen uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gen == gen {
		b.shut = false
		b.publish()
	}
}

func (b *Breaker) close(reason string) {
	b.gb, b.gbState = nil, gobreaker.StateClosed
	if w := b.win.Load(); w != nil {
		w.clear(mono.Now())
	}
	b.ramp = ramp{active: true, limit: max(rampStart, b.cfg.Probes), until: mono.Now() + min(b.cfg.Open, rampTime)}
	b.move(Closed, reason)
}

func (b *Breaker) endRamp() {
	b.ramp = ramp{}
	b.publish()
}

// renew takes a fresh gobreaker with a freshly jittered open period.
func (b *Breaker) renew() {
	b.gbState = gobreaker.StateClosed
	b.gbOpen = time.Duration(float64(b.cfg.Open) * (0.9 + 0.2*b.random()))
	b.gb = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests:   1, // a round is one request
		Timeout:       max(1, b.gbOpen-1),
		ReadyToTrip:   b.ready,
		OnStateChange: func(_ string, _, to gobreaker.State) { b.gbState = to },
		IsSuccessful:  func(err error) bool { return err == nil },
		IsExcluded:    func(err error) bool { return err == errNeutral }, //nolint:errorlint // our own value, never wrapped
	})
}

func (b *Breaker) ready(c gobreaker.Counts) bool {
	if b.hold {
		return false
	}
	return b.trip || b.cfg.Failures > 0 && int(c.ConsecutiveFailures) >= b.cfg.Failures
}

// move changes the state and begins a new generation.
func (b *Breaker) move(to State, reason string) {
	b.state = to
	b.gen++
	b.shut = b.shut && to == Open
	b.publish()
	b.show(reason)
}

// publish writes the mirror. Requires mu.
func (b *Breaker) publish() {
	w := b.gen<<genShift | uint64(b.state)
	if b.forced != nil || b.disabled || b.ramp.active {
		w |= special
	}
	if b.dirty {
		w |= dirty
	}
	if b.cfg.windowed() {
		w |= windowed
	}
	if b.shut {
		w |= shut
	}
	b.word.Store(w)
}

// show delivers a change of the state that others see.
func (b *Breaker) show(reason string) {
	from, to := b.shown, b.effective()
	if from == to {
		return
	}
	b.shown = to
	if b.onChange != nil {
		b.onChange(Change{From: from, To: to, Slow: b.slow, Reason: reason})
	}
}

func (b *Breaker) showSlow() {
	slow := false
	if w := b.win.Load(); w != nil && b.cfg.Slow > 0 {
		slow = share(w.total.slow, w.total.calls()) > b.cfg.SlowRatio
	}
	if slow == b.slow {
		return
	}
	b.slow = slow
	if b.onChange != nil {
		b.onChange(Change{From: b.shown, To: b.shown, Slow: slow})
	}
}

func (b *Breaker) effective() State {
	switch {
	case b.disabled:
		return Closed
	case b.forced == nil:
		return b.state
	case b.forced.Open:
		return Open
	default:
		return Closed
	}
}
