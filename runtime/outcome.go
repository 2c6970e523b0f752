package resil

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Outcome is how a guarded call, or one attempt of it, ended before any
// fallback. The zero Outcome is none of them.
type Outcome uint8

// The outcomes; String gives the metrics label.
const (
	OutcomeSuccess  Outcome = iota + 1 // the dependency answered
	OutcomeFailure                     // the dependency failed
	OutcomeNeutral                     // says nothing about the dependency, for example: the caller left
	OutcomeOpen                        // rejected by the breaker
	OutcomeBulkhead                    // rejected by a bulkhead
	OutcomeRate                        // rejected by a rate limit
	OutcomeShed                        // not called because of the level
	OutcomeTimeout                     // the attempt or total timeout passed: a failure too
)

var outcomeNames = [...]string{"", "success", "failure", "neutral", "open", "bulkhead", "rate", "shed", "timeout"}

// Outcomes lists all outcomes.
func Outcomes() [8]Outcome {
	return [8]Outcome{
		OutcomeSuccess, OutcomeFailure, OutcomeNeutral, OutcomeOpen,
		OutcomeBulkhead, OutcomeRate, OutcomeShed, OutcomeTimeout,
	}
}

// String returns the outcome as the metrics label spells it.
func (o Outcome) String() string {
	if o >= OutcomeSuccess && o <= OutcomeTimeout {
		return outcomeNames[o]
	}
	return fmt.Sprintf("outcome(%d)", uint8(o))
}

// MarshalText returns the outcome's name; the zero value gives "".
func (o Outcome) MarshalText() ([]byte, error) {
	if o == 0 {
		return nil, nil
	}
	return []byte(o.String()), nil
}

// Explanation tells what a guard did with one call.
type Explanation struct {
	Dependency string        // the guard's NAME
	Method     string        // the method, or the operation given to [Do]
	Level      Level         // the system's level when the call began
	Action     Action        // what the method does at that level
	Outcome    Outcome       // how the call ended before any fallback
	Policy     string        // which policy decided: "breaker", "bulkhead", "rate", "timeout", "total", "level", "retry", "client", "caller"
	LevelCause Cause         // Policy "level": the rule and the dependencies behind the level; else zero
	Attempts   int           // attempts that reached the client
	Waited     time.Duration // between attempts
	Elapsed    time.Duration // of the whole call; 0 when a policy rejected it at once
	RetryAt    time.Time     // when it makes sense to try again, by what is known when [Explain] is called; zero when nothing is
	Strategy   Strategy      // the fallback that answered; 0 = none
	Age        time.Duration // StrategyStale: how old the answer is
	Cause      error         // the last real error; nil when there was none
}

// Degraded reports whether a fallback answered instead of the dependency.
func (e Explanation) Degraded() bool { return e.Strategy != 0 }

// Answers collects what the guards under one context did. It is safe for
// concurrent use.
type Answers struct {
	outer *Answers // the record of the context this one's was made from; nil = none
	mu    sync.Mutex
	calls []Explanation // guarded by mu
}

// maxAnswers bounds the record of one context; later calls are counted as
// degraded or not, but not kept.
const maxAnswers = 64

// Degraded reports whether a fallback answered any guarded call so far.
func (a *Answers) Degraded() bool {
	_, ok := a.First()
	return ok
}

// First returns the first call that a fallback answered.
func (a *Answers) First() (Explanation, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.calls {
		if c.Degraded() {
			return c, true
		}
	}
	return Explanation{}, false
}

// Calls returns the guarded calls made so far that failed, were rejected or
// were answered by a fallback, at most 64, in the order in which they ended. A
// call that the dependency answered leaves no record.
func (a *Answers) Calls() []Explanation {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]Explanation(nil), a.calls...)
}

// add leaves e in a and in the records around it.
func (a *Answers) add(e Explanation) {
	for ; a != nil; a = a.outer {
		a.mu.Lock()
		if len(a.calls) < maxAnswers {
			a.calls = append(a.calls, e)
		}
		a.mu.Unlock()
	}
}

type answersKey struct{}

// recording says whether anybody has ever asked for a record: until then no
// call need look for one in its context.
var recording atomic.Bool

// WithOutcome returns a context under which guarded calls leave a record of
// what did not go as usual, and that record. It tells a caller that an answer
// was degraded, and how:
//
//	ctx, out := resil.WithOutcome(ctx)
//	price, err := prices.Price(ctx, sku)
//	if out.Degraded() { ... }
//
// A record inside another does not hide calls from the outer one.
func WithOutcome(ctx context.Context) (context.Context, *Answers) {
	recording.Store(true)
	outer, _ := ctx.Value(answersKey{}).(*Answers)
	a := &Answers{outer: outer}
	return context.WithValue(ctx, answersKey{}, a), a
}
