package resiltest

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// Func is one guarded method in the shape that the suite calls.
type Func = func(context.Context) (string, error)

// Subject is a decorator under test.
type Subject struct {
	// New guards client with the decorator at sys, as its only dependency and
	// method, and returns what calls it. It is called once per promise.
	New func(sys *resil.System, client Func) Func
	// Options returns what the system needs besides; nil = nothing.
	Options func(t testing.TB) []resil.Option
}

// Conform checks what package resil promises of every guarded method, whatever
// its policies: which of them are in force it asks the system. Each promise is
// a subtest in a bubble of its own, which also proves that no goroutine is left.
func Conform(t *testing.T, subject Subject) {
	t.Helper()
	for _, p := range promises {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, subject)
				p.check(r)
				r.close()
			})
		})
	}
}

// promises is what Conform checks. The names say what holds; what it protects
// from is in docs/defects.md.
var promises = []struct {
	name  string
	check func(*rig)
}{
	{"an answer passes", (*rig).answerPasses},
	{"an error that is an answer passes unchanged", (*rig).answeringErrorPasses},
	{"a failure keeps its cause", (*rig).failureKeepsItsCause},
	{"context values reach the client", (*rig).valuesPass},
	{"a done context touches nothing", (*rig).doneContextTouchesNothing},
	{"a caller who leaves is let go", (*rig).leavingIsPossible},
	{"callers who leave do not open the breaker", (*rig).leavingIsNeutral},
	{"a panic passes unchanged and costs no permit", (*rig).panicPasses},
	{"Goexit passes and costs no permit", (*rig).goexitPasses},
	{"a broken dependency is left alone, and found again", (*rig).brokenIsLeftAlone},
	{"a probe that hangs does not wedge", (*rig).hungProbe},
	{"a probe that ends its goroutine does not wedge", (*rig).goneProbe},
	{"a result of an older state changes nothing", (*rig).oldResult},
	{"a hanging client costs no more than the timeout", (*rig).timeoutHolds},
	{"every call gets one result and every permit comes back", (*rig).permitsComeBack},
}

// rig is one subject in one bubble.
type rig struct {
	t    *testing.T
	sys  *resil.System
	fake *Fake
	call Func
}

func newRig(t *testing.T, s Subject) *rig {
	t.Helper()
	var options []resil.Option
	if s.Options != nil {
		options = s.Options(t)
	}
	sys, err := resil.New(resil.Config{Logger: slog.New(slog.DiscardHandler)}, options...)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, sys: sys, fake: new(Fake)}
	r.call = s.New(sys, r.fake.Call)
	if err := sys.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(sys.Status().Dependencies); n != 1 {
		t.Fatalf("the subject guards %d dependencies; the suite wants 1", n)
	}
	return r
}

func (r *rig) close() {
	if err := r.sys.Close(r.t.Context()); err != nil {
		r.t.Error(err)
	}
}

func (r *rig) status() resil.DependencyStatus { return r.sys.Status().Dependencies[0] }

func (r *rig) method() resil.MethodSpec { return r.status().Methods[0] }

func (r *rig) open() bool { return r.status().Breaker == resil.BreakerOpen }

// aside calls on a goroutine of its own and waits for its end. It reports
// whether the call returned and what it panicked with.
func (r *rig) aside(ctx context.Context) (returned bool, panicked any) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { panicked = recover() }()
		_, _ = r.call(ctx)
		returned = true
	}()
	<-done
	return returned, panicked
}

// breakDown makes the dependency fail until its breaker is open.
func (r *rig) breakDown() {
	r.t.Helper()
	r.fake.Always(Fail(nil))
	for range 10_000 {
		_, _ = r.call(r.t.Context())
		if r.open() {
			return
		}
	}
	r.t.Fatal("the breaker never opens")
}

// untilProbe waits until the breaker lets a probe in.
func (r *rig) untilProbe() { time.Sleep(r.status().Limits.Breaker.Open*11/10 + 1) }

// heal makes the dependency answer and waits until everything is well.
func (r *rig) heal() {
	r.t.Helper()
	r.fake.Always(Answer("ok"))
	for range 200 {
		v, err := r.call(r.t.Context())
		if v == "ok" && err == nil && r.status().Breaker == resil.BreakerClosed && r.sys.Level() == resil.Optimal {
			return
		}
		time.Sleep(r.status().Limits.Breaker.Open / 10)
	}
	r.t.Errorf("20 open periods after the dependency is back: %+v at level %v", r.status(), r.sys.Level())
}

func (r *rig) answerPasses() {
	if v, err := r.call(r.t.Context()); v != "ok" || err != nil {
		r.t.Errorf("got %q, %v; want the answer", v, err)
	}
}

func (r *rig) answeringErrorPasses() {
	r.fake.Always(Fail(sql.ErrNoRows))
	for range 50 {
		if _, err := r.call(r.t.Context()); err != sql.ErrNoRows { //nolint:errorlint // unchanged is the promise
			r.t.Fatalf("got %v (%T), want sql.ErrNoRows itself", err, err)
		}
	}
	if r.status().Breaker != resil.BreakerClosed {
		r.t.Error("answers opened the breaker")
	}
}

func (r *rig) failureKeepsItsCause() {
	r.fake.Always(Fail(nil))
	ctx, out := resil.WithOutcome(r.t.Context())
	_, err := r.call(ctx)
	switch {
	case err == nil && !out.Degraded():
		r.t.Error("a failure became an answer, and nobody is told")
	case err != nil && !errors.Is(err, ErrDown):
		r.t.Errorf("%v does not reach the cause", err)
	}
	if err != nil {
		if _, ok := resil.Explain(err); !ok {
			r.t.Errorf("%T has no explanation", err)
		}
	}
}

