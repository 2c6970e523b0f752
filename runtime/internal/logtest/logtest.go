// Package logtest proves that nothing is logged under a lock.
package logtest

import (
	"context"
	"log/slog"
	"runtime"
	"testing"
)

// Asking is a log handler that asks for the state of what logs, as one that
// feeds a status page may. It fails the test if the question has to wait for the
// end of the log line. It is for loggers that log one line at a time.
type Asking struct {
	slog.Handler
	T     testing.TB
	Ask   func()
	Asked int // how often the question was answered
}

// Enabled implements [slog.Handler].
func (*Asking) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements [slog.Handler].
func (h *Asking) Handle(_ context.Context, r slog.Record) error {
	answered := make(chan struct{})
	go func() {
		h.Ask()
		close(answered)
	}()
	for range 1_000_000 { // a goroutine that waits for a mutex lets no virtual time pass
		select {
		case <-answered:
			h.Asked++
			return nil
		default:
			runtime.Gosched()
		}
	}
	h.T.Errorf("%q is logged under the lock", r.Message)
	return nil
}
