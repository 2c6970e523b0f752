package resil

import (
	"context"
	"errors"
	"time"

	"github.com/resilgo/resil/runtime/internal/breaker"
	"github.com/resilgo/resil/runtime/internal/mono"
	"github.com/resilgo/resil/runtime/internal/reply"
)

// Call runs do under the policies of m.
//
// An answer of the dependency comes back as do returned it, an error that is an
// answer included. A failure or a rejection comes back as an [*Error] together
// with do's value. A context that is done on entry touches no policy. A panic
// and [runtime.Goexit] in do count as a failure and pass through unchanged.
func Call[T any](ctx context.Context, m *Method, do func(context.Context) (T, error)) (T, error) {
	return invoke(ctx, m, do, nil)
}

// CallWith is [Call] with what may stand in for the client. The functions in
// with are called on the caller's goroutine and not kept.
func CallWith[T any](ctx context.Context, m *Method, do func(context.Context) (T, error), with With[T]) (T, error) {
	return invoke(ctx, m, do, &standIns[T]{With: with})
}

// Do runs fn under the policies of d, as [Call] does. It never starts a
// goroutine, so a dependency with a [Hedge] needs [DoHedged]: Do returns an
// error for it.
func Do[T any](ctx context.Context, d *Dependency, fn func(context.Context) (T, error)) (T, error) {
	m := d.current()
	if m.spec.Hedge != nil {
		var zero T
		return zero, errHedged
	}
	return invoke(ctx, m, fn, nil)
}

// DoWith is [Do] with what may stand in for fn.
func DoWith[T any](ctx context.Context, d *Dependency, fn func(context.Context) (T, error), with With[T]) (T, error) {
	m := d.current()
	if m.spec.Hedge != nil {
		var zero T
		return zero, errHedged
	}
	return invoke(ctx, m, fn, &standIns[T]{With: with})
}

var errHedged = errors.New("resil: a dependency with a hedge is called with DoHedged, not Do")

// full is the guarded call with all policies; span is what its tracer made of
// it, nil when nobody records it.
func full[T any](ctx context.Context, c *methodConf, span Span, do func(context.Context) (T, error), with *standIns[T]) (v T, err error) {
	s := call{span: span}
	if !s.enter(ctx, c) {
		return conclude(&s, v, nil, with)
	}
	if s.action == ActStale && !c.method.dep.passes(c.method) {
		if v, ok := answerKept(&s, with); ok {
			return v, nil
		}
	}
	s.streams = with != nil && with.tie != nil
	v, err = attempt(&s, &s.arm, do, with)
	return attempts(&s, v, err, do, with)
}

// attempts repeats a failed attempt as often as the policies allow.
func attempts[T any](s *call, v T, err error, do func(context.Context) (T, error), with *standIns[T]) (T, error) {
	for s.again(err) {
		v, err = attempt(s, &s.arm, do, with)
	}
	return conclude(s, v, err, with)
}

// attempt is one attempt: permits, client, verdict. What it took is given back
// on every way out.
func attempt[T any](s *call, a *arm, do func(context.Context) (T, error), with *standIns[T]) (v T, err error) {
	returned := false
	defer func() {
		if !returned {
			s.abort(a)
		}
	}()
	if !s.admit(a) {
		returned = true
		return v, nil
	}
	v, err = inject(s, a, do)
	if with != nil && with.tie != nil && a.own != nil {
		v, err = outlive(a, v, err, with.tie)
	}
	s.finish(a, err)
	if a.end != nil {
		a.end(a.outcome, err)
	}
	returned = true
	return v, err
}

// inject runs the client, or what chaos puts in its place.
func inject[T any](s *call, a *arm, do func(context.Context) (T, error)) (v T, err error) {
	i := s.c.method.sys.injector
	if i == nil {
		return do(a.ctx)
	}
	ctx := a.ctx
	if s.span != nil {
		ctx = context.WithValue(ctx, faultKey{}, s.span)
	}
	after, err := i.Inject(ctx, s.c.method.dep.name, s.c.method.spec.Name)
	if err != nil {
		return v, err
	}
	v, err = do(a.ctx)
	if after != nil {
		err = after(err)
	}
	if err == nil {
		v = injectResult(ctx, i, s.c.method.dep.name, s.c.method.spec.Name, v)
	}
	return v, err
}

