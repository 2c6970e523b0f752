package resil_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/resiltest"
)

// bubble runs f in a synctest bubble with a fresh system.
func bubble(t *testing.T, f func(t *testing.T, sys *resil.System, fake *resiltest.Fake)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(t, newSystem(t, resil.Config{}), new(resiltest.Fake))
		synctest.Wait()
	})
}

func explain(t *testing.T, err error) resil.Explanation {
	t.Helper()
	ex, ok := resil.Explain(err)
	if !ok {
		t.Errorf("%v (%T) has no explanation", err, err)
	}
	return ex
}

func TestRetryRepeatsFailuresOfRepeatableMethods(t *testing.T) {
	retry := &resil.Retry{Attempts: 3, Base: 10 * time.Millisecond, Max: 20 * time.Millisecond}
	tests := []struct {
		name  string
		spec  resil.MethodSpec
		step  resiltest.Step
		calls int
	}{
		{"a read that fails", resil.MethodSpec{Kind: resil.Read, Retry: retry}, resiltest.Fail(nil), 3},
		{"an idempotent write that fails", resil.MethodSpec{Kind: resil.Write, Idempotent: true, Retry: retry}, resiltest.Fail(nil), 3},
		{"an unmarked method that fails", resil.MethodSpec{Retry: retry}, resiltest.Fail(nil), 1},
		{"an answer", resil.MethodSpec{Kind: resil.Read, Retry: retry}, resiltest.Fail(redisError("redis: nil")), 1},
		{"a rejection further in", resil.MethodSpec{Kind: resil.Read, Retry: retry}, resiltest.Fail(resil.ErrBulkheadFull), 1},
		{"a success", resil.MethodSpec{Kind: resil.Read, Retry: retry}, resiltest.Answer("ok"), 1},
		{"a timeout", resil.MethodSpec{Kind: resil.Read, Retry: retry, Timeout: resil.Timeout{Attempt: time.Second}}, resiltest.Hang(), 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
				m := guarded(sys, resil.GuardSpec{Breaker: &resil.Breaker{Failures: 100}}, tt.spec)
				fake.Always(tt.step)
				_, err := resil.Call(t.Context(), m, fake.Call)
				if fake.Calls() != tt.calls {
					t.Errorf("%v, want %d calls; err = %v", fake, tt.calls, err)
				}
				if tt.calls > 1 {
					if ex := explain(t, err); ex.Attempts != tt.calls || ex.Waited > 30*time.Millisecond {
						t.Errorf("explanation = %+v", ex)
					}
				}
			})
		})
	}
}

func TestRetryReturnsTheFirstSuccess(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		m := guarded(sys, resil.GuardSpec{}, resil.MethodSpec{Kind: resil.Read, Retry: &resil.Retry{Attempts: 3}})
		fake.Script(resiltest.Fail(nil), resiltest.Fail(nil))
		if v, err := resil.Call(t.Context(), m, fake.Call); v != "ok" || err != nil {
			t.Errorf("got %q, %v", v, err)
		}
	})
}

func TestRetryWaitsAsLongAsTheDependencyAsks(t *testing.T) {
	after := func(s string) error {
		return &openaiError{StatusCode: 429, Response: &http.Response{StatusCode: 429, Header: http.Header{"Retry-After": {s}}}}
	}
	tests := []struct {
		name   string
		err    error
		budget time.Duration // the caller's deadline; 0 = none
		calls  int
		waited time.Duration
	}{
		{"seconds", after("7"), 0, 2, 7 * time.Second},
		{"a date", after("Sat, 01 Jan 2000 00:00:09 GMT"), 0, 2, 9 * time.Second},
		{"longer than the deadline", after("7"), 5 * time.Second, 1, 0},
		{"longer than anybody waits", after("3600"), 0, 1, 0},
		{"nonsense", after("soon"), 0, 2, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
				m := guarded(sys, resil.GuardSpec{}, resil.MethodSpec{Kind: resil.Read, Retry: &resil.Retry{Attempts: 2, Base: time.Nanosecond, Max: time.Nanosecond}})
				fake.Always(resiltest.Fail(tt.err))
				ctx := t.Context()
				if tt.budget > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.budget)
					defer cancel()
				}
				start := time.Now()
				_, err := resil.Call(ctx, m, fake.Call)
				if took := time.Since(start); fake.Calls() != tt.calls || took < tt.waited || took > tt.waited+time.Millisecond {
					t.Errorf("%v in %v, want %d calls and a wait of %v", fake, took, tt.calls, tt.waited)
				}
				if ex := explain(t, err); tt.calls == 1 && ex.RetryAt.IsZero() {
					t.Errorf("explanation = %+v, want the time to retry", ex)
				}
			})
		})
	}
}

