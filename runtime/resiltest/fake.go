package resiltest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// ErrDown is what a [Fake] returns that fails.
var ErrDown = errors.New("resiltest: dependency is down")

// Step is what a [Fake] does with one call.
type Step func(ctx context.Context) (string, error)

// Answer returns a step that answers at once.
func Answer(v string) Step {
	return func(context.Context) (string, error) { return v, nil }
}

// Fail returns a step that fails at once with err, or [ErrDown] if err is nil.
func Fail(err error) Step {
	if err == nil {
		err = ErrDown
	}
	return func(context.Context) (string, error) { return "", err }
}

// Delay returns a step that does next after d, or returns the context's error
// when that ends first.
func Delay(d time.Duration, next Step) Step {
	return func(ctx context.Context) (string, error) {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			return next(ctx)
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// Deaf returns a step that does next after d whatever the context says.
func Deaf(d time.Duration, next Step) Step {
	return func(ctx context.Context) (string, error) {
		time.Sleep(d)
		return next(ctx)
	}
}

// Hang returns a step that waits for the context to end.
func Hang() Step {
	return func(ctx context.Context) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}
}

// Panic returns a step that panics with v.
func Panic(v any) Step {
	return func(context.Context) (string, error) { panic(v) }
}

// Goexit returns a step that ends its goroutine, as [testing.T.FailNow] does.
func Goexit() Step {
	return func(context.Context) (string, error) {
		runtime.Goexit()
		return "", nil
	}
}

// Gate is a step that waits until it is let go, whatever the context says.
type Gate struct {
	// Entered receives once per call that has come to the gate.
	Entered chan struct{}
	open    chan struct{}
}

// NewGate returns a closed gate.
func NewGate() *Gate { return &Gate{Entered: make(chan struct{}, 1000), open: make(chan struct{})} }

// Open lets everybody go, now and later. It must be called once.
func (g *Gate) Open() { close(g.open) }

// Then returns the step that waits at the gate and then does next.
func (g *Gate) Then(next Step) Step {
	return func(ctx context.Context) (string, error) {
		g.Entered <- struct{}{}
		<-g.open
		return next(ctx)
	}
}

// Fake is a dependency that does what it is told and counts. The zero Fake
// answers "ok" to everything. Safe for concurrent use.
type Fake struct {
	mu       sync.Mutex // guards what follows
	script   []Step     // used up first
	always   Step
	calls    int
	inFlight int
	peak     int
}

// Script makes the next calls do the given steps, one each, before what Always
// says.
func (f *Fake) Script(steps ...Step) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script = append(f.script, steps...)
}

// Always makes all calls beyond the script do step.
func (f *Fake) Always(step Step) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.always = step
}

// Call is the dependency.
func (f *Fake) Call(ctx context.Context) (string, error) {
	step := f.begin()
	defer f.end()
	return step(ctx)
}

func (f *Fake) begin() Step {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	f.inFlight++
	f.peak = max(f.peak, f.inFlight)
	if len(f.script) > 0 {
		step := f.script[0]
		f.script = f.script[1:]
		return step
	}
	if f.always != nil {
		return f.always
	}
	return Answer("ok")
}

func (f *Fake) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inFlight--
}

// Calls returns how many calls have reached the dependency.
func (f *Fake) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// InFlight returns how many calls are in the dependency now.
func (f *Fake) InFlight() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.inFlight
}

// Peak returns the most calls that were in the dependency at once.
func (f *Fake) Peak() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.peak
}

// String describes the fake, for failure messages.
func (f *Fake) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Sprintf("%d calls, %d under way, at most %d at once", f.calls, f.inFlight, f.peak)
}

// drop forgets the rest of the script.
func (f *Fake) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script = nil
}