// conclude ends the call: an answer goes back as it is, everything else turns
// to the fallbacks and then into an Error.
func conclude[T any](s *call, v T, err error, with *standIns[T]) (T, error) {
	switch {
	case s.arm.outcome == OutcomeSuccess:
		s.close(err) // first: the functions of the user's that keep calls may panic
		keep(s, v, err, with)
		return v, err
	case s.arm.gone:
		err = s.left(err)
		s.close(err)
		return v, err
	}
	failure := s.failure(err)
	if s.mayFallBack() {
		return fallBack(s, v, failure, with, nil)
	}
	s.tell(0, 0, failure)
	s.close(failure)
	return v, failure
}

// call is one guarded call. It lives on the caller's stack.
type call struct {
	c        *methodConf
	ctx      context.Context // the caller's, with the span
	base     context.Context // of attempts: ctx, or what cancels the arms of a hedge
	span     Span            // nil when nobody records the call
	further  AttemptSpan     // span, if it follows attempts and there may be several
	level    Level
	action   Action
	begun    mono.Time // 0 = the clock was not read
	callerAt mono.Time // the caller's deadline; 0 = none
	totalAt  mono.Time // the end of the total timeout; 0 = none
	attempts int       // that reached the client, hedges included
	tries    int       // attempts, each with its hedges
	waited   time.Duration
	retryAt  mono.Time // when the dependency wants to be asked again; 0 = unknown
	cause    error     // the last real error
	closed   bool
	arms     bool // one arm of a hedge: the call itself ends elsewhere
	hedge    bool // an arm that races another
	before   int  // arms: attempts before this one
	streams  bool // the result outlives the call
	arm      arm
}

// arm is one attempt.
type arm struct {
	ctx     context.Context
	own     *deadlineCtx // nil when the attempt runs on the caller's context
	token   breaker.Token
	entered bool  // token must be given back
	held    uint8 // bulkheads taken, as bits by their index
	start   mono.Time
	endsAt  mono.Time            // of our own deadline; 0 = none
	total   bool                 // endsAt is the end of the total timeout
	lost    bool                 // another arm of the hedge won
	tied    bool                 // own outlives the attempt
	end     func(Outcome, error) // of its own span; nil when it has none
	outcome Outcome              // 0 while under way
	policy  string               // that decided
	reject  error                // the sentinel when a policy decided
	gone    bool                 // the caller left
}

// begin sets what every call has besides its span.
func (s *call) begin(ctx context.Context, c *methodConf, now mono.Time) {
	s.c, s.ctx, s.base = c, ctx, ctx
	s.level = c.method.sys.levelNow()
	s.action = c.levels.At(s.level)
	if d, ok := ctx.Deadline(); ok {
		s.callerAt = mono.Of(d)
	}
	if now == 0 && (c.clock || s.span != nil) {
		now = mono.Now()
	}
	s.begun = now
	if c.timeout.Total > 0 {
		s.totalAt = now + c.timeout.Total
	}
	if c.retries {
		c.method.budget.earn(c.retry.Budget)
	}
}

// observe tells the tracer of a call, which goes on with what is returned. The
// span is nil when nobody records the call, or when it is over before it began.
func (c *methodConf) observe(ctx context.Context) (context.Context, Span) {
	sys := c.method.sys
	sys.poll()
	if ctx.Err() != nil {
		return ctx, nil
	}
	info := *c.traced
	info.Level = sys.levelNow()
	return sys.tracer.Start(ctx, info)
}

// enter begins the call and reports whether the client may be called.
func (s *call) enter(ctx context.Context, c *methodConf) bool {
	c.method.sys.poll()
	if ctx.Err() != nil {
		s.c, s.ctx, s.level, s.action = c, ctx, c.method.sys.levelNow(), ActCall
		s.arm = arm{outcome: OutcomeNeutral, policy: policyCaller, gone: true}
		return false
	}
	s.begin(ctx, c, 0)
	if s.span != nil && (c.retries || c.hedges) {
		s.further, _ = s.span.(AttemptSpan) // nil if it does not follow them
	}
	if s.action < ActFallback {
		return true
	}
	if c.method.dep.passes(c.method) {
		s.action = ActOnce
		return true
	}
	s.event(Event{Kind: EventLevel, Level: s.level})
	s.arm = arm{outcome: OutcomeShed, policy: policyLevel, reject: ErrShed}
	return false
}