func TestNoAttemptStartsThatTheDeadlineCannotHold(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		retry := &resil.Retry{Attempts: 5, Base: time.Nanosecond, Max: time.Nanosecond}
		m := guarded(sys, resil.GuardSpec{}, resil.MethodSpec{Kind: resil.Read, Retry: retry, Timeout: resil.Timeout{Attempt: time.Second, Total: 10 * time.Second}})
		fake.Always(resiltest.Hang())
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := resil.Call(ctx, m, fake.Call)
		if took := time.Since(start); fake.Calls() != 2 || took > 2*time.Second+time.Microsecond {
			t.Errorf("%v in %v, want 2 attempts of 1s in 2.5s; %v", fake, took, err)
		}
		if ex := explain(t, err); ex.Policy != "retry" || !errors.Is(err, resil.ErrTimeout) {
			t.Errorf("policy = %q, err = %v", ex.Policy, err)
		}
	})
}

func TestTotalTimeoutBoundsAttemptsAndWaits(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		m := guarded(sys, resil.GuardSpec{}, resil.MethodSpec{Kind: resil.Read, Retry: &resil.Retry{Attempts: 10, Base: time.Second, Max: time.Second}, Timeout: resil.Timeout{Total: 3 * time.Second}})
		fake.Script(resiltest.Fail(nil))
		fake.Always(resiltest.Hang())
		start := time.Now()
		_, err := resil.Call(t.Context(), m, fake.Call)
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("took %v, want 3s", took)
		}
		if ex := explain(t, err); ex.Policy != "total" || !errors.Is(err, resil.ErrTimeout) {
			t.Errorf("policy = %q, err = %v", ex.Policy, err)
		}
	})
}

func TestRetryBudgetBoundsRetriesUnderAnOutage(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		m := guarded(sys, resil.GuardSpec{Breaker: &resil.Breaker{Failures: resil.MaxCount}}, resil.MethodSpec{Kind: resil.Read, Retry: &resil.Retry{Attempts: 4, Budget: 0.1, Base: time.Nanosecond, Max: time.Nanosecond}})
		fake.Always(resiltest.Fail(nil))
		for range 1000 {
			_, _ = resil.Call(t.Context(), m, fake.Call)
		}
		if retries := fake.Calls() - 1000; retries < 100 || retries > 111 {
			t.Errorf("%d retries of 1000 calls under a budget of 0.1", retries)
		}
	})
}

func TestBulkheadQueuesForAsLongAsAllowed(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		m := guarded(sys, resil.GuardSpec{Bulkhead: &resil.Bulkhead{Max: 2, Wait: time.Second}}, resil.MethodSpec{})
		fake.Always(resiltest.Delay(700*time.Millisecond, resiltest.Answer("ok")))
		var full, good atomic.Int64
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				_, err := resil.Call(t.Context(), m, fake.Call)
				switch {
				case err == nil:
					good.Add(1)
				case errors.Is(err, resil.ErrBulkheadFull):
					full.Add(1)
				}
			})
		}
		wg.Wait()
		if good.Load() != 4 || full.Load() != 2 || fake.Peak() != 2 {
			t.Errorf("%d answered, %d refused, %v; want 4, 2 and at most 2 at once", good.Load(), full.Load(), fake)
		}
	})
}

func TestAttemptTimeoutInTheQueueIsABulkheadRejection(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		m := guarded(sys, resil.GuardSpec{Bulkhead: &resil.Bulkhead{Max: 1, Wait: time.Hour}}, resil.MethodSpec{Timeout: resil.Timeout{Attempt: time.Second}})
		gate := resiltest.NewGate()
		fake.Script(gate.Then(resiltest.Answer("ok")))
		go func() { _, _ = resil.Call(t.Context(), m, fake.Call) }()
		<-gate.Entered
		start := time.Now()
		_, err := resil.Call(t.Context(), m, fake.Call)
		if took := time.Since(start); !errors.Is(err, resil.ErrBulkheadFull) || took != time.Second {
			t.Errorf("err = %v after %v, want ErrBulkheadFull after 1s", err, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := resil.Call(ctx, m, fake.Call); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, resil.ErrRejected) {
			t.Errorf("err = %v, want the caller's deadline", err)
		}
		gate.Open()
		synctest.Wait()
		if v, err := resil.Call(t.Context(), m, fake.Call); v != "ok" {
			t.Errorf("a place was lost: %v", err)
		}
	})
}

