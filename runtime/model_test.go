package resil_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/resiltest"
)

var seeds = flag.Int("seeds", 60, "random histories per model test")

// naive is a breaker as one would write it down: for one caller at a time, with
// a list of results and a clock that is handed in.
type naive struct {
	cfg       resil.Breaker
	state     resil.BreakerState
	run       int // failures in a row
	results   []bool
	slow      int
	until     time.Time
	good, bad int
}

// admits reports whether a call may pass at now.
func (n *naive) admits(now time.Time) bool {
	if n.state == resil.BreakerOpen && !now.Before(n.until) {
		n.state, n.good, n.bad = resil.BreakerHalfOpen, 0, 0
	}
	return n.state != resil.BreakerOpen
}

// result takes the result of a call that was admitted. It reports whether the
// breaker has just opened.
func (n *naive) result(failed, slow bool) (opened bool) {
	if n.state == resil.BreakerHalfOpen {
		if failed || slow {
			n.bad++
		} else {
			n.good++
		}
		switch {
		case n.good >= n.cfg.Good:
			*n = naive{cfg: n.cfg}
		case n.bad > n.cfg.Probes-n.cfg.Good:
			*n = naive{cfg: n.cfg, state: resil.BreakerOpen}
			return true
		}
		return false
	}
	n.run++
	if !failed {
		n.run = 0
	}
	n.results = append(n.results, failed)
	failures, total := 0, len(n.results)
	for _, f := range n.results {
		if f {
			failures++
		}
	}
	if slow {
		n.slow++
	}
	trip := n.cfg.Failures > 0 && n.run >= n.cfg.Failures
	if total >= n.cfg.Min {
		trip = trip || failed && n.cfg.Ratio > 0 && float64(failures) >= n.cfg.Ratio*float64(total)
		trip = trip || slow && float64(n.slow) >= n.cfg.SlowRatio*float64(total)
	}
	if trip {
		*n = naive{cfg: n.cfg, state: resil.BreakerOpen}
	}
	return trip
}

// TestBreakerAgreesWithTheNaiveOne runs random histories of one caller against
// both.
func TestBreakerAgreesWithTheNaiveOne(t *testing.T) {
	for seed := range *seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { history(t, uint64(seed)) })
		})
	}
}

func history(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	m := 1 + r.IntN(4)
	cfg := resil.Breaker{
		Failures: r.IntN(6), Min: 1 + r.IntN(30), Window: 24 * time.Hour,
		Open: time.Duration(1+r.IntN(100)) * time.Second, Good: 1 + r.IntN(m), Probes: m,
		Slow: time.Second, SlowRatio: float64(1+r.IntN(10)) / 10,
	}
	if r.IntN(2) == 0 {
		cfg.Ratio = float64(1+r.IntN(10)) / 10
	}
	sys := newSystem(t, resil.Config{})
	method := guarded(sys, resil.GuardSpec{Criticality: resil.Low, Breaker: &cfg}, resil.MethodSpec{Kind: resil.Read})
	model := &naive{cfg: cfg}
	calls := 0
	health := r.Float64()
	for i := range 400 {
		if r.IntN(20) == 0 {
			health = r.Float64()
		}
		if r.IntN(10) == 0 {
			time.Sleep(time.Duration(r.Int64N(int64(cfg.Open))))
		}
		kind := r.IntN(20)
		failed, slow, neutral := r.Float64() > health, r.IntN(8) == 0, kind == 0
		ctx, cancel := context.WithCancel(t.Context())
		do := func(context.Context) (string, error) {
			calls++
			if slow {
				time.Sleep(2 * time.Second)
			}
			switch {
			case neutral:
				cancel()
				return "", context.Canceled
			case failed && kind == 1:
				panic("boom")
			case failed && kind == 2:
				goexit()
			case failed:
				return "", errDown
			}
			return "ok", nil
		}
		admits, before := model.admits(time.Now()), calls
		aside(func() { _ = calmly(func() { _, _ = resil.Call(ctx, method, do) }) })
		cancel()
		if got := calls > before; got != admits {
			t.Fatalf("seed %d, call %d: admitted = %v, the naive breaker says %v; %+v", seed, i, got, admits, cfg)
		}
		if admits && !neutral {
			// An aborted call is not measured: it is a failure whatever it took.
			if aborted := failed && (kind == 1 || kind == 2); model.result(failed, slow && !aborted) {
				model.until = sys.Status().Dependencies[0].OpenUntil
			}
		}
		if got := sys.Status().Dependencies[0].Breaker; got != model.state {
			t.Fatalf("seed %d, call %d: %v, the naive breaker is %v; %+v", seed, i, got, model.state, cfg)
		}
	}
	synctest.Wait()
}

// TestInvariantsUnderRandomInterleavings runs many callers against random
// policies and checks what must hold for every order of events.
func TestInvariantsUnderRandomInterleavings(t *testing.T) {
	for seed := range *seeds / 2 {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { crowd(t, uint64(seed)) })
		})
	}
}

