package resil

import (
	"context"
	"time"
)

// CallInfo says which guarded call a hook is told about.
type CallInfo struct {
	Dependency string
	Method     string
	Operation  string // DEPENDENCY.METHOD, put together once and not per call
	Kind       Kind
	Level      Level
}

// Tracer observes calls. It must be safe for concurrent use and quick: it runs
// on the caller's goroutine, never under a lock.
type Tracer interface {
	// Start is called once per guarded call that passes the entry checks. The
	// returned context is what policies and client get. A nil Span means that
	// nobody records the call; it then costs no more than an untraced one.
	Start(ctx context.Context, call CallInfo) (context.Context, Span)
}

// Span is one guarded call under observation.
type Span interface {
	// Event reports a step of the call.
	Event(e Event)
	// End is called exactly once, also when the client panicked. err is what
	// the caller gets, nil when a fallback answered.
	End(outcome Outcome, err error)
}

// AttemptSpan is a [Span] that observes further attempts of its call as spans
// of their own: retries and hedges.
type AttemptSpan interface {
	Span
	// Attempt is called before the attempt of number n, from 2, with its
	// permits taken; attempts of a hedge run at once. hedge says that it races
	// the one before instead of repeating it. The returned context is what the
	// client gets. end is called once when the attempt has ended, also when the
	// client panicked.
	Attempt(ctx context.Context, n int, hedge bool) (client context.Context, end func(Outcome, error))
}

// follow makes attempts from the second on spans of their own.
func (s *call) follow(a *arm) {
	if n := s.before + s.attempts; n > 1 {
		a.ctx, a.end = s.further.Attempt(a.ctx, n, s.hedge)
	}
}

// EventKind is a step of a call.
type EventKind uint8

// The steps of a call.
const (
	EventAttempt  EventKind = iota + 1 // an attempt ended: Attempt, Duration, Outcome, Err
	EventWait                          // a wait before the next attempt begins: Attempt, Duration
	EventReject                        // a policy refused an attempt: Outcome
	EventLevel                         // the level forbids the client: Level
	EventFallback                      // a fallback ended: Strategy, Duration, Err
	EventHedge                         // an extra attempt starts: Attempt
	EventFault                         // chaos put a fault into an attempt: Fault
)

var eventNames = [...]string{"", "attempt", "wait", "reject", "level", "fallback", "hedge", "fault"}

// String returns the kind's name.
func (k EventKind) String() string {
	if int(k) < len(eventNames) {
		return eventNames[k]
	}
	return "event"
}

// Event is one step of a call; which fields are set depends on Kind.
type Event struct {
	Kind     EventKind
	Attempt  int // from 1
	Duration time.Duration
	Outcome  Outcome
	Level    Level
	Strategy Strategy
	Err      error
	Fault    string // the kind of an injected fault, as [ReportFault] was told
}

// Injector adds faults innermost, just before the client. It must be safe for
// concurrent use.
type Injector interface {
	// Inject is called before each attempt with the attempt's context, inside
	// all policies. nil lets the client run; an error stands for the client's
	// and the client is not called. It may delay, block until ctx is done, or
	// panic. after, when not nil, replaces the client's error once it returned.
	// Health checks are asked about too, as method [CheckMethod].
	Inject(ctx context.Context, dependency, method string) (after func(error) error, err error)
}

// StatusInjector is an [Injector] that tells what it does. Status, metrics and
// the admin API then say so.
type StatusInjector interface {
	Injector
	// InjectorStatus must be quick and safe for concurrent use.
	InjectorStatus() InjectorStatus
}

// InjectorStatus is what an injector does.
type InjectorStatus struct {
	Enabled bool
	Since   time.Time // when it was enabled; zero unless enabled
	Until   time.Time // when it ends by itself; zero unless enabled
	Reason  string    // for which it was enabled; "" unless enabled
	Faults  []FaultStatus
}

// FaultStatus is one fault that an injector may inject.
type FaultStatus struct {
	Kind       string
	Dependency string // name or pattern; "" = all
	Method     string // likewise
	Injected   uint64 // calls that it hit
}

type faultKey struct{}

// ReportFault tells the trace of a guarded call that a fault of some kind is
// put into it. An [Injector] calls it with the context that it was given, before
// it acts. Where nothing traces it does nothing.
func ReportFault(ctx context.Context, kind string) {
	if span, ok := ctx.Value(faultKey{}).(Span); ok {
		span.Event(Event{Kind: EventFault, Fault: kind})
	}
}

// injectorStatus returns what the system's injector says of itself, nil if
// there is none or it says nothing.
func (s *System) injectorStatus() *InjectorStatus {
	i, ok := s.injector.(StatusInjector)
	if !ok {
		return nil
	}
	st := i.InjectorStatus()
	return &st
}

// Origin is the guarded method that deferred writes come from, and go to when
// they are delivered. Interfaces that share a dependency may have methods of one
// name.
type Origin struct {
	Dependency string
	Interface  string // as in [GuardSpec]
	Method     string
}

// Entry is one deferred write.
type Entry struct {
	Origin
	Payload []byte // the encoded arguments
}

// Store keeps writes that could not be delivered and replays them later.
// Package outbox implements it.
type Store interface {
	// Put returns when the entry is durable; after nil the entry is delivered
	// at least once.
	Put(ctx context.Context, e Entry) error
	// Bind gives the store the function that delivers entries of a method. It
	// may be called again for the same method; the last one counts.
	Bind(of Origin, deliver func(ctx context.Context, payload []byte) error)
	// Start begins replaying. ready reports whether a dependency may be called;
	// the store asks it before each delivery.
	Start(ctx context.Context, ready func(dependency string) bool) error
	// Wake says that a dependency is back.
	Wake(dependency string)
	// Depth returns the entries waiting per dependency.
	Depth() map[string]int
	// Close stops replaying and releases the files.
	Close(ctx context.Context) error
}
