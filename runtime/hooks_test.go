package resil_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/resiltest"
)

// diary is a tracer that writes down what it hears.
type diary struct {
	mu    sync.Mutex
	lines []string
}

type diaryKey struct{}

func (d *diary) add(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *diary) take() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := strings.Join(d.lines, "; ")
	d.lines = nil
	return s
}

func (d *diary) Start(ctx context.Context, c resil.CallInfo) (context.Context, resil.Span) {
	if c.Operation != c.Dependency+"."+c.Method {
		d.add("operation %s", c.Operation)
	}
	d.add("%s.%s at %v", c.Dependency, c.Method, c.Level)
	return context.WithValue(ctx, diaryKey{}, "traced"), d
}

func (d *diary) Event(e resil.Event) {
	switch e.Kind {
	case resil.EventAttempt:
		d.add("attempt %d %v in %v", e.Attempt, e.Outcome, e.Duration)
	case resil.EventReject:
		d.add("reject %v", e.Outcome)
	case resil.EventFallback:
		d.add("fallback %v: %v", e.Strategy, e.Err)
	default:
		d.add("%v", e.Kind)
	}
}

func (d *diary) End(o resil.Outcome, err error) { d.add("end %v: %v", o, err != nil) }

// deaf is a tracer that records nothing.
type deaf struct{}

func (deaf) Start(ctx context.Context, _ resil.CallInfo) (context.Context, resil.Span) {
	return ctx, nil
}

func TestTracerHearsEveryStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := new(diary)
		sys := newSystem(t, resil.Config{}, resil.WithTracer(d))
		fake := new(resiltest.Fake)
		m := guarded(sys, resil.GuardSpec{Breaker: &resil.Breaker{Failures: 3}}, resil.MethodSpec{
			Kind: resil.Read, Retry: &resil.Retry{Attempts: 2, Base: 1, Max: 1}, Fallbacks: []resil.Fallback{function("basic")},
			Levels: resil.Actions{resil.ActCall, resil.ActCall, resil.ActCall, resil.ActFallback, resil.ActShed},
		})
		call := func() {
			_, _ = resil.CallWith(t.Context(), m, fake.Call, resil.With[string]{Fallback: func(ctx context.Context, _ int, _ error) (string, error) {
				if ctx.Value(diaryKey{}) != "traced" {
					t.Error("the fallback does not see the span's context")
				}
				return "basic", nil
			}})
		}
		steps := []struct {
			prepare func()
			want    string
		}{
			{func() {}, "db.Get at optimal; attempt 1 success in 0s; end success: false"},
			{func() { fake.Script(resiltest.Deaf(time.Second, resiltest.Fail(nil))) }, "db.Get at optimal; attempt 1 failure in 1s; wait; attempt 2 success in 0s; end success: false"},
			{func() { fake.Always(resiltest.Fail(nil)) }, "db.Get at optimal; attempt 1 failure in 0s; wait; attempt 2 failure in 0s; fallback call: <nil>; end failure: false"},
			{func() {}, "db.Get at optimal; attempt 1 failure in 0s; fallback call: <nil>; end failure: false"},
			{func() {}, "db.Get at degraded; reject open; fallback call: <nil>; end open: false"},
			{func() { _ = sys.Force(resil.Minimal, time.Hour, "x") }, "db.Get at minimal; level; fallback call: <nil>; end shed: false"},
			{func() { _ = sys.Force(resil.Emergency, time.Hour, "x") }, "db.Get at emergency; level; end shed: true"},
		}
		for i, s := range steps {
			s.prepare()
			call()
			if got := d.take(); got != s.want {
				t.Errorf("step %d:\n got %s\nwant %s", i, got, s.want)
			}
		}
		_ = sys.Force(resil.Optimal, time.Hour, "x")
		time.Sleep(time.Minute)
		fake.Script(resiltest.Panic("boom"))
		_ = calmly(call)
		if got, want := d.take(), "db.Get at optimal; end failure: true"; got != want {
			t.Errorf("panic:\n got %s\nwant %s", got, want)
		}
		synctest.Wait()
	})
}

// faults is an injector with a script.
type faults struct {
	err   error
	after func(error) error
	panic any
}

func (f *faults) Inject(_ context.Context, dependency, method string) (func(error) error, error) {
	if dependency != "db" || method != "Get" {
		return nil, errors.New("wrong names")
	}
	if f.panic != nil {
		panic(f.panic)
	}
	return f.after, f.err
}

