package resil

import (
	"context"
	"sync"
	"time"

	"github.com/resilgo/resil/runtime/internal/mono"
)

// deadlineCtx is a context with a deadline that makes its timer only when
// somebody asks for Done: most attempts end long before, and a timer costs
// more than all other policies together. Once made, the standard library's
// context does the work, so that children of it need no goroutine.
//
// It also carries the mark of a fallback, to save a second context.
type deadlineCtx struct {
	parent context.Context
	at     mono.Time // the deadline; 0 = none
	cause  error     // of the deadline
	mark   fallbackMark

	mu     sync.Mutex
	wall   time.Time          // at as Deadline tells it; zero until asked
	inner  context.Context    // nil until Done was asked
	cancel context.CancelFunc // of inner
	err    error              // set by end, or once the deadline was seen to have passed
	timer  *time.Timer        // of inner, while the deadline may still be lifted

	liftable bool // the deadline ends with the attempt; the context lives on. Immutable
	lifted   bool
}

// closed is the Done channel of contexts that ended before anyone asked.
var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Deadline returns the earlier of the context's own deadline and its parent's.
// A deadline that may be lifted is not told: whoever plans with it, as HTTP/2
// and gRPC do, would apply it to the result as well.
func (c *deadlineCtx) Deadline() (time.Time, bool) {
	if c.at == 0 || c.liftable {
		return c.parent.Deadline()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deadline(), true
}

// deadline returns at as a time that never changes, or the parent's deadline
// when that is earlier. Requires mu.
func (c *deadlineCtx) deadline() time.Time {
	if c.wall.IsZero() {
		c.wall = mono.Wall(c.at, mono.Now())
		if p, ok := c.parent.Deadline(); ok && p.Before(c.wall) {
			c.wall = p
		}
	}
	return c.wall
}

// Done returns a channel that is closed at the deadline, when the parent ends
// and when the attempt ends.
func (c *deadlineCtx) Done() <-chan struct{} {
	if c.at == 0 {
		return c.parent.Done()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inner == nil {
		if c.err != nil {
			return closed
		}
		c.materialise()
	}
	return c.inner.Done()
}

// materialise makes the standard library's context. Requires mu.
func (c *deadlineCtx) materialise() {
	if !c.liftable {
		c.inner, c.cancel = context.WithDeadlineCause(c.parent, c.deadline(), c.cause)
		return
	}
	inner, cancel := context.WithCancelCause(c.parent)
	c.inner, c.cancel = inner, func() { cancel(nil) }
	if !c.lifted {
		c.timer = time.AfterFunc(c.at-mono.Now(), func() { cancel(c.cause) })
	}
}

// lift takes the deadline away, if it has not passed and nothing else has ended
// the context.
func (c *deadlineCtx) lift() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inner == nil {
		// From now on somebody holds on to the context, and end must be able
		// to end it.
		if mono.Now() >= c.at {
			return c.cause
		}
		c.lifted = true
		c.materialise()
	}
	if c.timer != nil && !c.timer.Stop() {
		return c.cause
	}
	return c.inner.Err()
}

// Err returns nil until Done is, or would be, closed.
func (c *deadlineCtx) Err() error {
	if c.at == 0 {
		return c.parent.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.inner != nil:
		return c.inner.Err()
	case c.err != nil:
		return c.err
	}
	if err := c.parent.Err(); err != nil {
		c.err = err
	} else if mono.Now() >= c.at {
		c.err = context.DeadlineExceeded
	}
	return c.err
}

// Value returns the parent's values, and the mark of a fallback.
func (c *deadlineCtx) Value(key any) any {
	if _, ok := key.(markKey); ok && c.mark.guard != nil {
		return &c.mark
	}
	if c.at == 0 {
		return c.parent.Value(key)
	}
	c.mu.Lock()
	inner := c.inner
	c.mu.Unlock()
	if inner != nil {
		return inner.Value(key)
	}
	return c.parent.Value(key)
}

// String makes fmt print what the context is and not its insides.
func (c *deadlineCtx) String() string { return "resil.attempt" }

// end cancels the context.
func (c *deadlineCtx) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
	}
	if c.cancel != nil {
		c.cancel()
		return
	}
	if c.err == nil {
		c.err = context.Canceled
	}
}

// sleep waits for d. It returns the context's error if that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
