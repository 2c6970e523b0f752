package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	resil "github.com/resilgo/resil/runtime"
)

// queue is the writes of one dependency. Its loop delivers them one at a time.
type queue struct {
	store      *Store
	dependency string
	woken      chan struct{}
	tried      time.Time // when a delivery last began; used by the loop alone

	waiting int // guarded by store.mu
	dead    int // guarded by store.mu
}

func newQueue(s *Store, dependency string) *queue {
	return &queue{store: s, dependency: dependency, woken: make(chan struct{}, 1)}
}

// wake makes the loop look at once.
func (q *queue) wake() {
	select {
	case q.woken <- struct{}{}:
	default: // it will look anyway
	}
}

// forget drops a wake that came before a look that is made anyway, so that it
// does not cut the wait after the look short.
func (q *queue) forget() {
	select {
	case <-q.woken:
	default:
	}
}

// verdict is what is to become of a write whose delivery ended.
type verdict uint8

const (
	nothing   verdict = iota // no delivery ended
	delivered                // remove it
	excused                  // not its fault: the attempt does not count
	failed                   // the attempt counts, as it did when it began
	poison                   // set it aside
)

// settlement is the end of one delivery, not yet recorded in the file.
type settlement struct {
	verdict verdict
	id      uint64
	record  record
	err     error
}

// loop delivers until ctx is done or the file fails. The end of one delivery
// and the beginning of the next are recorded in one transaction.
func (q *queue) loop(ctx context.Context) {
	q.tried = time.Now()
	var last settlement
	for {
		pause := q.pause(last)
		if pause == 0 {
			q.forget()
		}
		begin := ctx.Err() == nil && pause == 0 && q.may(last)
		next, found, err := q.turn(last, begin)
		switch {
		case err != nil:
			_ = q.store.fail(err) // logs it
			return
		case ctx.Err() != nil:
			return
		case found:
			q.tried = time.Now()
			last = q.deliver(ctx, next)
		default:
			if pause == 0 {
				pause = q.store.cfg.Poll
			}
			q.sleep(ctx, pause)
			last = settlement{}
		}
	}
}

// may reports whether to begin a delivery: while the dependency is up, and
// rarely while it is not. Its breaker may have nobody else to probe it, and
// refuses what comes too early.
func (q *queue) may(last settlement) bool {
	return last.verdict == delivered || q.store.ready(q.dependency) || time.Since(q.tried) >= q.store.cfg.Probe
}

// pause returns how long the queue waits after a delivery that ended like
// this: until the next look, unless the dependency is reported back before.
func (q *queue) pause(last settlement) time.Duration {
	switch last.verdict {
	case failed:
		return resil.Retry{Base: q.store.cfg.Backoff, Max: q.store.cfg.Max}.Wait(last.record.Attempts)
	case excused:
		return q.store.cfg.Poll
	default:
		return 0
	}
}

func (q *queue) sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-q.woken:
	case <-timer.C:
	}
}

// turn records the end of the last delivery and, if begin is set, the beginning
// of the next one, which it returns. Beginnings are recorded before they
// happen, so that a write which kills the process is counted too.
func (q *queue) turn(last settlement, begin bool) (next settlement, found bool, err error) {
	if last.verdict == failed {
		last = settlement{}
	}
	if last.verdict == nothing && (!begin || q.depth() == 0) {
		return settlement{}, false, nil
	}
	var settled []settlement
	err = q.store.update(func(tx *bolt.Tx) error {
		ok, err := q.settle(tx, last)
		if err != nil {
			return err
		}
		if ok {
			settled = append(settled, last)
		}
		for begin && !found {
			id, r, exists, err := head(tx, q.dependency)
			switch {
			case errors.Is(err, errCorrupt):
				err = errDamaged
			case err != nil:
				return err
			case !exists:
				return nil
			case r.Attempts >= q.store.cfg.Attempts:
				err = errKiller
			}
			next = settlement{verdict: poison, id: id, record: r, err: err}
			if err == nil {
				next.record.Attempts++
				found = true
				return put(tx.Bucket(queueBucket).Bucket([]byte(q.dependency)), id, next.record)
			}
			if _, err := q.settle(tx, next); err != nil {
				return err
			}
			settled = append(settled, next)
		}
		return nil
	})
	if err != nil {
		return settlement{}, false, err
	}
	for _, s := range settled {
		q.count(s)
	}
	return next, found, nil
}

