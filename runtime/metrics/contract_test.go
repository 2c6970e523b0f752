package metrics_test

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/metrics"
)

func gather(t *testing.T, registry prometheus.Gatherer) map[string]*dto.MetricFamily {
	t.Helper()
	all, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	families := map[string]*dto.MetricFamily{}
	for _, f := range all {
		families[f.GetName()] = f
	}
	return families
}

// busy is a system with a guard of two methods, and what brings it into
// trouble.
func busy(t *testing.T) (sys *resil.System, call func(err error)) {
	t.Helper()
	sys = newSystem(t)
	fallbacks := []resil.Fallback{{Strategy: resil.StrategyCall, Name: "first"}, {Strategy: resil.StrategyCall, Name: "second"}, {Strategy: resil.StrategyZero}}
	guard := sys.Guard(resil.GuardSpec{Dependency: "db", Interface: "shop.Items", Position: "items.go:3", Criticality: resil.Critical, Breaker: &resil.Breaker{Failures: 2}})
	guard.Method(resil.MethodSpec{Name: "Get", Kind: resil.Read, Fallbacks: fallbacks, Levels: resil.DefaultActions(resil.Read, false, fallbacks)})
	put := guard.Method(resil.MethodSpec{Name: "Put", Kind: resil.Write, Levels: resil.DefaultActions(resil.Write, false, nil)})
	return sys, func(err error) {
		_, _ = resil.Call(t.Context(), put, func(context.Context) (int, error) { return 0, err })
	}
}

// Names, labels and the values that labels take are those of the contract, all
// of them at each moment, before and after trouble and when the system is
// closed.
func TestSeriesAreThoseOfTheContract(t *testing.T) {
	states := []string{"closed", "half-open", "open"}
	outcomes := []string{"bulkhead", "failure", "neutral", "open", "rate", "shed", "success", "timeout"}
	levels := []string{"degraded", "emergency", "limited", "minimal", "optimal"}
	methods := []string{"Get", "Put"}
	want := map[string]struct {
		kind   dto.MetricType
		labels map[string][]string
		series int
	}{
		metrics.BreakerState:     {dto.MetricType_GAUGE, map[string][]string{"dependency": {"db"}, "state": states}, 3},
		metrics.BreakerOpened:    {dto.MetricType_COUNTER, map[string][]string{"dependency": {"db"}}, 1},
		metrics.Calls:            {dto.MetricType_COUNTER, map[string][]string{"dependency": {"db"}, "method": methods, "outcome": outcomes}, 16},
		metrics.Attempts:         {dto.MetricType_COUNTER, map[string][]string{"dependency": {"db"}, "method": methods}, 2},
		metrics.CallDuration:     {dto.MetricType_HISTOGRAM, map[string][]string{"dependency": {"db"}, "method": methods}, 2},
		metrics.Fallbacks:        {dto.MetricType_COUNTER, map[string][]string{"dependency": {"db"}, "method": {"Get"}, "strategy": {"call", "zero"}, "outcome": {"answered", "failed"}}, 4},
		metrics.DegradationLevel: {dto.MetricType_GAUGE, map[string][]string{}, 1},
		metrics.Transitions:      {dto.MetricType_COUNTER, map[string][]string{"from": levels, "to": levels}, 20},
		metrics.HealthScore:      {dto.MetricType_GAUGE, map[string][]string{}, 1},
		metrics.DependencyUp:     {dto.MetricType_GAUGE, map[string][]string{"dependency": {"db"}}, 1},
		metrics.RecoverySeconds:  {dto.MetricType_HISTOGRAM, map[string][]string{}, 1},
	}
	sys, call := busy(t)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics.New(sys))
	check := func(when string) {
		t.Helper()
		families := gather(t, registry)
		if got, want := slices.Sorted(maps.Keys(families)), slices.Sorted(maps.Keys(want)); !slices.Equal(got, want) {
			t.Errorf("%s: families %q; want %q", when, got, want)
		}
		for name, f := range families {
			labels := map[string][]string{}
			for _, m := range f.GetMetric() {
				for _, l := range m.GetLabel() {
					if !slices.Contains(labels[l.GetName()], l.GetValue()) {
						labels[l.GetName()] = append(labels[l.GetName()], l.GetValue())
					}
				}
			}
			for _, values := range labels {
				slices.Sort(values)
			}
			w := want[name]
			if f.GetType() != w.kind || len(f.GetMetric()) != w.series || !maps.EqualFunc(labels, w.labels, slices.Equal) {
				t.Errorf("%s: %s is a %s of %d series with %v; want a %s of %d with %v", when, name, f.GetType(), len(f.GetMetric()), labels, w.kind, w.series, w.labels)
			}
			if f.GetHelp() == "" {
				t.Errorf("%s has no help", name)
			}
		}
		score := families[metrics.HealthScore].GetMetric()[0].GetGauge().GetValue()
		level := families[metrics.DegradationLevel].GetMetric()[0].GetGauge().GetValue()
		if math.IsNaN(score) || score < 0 || score > 100 || level < 1 || level > 5 {
			t.Errorf("%s: score %v, level %v", when, score, level)
		}
	}
	check("before the first call")
	for range 5 {
		call(errors.New("refused"))
	}
	check("in trouble")
	if err := sys.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("closed")
}

