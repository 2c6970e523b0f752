package resil_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/resiltest"
)

func TestAListenerMayCallEverything(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		m := guarded(sys, resil.GuardSpec{Criticality: resil.Critical}, resil.MethodSpec{})
		if err := sys.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		var heard []resil.Level
		sys.OnLevel(func(tr resil.Transition) {
			heard = append(heard, tr.To)
			if tr.To != resil.Emergency {
				return
			}
			_, _ = resil.Call(context.Background(), m, fake.Call)
			_, _ = sys.Level(), sys.Status()
			_ = sys.Metrics()
			_ = sys.Force(resil.Minimal, time.Second, "listener")
			sys.Unforce()
			_ = sys.Dependency("db").Force(true, time.Second, "listener")
			sys.Dependency("db").Unforce()
			_ = sys.Disable(time.Second, "listener")
			sys.Enable()
			_ = sys.Reload(resil.Overrides{})
			_ = sys.AddCheck("db", func(context.Context) error { return nil })
			_ = sys.Knob("pool", [5]float64{}).Value()
			sys.OnLevel(func(resil.Transition) {})()
			if err := sys.Start(context.Background()); err == nil {
				t.Error("a second Start")
			}
			if err := sys.Close(context.Background()); err != nil {
				t.Errorf("Close in a listener: %v", err)
			}
		})
		if err := sys.Force(resil.Emergency, time.Minute, "test"); err != nil {
			t.Fatal(err)
		}
		if err := sys.Close(t.Context()); err != nil { // waits for the listener
			t.Error(err)
		}
		if len(heard) == 0 || heard[0] != resil.Emergency {
			t.Errorf("heard %v", heard)
		}
	})
}

func TestAFailedFallbackKeepsTheErrorOnOneLine(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, _ *resiltest.Fake) {
		m := guarded(sys, resil.GuardSpec{Breaker: &resil.Breaker{Failures: 1}}, resil.MethodSpec{Fallbacks: []resil.Fallback{function("a"), function("b")}})
		said := [2]error{errors.New("first said no"), errors.New("second said no")}
		with := resil.With[string]{Fallback: func(_ context.Context, n int, _ error) (string, error) { return "", said[n] }}
		for _, cause := range []error{errDown, resil.ErrOpen} { // the second call is refused
			_, err := resil.CallWith(t.Context(), m, fail, with)
			for _, e := range []error{cause, said[0], said[1]} {
				if !errors.Is(err, e) || !strings.Contains(err.Error(), e.Error()) {
					t.Errorf("%v: does not hold %v", err, e)
				}
			}
			if strings.Contains(err.Error(), "\n") || strings.Index(err.Error(), cause.Error()) > strings.Index(err.Error(), said[0].Error()) {
				t.Errorf("%q: want one line, in the order of what happened", err)
			}
		}
	})
}

// Checks that do not run notice no return: without Start, and after Close, a
// call must.
func TestChecksThatDoNotRunLockNothingIn(t *testing.T) {
	for _, closed := range []bool{false, true} {
		bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
			shed := resil.Actions{resil.ActCall, resil.ActCall, resil.ActCall, resil.ActShed, resil.ActShed}
			m := guarded(sys, resil.GuardSpec{Criticality: resil.Critical}, resil.MethodSpec{Kind: resil.Read, Levels: shed})
			if err := sys.AddCheck("db", func(context.Context) error { return nil }); err != nil {
				t.Fatal(err)
			}
			if closed {
				if err := errors.Join(sys.Start(t.Context()), sys.Close(t.Context())); err != nil {
					t.Fatal(err)
				}
			}
			fake.Always(resiltest.Fail(nil))
			for range resil.DefaultFailures {
				_, _ = resil.Call(t.Context(), m, fake.Call)
			}
			if sys.Level() != resil.Minimal {
				t.Fatalf("level = %v", sys.Level())
			}
			fake.Always(resiltest.Answer("ok"))
			for range 120 {
				time.Sleep(time.Second)
				_, _ = resil.Call(t.Context(), m, fake.Call)
			}
			if sys.Level() != resil.Optimal {
				t.Errorf("closed=%v: still %v after two minutes", closed, sys.Level())
			}
		})
	}
}

// An interface that has nothing but writes probes with them, whatever other
// interfaces of the dependency have.
func TestAWriteProbesForAnInterfaceWithoutReads(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		spec := func(iface string) resil.GuardSpec {
			return resil.GuardSpec{Dependency: "db", Interface: iface, Criticality: resil.Critical}
		}
		store := sys.Guard(spec("Store"))
		store.Method(resil.MethodSpec{Name: "Get", Kind: resil.Read})
		put := store.Method(resil.MethodSpec{Name: "Put", Kind: resil.Write})
		log := sys.Guard(spec("Log")).Method(resil.MethodSpec{Name: "Append", Kind: resil.Write})
		fake.Always(resiltest.Fail(nil))
		for range resil.DefaultFailures {
			_, _ = resil.Call(t.Context(), log, fake.Call)
		}
		fake.Always(resiltest.Answer("ok"))
		before := fake.Calls()
		for range 120 {
			time.Sleep(time.Second)
			if _, err := resil.Call(t.Context(), put, fake.Call); !errors.Is(err, resil.ErrShed) {
				t.Fatalf("a write beside reads = %v, want ErrShed", err)
			}
		}
		if fake.Calls() != before {
			t.Error("a write beside reads reached the client")
		}
		for range 120 {
			time.Sleep(time.Second)
			_, _ = resil.Call(t.Context(), log, fake.Call)
		}
		if sys.Level() != resil.Optimal {
			t.Errorf("still %v after two minutes of writes", sys.Level())
		}
	})
}

