package resil

import "context"

// Keyer is a [Store] whose writes have an idempotency key from their first
// attempt on: a write that timed out after it was done, and is then put aside
// and delivered, reaches the dependency twice, and by the key it can tell.
type Keyer interface {
	Store
	// Keyed returns a context with a key, ctx itself if it has one. Put keeps
	// the key, and deliveries carry it.
	Keyed(ctx context.Context) context.Context
}

// keyed returns the context of a call of m whose write may be put aside.
func (m *Method) keyed(ctx context.Context) context.Context {
	if k, ok := m.sys.store.(Keyer); ok {
		return k.Keyed(ctx)
	}
	return ctx
}
