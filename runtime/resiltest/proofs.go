package resiltest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// proof is one thing that a guard is held to.
type proof struct {
	method int    // whose calls prove it; -1 = the dependency as a whole
	name   string // of its subtest
	says   string // what holds, with its numbers
	check  func(*trial)
}

// proofs returns all that can be proven of a guard.
func (p promise) proofs() []proof {
	list := []proof{{-1, "dependency", "the policies of dependency " + p.spec.Dependency + " are in force", p.inForce}}
	for n, m := range p.methods {
		add := func(name, says string, check func(*trial)) {
			list = append(list, proof{n, m.spec.Name + "/" + name, says, check})
		}
		add("policy", "its policies are in force", m.inForce)
		p.addLimits(m, add)
		m.addErrors(add)
		m.addFallbacks(add)
		for _, level := range resil.Levels() {
			action := m.spec.Levels.At(level)
			add(level.String(), fmt.Sprintf("at level %s its action is %s", level, action), func(r *trial) { m.doesAt(r, level, action) })
		}
	}
	if how, ok := p.trip(); ok {
		what := "failures"
		if how.slow > 0 {
			what = "slow answers"
		}
		says := fmt.Sprintf("%d %s open the breaker for %s; then it closes again", how.calls, what, p.spec.Breaker.Open)
		list = append(list, proof{how.method, "breaker", says, func(r *trial) { p.opensAndCloses(r, how) }})
	}
	return list
}

// addLimits adds what shows in numbers: of attempts, of calls, of time.
func (p promise) addLimits(m promisedMethod, add func(name, says string, check func(*trial))) {
	attempts := p.attempts(m)
	says := "a client that fails makes a call fail"
	if attempts > 0 {
		says = "a client that fails is called " + times(attempts)
	}
	if m.fallback() != 0 {
		says += ", then fallback " + m.fallback().String() + " runs"
	}
	add("failure", says, func(r *trial) { m.fails(r, attempts) })
	if n := p.atOnce(m); n > 0 {
		add("bulkhead", fmt.Sprintf("%d calls are let through at once, and no more", n), func(r *trial) { m.fills(r, n) })
	}
	if n := p.burst(m); n > 0 {
		add("rate", fmt.Sprintf("%d calls are let through at once, and no more", n), func(r *trial) { m.bursts(r, n) })
	}
	if n := p.arms(m); n > 0 {
		after := m.spec.Hedge.After
		add("hedge", fmt.Sprintf("%d calls start, %s apart, until one answers", n, after), func(r *trial) { m.hedges(r, n) })
	}
	if timeout := m.spec.Timeout.Attempt; timeout > 0 {
		add("timeout", fmt.Sprintf("an attempt ends after %s", timeout), func(r *trial) { timesOut(r, timeout) })
	}
}

// times says how often.
func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// addErrors adds what errors mean.
func (m promisedMethod) addErrors(add func(name, says string, check func(*trial))) {
	for _, answer := range m.answers {
		add("ignore", fmt.Sprintf("the error %q is an answer", answer), func(r *trial) { m.isAnswer(r, answer) })
	}
	for _, failure := range m.failures {
		add("failing", fmt.Sprintf("the error %q is a failure", failure), func(r *trial) { m.isFailure(r, failure) })
	}
}

// addFallbacks adds what shows of fallbacks besides that the first one runs.
func (m promisedMethod) addFallbacks(add func(name, says string, check func(*trial))) {
	for _, then := range m.then {
		add("then "+then.String(), fmt.Sprintf("fallback %s runs when those before it fail", then), func(r *trial) { m.thenRuns(r, then) })
	}
	if ttl := m.keeps(); ttl > 0 {
		add("stale", fmt.Sprintf("an answer is kept for %s", ttl), func(r *trial) { keeps(r, ttl) })
	}
}

// inForce compares what the system has in force for the dependency.
func (p promise) inForce(r *trial) {
	status := r.sys.Status().Dependencies[0]
	have, want := status.Limits, p.spec
	r.equal("name", have.Dependency, want.Dependency)
	r.equal("criticality", have.Criticality, want.Criticality)
	r.equal("down", have.Down, want.Down)
	r.equal("breaker", have.Breaker, want.Breaker)
	r.equal("shared rate", have.Rate, want.Rate)
	r.equal("shared bulkhead", have.Bulkhead, want.Bulkhead)
	r.equal("health check", status.Checked, p.checked)
}

