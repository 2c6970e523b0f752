package resil_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

var errDown = errors.New("connection refused")

// newSystem returns a system that logs nowhere and is closed with the test.
func newSystem(t testing.TB, config resil.Config, options ...resil.Option) *resil.System {
	t.Helper()
	config.Logger = quiet
	sys, err := resil.New(config, options...)
	if err != nil {
		t.Fatal(err)
	}
	return sys
}

// guarded registers a guard with one method.
func guarded(sys *resil.System, guard resil.GuardSpec, method resil.MethodSpec) *resil.Method {
	if guard.Dependency == "" {
		guard.Dependency = "db"
	}
	guard.Interface, guard.Position = "example.com/shop.Store", "store.go:1"
	if method.Name == "" {
		method.Name = "Get"
	}
	return sys.Guard(guard).Method(method)
}

func fail(context.Context) (string, error) { return "partial", errDown }

func succeed(context.Context) (string, error) { return "full", nil }

func TestBreakerOpensProbesAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, resil.Config{})
		m := guarded(sys, resil.GuardSpec{Criticality: resil.Critical, Breaker: &resil.Breaker{Failures: 3, Open: 30 * time.Second}}, resil.MethodSpec{Kind: resil.Read})
		calls := 0
		failing := func(context.Context) (string, error) { calls++; return "partial", errDown }
		for range 5 {
			v, err := resil.Call(t.Context(), m, failing)
			if calls <= 3 && (v != "partial" || !errors.Is(err, errDown) || errors.Is(err, resil.ErrOpen)) && sys.Level() == resil.Optimal {
				t.Errorf("call %d = %q, %v; want the client's value and error", calls, v, err)
			}
		}
		if calls != 3 {
			t.Errorf("%d calls reached the client, want 3", calls)
		}
		if got := sys.Level(); got != resil.Minimal {
			t.Errorf("level = %v, want minimal", got)
		}
		_, err := resil.Call(t.Context(), m, failing)
		if !errors.Is(err, resil.ErrOpen) || !errors.Is(err, resil.ErrRejected) {
			t.Errorf("err = %v, want ErrOpen", err)
		}
		time.Sleep(33*time.Second + 1)
		for i := range 2 {
			if v, err := resil.Call(t.Context(), m, succeed); v != "full" || err != nil {
				t.Errorf("probe %d = %q, %v", i, v, err)
			}
		}
		st := sys.Status().Dependencies[0]
		if st.Breaker != resil.BreakerClosed || !st.Up {
			t.Errorf("status = %+v, want closed and up", st)
		}
		if got := sys.Level(); got != resil.Minimal {
			t.Errorf("level = %v, want minimal until stable", got)
		}
		time.Sleep(10 * time.Second)
		if got := sys.Level(); got != resil.Optimal {
			t.Errorf("level = %v, want optimal", got)
		}
		synctest.Wait()
	})
}
