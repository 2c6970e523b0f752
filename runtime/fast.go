package resil

import (
	"context"
	"time"

	"github.com/resilgo/resil/runtime/internal/breaker"
	"github.com/resilgo/resil/runtime/internal/mono"
)

// This file holds the paths of calls to which nothing special happens. They do
// what full does, in the same order, without its record of the call: a call
// that meets trouble builds the record and goes on there.

// What a call may do at one system word, as bits by word; see methodConf.
type words uint32

func (w words) has(word uint32) bool { return w>>(word&wordMask)&1 != 0 }

// invoke is the guarded call.
func invoke[T any](ctx context.Context, m *Method, do func(context.Context) (T, error), with *standIns[T]) (T, error) {
	c := m.conf.Load()
	if c.keyed && with != nil && with.Outbox != nil {
		ctx = m.keyed(ctx)
	}
	if c.traced != nil {
		var span Span
		if ctx, span = c.observe(ctx); span != nil {
			return full(ctx, c, span, do, with)
		}
	}
	word := m.sys.word.Load()
	switch {
	case c.calm.has(word):
		if token, ok := m.brk.Fast(); ok && ctx.Err() == nil {
			if !c.bare {
				return steady(ctx, c, token, do, with)
			}
			var start mono.Time
			if _, bounded := ctx.Deadline(); bounded {
				start = mono.Now()
			}
			v, err := straight(ctx, m.brk, token, do)
			if err != nil {
				return troubled(ctx, c, &pass{token: token, start: start}, v, err, do, with)
			}
			if c.retries {
				m.budget.earn(c.retry.Budget)
			}
			return v, nil
		}
		if !c.metered && m.brk.Shut() {
			return shut(ctx, c, do, with)
		}
	case c.shed.has(word) && !m.dep.down.Load():
		if e := m.shared(OutcomeShed); e != nil && ctx.Err() == nil {
			var none T
			e.tell(ctx, 0)
			return none, e
		}
	}
	return full(ctx, c, nil, do, with)
}

// straight calls the client and gives token back unless there was an error.
func straight[T any](ctx context.Context, b *breaker.Breaker, token breaker.Token, do func(context.Context) (T, error)) (v T, err error) {
	returned := false
	defer func() {
		if !returned {
			b.Done(token, breaker.Failure, false)
		}
	}()
	v, err = do(ctx)
	returned = true
	if err == nil {
		b.Succeed(token)
	}
	return v, err
}

// pass is what an attempt holds on the steady path, besides its bulkheads.
type pass struct {
	token   breaker.Token
	start   mono.Time     // 0 = not known
	left    time.Duration // until the caller's deadline, instead of start
	endsAt  mono.Time     // of the attempt's own deadline; 0 = none
	own     *deadlineCtx
	bounded bool // left is set
	back    bool // the client returned
}

// steady calls the client through bulkheads, deadlines and counters that need
// no waiting.
func steady[T any](ctx context.Context, c *methodConf, token breaker.Token, do func(context.Context) (T, error), with *standIns[T]) (v T, err error) {
	p := pass{token: token}
	if callerAt, bounded := ctx.Deadline(); bounded {
		p.bound(c, callerAt)
	} else if c.clock {
		p.start = mono.Now()
		if c.limit != 0 {
			p.endsAt = p.start + c.limit
		}
	}
	// The clock waits for all that went before it, so it was read first.
	if b := c.bulkheads[0]; b != nil && !b.try() {
		return full(ctx, c, nil, do, with)
	}
	if b := c.bulkheads[1]; b != nil && !b.try() {
		if b := c.bulkheads[0]; b != nil {
			b.release()
		}
		return full(ctx, c, nil, do, with)
	}
	defer func() {
		if !p.back {
			p.drop(c)
		}
	}()
	if p.endsAt != 0 {
		p.own = newDeadline(ctx, p.endsAt)
		v, err = do(p.own)
		p.own.end()
	} else {
		v, err = do(ctx)
	}
	var now mono.Time
	if err == nil && (p.endsAt != 0 || c.twice) {
		now = mono.Now()
	}
	p.back = true
	if b := c.bulkheads[0]; b != nil {
		b.release()
	}
	if b := c.bulkheads[1]; b != nil {
		b.release()
	}
	if err != nil || p.endsAt != 0 && now >= p.endsAt {
		return troubled(ctx, c, &p, v, err, do, with)
	}
	if c.metered {
		c.stats.one(OutcomeSuccess, p.start, now)
	}
	if c.slow != 0 && now-p.start > c.slow {
		c.method.brk.Done(token, breaker.Success, true)
	} else {
		c.method.brk.Succeed(token)
	}
	if c.retries {
		c.method.budget.earn(c.retry.Budget)
	}
	return v, nil
}