// Two systems in a process are told apart by a label of their registrations.
func TestTwoSystemsInOneRegistry(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	for _, name := range []string{"shop", "search"} {
		sys, _ := busy(t)
		if err := prometheus.WrapRegistererWith(prometheus.Labels{"system": name}, registry).Register(metrics.New(sys)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(gather(t, registry)[metrics.DegradationLevel].GetMetric()); n != 2 {
		t.Errorf("%d levels of two systems", n)
	}
	// Without one the second is refused at once, not at the first scrape.
	sys, _ := busy(t)
	plain := prometheus.NewRegistry()
	plain.MustRegister(metrics.New(sys))
	if err := plain.Register(metrics.New(sys)); !errors.As(err, new(prometheus.AlreadyRegisteredError)) {
		t.Errorf("the second collector: %v", err)
	}
}

// What a scrape reads while calls fail and levels move is whole: one state of a
// breaker at a time, and counters that only grow.
func TestScrapesAmidTroubleAreWhole(t *testing.T) {
	sys, call := busy(t)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics.New(sys))
	var others sync.WaitGroup
	defer others.Wait()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for i := range 4 {
		others.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				call(map[bool]error{true: errors.New("refused")}[(n+i)%3 != 0])
				_ = sys.Dependency("db").Reset("test")
			}
		})
	}
	var before float64
	for range 200 {
		families := gather(t, registry)
		states, calls := 0.0, 0.0
		for _, m := range families[metrics.BreakerState].GetMetric() {
			states += m.GetGauge().GetValue()
		}
		for _, m := range families[metrics.Calls].GetMetric() {
			calls += m.GetCounter().GetValue()
		}
		if states != 1 || calls < before {
			t.Fatalf("%v states at once, %v calls after %v", states, calls, before)
		}
		before = calls
	}
}

// Names that differ only in what Prometheus cannot hold are two series, and do
// not fail the scrape.
func TestNamesThatPrometheusRefusesStayApart(t *testing.T) {
	sys := newSystem(t)
	for _, name := range []string{"a\xff", "a\xfe"} {
		_, _ = resil.Do(t.Context(), sys.Dependency("x", resil.Operation(name)), func(context.Context) (int, error) { return 1, nil })
	}
	if got := scrape(t, metrics.New(sys)); strings.Count(got, "resil_attempts_total{") != 2 || !strings.Contains(got, `method="a\\xff"`) {
		t.Errorf("series of both names:\n%s", got)
	}
}
