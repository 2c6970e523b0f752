package resil

import (
	"container/list"
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// bulkhead bounds the calls under way. x/sync's semaphore can neither change
// its size under a reload nor say how many places are taken, and takes a lock
// where this takes one atomic operation while there is room.
type bulkhead struct {
	_       [56]byte
	used    atomic.Int64
	max     atomic.Int64
	waiting atomic.Int64 // = queue.Len()
	wait    atomic.Int64 // time.Duration a call may queue
	_       [32]byte

	mu    sync.Mutex
	queue list.List // of chan struct{}, closed when its owner got a place; guarded by mu
}

func newBulkhead(p Bulkhead) *bulkhead {
	b := new(bulkhead)
	b.configure(p)
	return b
}

// configure changes the size. Calls under way keep their places.
func (b *bulkhead) configure(p Bulkhead) {
	b.max.Store(int64(p.Max))
	b.wait.Store(int64(p.Wait))
	b.grant()
}

// try takes a place if there is one that nobody waits for.
func (b *bulkhead) try() bool { return b.waiting.Load() == 0 && b.take() }

func (b *bulkhead) take() bool {
	for {
		used := b.used.Load()
		if used >= b.max.Load() {
			return false
		}
		if b.used.CompareAndSwap(used, used+1) {
			return true
		}
	}
}

// release gives a place back, to the longest waiting if there is one.
func (b *bulkhead) release() {
	b.used.Add(-1)
	if b.waiting.Load() > 0 {
		b.grant()
	}
}

func (b *bulkhead) grant() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for e := b.queue.Front(); e != nil && b.take(); e = b.queue.Front() {
		b.queue.Remove(e)
		b.waiting.Add(-1)
		close(e.Value.(chan struct{})) //nolint:errcheck // the list holds nothing else
	}
}

// acquire takes a place, waiting for at most the configured time and left,
// whichever is shorter; left < 0 means no bound of its own. It returns
// ErrBulkheadFull, or ctx's error.
func (b *bulkhead) acquire(ctx context.Context, left time.Duration) error {
	if b.try() {
		return nil
	}
	wait := time.Duration(b.wait.Load())
	if left >= 0 {
		wait = min(wait, left)
	}
	if wait <= 0 {
		return ErrBulkheadFull
	}
	return b.enqueue(ctx, wait)
}

func (b *bulkhead) enqueue(ctx context.Context, wait time.Duration) error {
	granted := make(chan struct{})
	b.mu.Lock()
	place := b.queue.PushBack(granted)
	b.waiting.Add(1)
	b.mu.Unlock()
	// A release between the failed try and the line above saw nobody waiting.
	b.grant()

	timer := time.NewTimer(wait)
	defer timer.Stop()
	var err error
	select {
	case <-granted:
		return nil
	case <-timer.C:
		err = ErrBulkheadFull
	case <-ctx.Done():
		err = ctx.Err()
	}
	b.mu.Lock()
	select {
	case <-granted: // in the same moment: the place must not be lost
		b.mu.Unlock()
		b.release()
		return err
	default:
	}
	b.queue.Remove(place)
	b.waiting.Add(-1)
	b.mu.Unlock()
	return err
}
