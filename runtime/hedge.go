package resil

import (
	"context"
	"runtime"
	"sync"
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
	return hedged(ctx, m.conf.Load(), do, &standIns[T]{With: with})
}

// DoHedged is [Do] for a dependency with a [Hedge], as [CallHedged] is for
// generated code.
func DoHedged[T any](ctx context.Context, d *Dependency, fn func(context.Context) (T, error)) (T, error) {
	return hedged(ctx, d.current().conf.Load(), fn, nil)
}

// hedged is the guarded call of a method that may hedge.
func hedged[T any](ctx context.Context, c *methodConf, do func(context.Context) (T, error), with *standIns[T]) (v T, err error) {
	var s call
	if c.traced != nil {
		ctx, s.span = c.observe(ctx)
	}
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
	do    func(context.Context) (T, error)
	ctx   deadlineCtx // of all arms; it ends when there is a winner
	first lane[T]
	more  []*lane[T]

	mu   sync.Mutex // guards over and sending to ends
	over bool       // there is a winner: who ends now has lost
	ends chan int   // the lanes that have ended; not to be used once over
}

// lane is one arm of a heat with a call state of its own.
type lane[T any] struct {
	heat  *heat[T]
	index int
	call  call
	v     T
	err   error
	out   exit
	why   any // the value of a panic
}

// exit is how a lane's goroutine ended.
type exit uint8

const (
	exited exit = iota // by runtime.Goexit, unless one of the others is set
	returned
	panicked
)

// starter is what a race needs and can be used again. A System keeps its own:
// timers and channels must not leave a synctest bubble.
type starter struct {
	ends  chan int // buffered for all lanes of the largest heat
	timer *time.Timer
}

func (s *System) starter(after time.Duration) *starter {
	if st, ok := s.starters.Get().(*starter); ok {
		st.timer.Reset(after)
		return st
	}
	return &starter{ends: make(chan int, 1+maxHedges), timer: time.NewTimer(after)}
}

// race runs one attempt with its hedges and leaves the winner's state in s.
func race[T any](s *call, do func(context.Context) (T, error)) (v T, err error) {
	sys := s.c.method.sys
	st := sys.starter(s.c.hedge.After)
	h := &heat[T]{do: do, ctx: deadlineCtx{parent: s.ctx, fate: fate(never)}, ends: st.ends}
	s.arm = arm{}
	defer func() {
		h.finish()
		st.timer.Stop()
		for len(st.ends) > 0 {
			<-st.ends
		}
		sys.starters.Put(st)
	}()
	h.first.start(h, s, 0)
	running, extra := 1, 0
	for {
		select {
		case <-st.timer.C:
			if !s.c.retries || s.c.method.budget.spend() {
				s.event(Event{Kind: EventHedge, Attempt: s.attempts + running + 1})
				h.more = append(h.more, new(lane[T]))
				h.more[extra].start(h, s, 1+extra)
				running++
			}
			if extra = len(h.more); extra < s.c.hedge.Max {
				st.timer.Reset(s.c.hedge.After)
			}
		case i := <-st.ends:
			running--
			l := &h.first
			if i > 0 {
				l = h.more[i-1]
			}
			s.join(&l.call)
			if l.out != returned {
				h.finish()
				s.close(errAborted)
				l.leave()
			}
			if s.arm.outcome == OutcomeSuccess || running == 0 {
				return l.v, l.err
			}
		}
	}
}

// finish ends the heat: who still runs has lost and is cancelled.
func (h *heat[T]) finish() {
	h.mu.Lock()
	h.over = true // before the cancel, so that who ends by it knows
	h.mu.Unlock()
	h.ctx.end()
}

func (h *heat[T]) isOver() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.over
}

// start starts one arm on a goroutine of its own.
func (l *lane[T]) start(h *heat[T], s *call, index int) {
	l.heat, l.index, l.call = h, index, *s
	l.call.base, l.call.span, l.call.attempts, l.call.arms = &h.ctx, nil, 0, true
	l.call.before, l.call.hedge = s.attempts+index, index > 0
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
	l.call.arm.lost = l.heat.isOver()
	return v, err
}

// end hands the lane in, if anybody still waits for it. A panic must not end the
// process while the caller waits for it on another goroutine, or no longer does.
func (l *lane[T]) end() {
	if l.out != returned {
		if why := recover(); why != nil {
			l.out, l.why = panicked, why
		}
	}
	h := l.heat
	h.mu.Lock()
	lost := h.over
	if !lost {
		h.ends <- l.index // has room for all
	}
	h.mu.Unlock()
	if lost && l.out == panicked {
		m := l.call.c.method
		m.sys.logger().Error("a hedge that had lost panicked", "dependency", m.dep.name, "method", m.spec.Name, "panic", l.why)
	}
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
