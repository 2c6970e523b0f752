package resil_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// FuzzBreaker feeds any values to a breaker: what Validate lets pass must work,
// and a breaker that counts failures must open.
func FuzzBreaker(f *testing.F) {
	f.Add(5, 0.5, 20, int64(10*time.Second), int64(2*time.Second), 0.5, int64(30*time.Second), 2, 3)
	f.Add(0, 0.0, 0, int64(0), int64(0), 0.0, int64(0), 0, 0)
	f.Add(-1, math.NaN(), math.MaxInt, int64(math.MaxInt64), int64(math.MinInt64), math.Inf(1), int64(-1), 0, 1)
	f.Fuzz(func(t *testing.T, failures int, ratio float64, least int, window, slow int64, slowRatio float64, open int64, good, probes int) {
		b := resil.Breaker{
			Failures: failures, Ratio: ratio, Min: least, Window: time.Duration(window),
			Slow: time.Duration(slow), SlowRatio: slowRatio, Open: time.Duration(open), Good: good, Probes: probes,
		}
		sys := newSystem(t, resil.Config{})
		m := guarded(sys, resil.GuardSpec{Breaker: &b}, resil.MethodSpec{})
		valid := b.Validate() == nil
		err := sys.Start(context.Background())
		defer sys.Close(context.Background()) //nolint:errcheck // the test is over
		if valid != (err == nil) {
			t.Errorf("Validate = %v, Start = %v", b.Validate(), err)
		}
		if !valid {
			return
		}
		limit := b.WithDefaults(0).Failures // 0: only a ratio trips, or slowness alone
		opened := false
		for range min(limit, 1000) + 1 {
			_, err := resil.Call(context.Background(), m, fail)
			opened = opened || errors.Is(err, resil.ErrOpen)
		}
		reopens := b.Open > 0 && b.Open < time.Minute // sooner than the test ends
		if limit > 0 && limit <= 1000 && !opened && !reopens {
			t.Errorf("still closed after %d failures in a row", limit+1)
		}
	})
}

// FuzzRetryAfter feeds any header to the reading of Retry-After.
func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "0", "7", "-1", "99999999999999999999", "Sat, 01 Jan 2000 00:00:09 GMT", "soon", "1.5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, ok := resil.ParseRetryAfter(s); d < 0 || d != 0 && !ok {
			t.Errorf("%q = %v, %v", s, d, ok)
		}
	})
}