func TestRejectionsSayWhenToTryAgain(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		m := guarded(sys, resil.GuardSpec{Rate: &resil.Rate{N: 1, Burst: 1}}, resil.MethodSpec{Rate: &resil.Rate{N: 6, Per: time.Minute, Burst: 2}})
		refused := func(want error, left time.Duration) {
			t.Helper()
			_, err := resil.Call(t.Context(), m, fake.Call)
			ex, _ := resil.Explain(err)
			if got := time.Until(ex.RetryAt).Round(time.Millisecond); !errors.Is(err, want) || got != left {
				t.Errorf("%v: try again in %v, want %v in %v", err, got, want, left)
			}
		}
		served := func() {
			t.Helper()
			if _, err := resil.Call(t.Context(), m, fake.Call); err != nil {
				t.Error(err)
			}
		}
		served()
		refused(resil.ErrRateLimited, time.Second)
		time.Sleep(400 * time.Millisecond)
		refused(resil.ErrRateLimited, 600*time.Millisecond)
		time.Sleep(600 * time.Millisecond)
		served()
		time.Sleep(time.Second)
		refused(resil.ErrRateLimited, 8*time.Second) // the method's own is empty
		for range 2 {
			if err := sys.Dependency("db").Force(true, time.Hour, "maintenance"); err != nil {
				t.Fatal(err)
			}
			refused(resil.ErrOpen, time.Hour)
			time.Sleep(time.Minute)
			refused(resil.ErrOpen, 59*time.Minute)
		}
	})
}

// The first fallback through an open breaker takes a shorter way, on which it
// must count as any other does.
func TestFallbackLimitCountsThroughAnOpenBreaker(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, _ *resiltest.Fake) {
		f := function("a")
		f.Limit = 2
		guard := sys.Guard(resil.GuardSpec{Dependency: "db", Interface: "Store", Breaker: &resil.Breaker{Failures: 1}})
		m := guard.Method(resil.MethodSpec{Name: "Get", Kind: resil.Read, Fallbacks: []resil.Fallback{f}})
		other := guard.Method(resil.MethodSpec{Name: "List", Kind: resil.Read, Fallbacks: []resil.Fallback{f}})
		_, _ = resil.Call(t.Context(), m, fail)
		_, _ = resil.Call(t.Context(), m, fail) // builds the shared error
		for range 2 {
			gate := resiltest.NewGate()
			with := resil.With[string]{Fallback: func(ctx context.Context, _ int, _ error) (string, error) {
				return gate.Then(resiltest.Answer("basic"))(ctx)
			}}
			var wg sync.WaitGroup
			for _, m := range []*resil.Method{m, m, other, other} {
				wg.Go(func() {
					if v, err := resil.CallWith(t.Context(), m, fail, with); v != "basic" || err != nil {
						t.Errorf("got %q, %v", v, err)
					}
				})
				synctest.Wait()
			}
			for _, m := range []*resil.Method{m, other} {
				if v, err := resil.CallWith(t.Context(), m, fail, with); v != "" || !errors.Is(err, resil.ErrOpen) {
					t.Errorf("third = %q, %v; want the original", v, err)
				}
			}
			gate.Open()
			wg.Wait()
		}
	})
}

// stubborn is a store that does not start at first.
type stubborn struct {
	memory
	fails int
}

func (s *stubborn) Start(ctx context.Context, up func(string) bool) error {
	if s.fails--; s.fails >= 0 {
		return errDown
	}
	return s.memory.Start(ctx, up)
}

