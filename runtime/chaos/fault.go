package chaos

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"
)

// Kind is what a fault does.
type Kind uint8

// The kinds of faults.
const (
	Error    Kind = iota + 1 // the client is not called; Err stands for its error
	Latency                  // the client is called after Delay ± Jitter
	Hang                     // the client is not called; the call blocks until its context ends
	Panic                    // the client is not called; a *Panicked is thrown
	Slow                     // reading from the result waits Delay ± Jitter each time: readers and responses
	Truncate                 // the result ends after Keep of it: bytes, strings, slices, readers and responses
)

var kindNames = [...]string{"", "error", "latency", "hang", "panic", "slow", "truncate"}

// String returns the kind's name.
func (k Kind) String() string {
	if k >= Error && k <= Truncate {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Fault is one fault and the calls it is for. Safe to copy.
type Fault struct {
	Kind       Kind
	Dependency string  // a name or a path.Match pattern; "" = all
	Method     string  // likewise
	Mark       string  // only calls under a context with this mark, see [WithMark]; "" = all
	Share      float64 // of the calls it is for, (0,1]; 0 = all of them

	Err    error         // Error: the client's error; nil = ErrInjected alone
	Delay  time.Duration // Latency, Slow
	Jitter time.Duration // Latency, Slow: uniform in ±Jitter, at most Delay
	Keep   int           // Truncate: bytes or elements that are left

	// Active and Idle make the fault flap, from the moment it is enabled:
	// active first, then idle, and again. Both 0 = always active.
	Active, Idle time.Duration
}

func (f Fault) validate() error {
	var errs []error
	add := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	const longest = 24 * time.Hour
	add(f.Kind < Error || f.Kind > Truncate, "unknown kind %d", f.Kind)
	add(!(f.Share >= 0 && f.Share <= 1), "share %v is out of range; want more than 0 and at most 1", f.Share) // NaN fails
	for _, pattern := range []string{f.Dependency, f.Method} {
		_, err := path.Match(pattern, "")
		add(err != nil, "bad pattern %q", pattern)
	}
	delays := f.Kind == Latency || f.Kind == Slow
	add(delays && (f.Delay <= 0 || f.Delay > longest), "delay %s is out of range; want more than 0s and at most %s", f.Delay, longest)
	add(f.Jitter < 0 || f.Jitter > f.Delay, "jitter %s is out of range; want 0s to the delay of %s", f.Jitter, f.Delay)
	add(!delays && f.Delay != 0, "kind %s has no delay", f.Kind)
	add(f.Kind != Error && f.Err != nil, "kind %s has no error", f.Kind)
	add(f.Keep < 0 || f.Kind != Truncate && f.Keep != 0, "keep %d is out of range; want 0 or more, of a truncated result", f.Keep)
	add((f.Active > 0) != (f.Idle > 0) || f.Active < 0 || f.Idle < 0, "a fault that flaps needs an active and an idle time, not %s and %s", f.Active, f.Idle)
	return errors.Join(errs...)
}

// matches reports whether the fault is for a call at the given time since it
// was enabled.
func (f Fault) matches(ctx context.Context, dependency, method string, since time.Duration) bool {
	if f.Mark != "" && !hasMark(ctx, f.Mark) {
		return false
	}
	if f.Active > 0 && since%(f.Active+f.Idle) >= f.Active {
		return false
	}
	return match(f.Dependency, dependency) && match(f.Method, method)
}

func match(pattern, name string) bool {
	if pattern == "" || pattern == name {
		return true
	}
	ok, _ := path.Match(pattern, name) // the pattern was checked
	return ok
}

type markKey struct{}

// WithMark returns a context that carries a mark beside those it has: a tenant,
// a test run, a canary. Faults can be kept to the calls under it.
func WithMark(ctx context.Context, mark string) context.Context {
	return context.WithValue(ctx, markKey{}, &marks{mark, ctx})
}

// marks is a mark and the context that may carry more.
type marks struct {
	mark   string
	parent context.Context
}

func hasMark(ctx context.Context, mark string) bool {
	for {
		m, ok := ctx.Value(markKey{}).(*marks)
		if !ok || m.mark == mark {
			return ok
		}
		ctx = m.parent
	}
}

// ErrInjected is the error of every fault of kind Error, beside the one it
// states.
var ErrInjected = errors.New("injected fault")

// Panicked is the value of an injected panic.
type Panicked struct{ Dependency, Method string }

// Error says where the panic was injected.
func (p *Panicked) Error() string {
	return fmt.Sprintf("injected panic in %s.%s", p.Dependency, p.Method)
}
