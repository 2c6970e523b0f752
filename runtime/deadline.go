package resil

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/resilgo/resil/runtime/internal/mono"
)

// deadlineCtx is a context with a deadline that makes its timer only when
// somebody asks for Done: most attempts end long before, and a timer costs
// more than all other policies together. Once made, the standard library's
// context does the work, so that children of it need no goroutine.
type deadlineCtx struct {
	parent   context.Context
	at       mono.Time // the deadline; never = none, for a context to be cancelled
	made     atomic.Pointer[madeCtx]
	ended    atomic.Uint32 // how the context ended while nothing was made
	liftable bool          // the deadline may be lifted; see lift
}

// How a context ended that nobody waits for.
const (
	running = iota
	wasCanceled
	wasExceeded
)

// madeCtx is what waiting for a deadlineCtx, or asking for the time, costs.
type madeCtx struct {
	mu     sync.Mutex // guards what follows until it is set
	wall   time.Time  // the deadline as Deadline tells it
	inner  context.Context
	cancel context.CancelFunc
	timer  *time.Timer // of a deadline that may be lifted
}

// never is later than any deadline.
const never = mono.Time(math.MaxInt64)

// closed is the Done channel of contexts that ended before anyone asked.
var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// make returns the context's costly part.
func (c *deadlineCtx) make() *madeCtx {
	if m := c.made.Load(); m != nil {
		return m
	}
	c.made.CompareAndSwap(nil, new(madeCtx))
	return c.made.Load()
}

// Deadline returns the earlier of the context's own deadline and its parent's.
// A deadline that may be lifted is not told: whoever plans with it, as HTTP/2
// and gRPC do, would apply it to the result as well.
func (c *deadlineCtx) Deadline() (time.Time, bool) {
	if c.liftable || c.at == never {
		return c.parent.Deadline()
	}
	m := c.make()
	m.mu.Lock()
	defer m.mu.Unlock()
	return c.deadline(m), true
}

// deadline returns at as a time that never changes, or the parent's deadline
// when that is earlier. Requires m.mu.
func (c *deadlineCtx) deadline(m *madeCtx) time.Time {
	if m.wall.IsZero() {
		m.wall = mono.Wall(c.at, mono.Now())
		if p, ok := c.parent.Deadline(); ok && p.Before(m.wall) {
			m.wall = p
		}
	}
	return m.wall
}

// Done returns a channel that is closed at the deadline, when the parent ends
// and when the attempt ends.
func (c *deadlineCtx) Done() <-chan struct{} {
	if c.ended.Load() != running {
		if m := c.made.Load(); m == nil || m.context() == nil {
			return closed
		}
	}
	m := c.make()
	m.mu.Lock()
	defer m.mu.Unlock()
	c.materialise(m)
	return m.inner.Done()
}

// materialise makes the standard library's context. Requires m.mu.
func (c *deadlineCtx) materialise(m *madeCtx) {
	if m.inner != nil {
		return
	}
	switch {
	case c.at == never:
		m.inner, m.cancel = context.WithCancel(c.parent)
	case c.liftable:
		inner, cancel := context.WithCancelCause(c.parent)
		m.inner, m.cancel = inner, func() { cancel(nil) }
		m.timer = time.AfterFunc(c.at-mono.Now(), func() { cancel(ErrTimeout) })
	default:
		m.inner, m.cancel = context.WithDeadlineCause(c.parent, c.deadline(m), ErrTimeout)
	}
	// end sets ended and then looks for something made, this makes something
	// and then looks for ended: one of the two sees the other.
	if c.ended.Load() != running {
		m.stop()
	}
}

// stop ends what was made. Requires m.mu.
func (m *madeCtx) stop() {
	if m.timer != nil {
		m.timer.Stop()
	}
	if m.cancel != nil {
		m.cancel()
	}
}

func (m *madeCtx) context() context.Context {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.inner
}

// inner returns the standard library's context, nil while nobody waits.
func (c *deadlineCtx) inner() context.Context {
	if m := c.made.Load(); m != nil {
		return m.context()
	}
	return nil
}

// Err returns nil until Done is, or would be, closed.
func (c *deadlineCtx) Err() error {
	if inner := c.inner(); inner != nil {
		return inner.Err()
	}
	if c.ended.Load() == running {
		switch err := c.parent.Err(); {
		case errors.Is(err, context.DeadlineExceeded), err == nil && mono.Now() >= c.at:
			c.ended.CompareAndSwap(running, wasExceeded)
		case err != nil:
			c.ended.CompareAndSwap(running, wasCanceled)
		}
	}
	switch c.ended.Load() {
	case wasCanceled:
		return context.Canceled
	case wasExceeded:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// Value returns the parent's values. Of a context that has ended it is also
// asked why, by [context.Cause], which the standard library's knows.
func (c *deadlineCtx) Value(key any) any {
	if c.ended.Load() != running && !c.liftable {
		m := c.make()
		m.mu.Lock()
		c.materialise(m)
		m.mu.Unlock()
	}
	if inner := c.inner(); inner != nil {
		return inner.Value(key) // where the standard library looks for its own
	}
	return c.parent.Value(key)
}

// String makes fmt print what the context is and not its insides.
func (c *deadlineCtx) String() string { return "resil.attempt" }

// end cancels the context.
func (c *deadlineCtx) end() {
	c.ended.CompareAndSwap(running, wasCanceled)
	if m := c.made.Load(); m != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.stop()
	}
}

// lift takes the deadline away, if it has not passed and nothing else has ended
// the context, which then lives until end. Requires liftable.
func (c *deadlineCtx) lift() error {
	if err := c.Err(); err != nil {
		return err
	}
	m := c.make()
	m.mu.Lock()
	defer m.mu.Unlock()
	c.materialise(m)
	if !m.timer.Stop() {
		return context.DeadlineExceeded
	}
	return m.inner.Err()
}

// fallbackCtx is the context of a fallback: the caller's, marked, and bounded
// by an attempt timeout of its own if there is one.
type fallbackCtx struct {
	context.Context
	mark fallbackMark
}

// Value returns the mark, or the context's values.
func (c *fallbackCtx) Value(key any) any {
	if _, ok := key.(markKey); ok {
		return &c.mark
	}
	return c.Context.Value(key)
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
