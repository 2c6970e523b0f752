package calls

import (
	"context"
	"errors"
	"time"
)

// Variant is one way to guard a call.
type Variant struct {
	// Name tells a reader what guards the call.
	Name string
	// Group is the table that the variant belongs to.
	Group Group
	// Serial and Parallel are the goals: at most this many times what gobreaker
	// takes for the same call in the same round. 0 = no goal.
	Serial, Parallel float64
	// Allocs is the goal for allocations per call; negative = none.
	Allocs float64
	// Make builds the guard and returns a loop of n calls and what releases it.
	Make func() (Loop, func(), error)
}

// Loop makes n calls and returns the first error that the variant does not call for.
type Loop func(n int) error

// Group is a part of the comparison.
type Group string

// The groups, in the order of the tables.
const (
	Baseline Group = "baseline"
	Ours     Group = "resil"
	Peers    Group = "peers"
	Rejected Group = "while the dependency is down"
)

// Reference is the name of the variant that all others are compared with.
const Reference = "gobreaker v2, closure by hand"

// Getter is the bare client.
type Getter interface {
	Get(ctx context.Context, key int) (int, error)
}

// client does nothing, behind an interface so that nothing is inlined.
type client struct{ err error }

func (c *client) Get(_ context.Context, key int) (int, error) { return key, c.err }

// standIn is the fallback of all that have one.
func standIn(_ context.Context, key int) (int, error) { return key, nil }

var (
	errDown     = errors.New("down")
	errAdmitted = errors.New("a call was admitted that had to be refused")
)

// loop calls a getter on the background context.
func loop(get Getter) Loop { return loopOn(context.Background(), get) }

func loopOn(ctx context.Context, get Getter) Loop {
	return func(n int) error {
		for key := range n {
			if _, err := get.Get(ctx, key); err != nil {
				return err
			}
		}
		return nil
	}
}

// rejectedLoop calls a getter that has to refuse with target. It looks closely
// at the last error alone, so that the look is not what is measured.
func rejectedLoop(get Getter, target error) Loop {
	return func(n int) error {
		err := target
		for key := range n {
			if _, err = get.Get(context.Background(), key); err == nil {
				return errAdmitted
			}
		}
		if !errors.Is(err, target) {
			return err
		}
		return nil
	}
}

// loopUnderDeadline calls under a deadline that is earlier than the guards'
// timeout of two seconds. A new one every so often keeps it in the future at
// next to no cost.
func loopUnderDeadline(get Getter) Loop {
	const often = 1000
	some := func(n int) error {
		ctx, cancel := context.WithTimeout(context.Background(), 1900*time.Millisecond)
		defer cancel()
		return loopOn(ctx, get)(n)
	}
	return func(n int) error {
		for ; n > 0; n -= often {
			if err := some(min(n, often)); err != nil {
				return err
			}
		}
		return nil
	}
}

// All returns every variant, the reference first.
func All() []Variant {
	return append(append(bare(), guarded()...), peers()...)
}
