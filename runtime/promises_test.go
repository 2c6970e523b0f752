package resil_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/resiltest"
)

// promise is a defect known from another library and the proof that it does not
// exist here. The names are those of the list the project was started from:
// E, defects users met; G, gobreaker's; T, timeouts; R, retries; B, bulkheads;
// F, fallbacks.
type promise struct {
	name string
	test func(*testing.T, *world)
}

// world is a system in a synctest bubble with one guarded method over a fake.
type world struct {
	t    *testing.T
	sys  *resil.System
	fake *resiltest.Fake
	m    *resil.Method
}

// guard replaces the guarded method.
func (w *world) guard(g resil.GuardSpec, m resil.MethodSpec) {
	w.m = guarded(w.sys, g, m)
}

func (w *world) call(ctx context.Context) (string, error) {
	return resil.Call(ctx, w.m, w.fake.Call)
}

// calls makes n calls that must all fail.
func (w *world) fail(n int) {
	w.t.Helper()
	for range n {
		if _, err := w.call(w.t.Context()); err == nil {
			w.t.Error("a call of a broken dependency succeeded")
		}
	}
}

// trip opens the breaker of a guard with Failures: 3 and waits until a probe
// may pass.
func (w *world) trip() {
	w.t.Helper()
	w.fake.Always(resiltest.Fail(nil))
	w.fail(3)
	w.breaker(resil.BreakerOpen)
	time.Sleep(11 * time.Second)
	w.fake.Always(resiltest.Answer("ok"))
}

func (w *world) breaker(want resil.BreakerState) {
	w.t.Helper()
	if got := w.sys.Status().Dependencies[0].Breaker; got != want {
		w.t.Errorf("breaker is %v, want %v", got, want)
	}
}

func (w *world) answers(n int) {
	w.t.Helper()
	for range n {
		if v, err := w.call(w.t.Context()); v != "ok" || err != nil {
			w.t.Errorf("call = %q, %v; want an answer", v, err)
		}
	}
}