// inForce compares what the system has in force for the method.
func (m promisedMethod) inForce(r *trial) {
	for _, have := range r.sys.Status().Dependencies[0].Methods {
		if have.Name != m.spec.Name {
			continue
		}
		r.equal("kind", have.Kind, m.spec.Kind)
		r.equal("idempotent", have.Idempotent, m.spec.Idempotent)
		r.equal("essential", have.Essential, m.spec.Essential)
		r.equal("health", have.Health, m.spec.Health)
		r.equal("timeout", have.Timeout, m.spec.Timeout)
		r.equal("retry", have.Retry, m.spec.Retry)
		r.equal("hedge", have.Hedge, m.spec.Hedge)
		r.equal("rate", have.Rate, m.spec.Rate)
		r.equal("bulkhead", have.Bulkhead, m.spec.Bulkhead)
		r.equal("fallbacks", have.Fallbacks, m.spec.Fallbacks)
		r.equal("levels", have.Levels, m.spec.Levels)
		return
	}
	r.errorf("method %s is not guarded", m.spec.Name)
}

// equal compares as people read it; policies behind pointers print as values.
func (r *trial) equal(what string, have, want any) {
	if have, want := fmt.Sprintf("%+v", have), fmt.Sprintf("%+v", want); have != want {
		r.errorf("%s: %s is in force, want %s", what, have, want)
	}
}

func (m promisedMethod) fails(r *trial, attempts int) {
	r.client.Always(Fail(nil))
	err := r.call(r.ctx)
	if n := r.client.Calls(); attempts > 0 && n != attempts {
		r.errorf("a client that fails is called %s, want %s", times(n), times(attempts))
	}
	switch first := m.fallback(); {
	case first == 0 && !errors.Is(err, ErrDown):
		r.errorf("the caller gets %v, want the client's error", err)
	case first != 0 && r.fallbacks(m.spec.Name, first) == 0:
		r.errorf("fallback %s does not run", first)
	}
}

func (m promisedMethod) isAnswer(r *trial, answer error) {
	r.client.Always(Fail(answer))
	if err := r.call(r.ctx); !errors.Is(err, answer) {
		r.errorf("the caller gets %v, want the answer %v", err, answer)
	}
	if n := r.client.Calls(); n != 1 {
		r.errorf("a client that answers %v is called %s, want once", answer, times(n))
	}
	if r.counts(m.spec.Name).Calls[resil.OutcomeSuccess-1] != 1 {
		r.errorf("%v counts as a failure, want an answer", answer)
	}
}

func (m promisedMethod) isFailure(r *trial, failure error) {
	r.client.Always(Fail(failure))
	_ = r.call(r.ctx) // what it counts as is the question
	if r.counts(m.spec.Name).Calls[resil.OutcomeFailure-1] != 1 {
		r.errorf("%v counts as an answer, want a failure", failure)
	}
}

// forEver is how long a client stays that should have been let go: long, but
// not so that a broken guard is a deadlock rather than a failure.
const forEver = 24 * time.Hour

func (m promisedMethod) fills(r *trial, limit int) {
	release := make(chan struct{})
	r.client.Always(func(context.Context) (string, error) {
		select {
		case <-release:
		case <-time.After(forEver):
		}
		return "", nil
	})
	var callers sync.WaitGroup
	for range limit {
		callers.Go(func() { _ = r.call(r.ctx) })
	}
	synctest.Wait()
	err := r.call(r.ctx) // one too many
	if n := r.client.Calls(); n != limit {
		r.errorf("%d calls are let through at once, want %d", n, limit)
	}
	if m.fallback() == 0 && !errors.Is(err, resil.ErrBulkheadFull) {
		r.errorf("the next caller gets %v, want ErrBulkheadFull", err)
	}
	close(release)
	callers.Wait()
}

func (m promisedMethod) bursts(r *trial, limit int) {
	for range limit {
		_ = r.call(r.ctx) // whether it is let through is counted below
	}
	err := r.call(r.ctx) // one too many
	if n := r.client.Calls(); n != limit {
		r.errorf("%d calls are let through at once, want %d", n, limit)
	}
	if m.fallback() == 0 && !errors.Is(err, resil.ErrRateLimited) {
		r.errorf("the next caller gets %v, want ErrRateLimited", err)
	}
}

func (m promisedMethod) hedges(r *trial, arms int) {
	for range arms - 1 {
		r.client.Script(Hang())
	}
	start := time.Now()
	if err := r.call(r.ctx); err != nil {
		r.errorf("the caller gets %v, want what the last of %d answers", err, arms)
	}
	want := time.Duration(arms-1) * m.spec.Hedge.After
	if n, took := r.client.Calls(), time.Since(start); n != arms || took != want {
		r.errorf("%d calls until %s, want %d until %s", n, took, arms, want)
	}
}