func TestRateLimitRefillsOverTime(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		m := guarded(sys, resil.GuardSpec{Rate: &resil.Rate{N: 60, Per: time.Minute, Burst: 5}}, resil.MethodSpec{})
		good := func(n int) (got int) {
			for range n {
				if _, err := resil.Call(t.Context(), m, fake.Call); err == nil {
					got++
				} else if !errors.Is(err, resil.ErrRateLimited) {
					t.Error(err)
				}
			}
			return got
		}
		if n := good(10); n != 5 {
			t.Errorf("%d of a burst passed, want 5", n)
		}
		time.Sleep(3 * time.Second)
		if n := good(10); n != 3 {
			t.Errorf("%d passed 3s later, want 3", n)
		}
	})
}

func TestBreakerTripsOnRatio(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		m := guarded(sys, resil.GuardSpec{Breaker: &resil.Breaker{Ratio: .5, Min: 10}}, resil.MethodSpec{})
		call := func(n int, step resiltest.Step) {
			fake.Always(step)
			for range n {
				_, _ = resil.Call(t.Context(), m, fake.Call)
				time.Sleep(time.Millisecond)
			}
		}
		open := func() bool { return sys.Status().Dependencies[0].Breaker == resil.BreakerOpen }
		call(9, resiltest.Fail(nil))
		if open() {
			t.Error("open below the minimum")
		}
		time.Sleep(20 * time.Second)
		call(11, resiltest.Answer("ok"))
		call(10, resiltest.Fail(nil))
		if open() {
			t.Error("open at 10 of 21")
		}
		call(1, resiltest.Fail(nil))
		if !open() {
			t.Error("closed at 11 of 22")
		}
	})
}

func TestBreakerTripsOnSlowCalls(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		m := guarded(sys, resil.GuardSpec{Breaker: &resil.Breaker{Slow: time.Second, SlowRatio: .5, Min: 4, Window: time.Minute}}, resil.MethodSpec{})
		fake.Script(resiltest.Answer("ok"), resiltest.Deaf(2*time.Second, resiltest.Answer("ok")), resiltest.Answer("ok"), resiltest.Deaf(time.Second, resiltest.Answer("ok")))
		for range 4 {
			if _, err := resil.Call(t.Context(), m, fake.Call); err != nil {
				t.Error(err)
			}
		}
		fake.Always(resiltest.Deaf(2*time.Second, resiltest.Answer("slow")))
		for range 2 {
			if v, err := resil.Call(t.Context(), m, fake.Call); v != "slow" || err != nil {
				t.Errorf("a slow answer came back as %q, %v", v, err)
			}
		}
		if _, err := resil.Call(t.Context(), m, fake.Call); !errors.Is(err, resil.ErrOpen) {
			t.Errorf("err = %v, want ErrOpen at 3 slow of 6", err)
		}
	})
}

func TestHedgeStartsAnotherAttemptWhenTheFirstIsSlow(t *testing.T) {
	spec := resil.MethodSpec{Kind: resil.Read, Hedge: &resil.Hedge{After: 100 * time.Millisecond, Max: 2}}
	tests := []struct {
		name   string
		script []resiltest.Step
		want   string
		err    error
		took   time.Duration
		calls  int
	}{
		{"quick answer", []resiltest.Step{resiltest.Answer("first")}, "first", nil, 0, 1},
		{"the hedge wins", []resiltest.Step{resiltest.Hang(), resiltest.Answer("second")}, "second", nil, 100 * time.Millisecond, 2},
		{"the first wins late", []resiltest.Step{resiltest.Delay(150*time.Millisecond, resiltest.Answer("first")), resiltest.Hang()}, "first", nil, 150 * time.Millisecond, 2},
		{"a deaf loser is not waited for", []resiltest.Step{resiltest.Deaf(time.Hour, resiltest.Answer("first")), resiltest.Answer("second")}, "second", nil, 100 * time.Millisecond, 2},
		{"a failure waits for the others", []resiltest.Step{resiltest.Delay(150*time.Millisecond, resiltest.Fail(nil)), resiltest.Delay(200*time.Millisecond, resiltest.Answer("second")), resiltest.Hang()}, "second", nil, 300 * time.Millisecond, 3},
		{"all fail", []resiltest.Step{resiltest.Delay(150*time.Millisecond, resiltest.Fail(nil)), resiltest.Delay(time.Second, resiltest.Fail(nil)), resiltest.Fail(nil)}, "", resiltest.ErrDown, 1100 * time.Millisecond, 3},
		{"at once, without a hedge", []resiltest.Step{resiltest.Fail(nil)}, "", resiltest.ErrDown, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
				m := guarded(sys, resil.GuardSpec{Breaker: &resil.Breaker{Failures: 4}}, spec)
				fake.Script(tt.script...)
				start := time.Now()
				v, err := resil.CallHedged(t.Context(), m, fake.Call)
				if took := time.Since(start); v != tt.want || !errors.Is(err, tt.err) || took != tt.took || fake.Calls() != tt.calls {
					t.Errorf("got %q, %v after %v, %v; want %q, %v after %v, %d calls", v, err, took, fake, tt.want, tt.err, tt.took, tt.calls)
				}
				time.Sleep(2 * time.Hour) // for the deaf
			})
		})
	}
}