// admit takes an attempt's permits in the contract's order: breaker, rate,
// deadline, bulkhead.
func (s *call) admit(a *arm) bool {
	c, dep := s.c, s.c.method.dep
	var now mono.Time
	switch {
	case s.attempts == 0 && s.begun != 0:
		now = s.begun
	case c.clock || s.callerAt != 0 || s.span != nil:
		now = mono.Now()
	}
	*a = arm{ctx: s.base, start: now}
	token, ok := dep.breaker.Fast()
	if !ok {
		if now == 0 {
			now = mono.Now()
		}
		if token, ok = dep.breaker.Enter(now); !ok {
			return s.refuse(a, OutcomeOpen, policyBreaker, ErrOpen)
		}
	}
	a.token, a.entered = token, true
	if !c.allowed(now) {
		return s.refuse(a, OutcomeRate, policyRate, ErrRateLimited)
	}
	s.bound(a, now)
	if err := s.occupy(a); err != nil {
		if errors.Is(err, ErrBulkheadFull) {
			return s.refuse(a, OutcomeBulkhead, policyBulkhead, ErrBulkheadFull)
		}
		a.gone = true
		return s.refuse(a, OutcomeNeutral, policyCaller, nil)
	}
	if a.endsAt != 0 {
		if s.streams {
			a.own = newLiftable(a.ctx, a.endsAt)
		} else {
			a.own = newDeadline(a.ctx, a.endsAt)
		}
		a.ctx = a.own
	}
	s.attempts++
	if s.further != nil {
		s.follow(a)
	}
	return true
}

// bound sets the attempt's own deadline, unless the caller's comes first.
func (s *call) bound(a *arm, now mono.Time) {
	if t := s.c.timeout.Attempt; t > 0 {
		a.endsAt = now + t
	}
	if s.totalAt != 0 && (a.endsAt == 0 || s.totalAt < a.endsAt) {
		a.endsAt, a.total = s.totalAt, true
	}
	if s.callerAt != 0 && s.callerAt <= a.endsAt {
		a.endsAt, a.total = 0, false
	}
}

// occupy takes a place in the shared bulkhead and then in the method's own.
func (s *call) occupy(a *arm) error {
	for i, b := range s.c.bulkheads {
		if b == nil {
			continue
		}
		if !b.try() {
			left := time.Duration(-1)
			if a.endsAt != 0 {
				left = a.endsAt - mono.Now()
			}
			if err := b.acquire(s.base, left); err != nil {
				return err
			}
			if a.endsAt != 0 && mono.Now() >= a.endsAt {
				b.release()
				return ErrBulkheadFull
			}
		}
		a.held |= 1 << i
	}
	return nil
}

// refuse ends an attempt that a policy rejected. A permit of the breaker goes
// back neutrally.
func (s *call) refuse(a *arm, o Outcome, policy string, sentinel error) bool {
	s.release(a)
	if a.entered {
		a.entered = false
		s.c.method.dep.breaker.Done(a.token, breaker.Neutral, false)
	}
	a.outcome, a.policy, a.reject = o, policy, sentinel
	if o == OutcomeOpen && s.c.metered {
		s.c.stats.refused.Add(1)
	}
	s.event(Event{Kind: EventReject, Attempt: s.attempts + 1, Outcome: o})
	return false
}

// release gives back what an attempt holds besides the breaker's permit.
func (s *call) release(a *arm) {
	for i, b := range s.c.bulkheads {
		if a.held&(1<<i) != 0 {
			b.release()
		}
	}
	a.held = 0
	if a.own != nil && !a.tied {
		a.own.end()
	}
}

// abort ends an attempt that panicked or left by Goexit, and the call with it.
func (s *call) abort(a *arm) {
	s.release(a)
	if a.entered {
		a.entered = false
		s.c.method.dep.breaker.Done(a.token, breaker.Failure, false)
	}
	a.outcome, a.policy = OutcomeFailure, policyClient
	if a.end != nil {
		a.end(OutcomeFailure, errAborted)
	}
	if !s.arms {
		s.close(errAborted)
	}
}

