package outbox

import (
	"context"
	"crypto/rand"
)

type keyType struct{}

// WithKey returns a context whose writes are stored, and delivered, with the
// given idempotency key, in the place of a random one.
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

// Keyed implements resil.Keyer: every call that may end in the outbox has a key
// from its first attempt on. A client that sends [Key] with the call itself
// lets the receiver see a call that timed out and its delivery as one.
func (s *Store) Keyed(ctx context.Context) context.Context {
	if _, ok := Key(ctx); ok {
		return ctx
	}
	return WithKey(ctx, newKey())
}