func TestInjectorStandsForTheClient(t *testing.T) {
	bubble(t, func(t *testing.T, _ *resil.System, fake *resiltest.Fake) {
		f := new(faults)
		sys := newSystem(t, resil.Config{}, resil.WithInjector(f))
		m := guarded(sys, resil.GuardSpec{Breaker: &resil.Breaker{Failures: 3}, Bulkhead: &resil.Bulkhead{Max: 1}}, resil.MethodSpec{})
		call := func() (string, error) { return resil.Call(t.Context(), m, fake.Call) }
		if v, err := call(); v != "ok" || err != nil {
			t.Errorf("no fault: %q, %v", v, err)
		}
		f.err = errDown
		if _, err := call(); !errors.Is(err, errDown) || fake.Calls() != 1 {
			t.Errorf("fault: %v, %v", err, fake)
		}
		f.err, f.after = nil, func(error) error { return errDown }
		if _, err := call(); !errors.Is(err, errDown) || fake.Calls() != 2 {
			t.Errorf("fault after the call: %v, %v", err, fake)
		}
		f.panic = "boom"
		if v := calmly(func() { _, _ = call() }); v != "boom" {
			t.Errorf("panic = %v", v)
		}
		f.panic, f.after = nil, nil
		if _, err := call(); !errors.Is(err, resil.ErrOpen) {
			t.Errorf("err = %v, want ErrOpen: injected faults count", err)
		}
	})
}

func TestMetricsAddUp(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		m := guarded(sys, resil.GuardSpec{Criticality: resil.High, Breaker: &resil.Breaker{Failures: 3, Open: 10 * time.Second, Good: 1, Probes: 1}}, resil.MethodSpec{
			Kind: resil.Read, Timeout: resil.Timeout{Attempt: time.Second}, Retry: &resil.Retry{Attempts: 2, Base: 1, Max: 1},
			Fallbacks: []resil.Fallback{function("basic"), {Strategy: resil.StrategyZero}},
		})
		before := sys.Metrics()
		if len(before.Dependencies) != 1 || len(before.Dependencies[0].Methods) != 1 || len(before.Dependencies[0].Methods[0].Fallbacks) != 2 {
			t.Fatalf("series at the start: %+v", before)
		}
		call := func(ctx context.Context) {
			_, _ = resil.CallWith(ctx, m, fake.Call, resil.With[string]{Fallback: func(context.Context, int, error) (string, error) { return "", errDown }})
		}
		call(t.Context()) // success
		fake.Script(resiltest.Deaf(20*time.Millisecond, resiltest.Answer("ok")), resiltest.Fail(nil))
		call(t.Context()) // success
		call(t.Context()) // success in 2 attempts
		fake.Script(resiltest.Hang(), resiltest.Hang())
		call(t.Context()) // timeout in 2 attempts
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		call(gone) // neutral
		fake.Script(resiltest.Fail(nil))
		call(t.Context()) // failure, opens
		call(t.Context()) // open
		_ = sys.Force(resil.Emergency, time.Second, "x")
		call(t.Context()) // shed
		time.Sleep(12 * time.Second)
		call(t.Context()) // success, closes
		time.Sleep(20 * time.Second)
		_ = sys.Level()
		snap := sys.Metrics()
		d := snap.Dependencies[0]
		got := d.Methods[0]
		want := [8]uint64{4, 1, 1, 1, 0, 0, 1, 1}
		if got.Calls != want {
			t.Errorf("calls = %v, want %v", got.Calls, want)
		}
		if got.Attempts != 8 {
			t.Errorf("attempts = %d, want 8", got.Attempts)
		}
		var sum uint64
		for _, n := range got.Calls {
			sum += n
		}
		if got.Duration.Count != sum || got.Duration.Counts[3]-got.Duration.Counts[0] == 0 && got.Duration.Counts[4] == 0 {
			t.Errorf("duration = %+v, want %d calls", got.Duration, sum)
		}
		if f := got.Fallbacks; f[0].Strategy != resil.StrategyCall || f[0].Failed != 4 || f[0].Answered != 0 || f[1].Strategy != resil.StrategyZero || f[1].Answered != 4 {
			t.Errorf("fallbacks = %+v", f)
		}
		if d.Opened != 1 || d.NotPermitted != 1 || d.State != resil.BreakerClosed || !d.Up {
			t.Errorf("dependency = %+v", d)
		}
		if snap.Transitions[resil.Optimal-1][resil.Limited-1] != 1 || snap.Recovery.Count != 1 || snap.Level != resil.Optimal || snap.Score != 100 {
			t.Errorf("levels = %+v", snap)
		}
	})
}
