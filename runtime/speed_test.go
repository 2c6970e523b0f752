package resil_test

import (
	"context"
	"testing"
	"time"

	"github.com/sony/gobreaker/v2"

	resil "github.com/resilgo/resil/runtime"
)

func BenchmarkCall(b *testing.B) {
	do := func(context.Context) (int, error) { return 1, nil }
	ctx := context.Background()
	sys := newSystem(b, resil.Config{})
	bench := func(name string, g resil.GuardSpec, m resil.MethodSpec) {
		g.Dependency = name
		method := guarded(sys, g, m)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = resil.Call(ctx, method, do)
			}
		})
	}
	cb := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{})
	b.Run("gobreaker", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = cb.Execute(func() (int, error) { return do(ctx) })
		}
	})
	bench("breaker", resil.GuardSpec{}, resil.MethodSpec{})
	bench("ratio", resil.GuardSpec{Breaker: &resil.Breaker{Ratio: .5}}, resil.MethodSpec{})
	bench("slow", resil.GuardSpec{Breaker: &resil.Breaker{Slow: time.Second}}, resil.MethodSpec{})
	all := resil.MethodSpec{Kind: resil.Read, Retry: &resil.Retry{Attempts: 3}, Fallbacks: []resil.Fallback{{Strategy: resil.StrategyZero}}}
	bulk := &resil.Bulkhead{Max: 10}
	bench("all", resil.GuardSpec{Breaker: &resil.Breaker{Failures: 5, Ratio: .5}, Bulkhead: bulk}, all)
	all.Timeout.Attempt = time.Second
	bench("all-timeout", resil.GuardSpec{Breaker: &resil.Breaker{Failures: 5, Ratio: .5}, Bulkhead: bulk}, all)
	var cancel context.CancelFunc
	ctx, cancel = context.WithTimeout(ctx, time.Millisecond*900)
	cancel2 := cancel
	ctx, cancel = context.WithDeadline(context.Background(), time.Now().Add(time.Hour))
	defer cancel()
	defer cancel2()
	all.Timeout.Attempt = 2 * time.Hour
	bench("all-caller", resil.GuardSpec{Breaker: &resil.Breaker{Failures: 5, Ratio: .5}, Bulkhead: bulk}, all)
}
