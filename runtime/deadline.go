package resil

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/resilgo/resil/runtime/internal/mono"
)

// deadlineCtx is a context with a deadline that makes its timer only when
// somebody asks for Done: most attempts end long before, and a timer costs
// more than all other policies together. Once made, the standard library's
// context does the work, so that children of it need no goroutine.
//
// It is all that an attempt with a timeout allocates, so it is kept small. It
// is not pooled: whoever was given a context may keep it.
type deadlineCtx struct {
	_      [0]atomic.Int64 // aligns fate on systems of 32 bits
	fate   fate            // atomic, but for its first value: an atomic store costs as much as the allocation
	parent context.Context
	made   atomic.Pointer[madeCtx]
}

// fate is a deadline and how the context ended while nobody waited for it: two
// facts in one word, decided by one comparison.
type fate int64

// never is a deadline later than any other, for a context to be cancelled.
const never = mono.Time(beyond - 1)

const beyond = 1 << 62 // more than any deadline: moments are positive, see package mono

func (f fate) running() bool { return f > 0 }

func (f fate) canceled() fate { return -f } // requires running

func (f fate) exceeded() fate { return -f - beyond } // requires running

// deadline returns the deadline, whatever has become of the context.
func (f fate) deadline() mono.Time {
	switch {
	case f > 0:
		return mono.Time(f)
	case f > -beyond:
		return mono.Time(-f)
	default:
		return mono.Time(-(f + beyond))
	}
}

// err returns how the context ended, nil while it runs.
func (f fate) err() error {
	switch {
	case f > 0:
		return nil
	case f > -beyond:
		return context.Canceled
	default:
		return context.DeadlineExceeded
	}
}

// madeCtx is what waiting for a deadlineCtx, or asking for the time, costs.
type madeCtx struct {
	liftable bool // the deadline may be lifted; see lift

	mu     sync.Mutex // guards what follows until it is set
	wall   time.Time  // the deadline as Deadline tells it
	inner  context.Context
	cancel context.CancelFunc
	timer  *time.Timer // of a deadline that may be lifted
}

// closed is the Done channel of contexts that ended before anyone asked.
var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// newDeadline returns a context that ends at the given moment.
func newDeadline(parent context.Context, at mono.Time) *deadlineCtx {
	return &deadlineCtx{parent: parent, fate: fate(at)}
}

// newLiftable returns a context whose deadline may be lifted.
func newLiftable(parent context.Context, at mono.Time) *deadlineCtx {
	c := newDeadline(parent, at)
	c.made.Store(&madeCtx{liftable: true})
	return c
}

// now returns what has become of the context so far.
func (c *deadlineCtx) now() fate { return fate(atomic.LoadInt64((*int64)(&c.fate))) }

// decide ends the context, unless something else has.
func (c *deadlineCtx) decide(from, to fate) {
	atomic.CompareAndSwapInt64((*int64)(&c.fate), int64(from), int64(to))
}

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
	if c.now().deadline() == never {
		return c.parent.Deadline()
	}
	m := c.make()
	if m.liftable {
		return c.parent.Deadline()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return c.deadline(m), true
}

// deadline returns the deadline as a time that never changes, or the parent's
// when that is earlier. Requires m.mu.
func (c *deadlineCtx) deadline(m *madeCtx) time.Time {
	if m.wall.IsZero() {
		m.wall = mono.Wall(c.now().deadline(), mono.Now())
		if p, ok := c.parent.Deadline(); ok && p.Before(m.wall) {
			m.wall = p
		}
	}
	return m.wall
}

// Done returns a channel that is closed at the deadline, when the parent ends
// and when the attempt ends.
func (c *deadlineCtx) Done() <-chan struct{} {
	if !c.now().running() {
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
	f := c.now()
	at := f.deadline()
	switch {
	case at == never, !f.running() && errors.Is(f.err(), context.Canceled):
		m.inner, m.cancel = context.WithCancel(c.parent)
	case m.liftable:
		inner, cancel := context.WithCancelCause(c.parent)
		m.inner, m.cancel = inner, func() { cancel(nil) }
		m.timer = time.AfterFunc(at-mono.Now(), func() { cancel(ErrTimeout) })
	default:
		m.inner, m.cancel = context.WithDeadlineCause(c.parent, c.deadline(m), ErrTimeout)
	}
	// end decides the fate and then looks for something made, this makes
	// something and then looks at the fate: one of the two sees the other.
	if !c.now().running() {
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
	if f := c.now(); f.running() {
		switch err := c.parent.Err(); {
		case errors.Is(err, context.DeadlineExceeded), err == nil && mono.Now() >= f.deadline():
			c.decide(f, f.exceeded())
		case err != nil:
			c.decide(f, f.canceled())
		}
	}
	return c.now().err()
}

// Value returns the parent's values. Of a context that has ended it is also
// asked why, by [context.Cause], which the standard library's knows.
func (c *deadlineCtx) Value(key any) any {
	if !c.now().running() {
		m := c.make()
		m.mu.Lock()
		if !m.liftable {
			c.materialise(m)
		}
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
	if f := c.now(); f.running() {
		c.decide(f, f.canceled())
	}
	if m := c.made.Load(); m != nil {
		m.end()
	}
}

func (m *madeCtx) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stop()
}

// lift takes the deadline away, if it has not passed and nothing else has ended
// the context, which then lives until end. Requires newLiftable.
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
