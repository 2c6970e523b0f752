package resil

import (
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// maxRetryAfter bounds the wait that a dependency may ask for with Retry-After
// when no deadline does; whoever asks for more gets no retry.
const maxRetryAfter = time.Minute

// budget is the share of calls that may be retries: each call earns a part of
// a retry, each retry spends a whole one. It starts full, so that a quiet
// method may retry at all, and holds what one call may ask for.
type budget struct {
	tokens atomic.Int64 // in millionths
	full   atomic.Int64 // the most of them; 0 = not yet sized
}

const (
	oneRetry      = 1_000_000
	fewestRetries = 10 // of a full budget
)

// resize makes room for the retries of a call with that many attempts.
func (b *budget) resize(attempts int) {
	full := int64(max(fewestRetries, attempts-1)) * oneRetry
	if b.full.Swap(full) == 0 {
		b.tokens.Store(full)
	}
}

// earn is called once per call. Losing a race for the last token costs a
// millionth of nothing, so it does not try twice.
func (b *budget) earn(share float64) {
	full := b.full.Load()
	if t := b.tokens.Load(); t < full {
		b.tokens.CompareAndSwap(t, min(full, t+int64(share*oneRetry)))
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
// library's interval is the middle of that range, ±100 %; its chance cannot be
// seeded, so random does instead where that is asked for.
func jittered(r Retry, i int, random func() float64) time.Duration {
	if random != nil {
		return time.Duration(random() * float64(r.Wait(i)))
	}
	b := backoff.ExponentialBackOff{
		InitialInterval:     r.Wait(i) / 2,
		MaxInterval:         r.Wait(i) / 2,
		Multiplier:          1,
		RandomizationFactor: 1,
	}
	return min(b.NextBackOff(), r.Wait(i))
}

// jitter returns a source of numbers in [0,1), safe for concurrent use: with a
// seed a function of seed and name, else the process's own.
func (s *System) jitter(name string) func() float64 {
	if s.config.Seed == 0 {
		return rand.Float64
	}
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(name))                              // never fails
	source := rand.New(rand.NewPCG(s.config.Seed, hash.Sum64())) //nolint:gosec // jitter, not a secret
	var mu sync.Mutex
	return func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return source.Float64()
	}
}