func TestHedgePassesPanicAndGoexitOn(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		m := guarded(sys, resil.GuardSpec{Bulkhead: &resil.Bulkhead{Max: 1}}, resil.MethodSpec{Kind: resil.Read, Hedge: &resil.Hedge{After: time.Second}})
		fake.Script(resiltest.Panic("boom"))
		if v := calmly(func() { _, _ = resil.CallHedged(t.Context(), m, fake.Call) }); v != "boom" {
			t.Errorf("panic = %v", v)
		}
		fake.Script(resiltest.Goexit())
		passed := false
		aside(func() {
			_, _ = resil.CallHedged(t.Context(), m, fake.Call)
			passed = true
		})
		if passed {
			t.Error("Goexit ended the client's goroutine only")
		}
		if _, err := resil.CallHedged(t.Context(), m, fake.Call); err != nil {
			t.Errorf("a place was lost: %v", err)
		}
	})
}

func TestCancelledLosersAreNeutralAndGiveTheirPlacesBack(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		m := guarded(sys, resil.GuardSpec{Breaker: &resil.Breaker{Failures: 1}, Bulkhead: &resil.Bulkhead{Max: 2}}, resil.MethodSpec{Kind: resil.Read, Hedge: &resil.Hedge{After: time.Second}})
		for range 20 {
			fake.Script(resiltest.Hang(), resiltest.Answer("ok"))
			if v, err := resil.CallHedged(t.Context(), m, fake.Call); v != "ok" || err != nil {
				t.Fatalf("got %q, %v", v, err)
			}
			synctest.Wait()
		}
		if st := sys.Status().Dependencies[0]; st.Breaker != resil.BreakerClosed || st.InFlight != 0 {
			t.Errorf("status = %+v", st)
		}
	})
}

func TestARefusedHedgeDoesNotFailTheCall(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		m := guarded(sys, resil.GuardSpec{Bulkhead: &resil.Bulkhead{Max: 1}}, resil.MethodSpec{Kind: resil.Read, Hedge: &resil.Hedge{After: time.Second}})
		fake.Script(resiltest.Delay(2*time.Second, resiltest.Answer("ok")))
		if v, err := resil.CallHedged(t.Context(), m, fake.Call); v != "ok" || err != nil {
			t.Errorf("got %q, %v", v, err)
		}
	})
}

func TestStreamsLiveUntilTheirEnd(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, fake *resiltest.Fake) {
		m := guarded(sys, resil.GuardSpec{Breaker: &resil.Breaker{Failures: 2}}, resil.MethodSpec{Streams: true, Timeout: resil.Timeout{Attempt: time.Second}})
		var attempt context.Context
		open := func(delay time.Duration) (*body, error) {
			b := &body{Reader: strings.NewReader("data")}
			_, err := resil.CallStream(t.Context(), m, func(ctx context.Context) (*body, error) {
				attempt = ctx
				time.Sleep(delay)
				return b, nil
			}, func(b *body, cancel context.CancelFunc) *body {
				if b.cancel = cancel; cancel == nil {
					_ = b.Close()
				}
				return b
			})
			return b, err
		}
		b, err := open(0)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // long after the attempt's timeout
		if attempt.Err() != nil {
			t.Errorf("the stream's context is %v while it is read", attempt.Err())
		}
		_ = b.Close()
		if attempt.Err() == nil {
			t.Error("the stream's context lives on after Close")
		}
		b, err = open(time.Minute)
		if !errors.Is(err, resil.ErrTimeout) || !b.closed {
			t.Errorf("a late stream: err = %v, closed = %v", err, b.closed)
		}
	})
}

type body struct {
	*strings.Reader
	cancel context.CancelFunc
	closed bool
}

func (b *body) Close() error {
	b.closed = true
	if b.cancel != nil {
		b.cancel()
	}
	return nil
}
