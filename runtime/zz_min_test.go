package resil_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/sony/gobreaker/v2"

	resil "github.com/resilgo/resil/runtime"
)

func TestZZMin(t *testing.T) {
	if os.Getenv("ZZ") == "" {
		t.Skip()
	}
	far, cancel := context.WithDeadline(context.Background(), time.Now().Add(time.Hour))
	defer cancel()
	cb := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{})
	bulkhead := &resil.Bulkhead{Max: 100}
	all := resil.MethodSpec{Kind: resil.Read, Retry: &resil.Retry{Attempts: 3}, Fallbacks: []resil.Fallback{function("basic")}}
	within, timed := all, all
	within.Timeout.Attempt = 2 * time.Hour
	timed.Timeout.Attempt = time.Second
	both := &resil.Breaker{Failures: 5, Ratio: .5}
	bg0 := context.Background()
	type v struct {
		name string
		f    func()
		min  float64
	}
	bare := func(ctx context.Context, next numbers) (int, error) {
		return cb.Execute(func() (int, error) { return next.Add(ctx, 1, 2) })
	}
	vs := []*v{{name: "gobreaker", f: func() { _, _ = bare(context.Background(), numbers{}) }}}
	add := func(name string, ctx context.Context, br *resil.Breaker, bh *resil.Bulkhead, ms resil.MethodSpec, prep func(*resil.System)) {
		sys := newSystem(t, resil.Config{})
		m := guarded(sys, resil.GuardSpec{Breaker: br, Bulkhead: bh}, ms)
		if prep != nil {
			prep(sys)
		}
		_ = sys.Start(bg0)
		g := &decorated{m: m, next: numbers{}}
		vs = append(vs, &v{name: name, f: func() { _, _ = g.Add(ctx, 1, 2) }})
	}
	bg := bg0
	add("breaker .15", bg, nil, nil, resil.MethodSpec{}, nil)
	add("breaker under deadline", far, nil, nil, resil.MethodSpec{}, nil)
	add("ratio .20", bg, both, nil, resil.MethodSpec{}, nil)
	add("all .30", bg, both, bulkhead, all, nil)
	add("all slow .65", bg, &resil.Breaker{Failures: 5, Ratio: .5, Slow: time.Second}, bulkhead, all, nil)
	add("all caller .45", far, both, bulkhead, within, nil)
	add("all timeout .90", bg, both, bulkhead, timed, nil)
	add("metrics .65", bg, nil, nil, resil.MethodSpec{}, func(s *resil.System) { s.Metrics() })
	add("all metrics", bg, both, bulkhead, all, func(s *resil.System) { s.Metrics() })
	add("open .25?", bg, nil, nil, resil.MethodSpec{}, trip)
	add("open fallback .25", bg, nil, nil, all, trip)
	add("shed .10", bg, nil, nil, resil.MethodSpec{Kind: resil.Write}, level(resil.Minimal))
	for range 300 {
		for _, x := range vs {
			start := time.Now()
			for range 2000 {
				x.f()
			}
			d := float64(time.Since(start)) / 2000
			if x.min == 0 || d < x.min {
				x.min = d
			}
		}
	}
	for _, x := range vs {
		fmt.Printf("%-24s %6.1f ns  %.2f\n", x.name, x.min, x.min/vs[0].min)
	}
}
