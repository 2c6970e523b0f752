package resil

import (
	"context"
	"errors"
	"time"

	"github.com/resilgo/resil/runtime/internal/breaker"
	"github.com/resilgo/resil/runtime/internal/reply"
)

// classify judges an error of the client by the table of the contract, first
// match wins: failure=, ignore=, our own rejections, the default answers; else
// it is a failure. The caller's context has been judged before. User code in
// it may panic: that error is a failure.
func (c *methodConf) classify(err error) (v breaker.Verdict) {
	defer func() {
		if r := recover(); r != nil {
			v = breaker.Failure
			c.method.sys.logger().Error("judging an error panicked; it counts as a failure",
				"dependency", c.method.dep.name, "method", c.method.spec.Name, "panic", r)
		}
	}()
	switch {
	case c.method.spec.Failure != nil && c.method.spec.Failure(err):
		return breaker.Failure
	case c.method.spec.Ignore != nil && c.method.spec.Ignore(err):
		return breaker.Success
	case errors.Is(err, ErrRejected):
		return breaker.Neutral
	case reply.IsAnswer(err):
		return breaker.Success
	}
	return breaker.Failure
}

// blameless reports whether an attempt that the caller's context ended says
// nothing about the dependency. had is what remained of the caller's deadline
// when the attempt started.
func (c *methodConf) blameless(ctx context.Context, had time.Duration) bool {
	err := ctx.Err()
	switch {
	case err == nil:
		return false
	case !errors.Is(err, context.DeadlineExceeded):
		return true
	}
	switch c.method.sys.config.CallerDeadline {
	case DeadlineFailure:
		return false
	case DeadlineNeutral:
		return true
	case DeadlineAuto:
	}
	enough := time.Second
	if c.timeout.Attempt > 0 {
		enough = min(enough, c.timeout.Attempt)
	}
	return had < enough
}
