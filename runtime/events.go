package resil

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// maxEvents bounds what waits for slow listeners; the oldest are dropped.
const maxEvents = 1024

// events delivers changes to listeners: in order, outside all other locks, on
// one goroutine that lives while there is something to deliver. A listener that
// panics or ends the goroutine costs the others nothing.
type events struct {
	log     func(Change)            // first of all listeners
	dropped func(n int)             // tells that events were lost
	wakeUp  func(dependency string) // tells the outbox

	mu        sync.Mutex // guards what follows
	queue     []event
	next      int // index in listeners of the next to hear queue[0]
	listeners []*listener
	lost      int
	idle      chan struct{} // closed when the goroutine has ended; nil = none runs
	runner    string        // names that goroutine
}

type event struct {
	change     Change
	transition Transition // if change.Kind is ChangeLevel
	wake       string     // dependency that is back; then there is no change
	listeners  []*listener
}

type listener struct {
	hear    func(event)
	mu      sync.Mutex
	stopped bool // guarded by mu
}

func (e *events) push(c Change) { e.add(event{change: c}) }

func (e *events) level(t Transition) {
	e.add(event{
		transition: t,
		change:     Change{Kind: ChangeLevel, From: t.From.String(), To: t.To.String(), Reason: t.Reason, At: t.At},
	})
}

func (e *events) wake(dependency string) { e.add(event{wake: dependency}) }

func (e *events) add(ev event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	ev.listeners = e.listeners
	if len(e.queue) >= maxEvents {
		// queue[0] is being delivered.
		e.queue = slices.Delete(e.queue, 1, 2)
		e.lost++
	}
	e.queue = append(e.queue, ev)
	if e.idle == nil {
		e.idle = make(chan struct{})
		go e.run()
	}
}

// run delivers until the queue is empty. When a listener ends the goroutine
// another one goes on behind that listener.
func (e *events) run() {
	e.mu.Lock()
	e.runner = goroutine()
	e.mu.Unlock()
	finished := false
	defer func() {
		if !finished {
			go e.run()
		}
	}()
	for {
		hear, ok := e.pick()
		if !ok {
			finished = true
			return
		}
		hear()
	}
}

// pick returns the next delivery, or false when there is none and the goroutine
// must end.
func (e *events) pick() (func(), bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.queue) > 0 {
		ev, n := e.queue[0], e.next
		e.next++
		switch {
		case n == 0 && e.lost > 0:
			lost := e.lost
			e.lost, e.next = 0, 0
			return func() { e.dropped(lost) }, true
		case n == 0 && ev.wake != "":
			return func() { e.wakeUp(ev.wake) }, true
		case n == 0:
			return func() { e.log(ev.change) }, true
		case n <= len(ev.listeners) && ev.wake == "":
			return func() { ev.listeners[n-1].tell(ev) }, true
		}
		e.queue[0] = event{}
		e.queue, e.next = e.queue[1:], 0
	}
	close(e.idle)
	e.idle, e.runner = nil, ""
	return nil, false
}

// tell calls the listener unless it was stopped.
func (l *listener) tell(ev event) {
	l.mu.Lock()
	stopped := l.stopped
	l.mu.Unlock()
	if stopped {
		return
	}
	l.hear(ev)
}

func (e *events) listen(hear func(event)) (stop func()) {
	l := &listener{hear: hear}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.listeners = append(slices.Clone(e.listeners), l)
	return func() {
		l.mu.Lock()
		l.stopped = true
		l.mu.Unlock()
		e.mu.Lock()
		defer e.mu.Unlock()
		e.listeners = slices.DeleteFunc(slices.Clone(e.listeners), func(o *listener) bool { return o == l })
	}
}

// drain waits until everything is delivered, or ctx is done. A listener that
// calls it does not wait: what it hears, and what comes after, is delivered once
// it has returned.
func (e *events) drain(ctx context.Context) error {
	e.mu.Lock()
	idle, runner := e.idle, e.runner
	e.mu.Unlock()
	if idle == nil || runner == goroutine() {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// goroutine names the calling goroutine. It serves to notice who waits for
// itself, and nothing else: it costs a microsecond.
func goroutine() string {
	var buf [64]byte
	name, _, _ := strings.Cut(string(buf[:runtime.Stack(buf[:], false)]), " [")
	return name
}

// OnLevel makes f hear of every change of the level from now on: in order, one
// at a time, on a goroutine of the system and outside its locks. f may call the
// system. When f is slow changes wait, at most 1024 of all kinds; then the
// oldest are dropped and the log says so. stop ends it and does not wait:
// one call of f, for a change from before, may be under way or about to begin.
func (s *System) OnLevel(f func(Transition)) (stop func()) {
	return s.events.listen(func(ev event) {
		if ev.change.Kind == ChangeLevel {
			s.contained(func() { f(ev.transition) })
		}
	})
}

// Subscribe makes f hear of every change of levels, breakers, health and
// overrides, as [System.OnLevel] does of levels alone.
func (s *System) Subscribe(f func(Change)) (stop func()) {
	return s.events.listen(func(ev event) { s.contained(func() { f(ev.change) }) })
}

// contained runs user code of which a panic must not end the process.
func (s *System) contained(f func()) {
	defer func() {
		if r := recover(); r != nil {
			s.logger().Error("a listener panicked", "panic", r)
		}
	}()
	f()
}

// logChange writes one change to the log.
func (s *System) logChange(c Change) {
	s.contained(func() {
		args := []any{"from", c.From, "to", c.To, "reason", c.Reason}
		if c.Dependency != "" {
			args = append([]any{"dependency", c.Dependency}, args...)
		}
		switch c.Kind {
		case ChangeLevel:
			if worsened(c) {
				s.logger().Warn("degradation level worsened", args...)
			} else {
				s.logger().Info("degradation level improved", args...)
			}
		case ChangeReloaded:
			s.logger().Info("overrides loaded", "reason", c.Reason)
		default:
			s.logger().Info(c.Kind.String()+" changed", args...)
		}
	})
}

func worsened(c Change) bool {
	from, _ := ParseLevel(c.From)
	to, _ := ParseLevel(c.To)
	return to > from
}
