package resil

import (
	"context"

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
func invoke[T any](ctx context.Context, m *Method, do func(context.Context) (T, error), with *With[T]) (T, error) {
	c := m.conf.Load()
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
				return troubled(ctx, c, pass{token: token, start: start}, v, err, do, with)
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
			tell(ctx, e.ex, 0, 0, e)
			var none T
			return none, e
		}
	}
	return full(ctx, c, do, with)
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

// pass is what an attempt holds on the steady path.
type pass struct {
	token  breaker.Token
	start  mono.Time
	endsAt mono.Time
	own    *deadlineCtx
	total  bool
	held   uint8
}

// release gives back what p holds besides the breaker's permit.
func (p *pass) release(c *methodConf) {
	for i := range c.bulkheads {
		if p.held&(1<<i) != 0 {
			c.bulkheads[i].release()
		}
	}
	p.held = 0
	if p.own != nil {
		p.own.end()
		p.own = nil
	}
}

// steady calls the client through bulkheads, deadlines and counters that need
// no waiting.
func steady[T any](ctx context.Context, c *methodConf, token breaker.Token, do func(context.Context) (T, error), with *With[T]) (v T, err error) {
	p := pass{token: token}
	callerAt, bounded := ctx.Deadline()
	if bounded || c.clock || c.metered {
		p.start = mono.Now()
	}
	for i, b := range c.bulkheads {
		if b == nil {
			continue
		}
		if !b.try() {
			p.release(c)
			return full(ctx, c, do, with)
		}
		p.held |= 1 << i
	}
	if limit, total := c.timeout.first(); limit != 0 {
		if at := p.start + limit; !bounded || at < mono.Of(callerAt) {
			p.endsAt, p.total = at, total
			p.own = &deadlineCtx{parent: ctx, at: at}
		}
	}
	returned := false
	defer func() {
		if !returned {
			p.release(c)
			c.method.brk.Done(p.token, breaker.Failure, false)
			if c.metered {
				c.stats.one(OutcomeFailure, p.start, mono.Now())
			}
		}
	}()
	if p.own != nil {
		v, err = do(p.own)
	} else {
		v, err = do(ctx)
	}
	returned = true
	p.release(c)
	if err != nil {
		return troubled(ctx, c, p, v, err, do, with)
	}
	var now mono.Time
	if p.endsAt != 0 || c.slow != 0 || c.metered {
		now = mono.Now()
		if p.endsAt != 0 && now >= p.endsAt {
			return troubled(ctx, c, p, v, nil, do, with)
		}
	}
	if c.slow != 0 && now-p.start > c.slow {
		c.method.brk.Done(p.token, breaker.Success, true)
	} else {
		c.method.brk.Succeed(p.token)
	}
	if c.retries {
		c.method.budget.earn(c.retry.Budget)
	}
	if c.metered {
		c.stats.one(OutcomeSuccess, p.start, now)
	}
	return v, nil
}

// first returns how long the first attempt may take, 0 for ever, and whether it
// is the total that says so.
func (t Timeout) first() (limit mono.Time, total bool) {
	if t.Total != 0 && (t.Attempt == 0 || t.Total < t.Attempt) {
		return t.Total, true
	}
	return t.Attempt, false
}

// troubled goes on after a first attempt that did not simply succeed.
func troubled[T any](ctx context.Context, c *methodConf, p pass, v T, err error, do func(context.Context) (T, error), with *With[T]) (T, error) {
	var s call
	s.begin(ctx, c, p.start)
	s.attempts = 1
	s.streams = with != nil && with.tie != nil
	s.arm = arm{ctx: ctx, token: p.token, entered: true, start: p.start, endsAt: p.endsAt, total: p.total}
	s.finish(&s.arm, err)
	return attempts(&s, v, err, do, with)
}

// shut is a call that an open breaker refuses, answered by the first fallback
// if that is a function with nothing to wait for.
func shut[T any](ctx context.Context, c *methodConf, do func(context.Context) (T, error), with *With[T]) (v T, err error) {
	m := c.method
	e := m.shared(OutcomeOpen)
	if e == nil || ctx.Err() != nil {
		return full(ctx, c, do, with)
	}
	if len(c.fallbacks) == 0 {
		tell(ctx, e.ex, 0, 0, e)
		return v, e
	}
	if !c.quick || with == nil || with.Fallback == nil {
		return full(ctx, c, do, with)
	}
	if !m.guard.falling.CompareAndSwap(0, m.quick) {
		return full(ctx, c, do, with)
	}
	v, err = instead(ctx, m, e, with)
	if err != nil {
		return resumed(ctx, c, e, v, err, with)
	}
	tell(ctx, e.ex, StrategyCall, 0, e)
	return v, nil
}

// instead runs the first function.
func instead[T any](ctx context.Context, m *Method, e *Error, with *With[T]) (T, error) {
	defer m.guard.falling.Add(-m.quick)
	return with.Fallback(ctx, 0, e)
}

// resumed goes on with a refused call of which the first function failed.
func resumed[T any](ctx context.Context, c *methodConf, e *Error, v T, err error, with *With[T]) (T, error) {
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
