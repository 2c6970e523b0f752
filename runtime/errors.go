package resil

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Sentinels to test with errors.Is. ErrOpen, ErrBulkheadFull, ErrRateLimited
// and ErrShed are all ErrRejected: the client was not called. ErrTimeout is
// also context.DeadlineExceeded.
var (
	ErrRejected     error = &sentinel{text: "rejected"}
	ErrOpen         error = &sentinel{text: "circuit breaker is open", parent: ErrRejected}
	ErrBulkheadFull error = &sentinel{text: "bulkhead is full", parent: ErrRejected}
	ErrRateLimited  error = &sentinel{text: "rate limit exceeded", parent: ErrRejected}
	ErrShed         error = &sentinel{text: "shed at this level", parent: ErrRejected}
	ErrTimeout      error = &sentinel{text: "timed out", parent: context.DeadlineExceeded}

	// ErrClosed is returned by Start, AddCheck and Reload after Close.
	ErrClosed = errors.New("resil: system is closed")

	// ErrFallbackLoop is the cause when a fallback calls the guard it stands
	// in for; without it such a fallback would recurse until the stack ends.
	ErrFallbackLoop = errors.New("fallback calls its own guard")
)

// sentinel is an error that is also its parent for errors.Is.
type sentinel struct {
	text   string
	parent error
}

func (s *sentinel) Error() string { return s.text }
func (s *sentinel) Unwrap() error { return s.parent }

// Error is what a guarded call returns when the dependency failed or a policy
// rejected the call, and no fallback stood in. errors.Is and errors.As reach
// both the policy's sentinel (if a policy decided) and the last real cause.
// An Error is safe for concurrent use and does not change, but for what it says
// of the time to try again: rejections share one value, see [Explanation].
type Error struct {
	ex       Explanation
	sentinel error // nil when the client's own error decided
	cause    error // the last real error, nil when there was none
	tree     [2]error
	shared   *Method // whose rejections share the error; nil = no others do
}

// Error returns dependency, method, what decided and the cause, in one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.ex.Dependency)
	if e.ex.Method != "" {
		b.WriteByte('.')
		b.WriteString(e.ex.Method)
	}
	if e.sentinel != nil {
		b.WriteString(": ")
		b.WriteString(e.sentinel.Error())
		if e.ex.Policy == policyLevel {
			b.WriteString(": " + e.ex.Level.String())
		}
	}
	if e.ex.Attempts > 1 {
		fmt.Fprintf(&b, " after %d attempts", e.ex.Attempts)
	}
	if e.cause != nil {
		b.WriteString(": ")
		b.WriteString(e.cause.Error())
	}
	return b.String()
}

// Unwrap returns the sentinel and the last real cause, whichever exist. The
// slice must not be changed.
func (e *Error) Unwrap() []error {
	switch {
	case e.sentinel == nil:
		return e.tree[1:]
	case e.cause == nil:
		return e.tree[:1]
	default:
		return e.tree[:]
	}
}

// newError returns an error with what Unwrap returns, so that asking for it
// costs nothing.
func newError(ex Explanation, sentinel, cause error) *Error {
	return &Error{ex: ex, sentinel: sentinel, cause: cause, tree: [2]error{sentinel, cause}}
}

// Timeout reports whether the call ran out of time, as net.Error has it.
func (e *Error) Timeout() bool { return errors.Is(e, context.DeadlineExceeded) }

// RetryAfter returns how long the caller should wait before it tries again, 0
// when nothing is known.
func (e *Error) RetryAfter() time.Duration {
	at := e.retryAt()
	if at.IsZero() {
		return 0
	}
	return max(0, time.Until(at))
}

// retryAt returns when it makes sense to try again. A shared error does not
// know when the call was refused that asks: while it is still what callers get,
// a time that has passed is told anew.
func (e *Error) retryAt() time.Time {
	at := e.ex.RetryAt
	if e.shared == nil || !e.shared.rejects(e) {
		return at
	}
	if now := time.Now(); at.Before(now) {
		if e.ex.Outcome == OutcomeShed {
			return e.shared.sys.recoveryAt()
		}
		return now
	}
	return at
}

// explanation returns what happened to the call that returned e.
func (e *Error) explanation() Explanation {
	ex := e.ex
	ex.RetryAt = e.retryAt()
	return ex
}

// Explain returns what happened to the call that returned err. It reports
// false when err holds no [*Error].
func Explain(err error) (Explanation, bool) {
	var e *Error
	if !errors.As(err, &e) {
		return Explanation{}, false
	}
	ex := e.explanation()
	ex.Cause = e.cause
	return ex, true
}
