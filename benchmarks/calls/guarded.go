package calls

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/metrics"
)

// guarded are the variants with generated decorators. The goals are the ones
// that the runtime is built for.
func guarded() []Variant {
	return []Variant{
		{
			Name: "breaker + level", Group: Ours, Serial: .15, Parallel: .10,
			Make: calls(func(sys *resil.System) Getter { return NewGuardedBreaker(sys, &client{}) }),
		},
		{
			Name: "breaker with a ratio window + level", Group: Ours, Serial: .20, Parallel: .10,
			Make: calls(func(sys *resil.System) Getter { return NewGuardedRatio(sys, &client{}) }),
		},
		{
			Name: "all policies without a timer", Group: Ours, Serial: .30,
			Make: calls(func(sys *resil.System) Getter { return NewGuardedFull(sys, &client{}) }),
		},
		{
			Name: "all policies, slow calls judged", Group: Ours, Serial: .65,
			Make: calls(func(sys *resil.System) Getter { return NewGuardedSlow(sys, &client{}) }),
		},
		{
			Name: "all policies with metrics", Group: Ours, Serial: .65,
			Make: withMetrics,
		},
		{
			Name: "all policies and a timeout, caller's deadline earlier", Group: Ours, Serial: .45,
			Make: underDeadline,
		},
		{
			Name: "all policies and a timeout", Group: Ours, Serial: .90, Allocs: 2,
			Make: calls(func(sys *resil.System) Getter { return NewGuardedTimed(sys, &client{}) }),
		},
		{
			Name: "breaker + hedge that is not needed", Group: Ours, Allocs: -1,
			Make: calls(func(sys *resil.System) Getter { return NewGuardedHedged(sys, &client{}) }),
		},
		{
			Name: "open, with a fallback", Group: Rejected, Serial: .25,
			Make: open,
		},
		{
			Name: "shed by level", Group: Rejected, Serial: .10,
			Make: shed,
		},
	}
}

// newSystem returns a system that keeps its transitions to itself, started as
// in a service.
func newSystem() (*resil.System, error) {
	sys, err := resil.New(resil.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	return sys, sys.Start(context.Background())
}

// calls makes a variant of a decorator on a system of its own.
func calls(guard func(*resil.System) Getter) func() (Loop, func(), error) {
	return func() (Loop, func(), error) {
		sys, err := newSystem()
		if err != nil {
			return nil, nil, err
		}
		return loop(guard(sys)), func() {}, nil
	}
}

func withMetrics() (Loop, func(), error) {
	sys, err := newSystem()
	if err != nil {
		return nil, nil, err
	}
	get := NewGuardedFull(sys, &client{})
	return loop(get), func() {}, prometheus.NewRegistry().Register(metrics.New(sys))
}

func underDeadline() (Loop, func(), error) {
	sys, err := newSystem()
	if err != nil {
		return nil, nil, err
	}
	return loopUnderDeadline(NewGuardedTimed(sys, &client{})), func() {}, nil
}

func open() (Loop, func(), error) {
	sys, err := newSystem()
	if err != nil {
		return nil, nil, err
	}
	get := NewGuardedDown(sys, &client{err: errDown})
	_, err = get.Get(context.Background(), 0) // trips the breaker; the fallback answers
	return loop(get), func() {}, err
}

func shed() (Loop, func(), error) {
	sys, err := newSystem()
	if err != nil {
		return nil, nil, err
	}
	get := NewGuardedShed(sys, &client{})
	return rejectedLoop(get, resil.ErrShed), func() {}, sys.Force(resil.Minimal, time.Hour, "benchmark")
}
