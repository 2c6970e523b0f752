//go:build !race

package resil_test

import (
	"context"
	"errors"
	"fmt"
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
		for name, options := range map[string][]resil.Option{
			tt.name:                      nil,
			tt.name + ", nobody records": {resil.WithTracer(deaf{})},
		} {
			t.Run(name, func(t *testing.T) {
				sys := newSystem(t, resil.Config{}, options...)
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
}

func TestAllocationsOfAHedgedCall(t *testing.T) {
	sys := newSystem(t, resil.Config{})
	m := guarded(sys, resil.GuardSpec{}, resil.MethodSpec{Kind: resil.Read, Hedge: &resil.Hedge{After: time.Minute}})
	next := numbers{}
	var a, b int
	got := testing.AllocsPerRun(1000, func() {
		a, b = a+1, b+2
		_, _ = resil.CallHedged(t.Context(), m, func(ctx context.Context) (int, error) { return next.Add(ctx, a, b) })
	})
	if got > 3 {
		t.Errorf("%v allocations, want at most 3", got)
	}
}

// TestRegisteringIsLinear holds that a method costs the same however many its
// interface has: clients with hundreds of methods are nothing unusual.
func TestRegisteringIsLinear(t *testing.T) {
	register := func(methods int) float64 {
		names := make([]string, methods)
		for i := range names {
			names[i] = fmt.Sprint("M", i)
		}
		return testing.AllocsPerRun(3, func() {
			sys := newSystem(t, resil.Config{})
			g := sys.Guard(resil.GuardSpec{Dependency: "cache", Interface: "Cache"})
			for _, name := range names {
				g.Method(resil.MethodSpec{Name: name, Kind: resil.Read, Timeout: resil.Timeout{Attempt: time.Second}})
			}
		})
	}
	few, many := register(100), register(400)
	if many > 5*few {
		t.Errorf("400 methods take %v allocations, 100 take %v", many, few)
	}
}