func timesOut(r *trial, timeout time.Duration) {
	hang := Delay(2*timeout, Answer(""))
	var took atomic.Int64
	r.client.Script(func(ctx context.Context) (string, error) {
		start := time.Now()
		v, err := hang(ctx)
		took.Store(int64(time.Since(start)))
		return v, err
	})
	r.client.Always(hang)
	_ = r.call(r.ctx) // how long the first attempt took says it all
	synctest.Wait()
	if got := time.Duration(took.Load()); got != timeout {
		r.errorf("an attempt ends after %s, want %s", got, timeout)
	}
}

func (m promisedMethod) thenRuns(r *trial, then resil.Strategy) {
	if then == resil.StrategyStale {
		if err := r.call(r.ctx); err != nil {
			r.errorf("a client that answers: %v", err)
			return
		}
	}
	r.client.Always(Fail(nil))
	r.fallback.Always(Fail(nil))
	_ = r.call(r.ctx) // whatever comes of it
	if r.fallbacks(m.spec.Name, then) == 0 {
		r.errorf("fallback %s does not run when those before it fail", then)
	}
}

func keeps(r *trial, ttl time.Duration) {
	if err := r.call(r.ctx); err != nil {
		r.errorf("a client that answers: %v", err)
		return
	}
	r.client.Always(Fail(nil))
	for _, step := range []struct {
		wait time.Duration
		kept bool
	}{{ttl * 9 / 10, true}, {ttl * 2 / 10, false}} {
		time.Sleep(step.wait)
		ctx, out := resil.WithOutcome(r.ctx)
		err := r.call(ctx)
		how, _ := out.First()
		if got := how.Strategy == resil.StrategyStale && err == nil; got != step.kept {
			r.errorf("an answer is kept for %s: given %v (%v), want %v", ttl, got, err, step.kept)
		}
	}
}

func (m promisedMethod) doesAt(r *trial, level resil.Level, action resil.Action) {
	if err := r.sys.Force(level, time.Minute, "a test"); err != nil {
		r.errorf("%v", err)
		return
	}
	if action == resil.ActOnce {
		r.client.Always(Fail(nil))
	}
	err := r.call(r.ctx)
	want := 1
	if action >= resil.ActFallback {
		want = 0
	}
	if n := r.client.Calls(); n != want {
		r.errorf("at level %s the client is called %s, want %s: %s", level, times(n), times(want), action)
	}
	if action == resil.ActShed && !errors.Is(err, resil.ErrShed) {
		r.errorf("at level %s the caller gets %v, want ErrShed", level, err)
	}
	if action == resil.ActFallback && r.fallbacks(m.spec.Name, m.fallback()) == 0 {
		r.errorf("at level %s fallback %s does not run", level, m.fallback())
	}
}

// opensAndCloses breaks the breaker's client and mends it.
func (p promise) opensAndCloses(r *trial, how trip) {
	state := func() resil.BreakerState { return r.sys.Metrics().Dependencies[0].State }
	r.client.Always(Fail(nil))
	if how.slow > 0 {
		r.client.Always(Deaf(how.slow, Answer("")))
	}
	for n := 0; n < how.calls && r.client.Calls() < how.calls; n++ {
		if state() != resil.BreakerClosed {
			r.errorf("the breaker is %s after %d calls, want closed until %d", state(), r.client.Calls(), how.calls)
			return
		}
		if n > 0 {
			time.Sleep(how.pause)
		}
		_ = r.call(r.ctx) // its failure is the point
	}
	if n := r.client.Calls(); n != how.calls || state() != resil.BreakerOpen {
		r.errorf("the breaker is %s after %d calls, want open after %d", state(), n, how.calls)
		return
	}
	// Jitter takes up to a tenth of the time that it stays open.
	open := p.spec.Breaker.Open
	r.client.Always(Answer(""))
	_ = r.call(r.ctx) // refused, as the next one
	time.Sleep(open * 8 / 10)
	_ = r.call(r.ctx)
	if n := r.client.Calls() - how.calls; n != 0 {
		r.errorf("an open breaker lets %d calls through in %s, want none", n, open*8/10)
	}
	for n := 0; state() != resil.BreakerClosed; n++ {
		if n == 200 {
			r.errorf("the breaker does not close although the client answers")
			return
		}
		time.Sleep(open + open/8 + time.Second)
		_ = r.call(r.ctx) // it may be shed at first
	}
}
