package resil

import (
	"context"
	"time"

	"github.com/resilgo/resil/runtime/internal/mono"
)

// The policies that may decide a call, as Explanation.Policy spells them.
const (
	policyCaller   = "caller"
	policyClient   = "client"
	policyLevel    = "level"
	policyBreaker  = "breaker"
	policyRate     = "rate"
	policyBulkhead = "bulkhead"
	policyTimeout  = "timeout"
	policyTotal    = "total"
	policyRetry    = "retry"
	policyFallback = "fallback"
)

// rejection is an Error that many callers share: it holds for one generation
// of breaker or level.
type rejection struct {
	key uint64
	err *Error
}

// failure returns the error of a call that neither succeeded nor was left by
// its caller.
func (s *call) failure(err error) *Error {
	if s.attempts == 0 && s.waited == 0 && s.cause == nil && s.arm.reject != nil {
		return s.rejected()
	}
	s.note(err)
	return newError(s.explain(), s.arm.reject, s.cause)
}

// rejected returns the shared error of a call that a policy rejected before it
// reached the client.
func (s *call) rejected() *Error {
	m := s.c.method
	key := m.rejectionKey(s.arm.outcome)
	at := &m.rejections[s.arm.outcome-OutcomeOpen]
	if r := at.Load(); r != nil && r.key == key && (s.arm.outcome != OutcomeRate || time.Now().Before(r.err.ex.RetryAt)) {
		return r.err
	}
	e := newError(s.explain(), s.arm.reject, nil)
	e.ex.Elapsed, e.shared = 0, m
	at.Store(&rejection{key: key, err: e})
	return e
}

// rejects reports whether e is what callers of m are refused with now.
func (m *Method) rejects(e *Error) bool {
	r := m.rejections[e.ex.Outcome-OutcomeOpen].Load()
	return r != nil && r.err == e && r.key == m.rejectionKey(e.ex.Outcome)
}

// rejectionKey says for how long a rejection holds: while the level is the same
// and, where the breaker rejects, its state and its end. New policies forget
// them all.
func (m *Method) rejectionKey(o Outcome) uint64 {
	key := m.sys.levelGen.Load()
	if o == OutcomeOpen {
		key += m.dep.breaker.Generation()<<32 ^ uint64(m.dep.breaker.Until())
	}
	return key
}

// left returns the error of a call whose caller left: the client's own when it
// was under way, else one that holds the context's and the last cause.
func (s *call) left(err error) error {
	ctxErr := s.arm.reject // while waiting for the next attempt
	if ctxErr == nil && err != nil && s.attempts <= 1 {
		return err
	}
	s.note(err)
	if ctxErr == nil {
		ctxErr = s.ctx.Err()
	}
	cause := s.cause
	if cause == nil {
		if c := context.Cause(s.ctx); c != ctxErr { //nolint:errorlint // identity: is there a cause of its own
			cause = c
		}
	}
	return newError(s.explain(), ctxErr, cause)
}

// explain tells the call so far.
func (s *call) explain() Explanation {
	m := s.c.method
	ex := Explanation{
		Dependency: m.dep.name,
		Method:     m.spec.Name,
		Level:      s.level,
		Action:     s.action,
		Outcome:    s.arm.outcome,
		Policy:     s.arm.policy,
		Attempts:   s.attempts,
		Waited:     s.waited,
	}
	now := mono.Now()
	if s.begun != 0 {
		ex.Elapsed = now - s.begun
	}
	switch {
	case s.arm.outcome == OutcomeOpen:
		ex.RetryAt = mono.Wall(max(m.dep.breaker.Until(), now), now)
	case s.arm.outcome == OutcomeRate:
		ex.RetryAt = mono.Wall(s.c.refillAt(now), now)
	case s.arm.outcome == OutcomeShed:
		ex.RetryAt, ex.LevelCause = m.sys.recoveryAt(), m.sys.cause()
	case s.retryAt != 0:
		ex.RetryAt = mono.Wall(s.retryAt, now)
	}
	return ex
}

// tell leaves a record for a caller who asked for one.
func (s *call) tell(strategy Strategy, age time.Duration, cause error) {
	if recording.Load() {
		ex := s.explain()
		tell(s.ctx, &ex, strategy, age, cause)
	}
}

// tell leaves a record of a call that ended with e, or was answered by
// strategy, for a caller who asked for one.
func (e *Error) tell(ctx context.Context, strategy Strategy) {
	if recording.Load() {
		ex := e.explanation()
		tell(ctx, &ex, strategy, 0, e)
	}
}

func tell(ctx context.Context, ex *Explanation, strategy Strategy, age time.Duration, cause error) {
	if a, ok := ctx.Value(answersKey{}).(*Answers); ok {
		told := *ex
		told.Strategy, told.Age, told.Cause = strategy, age, cause
		a.add(told)
	}
}
