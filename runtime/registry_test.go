package resil_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/resiltest"
)

func TestGuardsOfOneNameCompleteEachOther(t *testing.T) {
	sys := newSystem(t, resil.Config{})
	a := sys.Guard(resil.GuardSpec{Dependency: "db", Interface: "A", Position: "a.go:1", Criticality: resil.Critical, Breaker: &resil.Breaker{Failures: 3}})
	a.Method(resil.MethodSpec{Name: "Get"})
	b := sys.Guard(resil.GuardSpec{Dependency: "db", Interface: "B", Position: "b.go:1", Breaker: &resil.Breaker{Open: time.Minute}, Bulkhead: &resil.Bulkhead{Max: 7}})
	b.Method(resil.MethodSpec{Name: "Get"})
	st := sys.Status()
	if len(st.Dependencies) != 1 {
		t.Fatalf("%d dependencies, want 1 shared", len(st.Dependencies))
	}
	d := st.Dependencies[0]
	if br := d.Limits.Breaker; d.Criticality != resil.Critical || d.Down != resil.Minimal || br.Failures != 3 || br.Open != time.Minute || d.Limits.Bulkhead.Max != 7 || len(d.Methods) != 2 {
		t.Errorf("status = %+v, breaker %+v", d, br)
	}
	if err := sys.Start(t.Context()); err != nil {
		t.Error(err)
	}
	_ = sys.Close(t.Context())
}

func TestContradictingGuards(t *testing.T) {
	first := resil.GuardSpec{Dependency: "db", Interface: "A", Position: "a.go:1", Criticality: resil.Critical, Breaker: &resil.Breaker{Failures: 3}}
	second := resil.GuardSpec{Dependency: "db", Interface: "B", Position: "b.go:9", Breaker: &resil.Breaker{Failures: 4}}
	t.Run("before Start are its error", func(t *testing.T) {
		sys := newSystem(t, resil.Config{})
		sys.Guard(first)
		sys.Guard(second)
		err := sys.Start(t.Context())
		for _, want := range []string{"a.go:1", "b.go:9", "failures=4", "failures=3"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Start = %v, want it to name %s", err, want)
			}
		}
	})
	t.Run("after Start panic", func(t *testing.T) {
		sys := newSystem(t, resil.Config{})
		sys.Guard(first)
		if err := sys.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		v := calmly(func() { sys.Guard(second) })
		if s := fmt.Sprint(v); !strings.Contains(s, "a.go:1") || !strings.Contains(s, "b.go:9") {
			t.Errorf("panic = %v, want both places", v)
		}
		_ = sys.Close(t.Context())
	})
}

func TestInvalidSpecsAreStartsErrorAndDoNotAct(t *testing.T) {
	sys := newSystem(t, resil.Config{})
	m := guarded(sys, resil.GuardSpec{Breaker: &resil.Breaker{Failures: -1, Open: -time.Second}}, resil.MethodSpec{Timeout: resil.Timeout{Attempt: -1}})
	if v, err := resil.Call(t.Context(), m, succeed); v != "full" || err != nil {
		t.Errorf("got %q, %v", v, err)
	}
	err := sys.Start(t.Context())
	for _, want := range []string{"failures=-1", "open=-1s", "timeout=-1ns"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Start = %v, want it to name %s", err, want)
		}
	}
}

