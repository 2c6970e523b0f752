package resil

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"
)

// CallHedged is [Call] for a method with a [Hedge]: while the client has not
// answered for a while, extra attempts start. The first answer wins; the others
// are cancelled, count neither for nor against the dependency and are not
// waited for. do runs on goroutines of its own, at times on several at once. A
// panic in it reaches the caller with its value but not its stack.
func CallHedged[T any](ctx context.Context, m *Method, do func(context.Context) (T, error)) (T, error) {
	return hedged(ctx, m.conf.Load(), do, nil)
}

// CallHedgedWith is [CallHedged] with what may stand in for the client.
func CallHedgedWith[T any](ctx context.Context, m *Method, do func(context.Context) (T, error), with With[T]) (T, error) {
	if with.Outbox != nil {
		ctx = m.keyed(ctx)
	}
	return hedged(ctx, m.conf.Load(), do, &with)
}

// DoHedged is [Do] for a dependency with a [Hedge], as [CallHedged] is for
// generated code.
func DoHedged[T any](ctx context.Context, d *Dependency, fn func(context.Context) (T, error)) (T, error) {
	return hedged(ctx, d.op.method.Load().conf.Load(), fn, nil)
}

// hedged is the guarded call of a method that may hedge.
func hedged[T any](ctx context.Context, c *methodConf, do func(context.Context) (T, error), with *With[T]) (v T, err error) {
	var s call
	if !s.enter(ctx, c) {
		return conclude(&s, v, nil, with)
	}
	if s.action == ActStale && !c.method.dep.passes(c.method) {
		if v, ok := answerKept(&s, with); ok {
			return v, nil
		}
	}
	if !c.hedges || s.action == ActOnce {
		v, err = attempt(&s, &s.arm, do, nil)
		return attempts(&s, v, err, do, with)
	}
	for more := true; more; more = s.again(err) {
		v, err = race(&s, do)
	}
	return conclude(&s, v, err, with)
}

// heat is one attempt and its hedges. It outlives the call when losers do.
type heat[T any] struct {
	do     func(context.Context) (T, error)
	ctx    context.Context // of all arms; cancelled once there is a winner
	cancel context.CancelFunc
	over   atomic.Bool   // there is a winner: what ends now has lost
	ends   chan *lane[T] // buffered for all arms, so that no loser waits
}

// lane is one arm of a heat with a call state of its own.
type lane[T any] struct {
	heat *heat[T]
	call call
	v    T
	err  error
	out  exit
	why  any // the value of a panic
}

// exit is how a lane's goroutine ended.
type exit uint8

const (
	exited exit = iota // by runtime.Goexit, unless one of the others is set
	returned
	panicked
)

// race runs one attempt with its hedges and leaves the winner's state in s.
func race[T any](s *call, do func(context.Context) (T, error)) (v T, err error) {
	h := &heat[T]{do: do, ends: make(chan *lane[T], 1+s.c.hedge.Max)}
	h.ctx, h.cancel = context.WithCancel(s.ctx)
	defer h.cancel()
	defer h.over.Store(true) // before the cancel, so that who ends by it knows
	running, extra := 1, 0
	s.arm = arm{}
	h.start(s)
	timer := time.NewTimer(s.c.hedge.After)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			if !s.c.retries || s.c.method.budget.spend() {
				s.event(Event{Kind: EventHedge, Attempt: s.attempts + running + 1})
				h.start(s)
				running++
			}
			if extra++; extra < s.c.hedge.Max {
				timer.Reset(s.c.hedge.After)
			}
		case l := <-h.ends:
			running--
			s.join(&l.call)
			if l.out != returned {
				h.over.Store(true)
				h.cancel()
				s.close(errAborted)
				l.leave()
			}
			if won := s.arm.outcome == OutcomeSuccess; won || running == 0 {
				return l.v, l.err
			}
		}
	}
}

// start starts one arm on a goroutine of its own.
func (h *heat[T]) start(s *call) {
	l := &lane[T]{heat: h, call: *s}
	l.call.base, l.call.span, l.call.attempts, l.call.arms = h.ctx, nil, 0, true
	go l.run()
}

func (l *lane[T]) run() {
	defer l.end()
	l.v, l.err = attempt(&l.call, &l.call.arm, l.do, nil)
	l.out = returned
}

// do is the client, and notices whether its answer comes too late.
func (l *lane[T]) do(ctx context.Context) (T, error) {
	v, err := l.heat.do(ctx)
	l.call.arm.lost = l.heat.over.Load()
	return v, err
}

// end hands the lane in. A panic must not end the process while the caller
// waits for it on another goroutine, or no longer does.
func (l *lane[T]) end() {
	if l.out != returned {
		if why := recover(); why != nil {
			l.out, l.why = panicked, why
		}
	}
	if l.out == panicked && l.heat.over.Load() {
		m := l.call.c.method
		m.sys.logger().Error("a hedge that had lost panicked", "dependency", m.dep.name, "method", m.spec.Name, "panic", l.why)
	}
	l.heat.ends <- l
}

// leave ends the caller's goroutine as the lane's ended.
func (l *lane[T]) leave() {
	if l.out == panicked {
		panic(l.why)
	}
	runtime.Goexit()
}

// join takes over what an arm's call has become. A refused hedge does not hide
// what another arm said.
func (s *call) join(o *call) {
	if s.span != nil && o.attempts > 0 {
		s.event(Event{Kind: EventAttempt, Attempt: s.attempts + 1, Outcome: o.arm.outcome, Err: o.cause})
	}
	s.attempts += o.attempts
	if s.arm.outcome == 0 || o.arm.outcome == OutcomeSuccess || o.attempts > 0 {
		s.arm = o.arm
	}
	s.note(o.cause)
}