// aside runs f on a goroutine of its own and waits for its end, however it
// ends.
func aside(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

// calmly runs f and returns what it panicked with.
func calmly(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

var quick = resil.GuardSpec{Breaker: &resil.Breaker{Failures: 3, Open: 10 * time.Second, Good: 1, Probes: 1}}

var promises = []promise{
	{"E1 a probe that ends its goroutine does not wedge the breaker", func(t *testing.T, w *world) {
		w.trip()
		w.fake.Script(resiltest.Goexit())
		aside(func() { _, _ = w.call(t.Context()) })
		w.breaker(resil.BreakerOpen)
		time.Sleep(11 * time.Second)
		w.answers(1)
		w.breaker(resil.BreakerClosed)
	}},
	{"E2 a probe that never returns does not wedge the breaker", func(t *testing.T, w *world) {
		w.trip()
		gate := resiltest.NewGate()
		w.fake.Script(gate.Then(resiltest.Answer("late")))
		go func() { _, _ = w.call(t.Context()) }()
		<-gate.Entered
		if _, err := w.call(t.Context()); !errors.Is(err, resil.ErrOpen) {
			t.Errorf("second probe = %v, want ErrOpen while the first is under way", err)
		}
		time.Sleep(10 * time.Second)
		w.answers(1)
		w.breaker(resil.BreakerClosed)
		gate.Open()
		synctest.Wait()
		w.breaker(resil.BreakerClosed)
	}},
	{"E3 calls that their callers cancel do not open the breaker", func(t *testing.T, w *world) {
		for range 20 {
			ctx, cancel := context.WithCancel(t.Context())
			w.fake.Script(func(ctx context.Context) (string, error) { cancel(); return "", ctx.Err() })
			if _, err := w.call(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("err = %v, want context.Canceled", err)
			}
		}
		w.breaker(resil.BreakerClosed)
	}},
	{"E4 a listener may call everything", func(t *testing.T, w *world) {
		var seen []resil.Change
		stop := w.sys.Subscribe(func(c resil.Change) {
			seen = append(seen, c)
			_ = w.sys.Level()
			_ = w.sys.Status()
			_ = w.sys.Metrics()
			_, _ = w.call(t.Context())
			_ = w.sys.Dependency("db")
			w.sys.OnLevel(func(resil.Transition) {})()
		})
		defer stop()
		w.fake.Always(resiltest.Fail(nil))
		w.fail(3)
		synctest.Wait()
		if len(seen) != 2 || seen[0].Kind != resil.ChangeBreaker || seen[1].Kind != resil.ChangeLevel {
			t.Errorf("changes = %+v, want the breaker's and the level's", seen)
		}
	}},
	{"E5 no lock is held over a call", func(t *testing.T, w *world) {
		w.fake.Always(resiltest.Delay(50*time.Millisecond, resiltest.Answer("ok")))
		start := time.Now()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { w.answers(1) })
		}
		wg.Wait()
		if took := time.Since(start); took != 50*time.Millisecond || w.fake.Peak() != 8 {
			t.Errorf("8 calls took %v, %v; want 50ms", took, w.fake)
		}
	}},
	{"E6 E10 a success from before the trip does not close a half-open breaker", func(t *testing.T, w *world) {
		early, probe := resiltest.NewGate(), resiltest.NewGate()
		w.fake.Script(early.Then(resiltest.Answer("ok")))
		go func() { _, _ = w.call(t.Context()) }()
		<-early.Entered
		w.trip()
		w.fake.Script(probe.Then(resiltest.Fail(nil)))
		go func() { _, _ = w.call(t.Context()) }()
		<-probe.Entered
		early.Open()
		synctest.Wait()
		w.breaker(resil.BreakerHalfOpen)
		probe.Open()
		synctest.Wait()
		w.breaker(resil.BreakerOpen)
	}},
	{"E7 B1 a bulkhead's place comes back after a panic and Goexit", func(t *testing.T, w *world) {
		w.guard(resil.GuardSpec{Dependency: "pool", Breaker: &resil.Breaker{Failures: 1000}, Bulkhead: &resil.Bulkhead{Max: 1}}, resil.MethodSpec{Bulkhead: &resil.Bulkhead{Max: 1}})
		for range 5 {
			w.fake.Script(resiltest.Panic("boom"))
			if v := calmly(func() { _, _ = w.call(t.Context()) }); v != "boom" {
				t.Errorf("panic = %v, want it unchanged", v)
			}
			w.fake.Script(resiltest.Goexit())
			aside(func() { _, _ = w.call(t.Context()) })
			w.answers(1)
		}
	}},
	{"E8 a probe that panics does not wedge the breaker", func(t *testing.T, w *world) {
		w.trip()
		w.fake.Script(resiltest.Panic("boom"))
		if v := calmly(func() { _, _ = w.call(t.Context()) }); v != "boom" {
			t.Errorf("panic = %v, want it unchanged", v)
		}
		w.breaker(resil.BreakerOpen)
		time.Sleep(11 * time.Second)
		w.answers(1)
		w.breaker(resil.BreakerClosed)
	}},
	{"E9 a failure run is judged without cancelled calls", func(t *testing.T, w *world) {
		w.fake.Always(resiltest.Fail(nil))
		w.fail(2)
		for range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			w.fake.Script(func(ctx context.Context) (string, error) { cancel(); return "", errors.New("use of closed connection") })
			_, _ = w.call(ctx)
		}
		w.breaker(resil.BreakerClosed)
		w.fail(1)
		w.breaker(resil.BreakerOpen)
	}},
	{"E11 R2 a retry stops at an open breaker and waits for nothing", func(t *testing.T, w *world) {
		w.guard(resil.GuardSpec{Dependency: "one", Breaker: &resil.Breaker{Failures: 1}}, resil.MethodSpec{Kind: resil.Read, Retry: &resil.Retry{Attempts: 5, Base: 50 * time.Millisecond, Max: 50 * time.Millisecond}})
		w.fake.Always(resiltest.Fail(nil))
		start := time.Now()
		w.fail(1)
		if took := time.Since(start); took != 0 || w.fake.Calls() != 1 {
			t.Errorf("took %v and %v, want 1 call and no wait", took, w.fake)
		}
	}},
	{"E12 T3 a client deaf to its context is waited for and counts as timed out", func(t *testing.T, w *world) {
		w.guard(resil.GuardSpec{Dependency: "deaf", Breaker: &resil.Breaker{Failures: 1}}, resil.MethodSpec{Timeout: resil.Timeout{Attempt: 20 * time.Millisecond}})
		w.fake.Script(resiltest.Deaf(300*time.Millisecond, resiltest.Answer("late")))
		before := runtime.NumGoroutine()
		v, err := w.call(t.Context())
		if v != "late" || !errors.Is(err, resil.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("call = %q, %v; want the late value and ErrTimeout", v, err)
		}
		synctest.Wait()
		if n := runtime.NumGoroutine(); n > before {
			t.Errorf("%d goroutines are left over", n-before)
		}
		ex, ok := resil.Explain(err)
		if !ok || ex.Outcome != resil.OutcomeTimeout || ex.Policy != "timeout" || ex.Elapsed != 300*time.Millisecond {
			t.Errorf("explanation = %+v", ex)
		}
	}},
	{"E13 a cancel between attempts keeps both errors", func(t *testing.T, w *world) {
		w.guard(resil.GuardSpec{Dependency: "both"}, resil.MethodSpec{Kind: resil.Read, Retry: &resil.Retry{Attempts: 3, Base: time.Minute, Max: time.Minute}})
		w.fake.Always(resiltest.Fail(nil))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Nanosecond, cancel)
		_, err := w.call(ctx)
		if !errors.Is(err, context.Canceled) || !errors.Is(err, resiltest.ErrDown) {
			t.Errorf("err = %v, want context.Canceled and the dependency's", err)
		}
	}},
	{"G1 G2 a slow listener holds nobody up", func(t *testing.T, w *world) {
		block := make(chan struct{})
		stop := w.sys.OnLevel(func(resil.Transition) { <-block })
		defer stop()
		w.fake.Always(resiltest.Fail(nil))
		start := time.Now()
		w.fail(5)
		_ = w.sys.Status()
		if took := time.Since(start); took != 0 {
			t.Errorf("calls took %v under a slow listener", took)
		}
		close(block)
	}},
	{"G3 a half-open round with hung probes ends", func(t *testing.T, w *world) {
		w.guard(resil.GuardSpec{Dependency: "hung", Breaker: &resil.Breaker{Failures: 3, Open: 10 * time.Second, Good: 2, Probes: 3}}, resil.MethodSpec{})
		w.fake.Always(resiltest.Fail(nil))
		w.fail(3)
		time.Sleep(11 * time.Second)
		gate := resiltest.NewGate()
		w.fake.Always(gate.Then(resiltest.Fail(nil)))
		for range 3 {
			go func() { _, _ = w.call(t.Context()) }()
			<-gate.Entered
		}
		time.Sleep(24 * time.Hour)
		w.fake.Always(resiltest.Answer("ok"))
		w.answers(2)
		gate.Open()
		synctest.Wait()
		w.answers(1)
	}},
	{"G4 a call that ends its goroutine counts as a failure", func(t *testing.T, w *world) {
		w.fake.Always(resiltest.Goexit())
		for range 3 {
			aside(func() { _, _ = w.call(t.Context()) })
		}
		w.breaker(resil.BreakerOpen)
	}},
	{"G5 a panic keeps its value", func(t *testing.T, w *world) {
		boom := errors.New("boom")
		w.fake.Always(resiltest.Panic(boom))
		for range 3 {
			if v := calmly(func() { _, _ = w.call(t.Context()) }); v != boom { //nolint:errorlint // identity is the promise
				t.Errorf("panic = %v, want the same value", v)
			}
		}
		w.breaker(resil.BreakerOpen)
	}},
	{"G6 an error matcher that panics makes the error a failure, once", func(t *testing.T, w *world) {
		asked := 0
		w.guard(resil.GuardSpec{Dependency: "judge", Breaker: &resil.Breaker{Failures: 2}}, resil.MethodSpec{Ignore: func(error) bool { asked++; panic("judge") }})
		w.fake.Always(resiltest.Fail(nil))
		w.fail(1)
		w.fail(1)
		if asked != 2 {
			t.Errorf("the matcher was asked %d times for 2 errors", asked)
		}
		if _, err := w.call(t.Context()); !errors.Is(err, resil.ErrOpen) {
			t.Errorf("err = %v, want ErrOpen after 2 failures", err)
		}
	}},
	{"G7 error matchers are not asked about success", func(t *testing.T, w *world) {
		w.guard(resil.GuardSpec{Dependency: "nil"}, resil.MethodSpec{
			Ignore:  func(err error) bool { return err.Error() == "" },
			Failure: func(err error) bool { return err.Error() == "" },
		})
		w.answers(3)
	}},
	{"G8 cancelled probes neither close nor reopen, and are not unlimited", func(t *testing.T, w *world) {
		w.trip()
		before := w.fake.Calls()
		for range 1000 {
			ctx, cancel := context.WithCancel(t.Context())
			w.fake.Script(func(ctx context.Context) (string, error) { cancel(); return "", ctx.Err() })
			_, _ = w.call(ctx)
			cancel()
		}
		w.breaker(resil.BreakerHalfOpen)
		if n := w.fake.Calls() - before; n > 20 {
			t.Errorf("%d cancelled probes reached the dependency at once", n)
		}
		w.fake.Always(resiltest.Answer("ok"))
	}},
	{"G9 callers with a tiny deadline do not open the breaker", func(t *testing.T, w *world) {
		for range 6 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
			w.fake.Script(resiltest.Hang())
			if _, err := w.call(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("err = %v, want DeadlineExceeded", err)
			}
			cancel()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 0)
		defer cancel()
		before := w.fake.Calls()
		_, _ = w.call(ctx)
		if w.fake.Calls() != before {
			t.Error("a call whose context was done on entry reached the dependency")
		}
		w.breaker(resil.BreakerClosed)
	}},
	{"G9 callers with a fair deadline do", func(t *testing.T, w *world) {
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			w.fake.Script(resiltest.Hang())
			_, _ = w.call(ctx)
			cancel()
		}
		w.breaker(resil.BreakerOpen)
	}},
	{"G10 calls longer than the window are counted", func(t *testing.T, w *world) {
		w.guard(resil.GuardSpec{Dependency: "long", Breaker: &resil.Breaker{Ratio: .5, Min: 20, Window: 10 * time.Second}}, resil.MethodSpec{})
		w.fake.Always(resiltest.Deaf(time.Minute, resiltest.Fail(nil)))
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { _, _ = w.call(t.Context()) })
		}
		wg.Wait()
		if _, err := w.call(t.Context()); !errors.Is(err, resil.ErrOpen) {
			t.Errorf("err = %v, want ErrOpen", err)
		}
	}},
	{"G11 a long healthy past does not hide a broken present", func(t *testing.T, w *world) {
		w.guard(resil.GuardSpec{Dependency: "past", Breaker: &resil.Breaker{Ratio: .5, Min: 20}}, resil.MethodSpec{})
		for range 100 {
			w.answers(1000)
			time.Sleep(time.Second)
		}
		time.Sleep(10 * time.Second)
		w.fake.Always(resiltest.Fail(nil))
		before := w.fake.Calls()
		for range 100 {
			_, _ = w.call(t.Context())
		}
		if n := w.fake.Calls() - before; n != 20 {
			t.Errorf("%d failures reached the dependency, want 20", n)
		}
	}},
	{"G12 G13 every window costs the same", func(t *testing.T, w *world) {
		w.guard(resil.GuardSpec{Dependency: "huge", Breaker: &resil.Breaker{Ratio: .5, Window: resil.MaxDuration}}, resil.MethodSpec{})
		w.answers(10)
		time.Sleep(1000 * time.Hour)
		w.answers(10)
		err := resil.Breaker{Ratio: .5, Window: 1<<63 - 1}.Validate()
		if err == nil {
			t.Error("a window of 292 years is accepted")
		}
	}},
	{"G14 recovery lets calls in gradually", func(t *testing.T, w *world) {
		w.trip()
		w.answers(1)
		w.breaker(resil.BreakerClosed)
		gate := resiltest.NewGate()
		w.fake.Always(gate.Then(resiltest.Answer("ok")))
		var refused atomic.Int64
		var wg sync.WaitGroup
		for range 10_000 {
			wg.Go(func() {
				if _, err := w.call(t.Context()); errors.Is(err, resil.ErrOpen) {
					refused.Add(1)
				}
			})
		}
		synctest.Wait()
		if n := w.fake.InFlight(); n > 100 || n == 0 {
			t.Errorf("%d calls rush in after recovery", n)
		}
		gate.Open()
		wg.Wait()
		time.Sleep(10 * time.Second)
		w.fake.Always(resiltest.Answer("ok"))
		w.answers(500)
	}},
	{"G15 open periods are jittered", func(t *testing.T, w *world) {
		until := map[time.Time]bool{}
		for i := range 50 {
			g := quick
			g.Dependency = fmt.Sprintf("replica-%02d", i)
			w.guard(g, resil.MethodSpec{})
			w.fake.Always(resiltest.Fail(nil))
			w.fail(3)
		}
		now := time.Now()
		for _, d := range w.sys.Status().Dependencies[1:] {
			until[d.OpenUntil] = true
			if p := d.OpenUntil.Sub(now); p < 9*time.Second || p > 11*time.Second {
				t.Errorf("open period = %v, want 10s ±10 %%", p)
			}
		}
		if len(until) < 40 {
			t.Errorf("50 breakers share %d ends of their open periods", len(until))
		}
	}},
	{"G16 reading state does not change it", func(t *testing.T, w *world) {
		w.trip()
		changes := 0
		stop := w.sys.Subscribe(func(resil.Change) { changes++ })
		defer stop()
		for range 10 {
			_, _ = w.sys.Status(), w.sys.Metrics()
			time.Sleep(time.Hour)
		}
		w.breaker(resil.BreakerOpen)
		synctest.Wait()
		if changes != 0 {
			t.Errorf("%d changes came of reading", changes)
		}
	}},
	{"G17 failures of an older state are dropped", func(t *testing.T, w *world) {
		gate := resiltest.NewGate()
		for range 50 {
			w.fake.Script(gate.Then(resiltest.Fail(nil)))
		}
		for range 50 {
			go func() { _, _ = w.call(t.Context()) }()
		}
		for range 50 {
			<-gate.Entered
		}
		w.trip()
		w.answers(1)
		gate.Open()
		synctest.Wait()
		w.breaker(resil.BreakerClosed)
	}},
	{"G18 N of M probes close, more than M-N bad ones reopen", func(t *testing.T, w *world) {
		w.guard(resil.GuardSpec{Dependency: "probes", Breaker: &resil.Breaker{Failures: 3, Open: 10 * time.Second, Good: 2, Probes: 3}}, resil.MethodSpec{})
		state := func() resil.BreakerState { return w.sys.Status().Dependencies[1].Breaker }
		w.fake.Always(resiltest.Fail(nil))
		w.fail(3)
		time.Sleep(11 * time.Second)
		w.fake.Script(resiltest.Answer("ok"), resiltest.Fail(nil))
		w.answers(1)
		w.fail(1)
		if state() != resil.BreakerHalfOpen {
			t.Errorf("after one good and one bad of 2/3: %v", state())
		}
		w.fake.Script(resiltest.Answer("ok"))
		w.answers(1)
		if state() != resil.BreakerClosed {
			t.Errorf("after two good of 2/3: %v", state())
		}
		w.fail(3)
		time.Sleep(11 * time.Second)
		w.fail(2)
		if state() != resil.BreakerOpen {
			t.Errorf("after two bad of 2/3: %v", state())
		}
	}},
	{"G19 a breaker can be held open and closed by hand, for a time", func(t *testing.T, w *world) {
		d := w.sys.Dependency("db")
		if err := d.Force(true, time.Minute, "maintenance"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.call(t.Context()); !errors.Is(err, resil.ErrOpen) {
			t.Errorf("err = %v, want ErrOpen while forced", err)
		}
		if w.sys.Level() != resil.Degraded {
			t.Errorf("level = %v, want degraded while forced open", w.sys.Level())
		}
		time.Sleep(time.Minute)
		w.answers(1)
		if err := d.Force(false, time.Minute, "trust me"); err != nil {
			t.Fatal(err)
		}
		w.fake.Always(resiltest.Fail(nil))
		w.fail(50)
		if n := w.fake.Calls(); n != 51 {
			t.Errorf("%v while forced closed, want 51 calls", w.fake)
		}
		for _, bad := range []error{d.Force(true, 0, "x"), d.Force(true, time.Hour, ""), d.Force(true, 25*time.Hour, "x")} {
			if bad == nil {
				t.Error("a force without end or reason is accepted")
			}
		}
	}},
	{"G21 local rejections are no failures of the dependency", func(t *testing.T, w *world) {
		w.guard(resil.GuardSpec{Dependency: "local", Breaker: &resil.Breaker{Failures: 2}, Bulkhead: &resil.Bulkhead{Max: 1}}, resil.MethodSpec{Rate: &resil.Rate{N: 3, Per: time.Second, Burst: 3}})
		gate := resiltest.NewGate()
		w.fake.Script(gate.Then(resiltest.Answer("ok")))
		go func() { _, _ = w.call(t.Context()) }()
		<-gate.Entered
		for _, want := range []error{resil.ErrBulkheadFull, resil.ErrBulkheadFull, resil.ErrRateLimited, resil.ErrRateLimited} {
			if _, err := w.call(t.Context()); !errors.Is(err, want) || !errors.Is(err, resil.ErrRejected) {
				t.Errorf("err = %v, want %v", err, want)
			}
		}
		gate.Open()
		time.Sleep(time.Second)
		w.answers(1)
	}},
	{"G21 rejections of an inner guard are no failures for an outer one", func(t *testing.T, w *world) {
		inner := w.m
		w.fake.Always(resiltest.Fail(nil))
		w.fail(3)
		outer := guarded(w.sys, resil.GuardSpec{Dependency: "outer", Breaker: &resil.Breaker{Failures: 1}}, resil.MethodSpec{})
		for range 5 {
			_, err := resil.Call(t.Context(), outer, func(ctx context.Context) (string, error) {
				return resil.Call(ctx, inner, w.fake.Call)
			})
			if ex, _ := resil.Explain(err); !errors.Is(err, resil.ErrOpen) || ex.Outcome != resil.OutcomeNeutral {
				t.Errorf("err = %v, outcome %v; want the inner rejection, neutral", err, ex.Outcome)
			}
		}
	}},
	{"T2 no timer outlives its attempt", func(t *testing.T, w *world) {
		w.guard(resil.GuardSpec{Dependency: "timers"}, resil.MethodSpec{Timeout: resil.Timeout{Attempt: time.Hour}})
		var ctxs []context.Context
		w.fake.Always(func(ctx context.Context) (string, error) {
			ctxs = append(ctxs, ctx)
			_ = ctx.Done()
			return "ok", nil
		})
		w.answers(3)
		w.fake.Always(func(ctx context.Context) (string, error) {
			ctxs = append(ctxs, ctx)
			panic("boom")
		})
		_ = calmly(func() { _, _ = w.call(t.Context()) })
		for _, ctx := range ctxs {
			if !errors.Is(ctx.Err(), context.Canceled) {
				t.Errorf("an attempt's context is %v after its end, want canceled", ctx.Err())
			}
		}
	}},
	{"F1 a fallback that calls its own guard ends in an error", func(t *testing.T, w *world) {
		for _, timeout := range []time.Duration{0, time.Second} {
			w.guard(resil.GuardSpec{Dependency: fmt.Sprintf("loop%d", timeout)}, resil.MethodSpec{
				Timeout:   resil.Timeout{Attempt: timeout},
				Fallbacks: []resil.Fallback{{Strategy: resil.StrategyCall, Name: "again"}},
			})
			depth := 0
			var call func(ctx context.Context) (string, error)
			call = func(ctx context.Context) (string, error) {
				return resil.CallWith(ctx, w.m, fail, resil.With[string]{
					Fallback: func(ctx context.Context, _ int, _ error) (string, error) {
						depth++
						return call(ctx)
					},
				})
			}
			_, err := call(t.Context())
			if !errors.Is(err, resil.ErrFallbackLoop) || !errors.Is(err, errDown) || depth > 2 {
				t.Errorf("err = %v at depth %d, want ErrFallbackLoop and the cause", err, depth)
			}
		}
	}},
	{"F2 a stale answer is a copy, of its own key, and not older than allowed", func(t *testing.T, w *world) {
		m := guarded(w.sys, resil.GuardSpec{Dependency: "stale", Breaker: &resil.Breaker{Failures: 1000}}, resil.MethodSpec{
			Kind: resil.Read, Fallbacks: []resil.Fallback{{Strategy: resil.StrategyStale, TTL: 10 * time.Minute, Max: 100}},
		})
		get := func(tenant string, err error) (map[string]int, error) {
			return resil.CallWith(t.Context(), m, func(context.Context) (map[string]int, error) {
				if err != nil {
					return nil, err
				}
				return map[string]int{tenant: 1}, nil
			}, resil.With[map[string]int]{
				Key: func() any { return tenant },
				Copy: func(m map[string]int) map[string]int {
					c := map[string]int{}
					for k, v := range m {
						c[k] = v
					}
					return c
				},
			})
		}
		first, _ := get("a", nil)
		first["a"] = 100
		if v, err := get("a", errDown); err != nil || v["a"] != 1 {
			t.Errorf("stale = %v, %v; want the answer as it was", v, err)
		} else {
			v["a"] = 200
		}
		if v, _ := get("a", errDown); v["a"] != 1 {
			t.Errorf("stale = %v after a caller changed its copy", v)
		}
		if _, err := get("b", errDown); !errors.Is(err, errDown) {
			t.Errorf("another tenant got %v, want the failure", err)
		}
		time.Sleep(10*time.Minute + 1)
		if _, err := get("a", errDown); !errors.Is(err, errDown) {
			t.Errorf("an answer older than allowed came with %v", err)
		}
		for i := range 10_000 {
			_, _ = get(fmt.Sprint(i), nil)
		}
		kept := 0
		for i := range 10_000 {
			if _, err := get(fmt.Sprint(i), errDown); err == nil {
				kept++
			}
		}
		if kept > 110 || kept == 0 {
			t.Errorf("%d answers are kept, want about 100", kept)
		}
	}},
}

func TestPromises(t *testing.T) {
	for _, p := range promises {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{t: t, fake: new(resiltest.Fake), sys: newSystem(t, resil.Config{})}
				w.guard(quick, resil.MethodSpec{Kind: resil.Read})
				p.test(t, w)
				synctest.Wait()
			})
		})
	}
}

// T1: a decorator's deferred cancel kills what is read after the return.
func TestT1StreamsSurviveTheReturn(t *testing.T) {
	const size = 4 << 20
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chunk := []byte(strings.Repeat("x", 64<<10))
		for range size / len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	sys := newSystem(t, resil.Config{})
	m := guarded(sys, resil.GuardSpec{}, resil.MethodSpec{Streams: true, Timeout: resil.Timeout{Attempt: time.Minute}})
	res, err := resil.CallStream(t.Context(), m, func(ctx context.Context) (*http.Response, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		if err != nil {
			return nil, err
		}
		return server.Client().Do(req)
	}, resil.TieResponse)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, res.Body)
	if n != size || err != nil {
		t.Errorf("read %d bytes, %v; want %d", n, err, size)
	}
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
}
