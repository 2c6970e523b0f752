package resil_test

import (
	"context"
	"testing"
	"time"

	"github.com/sony/gobreaker/v2"

	resil "github.com/resilgo/resil/runtime"
)

// BenchmarkCall gives the costs of one guarded call to a client that does
// nothing, beside bare gobreaker's. The comparison that counts, interleaved and
// with peers, is in the module benchmarks.
func BenchmarkCall(b *testing.B) {
	far, cancel := context.WithDeadline(context.Background(), time.Now().Add(time.Hour))
	defer cancel()
	cb := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{})
	bare := func(ctx context.Context, next numbers) (int, error) {
		return cb.Execute(func() (int, error) { return next.Add(ctx, 1, 2) })
	}
	b.Run("gobreaker", func(b *testing.B) {
		for b.Loop() {
			_, _ = bare(context.Background(), numbers{})
		}
	})
	bulkhead := &resil.Bulkhead{Max: 100}
	all := resil.MethodSpec{Kind: resil.Read, Retry: &resil.Retry{Attempts: 3}, Fallbacks: []resil.Fallback{function("basic")}}
	within, timed := all, all
	within.Timeout.Attempt = 2 * time.Hour
	timed.Timeout.Attempt = time.Second
	both := &resil.Breaker{Failures: 5, Ratio: .5}
	for _, bb := range []struct {
		name    string
		ctx     context.Context
		breaker *resil.Breaker
		shared  *resil.Bulkhead
		method  resil.MethodSpec
		prepare func(*resil.System)
	}{
		{"breaker", context.Background(), nil, nil, resil.MethodSpec{}, nil},
		{"breaker under a deadline", far, nil, nil, resil.MethodSpec{}, nil},
		{"ratio", context.Background(), both, nil, resil.MethodSpec{}, nil},
		{"all", context.Background(), both, bulkhead, all, nil},
		{"all slow", context.Background(), &resil.Breaker{Failures: 5, Ratio: .5, Slow: time.Second}, bulkhead, all, nil},
		{"all caller", far, both, bulkhead, within, nil},
		{"all timeout", context.Background(), both, bulkhead, timed, nil},
		{"metrics", context.Background(), nil, nil, resil.MethodSpec{}, func(s *resil.System) { s.Metrics() }},
		{"open", context.Background(), nil, nil, resil.MethodSpec{}, trip},
		{"open fallback", context.Background(), nil, nil, all, trip},
		{"shed", context.Background(), nil, nil, resil.MethodSpec{Kind: resil.Write}, level(resil.Minimal)},
	} {
		sys := newSystem(b, resil.Config{})
		m := guarded(sys, resil.GuardSpec{Breaker: bb.breaker, Bulkhead: bb.shared}, bb.method)
		if bb.prepare != nil {
			bb.prepare(sys)
		}
		g := &decorated{m: m, next: numbers{}}
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = g.Add(bb.ctx, 1, 2)
			}
		})
	}
}

// trip opens the breaker by failures.
func trip(s *resil.System) {
	m := guarded(s, resil.GuardSpec{}, resil.MethodSpec{Name: "Trip", Kind: resil.Read})
	for range 5 {
		_, _ = resil.Call(context.Background(), m, fail)
	}
}
