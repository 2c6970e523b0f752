package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	resil "github.com/resilgo/resil/runtime"
)

// Errors of this package, for errors.Is.
var (
	ErrFull     = errors.New("outbox is full")
	ErrTooLarge = errors.New("payload is too large for the outbox")
	ErrInUse    = errors.New("outbox is in use by another process")
	ErrBroken   = errors.New("outbox is broken")
	ErrClosed   = errors.New("outbox is closed")
)

// FullPolicy says what happens to a write for which there is no room.
type FullPolicy uint8

// The policies.
const (
	Refuse     FullPolicy = iota // Put fails with ErrFull: the caller learns of it
	DropOldest                   // the oldest waiting writes of the dependency make room; they are lost, logged and counted
)

// Config tunes a store. Zero fields take the defaults in parentheses.
type Config struct {
	MaxEntries int        // writes kept, those set aside included (100000)
	MaxBytes   int64      // of their payloads (256 MiB)
	MaxPayload int        // of one payload (1 MiB)
	Full       FullPolicy // what happens beyond these bounds (Refuse)

	Attempts int           // failed deliveries, while the dependency answers, after which a write is set aside (10)
	Backoff  time.Duration // wait after the first of them, doubling (1s)
	Max      time.Duration // bound of that wait (2m)
	Timeout  time.Duration // of one delivery (1m)
	Poll     time.Duration // how often a dependency that is not ready is looked at, besides Wake (5s)
	Probe    time.Duration // how often it is tried nevertheless (30s)

	Logger *slog.Logger // nil = slog.Default() at the time of logging
}

// WithDefaults returns c with its zero fields filled in.
func (c Config) WithDefaults() Config {
	setDefault(&c.MaxEntries, 100_000)
	setDefault(&c.MaxBytes, 256<<20)
	setDefault(&c.MaxPayload, 1<<20)
	setDefault(&c.Attempts, 10)
	setDefault(&c.Backoff, time.Second)
	setDefault(&c.Max, 2*time.Minute)
	setDefault(&c.Timeout, time.Minute)
	setDefault(&c.Poll, 5*time.Second)
	setDefault(&c.Probe, 30*time.Second)
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate returns every reason why c cannot work, joined.
func (c Config) Validate() error {
	c = c.WithDefaults()
	var errs []error
	add := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf("outbox: "+format, args...))
		}
	}
	add(c.MaxEntries < 0 || c.MaxBytes < 0 || c.MaxPayload < 0, "a bound is negative")
	add(int64(c.MaxPayload) > c.MaxBytes, "one payload of %d bytes would be larger than all, %d", c.MaxPayload, c.MaxBytes)
	add(c.MaxPayload > 64<<20, "a payload of %d bytes is out of range; want at most 64 MiB", c.MaxPayload)
	add(c.Full > DropOldest, "unknown policy %d for a full outbox", c.Full)
	add(c.Attempts < 0 || c.Attempts > 1_000_000, "attempts=%d is out of range; want 1 to 1000000", c.Attempts)
	add(c.Backoff < 0 || c.Max < c.Backoff, "backoff %s..%s is out of range", c.Backoff, c.Max)
	add(c.Timeout < 0 || c.Poll < 0 || c.Probe < 0, "a duration is negative")
	return errors.Join(errs...)
}

// Store is an outbox. Make one with [Open]. It is safe for concurrent use.
type Store struct {
	cfg  Config
	dir  string
	db   *bolt.DB
	file *os.File // under db
	puts committer

	writing sync.Mutex // held in each writing transaction
	damage  error      // guarded by writing: what bbolt panicked over

	ctx    context.Context // of the replay loops
	cancel context.CancelFunc
	loops  sync.WaitGroup

	mu       sync.Mutex // guards what follows; never held over the file or user code
	used     usage
	queues   map[string]*queue
	handlers map[resil.Origin]func(context.Context, []byte) error
	ready    func(dependency string) bool // nil before Start
	broken   error                        // set once
	closed   bool
	dropped  uint64
}

type usage struct {
	entries int
	bytes   int64
}

// Open opens the outbox in folder dir, which it makes if there is none; its
// parent must exist. A folder that others can reach is refused: inside a mounted
// volume or a test's t.TempDir() name one that is not there yet. Only one process
// can have it open; another gets ErrInUse at once.
func Open(dir string, cfg Config) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	return open(dir, cfg.WithDefaults(), openFile)
}

