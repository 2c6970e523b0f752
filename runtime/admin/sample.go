package admin

import (
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// window is how far back rates and percentiles look, in samples of one second.
const window = 10

// numbers are what one dependency did in the window.
type numbers struct {
	Rate      float64  `json:"rate"`      // calls per second
	Errors    float64  `json:"errors"`    // share of calls that failed or timed out, 0..1
	Refused   float64  `json:"refused"`   // share of calls that breaker, limits or level refused, 0..1
	Fallbacks float64  `json:"fallbacks"` // per second
	P50       *float64 `json:"p50"`       // seconds; null while no call is let through
	P95       *float64 `json:"p95"`       // as P50
	P99       *float64 `json:"p99"`       // as P50
}

// totals are a dependency's counters at one moment, over all its methods.
type totals struct {
	calls, bad, refused, fallbacks uint64
	duration                       resil.Histogram
}

// sample holds the totals of all dependencies at one moment.
type sample struct {
	at    time.Time
	total map[string]totals
}

// take reads the counters of every dependency.
func take(now time.Time, s resil.Snapshot) sample {
	taken := sample{at: now, total: make(map[string]totals, len(s.Dependencies))}
	for _, d := range s.Dependencies {
		var t totals
		for _, m := range d.Methods {
			for i, n := range m.Calls {
				t.calls += n
				switch resil.Outcomes()[i] {
				case resil.OutcomeFailure, resil.OutcomeTimeout:
					t.bad += n
				case resil.OutcomeOpen, resil.OutcomeShed, resil.OutcomeBulkhead, resil.OutcomeRate:
					t.refused += n
				case resil.OutcomeSuccess, resil.OutcomeNeutral:
				}
			}
			for _, f := range m.Fallbacks {
				t.fallbacks += f.Answered + f.Failed
			}
			t.duration = add(t.duration, m.Duration)
		}
		taken.total[d.Name] = t
	}
	return taken
}

// add sums two histograms of the same bounds.
func add(a, b resil.Histogram) resil.Histogram {
	if a.Counts == nil {
		a.Bounds, a.Counts = b.Bounds, make([]uint64, len(b.Counts))
	}
	for i := range min(len(a.Counts), len(b.Counts)) {
		a.Counts[i] += b.Counts[i]
	}
	a.Count += b.Count
	a.Sum += b.Sum
	return a
}

// since returns what happened between an older sample and s. A dependency that
// the older sample does not know counts from zero.
func (s sample) since(old sample) map[string]numbers {
	found := make(map[string]numbers, len(s.total))
	elapsed := s.at.Sub(old.at).Seconds()
	for name, now := range s.total {
		var n numbers
		before := old.total[name]
		if calls := now.calls - before.calls; calls > 0 && elapsed > 0 {
			n.Rate = float64(calls) / elapsed
			n.Errors = float64(now.bad-before.bad) / float64(calls)
			n.Refused = float64(now.refused-before.refused) / float64(calls)
			n.Fallbacks = float64(now.fallbacks-before.fallbacks) / elapsed
			// How long it takes to be refused says nothing of the dependency.
			if now.refused-before.refused < calls {
				n.P50 = quantile(0.50, now.duration, before.duration)
				n.P95 = quantile(0.95, now.duration, before.duration)
				n.P99 = quantile(0.99, now.duration, before.duration)
			}
		}
		found[name] = n
	}
	return found
}

// quantile returns the q-quantile of what came to a histogram since before, by
// linear interpolation inside the bucket as Prometheus's histogram_quantile
// does; values beyond the last bound count as the last bound. It returns nil
// when nothing came.
func quantile(q float64, now, before resil.Histogram) *float64 {
	count := now.Count - before.Count
	if count == 0 || len(now.Bounds) == 0 {
		return nil
	}
	rank := q * float64(count)
	var lower, below float64
	for i, bound := range now.Bounds {
		n := float64(now.Counts[i])
		if i < len(before.Counts) {
			n -= float64(before.Counts[i])
		}
		if n >= rank && n > below {
			v := lower + (bound-lower)*(rank-below)/(n-below)
			return &v
		}
		lower, below = bound, n
	}
	v := now.Bounds[len(now.Bounds)-1]
	return &v
}