func TestStartMayBeTriedAgainAfterItFailed(t *testing.T) {
	sys := newSystem(t, resil.Config{}, resil.WithOutbox(&stubborn{fails: 1}))
	if err := sys.Start(t.Context()); !errors.Is(err, errDown) {
		t.Fatalf("Start = %v, want the store's error", err)
	}
	if sys.Status().Started {
		t.Error("a failed Start has started")
	}
	if err := sys.Start(t.Context()); err != nil {
		t.Errorf("Start tried again = %v", err)
	}
	if err := sys.Start(t.Context()); err == nil {
		t.Error("a second Start")
	}
	if err := sys.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNewRefusesChecksThatCannotRun(t *testing.T) {
	for _, c := range []resil.HealthConfig{{Every: -1}, {Every: time.Second, Timeout: time.Minute}, {Fall: -1}, {Rise: -1}} {
		if _, err := resil.New(resil.Config{Health: c}); err == nil {
			t.Errorf("New took %+v", c)
		}
	}
}

func TestEachBoundOfABackoffHasADefault(t *testing.T) {
	for _, tt := range []struct{ stated, want [2]time.Duration }{
		{[2]time.Duration{}, [2]time.Duration{50 * time.Millisecond, 2 * time.Second}},
		{[2]time.Duration{time.Second, 0}, [2]time.Duration{time.Second, 2 * time.Second}},
		{[2]time.Duration{time.Minute, 0}, [2]time.Duration{time.Minute, time.Minute}},
		{[2]time.Duration{0, time.Second}, [2]time.Duration{50 * time.Millisecond, time.Second}},
		{[2]time.Duration{0, time.Millisecond}, [2]time.Duration{time.Millisecond, time.Millisecond}},
	} {
		r := resil.Retry{Attempts: 2, Base: tt.stated[0], Max: tt.stated[1]}
		if err := r.Validate(); err != nil {
			t.Errorf("%v: %v", tt.stated, err)
		}
		if r = r.WithDefaults(); r.Base != tt.want[0] || r.Max != tt.want[1] {
			t.Errorf("%v becomes %v..%v, want %v", tt.stated, r.Base, r.Max, tt.want)
		}
	}
}

// A user's function that panics over a good answer ends the call's span all
// the same, and the panic goes on.
func TestAPanicOverAnAnswerEndsItsSpan(t *testing.T) {
	d := new(diary)
	sys := newSystem(t, resil.Config{}, resil.WithTracer(d))
	m := guarded(sys, resil.GuardSpec{}, resil.MethodSpec{Fallbacks: []resil.Fallback{{Strategy: resil.StrategyStale, TTL: time.Minute}}})
	v := calmly(func() {
		_, _ = resil.CallWith(t.Context(), m, succeed, resil.With[string]{Key: func() any { panic("no key") }})
	})
	if got := d.take(); v != "no key" || !strings.Contains(got, "end success") {
		t.Errorf("panic %v, span %q", v, got)
	}
}

func TestAShedCallNamesTheLevel(t *testing.T) {
	sys := newSystem(t, resil.Config{})
	m := guarded(sys, resil.GuardSpec{}, resil.MethodSpec{Name: "Put", Kind: resil.Write})
	if err := sys.Force(resil.Minimal, time.Minute, "test"); err != nil {
		t.Fatal(err)
	}
	_, err := resil.Call(t.Context(), m, succeed)
	if want := "db.Put: shed at this level: minimal"; err == nil || err.Error() != want {
		t.Errorf("err = %q, want %q", err, want)
	}
}

func TestAQuietMethodMayUseAllItsAttempts(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		m := guarded(sys, resil.GuardSpec{Breaker: &resil.Breaker{Failures: 1000}}, resil.MethodSpec{Kind: resil.Read, Retry: &resil.Retry{Attempts: 30, Base: 1, Max: 1}})
		fake.Always(resiltest.Fail(nil))
		_, err := resil.Call(t.Context(), m, fake.Call)
		if ex := explain(t, err); ex.Attempts != 30 {
			t.Errorf("%d attempts of a quiet method, want 30", ex.Attempts)
		}
		_, err = resil.Call(t.Context(), m, fake.Call)
		if ex := explain(t, err); ex.Attempts != 1 || ex.Policy != "retry" {
			t.Errorf("%+v: the budget is spent", ex)
		}
	})
}

func TestAnAnswerThatIsAnErrorForgetsTheOneKept(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		gone := errors.New("no such item")
		m := guarded(sys, resil.GuardSpec{}, resil.MethodSpec{
			Fallbacks: []resil.Fallback{{Strategy: resil.StrategyStale, TTL: time.Hour}},
			Ignore:    func(err error) bool { return errors.Is(err, gone) },
		})
		call := func(key string) (string, error) {
			return resil.CallWith(t.Context(), m, fake.Call, resil.With[string]{Key: func() any { return key }})
		}
		for _, key := range []string{"lamp", "chair"} {
			if _, err := call(key); err != nil {
				t.Fatal(err)
			}
		}
		fake.Script(resiltest.Fail(gone))
		if _, err := call("lamp"); !errors.Is(err, gone) {
			t.Errorf("err = %v", err)
		}
		fake.Always(resiltest.Fail(nil))
		if v, err := call("lamp"); !errors.Is(err, resiltest.ErrDown) {
			t.Errorf("what is gone was answered with %q, %v", v, err)
		}
		if v, err := call("chair"); v != "ok" || err != nil {
			t.Errorf("what is kept = %q, %v", v, err)
		}
	})
}

// A handler of the user's own may print a status, whatever guards it holds.
func TestStatusIsJSON(t *testing.T) {
	sys := newSystem(t, resil.Config{})
	answer := func(error) bool { return true }
	sys.Dependency("pricing", resil.Errors{Ignore: answer, Failure: answer}, resil.Fallback{Strategy: resil.StrategyZero})
	text, err := json.Marshal(sys.Status())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"Level":"optimal"`, `"Name":"pricing"`, `"Breaker":"closed"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is missing in %s", want, text)
		}
	}
}