func TestSystemLife(t *testing.T) {
	sys := newSystem(t, resil.Config{})
	m := guarded(sys, resil.GuardSpec{}, resil.MethodSpec{})
	works := func(when string) {
		t.Helper()
		if v, err := resil.Call(t.Context(), m, succeed); v != "full" || err != nil {
			t.Errorf("%s: %q, %v", when, v, err)
		}
	}
	works("before Start")
	if err := sys.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := sys.Start(t.Context()); err == nil {
		t.Error("a second Start succeeded")
	}
	for range 2 {
		if err := sys.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	works("after Close")
	if err := sys.Start(t.Context()); !errors.Is(err, resil.ErrClosed) {
		t.Errorf("Start after Close = %v", err)
	}
	if err := sys.AddCheck("db", func(context.Context) error { return nil }); !errors.Is(err, resil.ErrClosed) {
		t.Errorf("AddCheck after Close = %v", err)
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	for _, c := range []resil.Config{
		{Levels: resil.LevelConfig{Stable: -1}},
		{Levels: resil.LevelConfig{MinimalBelow: 10, EmergencyBelow: 20}},
		{Levels: resil.LevelConfig{Weights: [4]float64{1, 2, 3, -4}}},
		{CallerDeadline: 9},
		{Overrides: resil.Overrides{Dependencies: map[string]resil.DependencyOverride{"db": {Breaker: &resil.Breaker{Failures: -1}}}}},
	} {
		if _, err := resil.New(c); err == nil {
			t.Errorf("New(%+v) succeeded", c)
		}
	}
}

func TestReload(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		m := guarded(sys, resil.GuardSpec{Breaker: &resil.Breaker{Failures: 5, Open: 30 * time.Second}}, resil.MethodSpec{Kind: resil.Read, Timeout: resil.Timeout{Attempt: time.Second}})
		if err := sys.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		override := func(d resil.DependencyOverride) error {
			return sys.Reload(resil.Overrides{Dependencies: map[string]resil.DependencyOverride{"db": d}})
		}
		fake.Always(resiltest.Fail(nil))
		for range 3 {
			_, _ = resil.Call(t.Context(), m, fake.Call)
		}
		if err := override(resil.DependencyOverride{Breaker: &resil.Breaker{Failures: 4, Open: time.Minute}}); err != nil {
			t.Fatal(err)
		}
		_, _ = resil.Call(t.Context(), m, fake.Call)
		st := sys.Status().Dependencies[0]
		if st.Breaker != resil.BreakerOpen {
			t.Error("the run of failures did not survive the reload")
		}
		if left := time.Until(st.OpenUntil); left < 54*time.Second {
			t.Errorf("open for %v, want the new minute", left)
		}
		bad := []struct {
			name string
			o    resil.Overrides
			want string
		}{
			{"unknown dependency", resil.Overrides{Dependencies: map[string]resil.DependencyOverride{"dbx": {}}}, `unknown dependency "dbx"`},
			{"unknown method", resil.Overrides{Dependencies: map[string]resil.DependencyOverride{"db": {Methods: map[string]resil.MethodOverride{"Gte": {}}}}}, `unknown method "Gte"`},
			{"a fallback that is not there", resil.Overrides{Dependencies: map[string]resil.DependencyOverride{"db": {Methods: map[string]resil.MethodOverride{"Get": {Levels: resil.Actions{resil.Minimal - 1: resil.ActFallback}}}}}}, "Get: minimal=fallback, but it has no fallback"},
			{"answers that are not kept", resil.Overrides{Dependencies: map[string]resil.DependencyOverride{"db": {Methods: map[string]resil.MethodOverride{"Get": {Levels: resil.Actions{resil.Limited - 1: resil.ActStale}}}}}}, "Get: limited=stale, but it keeps no answers"},
			{"hedge of a method without one", resil.Overrides{Dependencies: map[string]resil.DependencyOverride{"db": {Methods: map[string]resil.MethodOverride{"Get": {Hedge: &resil.Hedge{After: time.Second}}}}}}, "not generated with a hedge"},
			{"bad value", resil.Overrides{Dependencies: map[string]resil.DependencyOverride{"db": {Breaker: &resil.Breaker{Ratio: 1.5}}}}, "ratio=1.5"},
			{"window below timeout", resil.Overrides{Dependencies: map[string]resil.DependencyOverride{"db": {Breaker: &resil.Breaker{Ratio: .5, Window: 500 * time.Millisecond}}}}, "window=500ms is shorter than the timeout"},
			{"window that cannot fill", resil.Overrides{Dependencies: map[string]resil.DependencyOverride{"db": {Breaker: &resil.Breaker{Ratio: .5, Min: 1000}, Rate: &resil.Rate{N: 1}}}}, "min=1000 can never be reached"},
			{"total below attempts", resil.Overrides{Dependencies: map[string]resil.DependencyOverride{"db": {Methods: map[string]resil.MethodOverride{"Get": {Timeout: &resil.Timeout{Total: 2 * time.Second}, Retry: &resil.Retry{Attempts: 5}}}}}}, "more than total=2s"},
		}
		for _, tt := range bad {
			if err := sys.Reload(tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: Reload = %v, want %q", tt.name, err, tt.want)
			}
		}
		if got := sys.Status().Dependencies[0].Limits.Breaker.Failures; got != 4 {
			t.Errorf("failures = %d after refused reloads, want 4", got)
		}
		if err := sys.Reload(resil.Overrides{}); err != nil {
			t.Error(err)
		}
		if got := sys.Status().Dependencies[0].Limits.Breaker.Failures; got != 5 {
			t.Errorf("failures = %d without overrides, want 5", got)
		}
		_ = sys.Close(t.Context())
	})
}

