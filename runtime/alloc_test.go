//go:build !race

package resil_test

import (
	"context"
	"errors"
	"testing"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// TestAllocations pins what a guarded call allocates: nothing, but for the
// timer's own.
func TestAllocations(t *testing.T) {
	far, cancel := context.WithDeadline(t.Context(), time.Now().Add(time.Hour))
	defer cancel()
	cancelable, cancel2 := context.WithCancel(t.Context())
	defer cancel2()
	sometimes := resil.MethodSpec{
		Kind: resil.Read, Retry: &resil.Retry{Attempts: 3},
		Bulkhead: &resil.Bulkhead{Max: 100}, Rate: &resil.Rate{N: resil.MaxCount},
		Fallbacks: []resil.Fallback{{Strategy: resil.StrategyCall, Name: "basic"}},
	}
	timed, within := sometimes, sometimes
	timed.Timeout = resil.Timeout{Attempt: time.Second, Total: 10 * time.Second}
	within.Timeout = resil.Timeout{Attempt: 2 * time.Hour}
	ratio := resil.GuardSpec{Breaker: &resil.Breaker{Failures: 5, Ratio: .5, Slow: time.Second}, Bulkhead: &resil.Bulkhead{Max: 100}}
	tests := []struct {
		name    string
		ctx     context.Context
		guard   resil.GuardSpec
		method  resil.MethodSpec
		prepare func(*resil.System)
		err     error
		want    float64
	}{
		{"breaker and level", t.Context(), resil.GuardSpec{}, resil.MethodSpec{}, nil, nil, 0},
		{"ratio window", t.Context(), resil.GuardSpec{Breaker: &resil.Breaker{Ratio: .5}}, resil.MethodSpec{}, nil, nil, 0},
		{"all without a timer", cancelable, ratio, sometimes, nil, nil, 0},
		{"all under the caller's earlier deadline", far, ratio, within, nil, nil, 0},
		{"all with a timeout", cancelable, ratio, timed, nil, nil, 1},
		{"with metrics", cancelable, ratio, sometimes, func(s *resil.System) { s.Metrics() }, nil, 0},
		{"open with a fallback", cancelable, resil.GuardSpec{}, sometimes, force(true), nil, 0},
		{"open", cancelable, resil.GuardSpec{}, resil.MethodSpec{}, force(true), resil.ErrOpen, 0},
		{"shed", cancelable, resil.GuardSpec{}, resil.MethodSpec{Kind: resil.Write}, level(resil.Minimal), resil.ErrShed, 0},
		{"bulkhead full", cancelable, resil.GuardSpec{}, resil.MethodSpec{Rate: &resil.Rate{N: 1, Per: time.Hour}}, nil, resil.ErrRateLimited, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sys := newSystem(t, resil.Config{})
			m := guarded(sys, tt.guard, tt.method)
			if tt.prepare != nil {
				tt.prepare(sys)
			}
			client := numbers{}
			g := decorated{m: m, next: client}
			var err error
			_, _ = g.Add(tt.ctx, 1, 2)
			got := testing.AllocsPerRun(1000, func() { _, err = g.Add(tt.ctx, 1, 2) })
			if !errors.Is(err, tt.err) {
				t.Errorf("err = %v, want %v", err, tt.err)
			}
			if got > tt.want {
				t.Errorf("%v allocations, want %v", got, tt.want)
			}
		})
	}
}

func force(open bool) func(*resil.System) {
	return func(s *resil.System) { _ = s.Dependency("db").Force(open, time.Hour, "test") }
}

func level(l resil.Level) func(*resil.System) {
	return func(s *resil.System) { _ = s.Force(l, time.Hour, "test") }
}

// numbers is a client that does nothing, and decorated its guard as resilgen
// writes it.
type numbers struct{}

func (numbers) Add(_ context.Context, a, b int) (int, error) { return a + b, nil }

type decorated struct {
	m    *resil.Method
	next interface {
		Add(context.Context, int, int) (int, error)
	}
}

func (g *decorated) Add(ctx context.Context, a, b int) (int, error) {
	return resil.CallWith(ctx, g.m, func(ctx context.Context) (int, error) {
		return g.next.Add(ctx, a, b)
	}, resil.With[int]{
		Fallback: func(context.Context, int, error) (int, error) { return a - b, nil },
	})
}
