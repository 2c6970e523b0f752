package resil_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/resiltest"
)

func TestKillSwitchByHandExpires(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		m := guarded(sys, resil.GuardSpec{Breaker: &resil.Breaker{Failures: 1, Open: time.Hour}}, resil.MethodSpec{Kind: resil.Read})
		fake.Always(resiltest.Fail(nil))
		_, _ = resil.Call(t.Context(), m, fake.Call)
		var heard []string
		sys.Subscribe(func(c resil.Change) { heard = append(heard, c.From+">"+c.To+" "+c.Reason) })

		if sys.Disable(0, "x") == nil || sys.Disable(time.Minute, "") == nil {
			t.Error("the kill switch was thrown without an expiry or a reason")
		}
		if err := sys.Disable(time.Minute, "wrong guard"); err != nil {
			t.Fatal(err)
		}
		if st := sys.Status(); !st.Disabled || st.Killed == nil || st.Killed.Reason != "wrong guard" || !st.Dependencies[0].Disabled {
			t.Errorf("status %+v; want the kill switch on", st)
		}
		calls := fake.Calls()
		_, _ = resil.Call(t.Context(), m, fake.Call)
		if fake.Calls() != calls+1 {
			t.Error("the breaker refuses although policies are off")
		}
		// Overrides are loaded meanwhile, by a file that says nothing of it.
		if err := sys.Reload(resil.Overrides{}); err != nil || !sys.Status().Disabled {
			t.Errorf("loading overrides ended the kill switch: %v", err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if st := sys.Status(); st.Disabled || st.Killed != nil || st.Dependencies[0].Breaker != resil.BreakerOpen {
			t.Errorf("status %+v after the expiry; want policies on and the breaker as it was", st)
		}
		if want := []string{">off wrong guard", "off> expired"}; !slices.Contains(heard, want[0]) || !slices.Contains(heard, want[1]) {
			t.Errorf("heard %q; want %q among it", heard, want)
		}
		_ = sys.Disable(time.Hour, "again")
		sys.Enable()
		if sys.Status().Disabled {
			t.Error("Enable did not end it")
		}
		// A second one moves the expiry.
		_ = sys.Disable(time.Minute, "short")
		_ = sys.Disable(time.Hour, "long")
		time.Sleep(30 * time.Minute)
		if !sys.Status().Disabled {
			t.Error("the first expiry ended the second kill switch")
		}
		if err := sys.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if sys.Status().Disabled {
			t.Error("policies are off for ever after Close")
		}
		if err := sys.Disable(time.Minute, "late"); !errors.Is(err, resil.ErrClosed) {
			t.Errorf("after Close: %v; want ErrClosed", err)
		}
	})
}

func TestResetMakesABreakerAsNew(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		db := sys.Dependency("db", resil.Critical, resil.Breaker{Failures: 3, Open: time.Hour, Ratio: .5, Min: 4, Window: time.Hour})
		call := func() { _, _ = resil.Do(t.Context(), db, fake.Call) }
		fake.Always(resiltest.Fail(nil))
		for range 3 {
			call()
		}
		if sys.Level() != resil.Minimal {
			t.Fatalf("level %s; want minimal", sys.Level())
		}
		if db.Reset("") == nil {
			t.Error("a reset without a reason")
		}
		if err := db.Reset("repaired"); err != nil {
			t.Fatal(err)
		}
		if d := sys.Status().Dependencies[0]; d.Breaker != resil.BreakerClosed || !d.Up {
			t.Errorf("%s, up %t after the reset", d.Breaker, d.Up)
		}
		// What was counted is forgotten: neither the run nor the window trips
		// with what came before.
		call()
		call()
		if d := sys.Status().Dependencies[0]; d.Breaker != resil.BreakerClosed {
			t.Error("failures from before the reset count")
		}
		call()
		if d := sys.Status().Dependencies[0]; d.Breaker != resil.BreakerOpen {
			t.Error("the breaker does not trip after a reset")
		}
		// A probe under way when it is reset says nothing about the new state.
		time.Sleep(2 * time.Hour)
		fake.Script(resiltest.Deaf(time.Minute, resiltest.Fail(nil)))
		done := make(chan bool)
		go func() { call(); close(done) }()
		synctest.Wait()
		_ = db.Reset("again")
		<-done
		if d := sys.Status().Dependencies[0]; d.Breaker != resil.BreakerClosed {
			t.Errorf("%s: the late probe of the old state counted", d.Breaker)
		}
		// What is forced stays.
		_ = db.Force(true, time.Hour, "drill")
		_ = db.Reset("no use")
		if d := sys.Status().Dependencies[0]; d.Breaker != resil.BreakerOpen || d.Forced == nil {
			t.Error("the reset ended what was forced")
		}
	})
}

