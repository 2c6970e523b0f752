package resil_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/resiltest"
)

// layers are the policies of which every combination must keep every promise.
var layers = []struct {
	name string
	add  func(*resil.GuardSpec, *resil.MethodSpec)
}{
	{"ratio", func(g *resil.GuardSpec, _ *resil.MethodSpec) {
		g.Breaker = &resil.Breaker{Failures: 5, Ratio: .5, Slow: 10 * time.Second}
	}},
	{"timeout", func(_ *resil.GuardSpec, m *resil.MethodSpec) {
		m.Timeout = resil.Timeout{Attempt: 2 * time.Second, Total: 20 * time.Second}
	}},
	{"retry", func(_ *resil.GuardSpec, m *resil.MethodSpec) {
		m.Retry = &resil.Retry{Attempts: 3, Base: 10 * time.Millisecond, Max: 50 * time.Millisecond}
	}},
	{"bulkhead", func(g *resil.GuardSpec, m *resil.MethodSpec) {
		g.Bulkhead = &resil.Bulkhead{Max: 10, Wait: time.Second}
		m.Bulkhead = &resil.Bulkhead{Max: 8}
	}},
	{"rate", func(g *resil.GuardSpec, _ *resil.MethodSpec) { g.Rate = &resil.Rate{N: 100_000} }},
	{"fallback", func(_ *resil.GuardSpec, m *resil.MethodSpec) {
		m.Fallbacks = []resil.Fallback{{Strategy: resil.StrategyStale, TTL: time.Minute}, function("basic")}
	}},
	{"hedge", func(_ *resil.GuardSpec, m *resil.MethodSpec) { m.Hedge = &resil.Hedge{After: 100 * time.Millisecond} }},
}

func TestEveryCombinationOfLayersKeepsThePromises(t *testing.T) {
	for set := range 1 << len(layers) {
		// Half of them once more under a tracer that records nothing, the other
		// half under one that does.
		tracer := resil.Tracer(deaf{})
		if set%2 == 0 {
			tracer = new(diary)
		}
		conformLayers(t, set, "", nil)
		conformLayers(t, set, fmt.Sprintf("+%T", tracer), func(testing.TB) []resil.Option { return []resil.Option{resil.WithTracer(tracer)} })
	}
}

// conformLayers checks one combination of layers.
func conformLayers(t *testing.T, set int, suffix string, options func(testing.TB) []resil.Option) {
	var names []string
	g := resil.GuardSpec{Dependency: "db", Interface: "Store", Position: "store.go:1", Criticality: resil.Critical}
	spec := resil.MethodSpec{Name: "Get", Kind: resil.Read}
	for i, l := range layers {
		if set&(1<<i) != 0 {
			names = append(names, l.name)
			l.add(&g, &spec)
		}
	}
	t.Run(strings.Join(names, "+")+suffix, func(t *testing.T) {
		resiltest.Conform(t, resiltest.Subject{Options: options, New: func(sys *resil.System, client resiltest.Func) resiltest.Func {
			m := sys.Guard(g).Method(spec)
			with := resil.With[string]{
				Key:      func() any { return "key" },
				Fallback: func(context.Context, int, error) (string, error) { return "basic", nil },
			}
			if spec.Hedge != nil {
				return func(ctx context.Context) (string, error) { return resil.CallHedgedWith(ctx, m, client, with) }
			}
			return func(ctx context.Context) (string, error) { return resil.CallWith(ctx, m, client, with) }
		}})
	})
}
