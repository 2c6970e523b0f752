// Package wire is internal to the tree that guards its interface.
package wire

import "context"

// Frame is what goes over the wire.
type Frame struct{ Data []byte }

// Conn carries frames.
type Conn interface {
	// Send hands a frame on.
	Send(ctx context.Context, f Frame) error
	// Frames yields what comes in.
	Frames(ctx context.Context) (<-chan Frame, error)
}

// Box holds anything.
type Box[T any] interface {
	Take(ctx context.Context) (T, error)
	Fill(ctx context.Context, items ...T) (int, bool, error)
}
