package outbox

import (
	"context"
	"crypto/rand"
)

type keyType struct{}

// WithKey returns a context whose writes are stored, and delivered, with the
// given idempotency key. Use it when the receiver may already have seen the
// write: send the same key with the call itself, so that a call which timed
// out after it was done and its delivery later count once.
func WithKey(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, keyType{}, key)
}

// Key returns the idempotency key of ctx. The context of every delivery has
// one, the same for every delivery of one write.
func Key(ctx context.Context) (string, bool) {
	key, ok := ctx.Value(keyType{}).(string)
	return key, ok && key != ""
}

// newKey returns a key that nobody else has: 26 letters and digits, 130 random
// bits.
func newKey() string { return rand.Text() }
