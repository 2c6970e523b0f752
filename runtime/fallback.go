package resil

import (
	"errors"
	"time"

	"github.com/resilgo/resil/runtime/internal/breaker"
	"github.com/resilgo/resil/runtime/internal/mono"
)

// Why a fallback did not answer, besides the user's own reasons.
var (
	errNoOutbox     = errors.New("no outbox: give resil.New the option WithOutbox")
	errNotKept      = errors.New("no answer kept")
	errFallbackFull = errors.New("too many fallbacks at once")
	errNoFunction   = errors.New("no function given")
)

type markKey struct{}

// fallbackMark says on the context of a fallback for which guard it stands in.
type fallbackMark struct {
	guard *Guard
	up    *fallbackMark
}

func (f *fallbackMark) has(g *Guard) bool {
	for ; f != nil; f = f.up {
		if f.guard == g {
			return true
		}
	}
	return false
}

// quickShift is where Guard.falling says of which method a quick fallback is
// under way: see shut. There is one at most, and only where no other one was
// when it began.
const quickShift = 32

// mayFallBack reports whether the call may turn to its fallbacks: there are
// some, the level allows them and the caller still waits.
func (s *call) mayFallBack() bool {
	return len(s.c.fallbacks) > 0 && s.action != ActShed && s.ctx.Err() == nil
}

// fallBack tries the fallbacks in order; the first that answers ends the call.
// When none does the caller gets the original error, joined with what the
// user's functions said, and the value of the last of them. v is the client's;
// or, when the first fallback was a function and has failed with tried already,
// that function's.
func fallBack[T any](s *call, v T, failure *Error, with *standIns[T], tried error) (T, error) {
	cause, calls, i := failure, 0, 0
	if tried != nil {
		if s.c.classify(tried) == breaker.Success {
			return answered(s, v, tried, StrategyCall, 0, failure)
		}
		cause, calls, i = failure.with(tried), 1, 1
	}
	for ; i < len(s.c.fallbacks); i++ {
		f := &s.c.fallbacks[i]
		n := calls
		if f.Strategy == StrategyCall {
			calls++
		}
		fv, age, err := fallBackTo(s, i, n, failure, with)
		if err == nil || f.Strategy == StrategyCall && s.c.classify(err) == breaker.Success {
			return answered(s, fv, err, f.Strategy, age, failure)
		}
		if f.Strategy == StrategyCall && !errors.Is(err, errFallbackFull) {
			v, cause = fv, cause.with(err)
		}
	}
	s.tell(0, 0, cause)
	s.close(cause)
	return v, cause
}

// answered ends a call that a fallback answered.
func answered[T any](s *call, v T, err error, strategy Strategy, age time.Duration, failure *Error) (T, error) {
	s.tell(strategy, age, failure)
	s.close(nil)
	return v, err
}

// with returns e with what a fallback said joined to its cause.
func (e *Error) with(err error) *Error {
	return newError(e.ex, e.sentinel, &unhelped{cause: e.cause, fallback: err})
}

// unhelped is the cause of a call for which a fallback did not answer either.
type unhelped struct {
	cause    error // nil when a policy rejected the call
	fallback error
}

func (u *unhelped) Error() string {
	if u.cause == nil {
		return "fallback: " + u.fallback.Error()
	}
	return u.cause.Error() + "; fallback: " + u.fallback.Error()
}

func (u *unhelped) Unwrap() []error {
	if u.cause == nil {
		return []error{u.fallback}
	}
	return []error{u.cause, u.fallback}
}

// fallBackTo tries the i-th fallback, which is the n-th that calls a function.
func fallBackTo[T any](s *call, i, n int, failure *Error, with *standIns[T]) (v T, age time.Duration, err error) {
	f, m := &s.c.fallbacks[i], s.c.method
	others := m.guard.falling.Add(1) - 1
	nested := others != 0
	running := m.falling[i].Add(1)
	if i == 0 && others>>quickShift == m.quick>>quickShift {
		running++ // the quick one, which is not counted there
	}
	if running > int32(f.Limit) {
		m.guard.falling.Add(-1)
		m.falling[i].Add(-1)
		return v, 0, errFallbackFull
	}
	start := s.clockForSpan()
	returned := false
	defer func() {
		m.guard.falling.Add(-1)
		m.falling[i].Add(-1)
		if s.c.metered {
			m.stats.fallback(i, returned && err == nil)
		}
		if !returned {
			s.close(errAborted)
			return
		}
		if s.span != nil {
			s.event(Event{Kind: EventFallback, Strategy: f.Strategy, Duration: mono.Now() - start, Err: err})
		}
	}()
	switch f.Strategy {
	case StrategyCall:
		v, err = callFallback(s, n, nested, failure, with)
	case StrategyStale:
		v, age, err = kept(s, f, with)
	case StrategyZero:
	case StrategyOutbox:
		err = putAside(s, with)
	}
	returned = true
	return v, age, err
}

// callFallback runs the user's function on the caller's context, bounded by an
// attempt timeout of its own.
//
// A function that calls the guard it stands in for would recurse until the
// stack ends. So its context carries a mark, and a guard that has to fall back
// under its own mark refuses. While no other fallback of the guard runs there
// is nothing to recognise, and the first of them can do without the mark and
// its allocation: its nested call is the second.
func callFallback[T any](s *call, n int, nested bool, failure *Error, with *standIns[T]) (v T, err error) {
	if with == nil || with.Fallback == nil {
		return v, errNoFunction
	}
	ctx, c := s.ctx, s.c
	var up *fallbackMark
	if nested {
		up, _ = ctx.Value(markKey{}).(*fallbackMark)
		if up.has(c.method.guard) {
			return v, ErrFallbackLoop
		}
	}
	var own *deadlineCtx // nil when there is no timeout
	outlives := false
	if timeout := c.timeout.Attempt; timeout > 0 {
		end := mono.Now() + timeout
		if with.tie != nil {
			own = newLiftable(ctx, end)
		} else {
			own = newDeadline(ctx, end)
		}
		defer func() {
			if !outlives {
				own.end()
			}
		}()
		ctx = own
	}
	if nested || own != nil {
		ctx = &fallbackCtx{Context: ctx, mark: fallbackMark{guard: c.method.guard, up: up}}
	}
	v, err = with.Fallback(ctx, n, failure)
	if err == nil && own != nil && with.tie != nil {
		v, err = tied(own, v, with.tie)
		outlives = err == nil
	}
	return v, err
}

// putAside stores the write for later.
func putAside[T any](s *call, with *standIns[T]) error {
	m := s.c.method
	if m.sys.store == nil || with == nil || with.Outbox == nil {
		return errNoOutbox
	}
	payload, err := with.Outbox()
	if err != nil {
		return err
	}
	ctx := s.ctx
	if t := s.c.timeout.Attempt; t > 0 {
		own := newDeadline(ctx, mono.Now()+t)
		defer own.end()
		ctx = own
	}
	return m.sys.store.Put(ctx, Entry{Origin: m.origin(), Payload: payload})
}

func (s *call) clockForSpan() mono.Time {
	if s.span == nil {
		return 0
	}
	return mono.Now()
}