func TestReloadKeepsTheWindow(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		m := guarded(sys, resil.GuardSpec{Breaker: &resil.Breaker{Ratio: .5, Min: 20, Window: time.Minute}}, resil.MethodSpec{})
		fake.Always(resiltest.Fail(nil))
		for range 19 {
			_, _ = resil.Call(t.Context(), m, fake.Call)
		}
		if err := sys.Reload(resil.Overrides{Dependencies: map[string]resil.DependencyOverride{"db": {Breaker: &resil.Breaker{Window: 2 * time.Minute, Open: time.Second}}}}); err != nil {
			t.Fatal(err)
		}
		_, _ = resil.Call(t.Context(), m, fake.Call)
		if got := sys.Status().Dependencies[0].Breaker; got != resil.BreakerOpen {
			t.Errorf("breaker = %v after the 20th failure", got)
		}
	})
}

func TestKillSwitchKeepsFallbacksOnly(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		m := guarded(sys, resil.GuardSpec{Criticality: resil.Critical, Breaker: &resil.Breaker{Failures: 1}, Bulkhead: &resil.Bulkhead{Max: 1}, Rate: &resil.Rate{N: 1, Per: time.Hour}}, resil.MethodSpec{
			Kind: resil.Write, Idempotent: true, Retry: &resil.Retry{Attempts: 3}, Timeout: resil.Timeout{Attempt: time.Second},
			Fallbacks: []resil.Fallback{function("a")},
		})
		fake.Always(resiltest.Fail(nil))
		with := resil.With[string]{Fallback: func(context.Context, int, error) (string, error) { return "basic", nil }}
		_, _ = resil.CallWith(t.Context(), m, fake.Call, with)
		if err := sys.Reload(resil.Overrides{Disabled: true}); err != nil {
			t.Fatal(err)
		}
		before := fake.Calls()
		for range 10 {
			if v, err := resil.CallWith(t.Context(), m, fake.Call, with); v != "basic" || err != nil {
				t.Errorf("got %q, %v; want the fallback", v, err)
			}
		}
		fake.Script(resiltest.Deaf(time.Minute, resiltest.Answer("late")))
		if v, err := resil.CallWith(t.Context(), m, fake.Call, with); v != "late" || err != nil {
			t.Errorf("got %q, %v; want no timeout", v, err)
		}
		if n := fake.Calls() - before; n != 11 {
			t.Errorf("%d calls reached the client, want 11: no breaker, rate, retry", n)
		}
		if err := sys.Reload(resil.Overrides{}); err != nil {
			t.Fatal(err)
		}
		if got := sys.Status().Dependencies[0].Breaker; got != resil.BreakerOpen {
			t.Errorf("breaker = %v after the switch is back, want what it was", got)
		}
	})
}

