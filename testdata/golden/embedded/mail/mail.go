// Package mail is someone else's client.
package mail

import "context"

// Sender sends.
type Sender interface {
	// Send sends a letter:
	//
	//	Send(ctx, "a@example.com", "hello")
	//
	// Deprecated: use SendAll.
	Send(ctx context.Context, to, text string) error
	// SendAll sends letters.
	SendAll(ctx context.Context, to []string, text string) error
	Close() error // after the last letter
}