func (r *rig) valuesPass() {
	type key struct{}
	r.fake.Always(func(ctx context.Context) (string, error) {
		if ctx.Value(key{}) != "value" {
			r.t.Error("the client does not see the caller's context values")
		}
		return "ok", nil
	})
	_, _ = r.call(context.WithValue(r.t.Context(), key{}, "value"))
}

func (r *rig) doneContextTouchesNothing() {
	ctx, cancel := context.WithCancel(r.t.Context())
	cancel()
	if _, err := r.call(ctx); !errors.Is(err, context.Canceled) {
		r.t.Errorf("err = %v, want context.Canceled", err)
	}
	if r.fake.Calls() != 0 {
		r.t.Error("the client was called")
	}
}

func (r *rig) leavingIsPossible() {
	r.fake.Always(Hang())
	ctx, cancel := context.WithCancel(r.t.Context())
	time.AfterFunc(time.Microsecond, cancel)
	start := time.Now()
	_, err := r.call(ctx)
	if took := time.Since(start); took > time.Microsecond || !errors.Is(err, context.Canceled) {
		r.t.Errorf("%v after %v, want context.Canceled at once", err, took)
	}
}

func (r *rig) leavingIsNeutral() {
	for range 100 {
		ctx, cancel := context.WithCancel(r.t.Context())
		r.fake.Always(func(ctx context.Context) (string, error) {
			cancel()
			return "", errors.New("use of closed connection")
		})
		_, _ = r.call(ctx)
	}
	if r.status().Breaker != resil.BreakerClosed {
		r.t.Error("callers who left opened the breaker")
	}
}

func (r *rig) panicPasses() {
	for range 50 {
		r.fake.Always(Panic("boom"))
		calls := r.fake.Calls()
		_, v := r.aside(r.t.Context())
		if r.fake.Calls() > calls && v != "boom" {
			r.t.Fatalf("panic = %v, want it unchanged", v)
		}
		if r.open() {
			r.untilProbe()
		}
	}
	r.heal()
}

func (r *rig) goexitPasses() {
	for range 50 {
		r.fake.Always(Goexit())
		calls := r.fake.Calls()
		if returned, _ := r.aside(r.t.Context()); returned && r.fake.Calls() > calls {
			r.t.Fatal("the call returned although the client ended the goroutine")
		}
		if r.open() {
			r.untilProbe()
		}
	}
	r.heal()
}

func (r *rig) brokenIsLeftAlone() {
	r.breakDown()
	calls := r.fake.Calls()
	for range 100 {
		_, _ = r.call(r.t.Context())
	}
	if n := r.fake.Calls() - calls; n != 0 {
		r.t.Errorf("%d calls reached the dependency while its breaker is open", n)
	}
	r.heal()
}

func (r *rig) hungProbe() {
	r.breakDown()
	r.untilProbe()
	gate := NewGate()
	r.fake.Always(gate.Then(Fail(nil)))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { _, _ = r.call(r.t.Context()) })
	}
	synctest.Wait()
	time.Sleep(3 * r.status().Limits.Breaker.Open)
	r.heal()
	gate.Open()
	wg.Wait()
	synctest.Wait()
	r.heal()
}

func (r *rig) goneProbe() {
	r.breakDown()
	for range 10 {
		r.untilProbe()
		r.fake.Always(Goexit())
		_, _ = r.aside(r.t.Context())
	}
	r.heal()
}

func (r *rig) oldResult() {
	gate := NewGate()
	r.fake.Always(gate.Then(Answer("old")))
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = r.call(r.t.Context()) })
	<-gate.Entered
	r.breakDown()
	gate.Open()
	wg.Wait()
	synctest.Wait()
	if !r.open() {
		r.t.Errorf("a success from before the trip made the breaker %v", r.status().Breaker)
	}
	r.heal()
}

func (r *rig) timeoutHolds() {
	m := r.method()
	if m.Timeout.Attempt == 0 {
		return // nothing is promised
	}
	r.fake.Always(Hang())
	start := time.Now()
	ctx, out := resil.WithOutcome(r.t.Context())
	_, err := r.call(ctx)
	most := m.WorstCase() + m.Timeout.Attempt // and as much for a fallback
	if took := time.Since(start); took > most {
		r.t.Errorf("took %v, want at most %v", took, most)
	}
	if !errors.Is(err, context.DeadlineExceeded) && !out.Degraded() {
		r.t.Errorf("err = %v, want context.DeadlineExceeded", err)
	}
}

func (r *rig) permitsComeBack() {
	steps := []Step{
		Answer("ok"), Fail(nil), Fail(sql.ErrNoRows), Hang(), Panic("boom"), Goexit(),
		Delay(time.Millisecond, Answer("ok")), Deaf(time.Second, Fail(nil)),
	}
	var wg sync.WaitGroup
	for i := range 400 {
		r.fake.Script(steps[i%len(steps)])
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(r.t.Context(), time.Duration(i%5+1)*time.Second)
			defer cancel()
			_, _ = r.aside(ctx)
		})
		if i%20 == 0 {
			time.Sleep(time.Second)
		}
	}
	wg.Wait()
	time.Sleep(time.Minute)
	if n := r.fake.InFlight(); n != 0 {
		r.t.Errorf("%d calls are still under way", n)
	}
	if st := r.status(); st.InFlight != 0 {
		r.t.Errorf("%d places of the bulkhead are taken", st.InFlight)
	}
	r.fake.drop()
	r.heal()
}
