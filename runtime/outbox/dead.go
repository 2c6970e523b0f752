package outbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Dead is a write that was set aside.
type Dead struct {
	Dependency string
	ID         uint64 // for Requeue and Discard
	Interface  string // of the guard; "" when the record is damaged
	Method     string // the same
	Key        string
	At         time.Time // when it was stored
	Attempts   int
	Reason     string // of the last failure, by type: no text that may hold what was written
	Payload    []byte
}

// Dead returns the writes of a dependency that were set aside, oldest first.
func (s *Store) Dead(dependency string) ([]Dead, error) {
	var list []Dead
	err := s.view(func(tx *bolt.Tx) error {
		b := tx.Bucket(deadBucket).Bucket([]byte(dependency))
		if b == nil {
			return nil
		}
		return b.ForEach(func(k, v []byte) error {
			r, err := decode(v)
			if err != nil {
				r = record{Error: errDamaged.Error(), Payload: append([]byte(nil), v...)}
			}
			list = append(list, Dead{
				Dependency: dependency, ID: binary.BigEndian.Uint64(k),
				Interface: r.Interface, Method: r.Method, Key: r.Key, At: r.At, Attempts: r.Attempts, Reason: r.Error, Payload: r.Payload,
			})
			return nil
		})
	})
	return list, err
}

// Requeue puts a write that was set aside at the end of its queue, with its key
// and no attempts.
func (s *Store) Requeue(dependency string, id uint64) error {
	return s.bury(dependency, id, func(tx *bolt.Tx, r record, err error) error {
		if err != nil {
			return err
		}
		r.Attempts, r.Error = 0, ""
		return push(tx, queueBucket, dependency, r)
	}, func(q *queue, _ int) {
		q.waiting++
		q.wake()
	})
}

// Discard deletes a write that was set aside, for good.
func (s *Store) Discard(dependency string, id uint64) error {
	return s.bury(dependency, id, func(*bolt.Tx, record, error) error { return nil }, func(_ *queue, size int) {
		s.release(int64(size))
	})
}

// errNotDead is the cause when there is no such write.
var errNotDead = errors.New("no such write is set aside")

// bury takes a write out of those set aside, does what move says with it in the
// same transaction, and lets count, under s.mu, keep the numbers.
func (s *Store) bury(dependency string, id uint64, move func(*bolt.Tx, record, error) error, count func(*queue, int)) error {
	s.mu.Lock()
	err := s.unusable()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	var size int
	var refused error
	err = s.update(func(tx *bolt.Tx) error {
		b := tx.Bucket(deadBucket).Bucket([]byte(dependency))
		var value []byte
		if b != nil {
			value = b.Get(idKey(id))
		}
		if value == nil {
			refused = errNotDead
			return refused
		}
		r, decodeErr := decode(value)
		size = len(r.Payload)
		if refused = move(tx, r, decodeErr); refused != nil {
			return refused
		}
		return b.Delete(idKey(id))
	})
	switch {
	case errors.Is(refused, errNotDead), errors.Is(refused, errCorrupt):
		return fmt.Errorf("outbox: write %d of %q: %w", id, dependency, refused)
	case err != nil:
		return s.fail(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queue(dependency)
	q.dead--
	count(q, size)
	return nil
}
