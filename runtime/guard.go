package resil

import "context"

// With holds what stands in for the client. Its functions are called on the
// caller's goroutine and not kept.
type With[T any] struct {
	// Fallback runs the n-th (from 0) fallback of StrategyCall. nil = none.
	Fallback func(ctx context.Context, n int, cause error) (T, error)
	// Key returns the key of StrategyStale: comparable. nil = no stale answers.
	Key func() any
	// Copy returns a deep copy of an answer; nil = T holds no references that
	// anybody changes.
	Copy func(T) T
	// Outbox encodes the arguments for StrategyOutbox. nil = none.
	Outbox func() ([]byte, error)
}
