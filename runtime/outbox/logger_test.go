package outbox

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// curious is a log handler that asks back, as one that exports numbers may.
type curious struct {
	slog.Handler
	ask  func()
	said map[string]int
}

func (c *curious) Enabled(context.Context, slog.Level) bool { return true }

func (c *curious) Handle(_ context.Context, r slog.Record) error {
	c.said[r.Message]++
	c.ask()
	return nil
}

// A logger runs outside the store's lock: under it this test would hang.
func TestALoggerMayAskTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &curious{Handler: slog.DiscardHandler, said: map[string]int{}}
		s := mustOpen(t, folder(t), Config{MaxEntries: 2, Full: DropOldest, Attempts: 1, Logger: slog.New(log)})
		log.ask = func() { _, _ = s.Stats(), s.Depth() }
		mustPut(t, s, "db", "1", "2", "3")
		startWith(t, s, &receiver{fail: func(context.Context, string, int) error { return errors.New("no") }}, always)
		time.Sleep(time.Minute)
		synctest.Wait()
		if err := s.fail(errors.New("disk")); !errors.Is(err, ErrBroken) {
			t.Errorf("fail = %v", err)
		}
		for _, want := range []struct {
			message string
			times   int
		}{
			{"outbox is full: dropped the oldest write", 1},
			{"outbox set a write aside", 2},
			{"outbox is broken: it takes and delivers nothing until it is opened anew", 1},
		} {
			if got := log.said[want.message]; got != want.times {
				t.Errorf("%q was said %d times, want %d", want.message, got, want.times)
			}
		}
	})
}