func TestStatusAndExplainNameTheRuleBehindTheLevel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, resil.Config{})
		hold := func(d *resil.Dependency) { _ = d.Force(true, time.Hour, "x") }
		db := sys.Dependency("db", resil.Critical, resil.Write, resil.Operation("put"))
		openai, redis := sys.Dependency("openai", resil.High), sys.Dependency("redis", resil.Medium)
		want := func(rule resil.Rule, below float64, dependencies ...string) {
			t.Helper()
			c := sys.Status().Cause
			if c.Rule != rule || c.Below != below || !slices.Equal(c.Dependencies, dependencies) || c.String() != sys.Status().Reason {
				t.Errorf("cause %+v (%s); want rule %s of %v below %v", c, sys.Status().Reason, rule, dependencies, below)
			}
		}
		want(resil.RuleUp, 0)
		hold(redis)
		want(resil.RuleDown, 0, "redis")
		hold(openai)
		want(resil.RuleDown, 0, "openai")
		hold(db)
		want(resil.RuleScore, 30, "db", "openai", "redis")
		_, err := resil.Do(t.Context(), db, func(context.Context) (int, error) { return 1, nil })
		ex, ok := resil.Explain(err)
		if !ok || ex.Policy != "level" || ex.LevelCause.Rule != resil.RuleScore || len(ex.LevelCause.Dependencies) != 3 {
			t.Errorf("explanation %+v of %v; want the rule behind the level", ex, err)
		}
		db.Unforce()
		openai.Unforce()
		want(resil.RuleStable, 30, "db", "openai", "redis")
		_ = sys.Force(resil.Limited, time.Hour, "drill")
		want(resil.RuleForced, 0)
		if c := sys.Status().Cause; c.Text != "drill" || !c.Until.Equal(time.Now().Add(time.Hour)) {
			t.Errorf("cause %+v; want who forced it until when", c)
		}
		synctest.Wait()
	})
}

func TestReadyMeansStartedNotClosedNotEmergency(t *testing.T) {
	for name, tc := range map[string]struct {
		status resil.Status
		want   bool
	}{
		"new":       {resil.Status{Level: resil.Optimal}, false},
		"started":   {resil.Status{Level: resil.Optimal, Started: true}, true},
		"minimal":   {resil.Status{Level: resil.Minimal, Started: true}, true},
		"emergency": {resil.Status{Level: resil.Emergency, Started: true}, false},
		"closed":    {resil.Status{Level: resil.Optimal, Started: true, Closed: true}, false},
	} {
		if got := tc.status.Ready(); got != tc.want {
			t.Errorf("%s: ready %t", name, got)
		}
	}
}

// Systems of tenants or instances stand side by side: nothing is global.
func TestSystemsShareNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, other := newSystem(t, resil.Config{}), newSystem(t, resil.Config{})
		heard := 0
		other.Subscribe(func(resil.Change) { heard++ })
		ours, theirs := one.Dependency("db", resil.Critical, resil.Breaker{Failures: 1}), other.Dependency("db", resil.Low, resil.Breaker{Failures: 9})
		one.Metrics()
		other.Metrics()
		_, _ = resil.Do(t.Context(), ours, func(context.Context) (int, error) { return 0, errors.New("refused") })
		_ = one.Disable(time.Minute, "x")
		synctest.Wait()
		if one.Level() != resil.Minimal || other.Level() != resil.Optimal || heard != 0 {
			t.Errorf("levels %s and %s, %d changes heard; want the other system untouched", one.Level(), other.Level(), heard)
		}
		if st := other.Status(); st.Disabled || st.Dependencies[0].Breaker != resil.BreakerClosed || other.Metrics().Dependencies[0].Methods[0].Calls != [8]uint64{} {
			t.Errorf("the other system is %+v", st)
		}
		if _, err := resil.Do(t.Context(), theirs, func(context.Context) (int, error) { return 1, nil }); err != nil {
			t.Error(err)
		}
		_ = one.Close(t.Context())
	})
}