// errAborted is what a span ends with when the client panicked or ended its
// goroutine; no caller ever gets it.
var errAborted error = abortedError{}

type abortedError struct{}

func (abortedError) Error() string { return "panic or runtime.Goexit in the client" }

// ErrorType classes the error in traces.
func (abortedError) ErrorType() string { return "panic" }

// finish judges an attempt that reached the client and returned err.
func (s *call) finish(a *arm, err error) {
	s.release(a)
	b := s.c.method.dep.breaker
	if err == nil && a.endsAt == 0 && s.c.slow == 0 && s.span == nil {
		a.entered, a.outcome = false, OutcomeSuccess
		b.Succeed(a.token)
		return
	}
	var now mono.Time
	if a.endsAt != 0 || s.c.slow != 0 || s.span != nil {
		now = mono.Now()
	}
	late := a.endsAt != 0 && now >= a.endsAt && !a.tied
	slow := s.c.slow != 0 && now-a.start > s.c.slow
	v := breaker.Success
	if err != nil || late {
		v = s.judge(a, err, late)
	} else {
		a.outcome = OutcomeSuccess
	}
	a.entered = false
	if v == breaker.Success && !slow {
		b.Succeed(a.token)
	} else {
		b.Done(a.token, v, slow)
	}
	if s.span != nil {
		s.event(Event{Kind: EventAttempt, Attempt: s.attempts, Duration: now - a.start, Outcome: a.outcome, Err: err})
	}
}

// judge sets the outcome of an attempt that did not simply succeed.
func (s *call) judge(a *arm, err error, late bool) breaker.Verdict {
	if a.lost || s.c.blameless(s.ctx, s.callerAt-a.start) {
		a.outcome, a.policy, a.gone = OutcomeNeutral, policyCaller, true
		s.note(err)
		return breaker.Neutral
	}
	if late {
		a.outcome, a.reject, a.policy = OutcomeTimeout, ErrTimeout, policyTimeout
		if a.total {
			a.policy = policyTotal
		}
		s.note(err)
		return breaker.Failure
	}
	v := s.c.classify(err)
	switch v {
	case breaker.Success:
		a.outcome = OutcomeSuccess
		return v
	case breaker.Neutral:
		a.outcome, a.policy = OutcomeNeutral, policyClient
	default:
		a.outcome, a.policy = OutcomeFailure, policyClient
	}
	s.note(err)
	return v
}

// note keeps the last real cause.
func (s *call) note(err error) {
	if err != nil {
		s.cause = err
	}
}

// again waits for the next attempt and reports whether there is one.
func (s *call) again(err error) bool {
	c, a := s.c, &s.arm
	if a.outcome != OutcomeFailure && a.outcome != OutcomeTimeout {
		return false
	}
	s.tries++
	if !c.retries || s.action == ActOnce || s.tries >= c.retry.Attempts || a.policy == policyTotal {
		return false
	}
	if s.ctx.Err() != nil || c.method.dep.breaker.State() == breaker.Open {
		return false
	}
	wait := jittered(c.retry, s.tries, c.method.dep.random)
	now := mono.Now()
	if after := reply.RetryAfter(err); after > 0 {
		s.retryAt = now + after
		if after > maxRetryAfter {
			return false
		}
		wait = max(wait, after)
	}
	if need := now + wait + c.timeout.Attempt; s.totalAt != 0 && need > s.totalAt || s.callerAt != 0 && need > s.callerAt {
		a.policy = policyRetry
		return false
	}
	if !c.method.budget.spend() {
		a.policy = policyRetry
		return false
	}
	s.event(Event{Kind: EventWait, Attempt: s.attempts + 1, Duration: wait})
	if gone := sleep(s.ctx, wait); gone != nil {
		a.outcome, a.policy, a.reject, a.gone = OutcomeNeutral, policyCaller, gone, true
		return false
	}
	s.waited += wait
	return true
}

// event tells the span.
func (s *call) event(e Event) {
	if s.span != nil {
		s.span.Event(e)
	}
}

// close ends the call, once: counters and span.
func (s *call) close(err error) {
	if s.closed {
		return
	}
	s.closed = true
	if s.c.metered {
		s.c.method.stats.count(s)
	}
	if s.span != nil {
		s.span.End(s.arm.outcome, err)
	}
}
