package resil

import (
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// maxRetryAfter bounds the wait that a dependency may ask for with Retry-After
// when no deadline does; whoever asks for more gets no retry.
const maxRetryAfter = time.Minute

// budget is the share of calls that may be retries: each call earns a part of
// a retry, each retry spends a whole one. It starts full, so that a quiet
// method may retry at all.
type budget struct {
	tokens atomic.Int64 // in millionths
}

const (
	oneRetry  = 1_000_000
	fullRetry = 10 * oneRetry
)

func (b *budget) fill() { b.tokens.Store(fullRetry) }

// earn is called once per call. Losing a race for the last token costs a
// millionth of nothing, so it does not try twice.
func (b *budget) earn(share float64) {
	if t := b.tokens.Load(); t < fullRetry {
		b.tokens.CompareAndSwap(t, min(fullRetry, t+int64(share*oneRetry)))
	}
}

// spend reports whether there is a retry left, and takes it.
func (b *budget) spend() bool {
	for {
		t := b.tokens.Load()
		if t < oneRetry {
			return false
		}
		if b.tokens.CompareAndSwap(t, t-oneRetry) {
			return true
		}
	}
}

// jittered returns the wait before attempt i+1: uniform in [0, r.Wait(i)]. The
// library's interval is the middle of that range, ±100 %.
func jittered(r Retry, i int) time.Duration {
	b := backoff.ExponentialBackOff{
		InitialInterval:     r.Wait(i) / 2,
		MaxInterval:         r.Wait(i) / 2,
		Multiplier:          1,
		RandomizationFactor: 1,
	}
	return min(b.NextBackOff(), r.Wait(i))
}
