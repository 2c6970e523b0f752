package resil

import (
	"math/bits"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/resilgo/resil/runtime/internal/mono"
)

// Upper bounds in seconds of the histograms' buckets; shared by all.
var (
	durationBounds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	recoveryBounds = []float64{1, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 14400}
)

const (
	durationBuckets = 13
	firstBound      = time.Millisecond // durationBounds[0]
)

// methodCounter counts the calls of one method. What every call touches is
// striped; a successful call with one attempt touches nothing else.
type methodCounter struct {
	outcomes  [len(outcomeNames)]atomic.Uint64 // by Outcome; successes follow from the total
	extra     atomic.Int64                     // attempts beyond one per call
	refused   atomic.Uint64                    // attempts, by the breaker
	fallbacks []fallbackCounter
	stripes   []durationStripe
}

type fallbackCounter struct{ answered, failed atomic.Uint64 }

type durationStripe struct {
	buckets [durationBuckets + 1]atomic.Uint64
	nanos   atomic.Int64
	_       [8]byte
}

func newMethodCounter(fallbacks int) *methodCounter {
	n := min(8, 1<<bits.Len(uint(runtime.GOMAXPROCS(0)-1)))
	return &methodCounter{
		fallbacks: make([]fallbackCounter, fallbacks),
		stripes:   make([]durationStripe, n),
	}
}

// count counts one ended call.
func (c *methodCounter) count(s *call) {
	if s.attempts != 1 {
		c.extra.Add(int64(s.attempts) - 1)
	}
	now := s.begun
	if now != 0 {
		now = mono.Now()
	}
	c.one(s.arm.outcome, s.begun, now)
}

// one counts one call of one attempt.
func (c *methodCounter) one(o Outcome, begun, now mono.Time) {
	if o != OutcomeSuccess {
		c.outcomes[o].Add(1)
	}
	took := max(0, now-begun)
	// The clock's low bits are as good as random here, and free.
	stripe := &c.stripes[int(uint64(now)>>4)&(len(c.stripes)-1)]
	stripe.nanos.Add(int64(took))
	bucket := 0
	if took > firstBound {
		bucket = bucketOf(took.Seconds(), durationBounds)
	}
	stripe.buckets[bucket].Add(1)
}

func bucketOf(v float64, bounds []float64) int {
	for i, b := range bounds {
		if v <= b {
			return i
		}
	}
	return len(bounds)
}

func (c *methodCounter) fallback(i int, answered bool) {
	if answered {
		c.fallbacks[i].answered.Add(1)
	} else {
		c.fallbacks[i].failed.Add(1)
	}
}

// add adds what c has counted to m.
func (c *methodCounter) add(m *MethodStats, fallbacks []Fallback) {
	var others uint64
	// Read before the totals, which every call adds to last: no call is
	// missing from its total.
	for _, o := range Outcomes() {
		n := c.outcomes[o].Load()
		m.Calls[o-1] += n
		others += n
	}
	extra := c.extra.Load()
	var h histogram
	h.bounds, h.counts = durationBounds, make([]uint64, durationBuckets+1)
	for i := range c.stripes {
		for b := range h.counts {
			h.counts[b] += c.stripes[i].buckets[b].Load()
		}
		h.sum += time.Duration(c.stripes[i].nanos.Load())
	}
	d := h.export()
	m.Calls[OutcomeSuccess-1] += d.Count - min(others, d.Count)
	m.Attempts += uint64(max(0, int64(d.Count)+extra))
	m.Duration = m.Duration.plus(d)
	m.refused += c.refused.Load()
	for i, f := range fallbacks {
		m.add(FallbackStats{
			Strategy: f.Strategy, Answered: c.fallbacks[i].answered.Load(), Failed: c.fallbacks[i].failed.Load(),
		})
	}
}

func (m *MethodStats) add(f FallbackStats) {
	for i := range m.Fallbacks {
		if h := &m.Fallbacks[i]; h.Strategy == f.Strategy {
			h.Answered += f.Answered
			h.Failed += f.Failed
			return
		}
	}
	m.Fallbacks = append(m.Fallbacks, f)
}

// histogram is a histogram for use under a lock.
type histogram struct {
	bounds []float64
	counts []uint64 // len(bounds)+1, not cumulative
	sum    time.Duration
}

func (h *histogram) observe(d time.Duration) {
	if h.counts == nil {
		h.counts = make([]uint64, len(h.bounds)+1)
	}
	h.counts[bucketOf(d.Seconds(), h.bounds)]++
	h.sum += d
}

func (h *histogram) export() Histogram {
	e := Histogram{Bounds: h.bounds, Counts: make([]uint64, len(h.bounds)), Sum: h.sum.Seconds()}
	for i, n := range h.counts {
		e.Count += n
		if i < len(e.Counts) {
			e.Counts[i] = e.Count
		}
	}
	return e
}

func (h Histogram) plus(o Histogram) Histogram {
	if h.Bounds == nil {
		return o
	}
	for i := range h.Counts {
		h.Counts[i] += o.Counts[i]
	}
	h.Count += o.Count
	h.Sum += o.Sum
	return h
}
