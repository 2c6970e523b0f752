package outbox

import (
	"sync"

	bolt "go.etcd.io/bbolt"
)

// committer writes records of concurrent Puts in one transaction: whoever gets
// to write takes along all who wait. bbolt's own Batch does that on a goroutine
// of its own, where a panic over a damaged file would end the process.
type committer struct {
	store *Store

	mu      sync.Mutex // guards waiting
	waiting []*pending

	writing sync.Mutex // held while writing; guards what pending says of its end
}

// pending is one Put that waits to be written.
type pending struct {
	dependency string
	record     record
	done       bool
	err        error
}

// push stores r durably.
func (c *committer) push(dependency string, r record) error {
	p := &pending{dependency: dependency, record: r}
	c.mu.Lock()
	c.waiting = append(c.waiting, p)
	c.mu.Unlock()

	c.writing.Lock()
	defer c.writing.Unlock()
	if !p.done {
		c.flush()
	}
	return p.err
}

// flush writes all that wait. Requires c.writing.
func (c *committer) flush() {
	c.mu.Lock()
	batch := c.waiting
	c.waiting = nil
	c.mu.Unlock()

	err := c.store.update(func(tx *bolt.Tx) error {
		for _, p := range batch {
			if err := push(tx, queueBucket, p.dependency, p.record); err != nil {
				return err
			}
		}
		return nil
	})
	for _, p := range batch {
		p.done, p.err = true, err
	}
}
