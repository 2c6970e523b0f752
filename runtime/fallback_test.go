package resil_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/resiltest"
)

func function(name string) resil.Fallback {
	return resil.Fallback{Strategy: resil.StrategyCall, Name: name}
}

func TestFallbacksAreTriedInOrder(t *testing.T) {
	errReadOnly := errors.New("read only")
	tests := []struct {
		name      string
		fallbacks []resil.Fallback
		functions []resiltest.Step
		want      string
		errs      []error
		strategy  resil.Strategy
	}{
		{"the first answers", []resil.Fallback{function("a"), function("b")}, []resiltest.Step{resiltest.Answer("a"), resiltest.Answer("b")}, "a", nil, resil.StrategyCall},
		{"the second answers", []resil.Fallback{function("a"), function("b")}, []resiltest.Step{resiltest.Fail(nil), resiltest.Answer("b")}, "b", nil, resil.StrategyCall},
		{"zero", []resil.Fallback{function("a"), {Strategy: resil.StrategyZero}}, []resiltest.Step{resiltest.Fail(nil)}, "", nil, resil.StrategyZero},
		{"a function refuses clearly", []resil.Fallback{function("a")}, []resiltest.Step{resiltest.Fail(errReadOnly)}, "", []error{errReadOnly, errDown}, 0},
		{"a function answers with an error that is an answer", []resil.Fallback{function("a")}, []resiltest.Step{resiltest.Fail(redisError("redis: nil"))}, "", []error{redisError("redis: nil")}, resil.StrategyCall},
		{"nothing is kept", []resil.Fallback{{Strategy: resil.StrategyStale, TTL: time.Hour}}, nil, "partial", []error{errDown}, 0},
		{"all fail", []resil.Fallback{function("a"), function("b")}, []resiltest.Step{resiltest.Fail(nil), resiltest.Fail(errReadOnly)}, "", []error{errDown, resiltest.ErrDown, errReadOnly}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sys := newSystem(t, resil.Config{})
			m := guarded(sys, resil.GuardSpec{}, resil.MethodSpec{Fallbacks: tt.fallbacks})
			ctx, out := resil.WithOutcome(t.Context())
			got, err := resil.CallWith(ctx, m, fail, resil.With[string]{
				Key: func() any { return 1 },
				Fallback: func(ctx context.Context, n int, cause error) (string, error) {
					if !errors.Is(cause, errDown) {
						t.Errorf("cause = %v", cause)
					}
					return tt.functions[n](ctx)
				},
			})
			if got != tt.want || (err == nil) != (tt.errs == nil) {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
			for _, want := range tt.errs {
				if !errors.Is(err, want) {
					t.Errorf("%v does not reach %v", err, want)
				}
			}
			if first, degraded := out.First(); degraded != (tt.strategy != 0) || first.Strategy != tt.strategy {
				t.Errorf("outcome = %+v, want strategy %v", out.Calls(), tt.strategy)
			}
		})
	}
}

func TestNoFallbackForACallerWhoLeft(t *testing.T) {
	sys := newSystem(t, resil.Config{})
	m := guarded(sys, resil.GuardSpec{}, resil.MethodSpec{Fallbacks: []resil.Fallback{function("a")}})
	ctx, cancel := context.WithCancel(t.Context())
	v, err := resil.CallWith(ctx, m, func(ctx context.Context) (string, error) {
		cancel()
		return "partial", ctx.Err()
	}, resil.With[string]{Fallback: func(context.Context, int, error) (string, error) {
		t.Error("the fallback ran")
		return "", nil
	}})
	if v != "partial" || err != context.Canceled { //nolint:errorlint // untouched is the promise
		t.Errorf("got %q, %v; want what the client returned", v, err)
	}
}

func TestFallbackHasItsOwnTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		m := guarded(sys, resil.GuardSpec{}, resil.MethodSpec{Timeout: resil.Timeout{Attempt: time.Second, Total: time.Second}, Fallbacks: []resil.Fallback{function("a")}})
		start := time.Now()
		_, err := resil.CallWith(t.Context(), m, resiltest.Hang(), resil.With[string]{
			Fallback: func(ctx context.Context, _ int, _ error) (string, error) { return resiltest.Hang()(ctx) },
		})
		if took := time.Since(start); took != 2*time.Second || !errors.Is(err, resil.ErrTimeout) {
			t.Errorf("%v after %v, want the client's and the fallback's second", err, took)
		}
	})
}

func TestFallbackLimitGivesTheOriginalError(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		f := function("a")
		f.Limit = 2
		m := guarded(sys, resil.GuardSpec{}, resil.MethodSpec{Fallbacks: []resil.Fallback{f}})
		gate := resiltest.NewGate()
		with := resil.With[string]{Fallback: func(ctx context.Context, _ int, _ error) (string, error) {
			return gate.Then(resiltest.Answer("basic"))(ctx)
		}}
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if v, err := resil.CallWith(t.Context(), m, fail, with); v != "basic" || err != nil {
					t.Errorf("got %q, %v", v, err)
				}
			})
		}
		synctest.Wait()
		if v, err := resil.CallWith(t.Context(), m, fail, with); v != "partial" || !errors.Is(err, errDown) {
			t.Errorf("third = %q, %v; want the original", v, err)
		}
		gate.Open()
		wg.Wait()
		_ = calmly(func() {
			_, _ = resil.CallWith(t.Context(), m, fail, resil.With[string]{Fallback: func(context.Context, int, error) (string, error) { panic("boom") }})
		})
		for range 3 {
			if v, _ := resil.CallWith(t.Context(), m, fail, with); v != "basic" {
				t.Error("a fallback's place was lost")
			}
		}
	})
}