func open(dir string, cfg Config, openFile openFunc) (*Store, error) {
	db, file, err := openDB(dir, openFile)
	if err != nil {
		return nil, fmt.Errorf("outbox %s: %w", dir, err)
	}
	s := &Store{
		cfg:      cfg,
		dir:      dir,
		db:       db,
		file:     file,
		queues:   map[string]*queue{},
		handlers: map[resil.Origin]func(context.Context, []byte) error{},
	}
	s.puts.store = s
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.load(); err != nil {
		s.cancel()
		return nil, errors.Join(fmt.Errorf("outbox %s: %w", dir, err), closeDB(db, file, err))
	}
	return s, nil
}

// load counts what the file holds, and so reads all of it once.
func (s *Store) load() error {
	return s.view(func(tx *bolt.Tx) error {
		return scan(tx, func(dependency string, dead bool, r record) {
			q := s.queue(dependency)
			if dead {
				q.dead++
			} else {
				q.waiting++
			}
			s.used.entries++
			s.used.bytes += int64(len(r.Payload))
		})
	})
}

// update runs f in a transaction. bbolt panics over damaged files, and may then
// still hold its locks: nobody gets to them after that.
func (s *Store) update(f func(*bolt.Tx) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.damage != nil {
		return s.damage
	}
	err := guardFaults(func() error { return s.db.Update(f) })
	if errors.Is(err, errDamagedFile) {
		s.damage = err
	}
	return err
}

// view runs f in a transaction that only reads.
func (s *Store) view(f func(*bolt.Tx) error) error {
	return guardFaults(func() error { return s.db.View(f) })
}

// queue returns the queue of a dependency. Requires s.mu, or a store that
// nobody else has yet.
func (s *Store) queue(dependency string) *queue {
	q := s.queues[dependency]
	if q == nil {
		q = newQueue(s, dependency)
		s.queues[dependency] = q
		if s.ready != nil && s.ctx.Err() == nil {
			s.loops.Go(func() { q.loop(s.ctx) })
		}
	}
	return q
}

// Put stores a write and returns when it is durable. If ctx carries a key (see
// [WithKey]) the write keeps it, else it gets one of its own.
//
// Put does not give up with ctx once it has begun: whether the write is stored
// must be known.
func (s *Store) Put(ctx context.Context, e resil.Entry) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if len(e.Payload) > s.cfg.MaxPayload {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(e.Payload), s.cfg.MaxPayload)
	}
	if e.Dependency == "" || len(e.Dependency) > bolt.MaxKeySize {
		return fmt.Errorf("outbox: bad dependency name %.100q", e.Dependency)
	}
	key, ok := Key(ctx)
	if !ok {
		key = newKey()
	}
	if err := s.reserve(e.Dependency, int64(len(e.Payload))); err != nil {
		return err
	}
	r := record{Interface: e.Interface, Method: e.Method, Key: key, At: time.Now().UTC(), Payload: e.Payload}
	err := s.puts.push(e.Dependency, r)

	s.mu.Lock()
	if err != nil {
		s.release(int64(len(e.Payload)))
		s.mu.Unlock()
		return s.fail(err)
	}
	defer s.mu.Unlock()
	q := s.queue(e.Dependency)
	q.waiting++
	if q.waiting == 1 {
		q.wake() // a queue that waits after a failure goes on waiting
	}
	return nil
}

// reserve takes room for one write of the given size, so that concurrent ones
// cannot exceed the bounds together.
func (s *Store) reserve(dependency string, size int64) error {
	for {
		s.mu.Lock()
		if err := s.unusable(); err != nil {
			s.mu.Unlock()
			return err
		}
		if s.used.entries < s.cfg.MaxEntries && s.used.bytes+size <= s.cfg.MaxBytes {
			s.used.entries++
			s.used.bytes += size
			s.mu.Unlock()
			return nil
		}
		s.mu.Unlock()
		if s.cfg.Full == Refuse {
			return ErrFull
		}
		if err := s.dropOldest(dependency); err != nil {
			return err
		}
	}
}