// bound reads the clock for a call whose caller has a deadline, and sets the
// attempt's own unless the caller's comes first. Then only the time left is of
// interest, and only if the call fails.
func (p *pass) bound(c *methodConf, callerAt time.Time) {
	left := time.Until(callerAt)
	own := c.limit != 0 && c.limit < left
	if !own && !c.twice {
		p.left, p.bounded = left, true
		return
	}
	p.start = mono.Of(callerAt) - left
	if own {
		p.endsAt = p.start + c.limit
	}
}

// drop ends the attempt of a client that panicked or ended its goroutine.
func (p *pass) drop(c *methodConf) {
	for _, b := range c.bulkheads {
		if b != nil {
			b.release()
		}
	}
	if p.own != nil {
		p.own.end()
	}
	c.method.brk.Done(p.token, breaker.Failure, false)
	if c.metered {
		c.stats.one(OutcomeFailure, p.start, mono.Now())
	}
}

// troubled goes on after a first attempt that did not simply succeed.
func troubled[T any](ctx context.Context, c *methodConf, p *pass, v T, err error, do func(context.Context) (T, error), with *standIns[T]) (T, error) {
	if p.bounded {
		callerAt, _ := ctx.Deadline()
		p.start = mono.Of(callerAt) - p.left
	}
	var s call
	s.begin(ctx, c, p.start)
	s.attempts = 1
	s.streams = with != nil && with.tie != nil
	s.arm = arm{ctx: ctx, token: p.token, entered: true, start: p.start, endsAt: p.endsAt, total: p.endsAt != 0 && c.limitTotal}
	s.finish(&s.arm, err)
	return attempts(&s, v, err, do, with)
}

// shut is a call that an open breaker refuses, answered by the first fallback
// if that is a function with nothing to wait for.
func shut[T any](ctx context.Context, c *methodConf, do func(context.Context) (T, error), with *standIns[T]) (v T, err error) {
	m := c.method
	e := m.shared(OutcomeOpen)
	if e == nil || ctx.Err() != nil {
		return full(ctx, c, nil, do, with)
	}
	if len(c.fallbacks) == 0 {
		e.tell(ctx, 0)
		return v, e
	}
	if !c.quick || with == nil || with.Fallback == nil {
		return full(ctx, c, nil, do, with)
	}
	if !m.guard.falling.CompareAndSwap(0, m.quick) {
		return full(ctx, c, nil, do, with)
	}
	v, err = instead(ctx, m, e, with)
	if err != nil {
		return resumed(ctx, c, e, v, err, with)
	}
	e.tell(ctx, StrategyCall)
	return v, nil
}

// instead runs the first function.
func instead[T any](ctx context.Context, m *Method, e *Error, with *standIns[T]) (T, error) {
	defer m.guard.falling.Add(-m.quick)
	return with.Fallback(ctx, 0, e)
}

// resumed goes on with a refused call of which the first function failed.
func resumed[T any](ctx context.Context, c *methodConf, e *Error, v T, err error, with *standIns[T]) (T, error) {
	var s call
	s.begin(ctx, c, 0)
	s.arm = arm{outcome: OutcomeOpen, policy: policyBreaker, reject: ErrOpen}
	return fallBack(&s, v, e, with, err)
}

// shared returns the error that all calls with this outcome share, nil when
// what made it has changed.
func (m *Method) shared(o Outcome) *Error {
	r := m.rejections[o-OutcomeOpen].Load()
	if r == nil || r.key != m.rejectionKey(o) {
		return nil
	}
	return r.err
}
