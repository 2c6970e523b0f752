package breaker

import (
	"math/bits"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/resilgo/resil/runtime/internal/mono"
)

const (
	buckets    = 10 // of a window; a window rolls in tenths
	maxStripes = 8
)

// window counts calls over a rolling time.
//
// Successes are the common case and must not read the clock, nor fight for one
// cache line: they only add to a stripe. The first success since the stripes
// were last emptied arms a timer for the end of the current bucket; whoever
// comes first, the timer or a call that takes the slow path, moves the stripes
// into the bucket and the ring on. An idle window has no timer.
type window struct {
	stripes []stripe

	// Guarded by the breaker's mutex.
	width   time.Duration // of one bucket
	ring    [buckets]counts
	total   counts // Σ ring
	at      int    // current bucket
	started mono.Time
	timer   *time.Timer
	armed   bool
}

type counts struct{ good, bad, slow int }

func (c counts) calls() int { return c.good + c.bad }

type stripe struct {
	good atomic.Int64
	_    [56]byte
}

func newWindow(span time.Duration) *window {
	n := min(maxStripes, 1<<bits.Len(uint(runtime.GOMAXPROCS(0)-1)))
	if n <= 4 {
		n = 1 // choosing a stripe would cost more than sharing one
	}
	return &window{
		stripes: make([]stripe, n),
		width:   max(1, span/buckets),
		started: mono.Now(),
	}
}

func (w *window) arm(b *Breaker) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.armed {
		return
	}
	now := mono.Now()
	w.rotate(now)
	w.schedule(b, now)
}

func (w *window) schedule(b *Breaker, now mono.Time) {
	w.armed = true
	d := w.started + w.width - now
	if w.timer == nil {
		w.timer = time.AfterFunc(d, func() { w.tick(b) })
	} else {
		w.timer.Reset(d)
	}
}

func (w *window) tick(b *Breaker) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := mono.Now()
	w.rotate(now)
	w.armed = false
	if b.win.Load() != w {
		return
	}
	b.showSlow()
	if b.slow { // nobody else would notice that the slow calls have left
		w.schedule(b, now)
	}
}

// rotate brings the window to now. What the stripes hold was counted in the
// current bucket while the timer for its end was armed; with no timer armed it
// was counted just now, after an idle time, and belongs into the bucket of now.
func (w *window) rotate(now mono.Time) {
	if w.armed {
		w.empty()
		w.advance(now)
		return
	}
	w.advance(now)
	w.empty()
}

// empty moves the stripes into the current bucket.
func (w *window) empty() {
	n := 0
	for i := range w.stripes {
		if w.stripes[i].good.Load() != 0 {
			n += int(w.stripes[i].good.Swap(0))
		}
	}
	w.ring[w.at].good += n
	w.total.good += n
}

// advance moves on to the bucket of now.
func (w *window) advance(now mono.Time) {
	for steps := 0; now >= w.started+w.width; steps++ {
		if steps == buckets { // all empty by now
			w.started = now
			return
		}
		w.at = (w.at + 1) % buckets
		w.started += w.width
		old := w.ring[w.at]
		w.ring[w.at] = counts{}
		w.total.good -= old.good
		w.total.bad -= old.bad
		w.total.slow -= old.slow
	}
}

// add counts one call in the current bucket.
func (w *window) add(failed, slow bool) {
	var c counts
	if failed {
		c.bad = 1
	} else {
		c.good = 1
	}
	if slow {
		c.slow = 1
	}
	for _, to := range []*counts{&w.ring[w.at], &w.total} {
		to.good += c.good
		to.bad += c.bad
		to.slow += c.slow
	}
}

// clear forgets everything.
func (w *window) clear(now mono.Time) {
	w.rotate(now)
	w.ring, w.total = [buckets]counts{}, counts{}
}

// resize returns a window of another span that starts with w's counts.
func (w *window) resize(span time.Duration) *window {
	w.rotate(mono.Now())
	n := newWindow(span)
	n.ring[0], n.total = w.total, w.total
	return n
}