func crowd(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 2))
	limit := 1 + r.IntN(20)
	g := resil.GuardSpec{Criticality: resil.Low, Breaker: &resil.Breaker{Failures: 3 + r.IntN(5), Open: time.Duration(1+r.IntN(20)) * time.Second}}
	if r.IntN(2) == 0 {
		g.Breaker.Ratio, g.Breaker.Min = .5, 10
	}
	g.Bulkhead = &resil.Bulkhead{Max: limit, Wait: time.Duration(r.IntN(3)) * time.Second}
	spec := resil.MethodSpec{Kind: resil.Read}
	if r.IntN(2) == 0 {
		spec.Timeout = resil.Timeout{Attempt: time.Second}
	}
	if r.IntN(2) == 0 {
		spec.Retry = &resil.Retry{Attempts: 3}
	}
	if r.IntN(3) == 0 {
		spec.Hedge = &resil.Hedge{After: 300 * time.Millisecond}
	}
	if r.IntN(3) == 0 {
		spec.Rate = &resil.Rate{N: 50}
	}
	if r.IntN(2) == 0 {
		spec.Fallbacks = []resil.Fallback{function("basic")}
	}
	sys := newSystem(t, resil.Config{})
	m := guarded(sys, g, spec)
	sys.Metrics()
	var states []resil.Change
	stop := sys.Subscribe(func(c resil.Change) {
		if c.Kind == resil.ChangeBreaker {
			states = append(states, c)
		}
	})
	defer stop()
	fake := new(resiltest.Fake)
	var results, entered, ended atomic.Int64
	with := resil.With[string]{Fallback: func(context.Context, int, error) (string, error) { return "basic", nil }}
	call := resil.CallWith[string]
	if spec.Hedge != nil {
		call = resil.CallHedgedWith[string]
	}
	const callers, each = 30, 20
	var wg sync.WaitGroup
	for caller := range callers {
		rr := rand.New(rand.NewPCG(seed, uint64(caller)+3))
		wg.Go(func() {
			for range each {
				step := randomStep(rr)
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rr.IntN(3000)+1)*time.Millisecond)
				aside(func() {
					defer ended.Add(1)
					_ = calmly(func() {
						v, err := call(ctx, m, func(ctx context.Context) (string, error) {
							entered.Add(1)
							fake.Always(step)
							return fake.Call(ctx)
						}, with)
						results.Add(1)
						if err == nil && v != "ok" && v != "basic" {
							t.Errorf("seed %d: a success with %q", seed, v)
						}
					})
				})
				cancel()
				time.Sleep(time.Duration(rr.IntN(500)) * time.Millisecond)
			}
		})
	}
	wg.Wait()
	time.Sleep(time.Hour)
	synctest.Wait()
	if n := ended.Load(); n != callers*each {
		t.Errorf("seed %d: %d of %d calls ended", seed, n, callers*each)
	}
	if fake.InFlight() != 0 || fake.Peak() > limit {
		t.Errorf("seed %d: %v with a bulkhead of %d", seed, fake, limit)
	}
	snap := sys.Metrics().Dependencies[0]
	var counted uint64
	for _, n := range snap.Methods[0].Calls {
		counted += n
	}
	if counted != callers*each {
		t.Errorf("seed %d: %d calls counted, %d made", seed, counted, callers*each)
	}
	// The attempts of hedges that were still under way when their call ended
	// belong to no call.
	if a := snap.Methods[0].Attempts; a > uint64(entered.Load()) || spec.Hedge == nil && a != uint64(entered.Load()) {
		t.Errorf("seed %d: %d attempts counted, %d made", seed, a, entered.Load())
	}
	if st := sys.Status().Dependencies[0]; st.InFlight != 0 {
		t.Errorf("seed %d: %d places of the bulkhead are taken", seed, st.InFlight)
	}
	legal := map[string]bool{"closed>open": true, "open>half-open": true, "half-open>open": true, "half-open>closed": true}
	at := "closed"
	for _, c := range states {
		if !legal[c.From+">"+c.To] || c.From != at {
			t.Errorf("seed %d: %s>%s after %s", seed, c.From, c.To, at)
		}
		at = c.To
	}
}

func randomStep(r *rand.Rand) resiltest.Step {
	delay := time.Duration(r.IntN(2000)) * time.Millisecond
	switch r.IntN(10) {
	case 0:
		return resiltest.Panic("boom")
	case 1:
		return resiltest.Goexit()
	case 2:
		return resiltest.Hang()
	case 3:
		return resiltest.Deaf(delay, resiltest.Fail(nil))
	case 4, 5:
		return resiltest.Fail(nil)
	case 6:
		return resiltest.Delay(delay, resiltest.Answer("ok"))
	case 7:
		return resiltest.Fail(errors.New("unlucky"))
	default:
		return resiltest.Answer("ok")
	}
}