func TestHandles(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		early := sys.Dependency("mail")
		d := sys.Dependency("mail", resil.High, resil.Breaker{Failures: 2}, resil.Timeout{Attempt: time.Second}, resil.Retry{Attempts: 2})
		if err := sys.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		fake.Script(resiltest.Fail(nil))
		if v, err := resil.Do(t.Context(), early, fake.Call); v != "ok" || err != nil || fake.Calls() != 2 {
			t.Errorf("the early handle: %q, %v, %v; want the later policies", v, err, fake)
		}
		fake.Always(resiltest.Fail(nil))
		_, _ = resil.Do(t.Context(), d, fake.Call)
		if _, err := resil.Do(t.Context(), d, fake.Call); !errors.Is(err, resil.ErrOpen) {
			t.Errorf("err = %v, want ErrOpen", err)
		}
		if sys.Level() != resil.Limited {
			t.Errorf("level = %v", sys.Level())
		}
		if v := calmly(func() { sys.Dependency("mail", resil.Timeout{Attempt: 2 * time.Second}) }); !strings.Contains(fmt.Sprint(v), "timeout=2s contradicts timeout=1s") {
			t.Errorf("contradiction: %v", v)
		}
		other := sys.Dependency("mail", resil.Operation("bounce"), resil.Timeout{Attempt: 5 * time.Second})
		_, err := resil.Do(t.Context(), other, fake.Call)
		if ex := explain(t, err); ex.Method != "bounce" || ex.Outcome != resil.OutcomeOpen {
			t.Errorf("explanation = %+v", ex)
		}
		hedged := sys.Dependency("search", resil.Hedge{After: time.Millisecond})
		if _, err := resil.Do(t.Context(), hedged, fake.Call); err == nil || !strings.Contains(err.Error(), "DoHedged") {
			t.Errorf("Do of a hedged dependency = %v", err)
		}
		if _, err := resil.DoHedged(t.Context(), hedged, fake.Call); !errors.Is(err, resiltest.ErrDown) {
			t.Errorf("DoHedged = %v", err)
		}
		fallback := sys.Dependency("prices", resil.Fallback{Strategy: resil.StrategyCall, Name: "basic"})
		v, err := resil.DoWith(t.Context(), fallback, fake.Call, resil.With[string]{
			Fallback: func(context.Context, int, error) (string, error) { return "basic", nil },
		})
		if v != "basic" || err != nil {
			t.Errorf("DoWith = %q, %v", v, err)
		}
		if err := sys.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestAWriteOfCodeIsRetriedWhereItIsIdempotent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, resil.Config{})
		calls := 0
		fail := func(context.Context) (int, error) {
			calls++
			return 0, errDown
		}
		send := sys.Dependency("mail", resil.Write, resil.Idempotent(true), resil.Retry{Attempts: 3}, resil.Operation("Send"))
		if _, err := resil.Do(t.Context(), send, fail); !errors.Is(err, errDown) || calls != 3 {
			t.Errorf("%d calls, error %v; want 3, the client's", calls, err)
		}
		if m := sys.Status().Dependencies[0].Methods[0]; m.Kind != resil.Write || !m.Idempotent {
			t.Errorf("in force: %+v", m)
		}
	})
}

func TestLoggerOfAnOption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		sys, err := resil.New(resil.Config{}, resil.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		if err != nil {
			t.Fatal(err)
		}
		if err := sys.Force(resil.Minimal, time.Minute, "drill"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // listeners and the log are told aside
		if !strings.Contains(log.String(), "to=minimal") {
			t.Errorf("logged: %q", log.String())
		}
	})
}