func TestStaleAnswersAtALevelWithoutAskingTheClient(t *testing.T) {
	sys := newSystem(t, resil.Config{})
	m := guarded(sys, resil.GuardSpec{}, resil.MethodSpec{
		Kind:      resil.Read,
		Fallbacks: []resil.Fallback{{Strategy: resil.StrategyStale, TTL: time.Minute}},
		Levels:    resil.Actions{resil.ActCall, resil.ActStale, resil.ActStale, resil.ActFallback, resil.ActFallback},
	})
	fake := new(resiltest.Fake)
	key := "a"
	call := func(ctx context.Context) (string, error) {
		return resil.CallWith(ctx, m, fake.Call, resil.With[string]{Key: func() any { return key }})
	}
	if _, err := call(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := sys.Force(resil.Degraded, time.Hour, "test"); err != nil {
		t.Fatal(err)
	}
	ctx, out := resil.WithOutcome(t.Context())
	if v, err := call(ctx); v != "ok" || err != nil || fake.Calls() != 1 || !out.Degraded() {
		t.Errorf("got %q, %v, %v, degraded %v", v, err, fake, out.Degraded())
	}
	key = "b"
	if v, err := call(t.Context()); v != "ok" || err != nil || fake.Calls() != 2 {
		t.Errorf("an answer that is not kept: %q, %v, %v", v, err, fake)
	}
	if err := sys.Force(resil.Minimal, time.Hour, "test"); err != nil {
		t.Fatal(err)
	}
	if v, err := call(t.Context()); v != "ok" || err != nil || fake.Calls() != 2 {
		t.Errorf("fallback: %q, %v, %v", v, err, fake)
	}
	key = "c"
	if _, err := call(t.Context()); !errors.Is(err, resil.ErrShed) || fake.Calls() != 2 {
		t.Errorf("nothing kept and no client: %v, %v", err, fake)
	}
}

// memory is an outbox in memory.
type memory struct {
	mu      sync.Mutex
	entries []resil.Entry
	deliver map[string]func(context.Context, []byte) error
	wakes   []string
	started bool
	closed  bool
}

func (s *memory) Put(_ context.Context, e resil.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = append(s.entries, e)
	return nil
}

func (s *memory) Bind(of resil.Origin, f func(context.Context, []byte) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deliver == nil {
		s.deliver = map[string]func(context.Context, []byte) error{}
	}
	s.deliver[of.Dependency+"."+of.Method] = f
}

func (s *memory) Start(context.Context, func(string) bool) error { s.started = true; return nil }

func (s *memory) Wake(dependency string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wakes = append(s.wakes, dependency)
}

func (s *memory) Depth() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return map[string]int{"db": len(s.entries)}
}

func (s *memory) Close(context.Context) error { s.closed = true; return nil }

func TestOutboxKeepsWritesAndDeliversThemThroughTheGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(memory)
		sys := newSystem(t, resil.Config{}, resil.WithOutbox(store))
		fake := new(resiltest.Fake)
		m := guarded(sys, resil.GuardSpec{Criticality: resil.Critical, Breaker: &resil.Breaker{Failures: 1, Open: 10 * time.Second, Good: 1, Probes: 1}}, resil.MethodSpec{Name: "Put", Kind: resil.Write, Fallbacks: []resil.Fallback{{Strategy: resil.StrategyOutbox}}})
		var delivered []string
		m.Replay(func(ctx context.Context, payload []byte) error {
			delivered = append(delivered, string(payload))
			_, err := fake.Call(ctx)
			return err
		})
		if err := sys.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		fake.Always(resiltest.Fail(nil))
		put := func(v string) error {
			_, err := resil.CallWith(t.Context(), m, fake.Call, resil.With[string]{Outbox: func() ([]byte, error) { return []byte(v), nil }})
			return err
		}
		for _, v := range []string{"1", "2", "3"} {
			if err := put(v); err != nil {
				t.Errorf("put %s = %v", v, err)
			}
		}
		if len(store.entries) != 3 || store.entries[2].Method != "Put" || sys.Status().Dependencies[0].Waiting != 3 {
			t.Errorf("entries = %v", store.entries)
		}
		deliver := store.deliver["db.Put"]
		if err := deliver(t.Context(), []byte("1")); !errors.Is(err, resil.ErrOpen) {
			t.Errorf("delivery to an open dependency = %v, want ErrOpen", err)
		}
		time.Sleep(11 * time.Second)
		fake.Always(resiltest.Answer("ok"))
		if err := deliver(t.Context(), []byte("1")); err != nil {
			t.Errorf("delivery = %v: the level must not stop it", err)
		}
		synctest.Wait()
		if strings.Join(store.wakes, " ") != "db" || strings.Join(delivered, " ") != "1" {
			t.Errorf("wakes = %v, delivered = %v", store.wakes, delivered)
		}
		if err := sys.Close(t.Context()); err != nil || !store.closed {
			t.Errorf("close = %v, store closed = %v", err, store.closed)
		}
	})
}

func TestStartMissesAnOutboxThatMethodsNeed(t *testing.T) {
	sys := newSystem(t, resil.Config{})
	guarded(sys, resil.GuardSpec{}, resil.MethodSpec{Name: "Put", Fallbacks: []resil.Fallback{{Strategy: resil.StrategyOutbox}}})
	if err := sys.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "db.Put (store.go:1): no outbox") {
		t.Errorf("Start = %v", err)
	}
}