func (q *queue) depth() int {
	q.store.mu.Lock()
	defer q.store.mu.Unlock()
	return q.waiting
}

// settle records the end of a delivery in the file. It reports false when the
// write is no longer there: dropped meanwhile to make room.
func (q *queue) settle(tx *bolt.Tx, s settlement) (bool, error) {
	if s.verdict == nothing {
		return false, nil
	}
	b := tx.Bucket(queueBucket).Bucket([]byte(q.dependency))
	value := b.Get(idKey(s.id))
	if value == nil {
		return false, nil
	}
	switch s.verdict {
	case excused:
		s.record.Attempts--
		return true, put(b, s.id, s.record)
	case poison:
		if errors.Is(s.err, errDamaged) {
			return true, errors.Join(pushRaw(tx, q.dependency, value), b.Delete(idKey(s.id)))
		}
		s.record.Error = reason(s.err)
		return true, errors.Join(push(tx, deadBucket, q.dependency, s.record), b.Delete(idKey(s.id)))
	default:
		return true, b.Delete(idKey(s.id))
	}
}

// count keeps the numbers in step with what settle did.
func (q *queue) count(s settlement) {
	q.store.mu.Lock()
	switch s.verdict {
	case nothing, excused, failed: // it stays where it is
	case delivered:
		q.waiting--
		q.store.release(int64(len(s.record.Payload)))
	case poison:
		q.waiting--
		q.dead++
	}
	q.store.mu.Unlock()
	if s.verdict == poison {
		q.store.logger().Error("outbox set a write aside", "dependency", q.dependency,
			"interface", s.record.Interface, "method", s.record.Method, "key", s.record.Key, "attempts", s.record.Attempts, "reason", reason(s.err))
	}
}

// deliver makes one attempt and judges it.
func (q *queue) deliver(ctx context.Context, s settlement) settlement {
	s.err = q.attempt(ctx, s.record)
	switch {
	case s.err == nil:
		s.verdict = delivered
	case ctx.Err() != nil, errors.Is(s.err, resil.ErrRejected), !q.store.ready(q.dependency):
		// We are closing, our own policies refused it, or the dependency went
		// down with it: that tells nothing about this write.
		s.verdict = excused
	case s.record.Attempts >= q.store.cfg.Attempts:
		s.verdict = poison
	default:
		s.verdict = failed
	}
	return s
}

// attempt calls the write's handler, on a goroutine of its own because that may
// end it by runtime.Goexit.
func (q *queue) attempt(ctx context.Context, r record) error {
	q.store.mu.Lock()
	handler := q.store.handlers[resil.Origin{Dependency: q.dependency, Interface: r.Interface, Method: r.Method}]
	q.store.mu.Unlock()
	if handler == nil {
		return errUnbound
	}
	ctx, cancel := context.WithTimeout(WithKey(ctx, r.Key), q.store.cfg.Timeout)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		err := error(errGoexit)
		defer func() {
			if v := recover(); v != nil {
				err = plainError(fmt.Sprintf("delivery panicked with a %T", v))
			}
			ended <- err
		}()
		err = handler(ctx, r.Payload)
	}()
	return <-ended
}

// plainError is an error whose text holds nothing of what was written.
type plainError string

func (e plainError) Error() string { return string(e) }

const (
	errDamaged plainError = "the record is damaged"
	errKiller  plainError = "the process ended during each of its deliveries"
	errUnbound plainError = "no guard delivers this method"
	errGoexit  plainError = "the delivery ended its goroutine"
)

// reason says why a delivery failed, by type only where the text may hold what
// was written.
func reason(err error) string {
	var plain plainError
	if errors.As(err, &plain) {
		return plain.Error()
	}
	if ex, ok := resil.Explain(err); ok {
		return fmt.Sprintf("%s: %T", ex.Outcome, ex.Cause)
	}
	return fmt.Sprintf("%T", err)
}