func TestKnobsFollowTheLevel(t *testing.T) {
	sys := newSystem(t, resil.Config{})
	own := sys.Knob("workers", [5]float64{16, 8, 4, 2, 1})
	ttl := sys.Knob("cache_ttl", [5]float64{})
	for _, l := range resil.Levels() {
		if err := sys.Force(l, time.Hour, "test"); err != nil {
			t.Fatal(err)
		}
		if got, want := own.Value(), float64(int(32)>>l); got != want {
			t.Errorf("workers at %v = %v, want %v", l, got, want)
		}
	}
	if got := ttl.Value(); got != 60 {
		t.Errorf("cache_ttl at emergency = %v, want 60", got)
	}
}

func TestListenersThatPanicOrLeaveCostOthersNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, resil.Config{})
		s.sys.OnLevel(func(resil.Transition) { panic("listener") })
		s.sys.OnLevel(func(resil.Transition) { aside(func() {}); goexit() })
		heard := 0
		stop := s.sys.OnLevel(func(resil.Transition) { heard++ })
		s.breakDown(t.Context(), "redis", "openai")
		synctest.Wait()
		if heard != 2 {
			t.Errorf("the third listener heard %d of 2 transitions", heard)
		}
		stop()
		s.breakDown(t.Context(), "db")
		synctest.Wait()
		if heard != 2 {
			t.Error("a stopped listener was called")
		}
		if err := s.sys.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestAHandleThatOnlyForcesIsNoMethod(t *testing.T) {
	sys := newSystem(t, resil.Config{})
	guarded(sys, resil.GuardSpec{}, resil.MethodSpec{})
	d := sys.Dependency("db")
	if err := d.Force(true, time.Hour, "maintenance"); err != nil {
		t.Fatal(err)
	}
	if ms := sys.Status().Dependencies[0].Methods; len(ms) != 1 {
		t.Errorf("methods = %+v, want the guard's alone", ms)
	}
	if _, err := resil.Do(t.Context(), d, succeed); !errors.Is(err, resil.ErrOpen) {
		t.Errorf("Do = %v, want ErrOpen", err)
	}
	d.Unforce()
	if v, err := resil.Do(t.Context(), d, succeed); v != "full" || err != nil {
		t.Errorf("Do = %q, %v", v, err)
	}
}

// Overrides may speak of what a lazy guard has not met yet.
func TestOverridesOfMethodsThatAreYetToBeMet(t *testing.T) {
	sys := newSystem(t, resil.Config{})
	guard := sys.Guard(resil.GuardSpec{Dependency: "api", Interface: "Transport", Lazy: true})
	if err := sys.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := sys.Reload(resil.Overrides{Dependencies: map[string]resil.DependencyOverride{"api": {Methods: map[string]resil.MethodOverride{
		"GET": {Timeout: &resil.Timeout{Attempt: -1}},
	}}}})
	if err == nil || !strings.Contains(err.Error(), "GET: timeout=-1ns is out of range") {
		t.Errorf("a bad value of a method yet to be met: %v", err)
	}
	err = sys.Reload(resil.Overrides{Dependencies: map[string]resil.DependencyOverride{"api": {Methods: map[string]resil.MethodOverride{
		"GET":  {Timeout: &resil.Timeout{Attempt: time.Second}},
		"POST": {Retry: &resil.Retry{Attempts: 5}}, // POST will not be repeatable
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	get := guard.Method(resil.MethodSpec{Name: "GET", Kind: resil.Read, Timeout: resil.Timeout{Attempt: time.Minute}})
	_, _ = resil.Call(t.Context(), get, func(ctx context.Context) (string, error) {
		if at, ok := ctx.Deadline(); !ok || time.Until(at) > time.Second {
			t.Errorf("deadline %v, %v; want that of the override", at, ok)
		}
		return "", nil
	})
	fake := new(resiltest.Fake)
	fake.Always(resiltest.Fail(nil))
	post := guard.Method(resil.MethodSpec{Name: "POST", Kind: resil.Write})
	if _, err := resil.Call(t.Context(), post, fake.Call); !errors.Is(err, resiltest.ErrDown) || fake.Calls() != 1 {
		t.Errorf("an override that does not fit: %v, %v", err, fake)
	}
	if err := sys.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
