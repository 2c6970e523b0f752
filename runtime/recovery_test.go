package resil_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// A service without traffic, or with nothing but calls that its level sheds,
// recovers by its health checks alone.
func TestHealthChecksAloneRecover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, resil.Config{})
		write := sys.Dependency("db", resil.Critical, resil.Write, resil.Operation("Put"), resil.Breaker{Failures: 3})
		sys.Dependency("db", resil.Read, resil.Operation("Get"))
		down := errors.New("down")
		var back atomic.Bool
		check := func(context.Context) error {
			if back.Load() {
				return nil
			}
			return down
		}
		if e := sys.AddCheck("db", check); e != nil {
			t.Fatal(e)
		}
		if e := sys.Start(t.Context()); e != nil {
			t.Fatal(e)
		}
		defer sys.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // the test is over
		for range 3 {
			_, _ = resil.Do(t.Context(), write, func(context.Context) (int, error) { return 0, down })
		}
		time.Sleep(time.Hour)
		if sys.Level() != resil.Minimal {
			t.Fatalf("level %s while the database is down; want minimal", sys.Level())
		}
		back.Store(true)
		time.Sleep(2 * time.Minute)
		if sys.Level() != resil.Optimal {
			t.Errorf("level %s two minutes after the database is back; want optimal: %+v", sys.Level(), sys.Status().Dependencies)
		}
	})
}

func TestRealCallsProbeBeforeHealthChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, resil.Config{})
		down := errors.New("queries fail although pings succeed")
		db := sys.Dependency("db", resil.Critical, resil.Read, resil.Breaker{Failures: 3})
		if e := sys.AddCheck("db", func(context.Context) error { return nil }); e != nil {
			t.Fatal(e)
		}
		if e := sys.Start(t.Context()); e != nil {
			t.Fatal(e)
		}
		defer sys.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // the test is over
		for range 600 {
			_, _ = resil.Do(t.Context(), db, func(context.Context) (int, error) { return 0, down })
			if sys.Status().Dependencies[0].Breaker == resil.BreakerClosed && sys.Level() != resil.Optimal {
				t.Fatal("a health check closed the breaker while real calls fail")
			}
			time.Sleep(time.Second)
		}
	})
}

func TestAnInnerRecordHidesNothingFromTheOuter(t *testing.T) {
	sys := newSystem(t, resil.Config{})
	ctx, outer := resil.WithOutcome(t.Context())
	ctx, inner := resil.WithOutcome(ctx)
	_, _ = resil.Do(ctx, sys.Dependency("db"), func(context.Context) (int, error) { return 0, errors.New("down") })
	if len(inner.Calls()) != 1 || len(outer.Calls()) != 1 {
		t.Errorf("inner record %d calls, outer %d; want one each", len(inner.Calls()), len(outer.Calls()))
	}
}

// In its first outage a service has no past one to learn from; what it refuses
// then still says when trying again makes sense.
func TestShedCallsSayWhenToTryAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, resil.Config{})
		read := sys.Dependency("db", resil.Critical, resil.Read, resil.Operation("Get"), resil.Breaker{Failures: 1, Open: 30 * time.Second})
		write := sys.Dependency("db", resil.Write, resil.Operation("Put"))
		down := func(context.Context) (int, error) { return 0, errors.New("down") }
		_, _ = resil.Do(t.Context(), read, down)
		_, err := resil.Do(t.Context(), write, down)
		ex, _ := resil.Explain(err)
		if left := time.Until(ex.RetryAt); !errors.Is(err, resil.ErrShed) || left < 27*time.Second || left > 33*time.Second {
			t.Errorf("%v: try again in %s; want when the breaker lets a probe in, 30s ± 10 %%", err, left)
		}
		// Refusals share one error, which must not name a time that has passed.
		for range 10 {
			time.Sleep(25 * time.Second)
			_, _ = resil.Do(t.Context(), read, down)
			ctx, out := resil.WithOutcome(t.Context())
			_, err := resil.Do(ctx, write, down)
			ex, _ := resil.Explain(err)
			if left := time.Until(ex.RetryAt); !errors.Is(err, resil.ErrShed) || !ex.RetryAt.IsZero() && left < 0 {
				t.Errorf("%v: try again in %s, want no time that has passed", err, left)
			}
			if told := out.Calls()[0]; !told.RetryAt.Equal(ex.RetryAt) {
				t.Errorf("the record says %s, the error %s", told.RetryAt, ex.RetryAt)
			}
		}
	})
}