// dropOldest loses the oldest waiting write of a dependency.
func (s *Store) dropOldest(dependency string) error {
	var lost record
	var found bool
	err := s.update(func(tx *bolt.Tx) (err error) {
		var id uint64
		id, lost, found, err = head(tx, dependency)
		if !found || err != nil && !errors.Is(err, errCorrupt) {
			return err
		}
		return tx.Bucket(queueBucket).Bucket([]byte(dependency)).Delete(idKey(id))
	})
	switch {
	case err != nil:
		return s.fail(err)
	case !found: // other dependencies fill it
		return ErrFull
	}
	s.mu.Lock()
	s.release(int64(len(lost.Payload)))
	s.queue(dependency).waiting--
	s.dropped++
	s.mu.Unlock()
	s.logger().Warn("outbox is full: dropped the oldest write", "dependency", dependency, "interface", lost.Interface, "method", lost.Method, "key", lost.Key)
	return nil
}

// release gives the room of one write back. Requires s.mu.
func (s *Store) release(bytes int64) {
	s.used.entries--
	s.used.bytes -= bytes
}

// unusable returns why the store takes nothing more, nil if it does. Requires
// s.mu.
func (s *Store) unusable() error {
	switch {
	case s.closed:
		return ErrClosed
	case s.broken != nil:
		return fmt.Errorf("%w since an earlier error: %w", ErrBroken, s.broken)
	default:
		return nil
	}
}

// fail turns an error of the file into the store's. After a failed fsync
// nobody knows what the file holds, and trying again would report success for
// pages that the kernel has dropped, so the first failure is for good.
func (s *Store) fail(err error) error {
	s.mu.Lock()
	closed, first := s.closed, s.broken == nil
	if !closed && first {
		s.broken = err
	}
	s.mu.Unlock()
	switch {
	case closed:
		return ErrClosed
	case first: // outside the lock: a logger may ask the store
		s.logger().Error("outbox is broken: it takes and delivers nothing until it is opened anew", "dir", s.dir, "error", err)
	}
	return fmt.Errorf("%w: %w", ErrBroken, err)
}

func (s *Store) logger() *slog.Logger {
	if s.cfg.Logger != nil {
		return s.cfg.Logger
	}
	return slog.Default()
}

// Bind sets the function that delivers the writes of a method. The last one
// set counts.
func (s *Store) Bind(of resil.Origin, deliver func(ctx context.Context, payload []byte) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handlers[of] = deliver
	if q := s.queues[of.Dependency]; q != nil {
		q.wake()
	}
}

// Start begins to deliver. ready reports whether a dependency is up; it is
// asked before each delivery and must be quick. One that is not is tried every
// Config.Probe only: without other calls nothing else might find out that it is
// back. The deliveries do not end
// with ctx but with Close. A second Start is an error.
func (s *Store) Start(ctx context.Context, ready func(dependency string) bool) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if ready == nil {
		return errors.New("outbox: Start without a ready function")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.unusable(); err != nil {
		return err
	}
	if s.ready != nil {
		return errors.New("outbox: started twice")
	}
	s.ready = ready
	for _, q := range s.queues {
		s.loops.Go(func() { q.loop(s.ctx) })
	}
	return nil
}

// Wake says that a dependency is back: its writes are delivered now, waits
// after failures included.
func (s *Store) Wake(dependency string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.queues[dependency]; q != nil {
		q.wake()
	}
}

// Depth returns the writes waiting per dependency, without those set aside.
func (s *Store) Depth() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	depth := make(map[string]int, len(s.queues))
	for name, q := range s.queues {
		depth[name] = q.waiting
	}
	return depth
}

// Stats are the numbers of a store.
type Stats struct {
	Entries int    // kept, those set aside included
	Bytes   int64  // of their payloads
	Dead    int    // set aside
	Dropped uint64 // lost by DropOldest since Open
	Err     error  // why the store takes nothing more; nil if it does
}

// Stats returns the store's numbers.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Stats{Entries: s.used.entries, Bytes: s.used.bytes, Dropped: s.dropped, Err: s.unusable()}
	for _, q := range s.queues {
		st.Dead += q.dead
	}
	return st
}

// Close stops delivering, cancels the contexts of running deliveries, waits
// for them until ctx is done and releases the file. It is idempotent. A
// delivery that outlives Close is delivered again after the next Open.
func (s *Store) Close(ctx context.Context) error {
	s.mu.Lock()
	s.cancel()
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		s.loops.Wait()
		close(done)
	}()
	var late error
	select {
	case <-done:
	case <-ctx.Done():
		late = fmt.Errorf("outbox: deliveries still run: %w", context.Cause(ctx))
	}
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	if again {
		return late
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	return errors.Join(late, closeDB(s.db, s.file, s.damage))
}
