package chaos_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/chaos"
)

// curious is a log handler that asks back, as one that exports numbers may.
type curious struct {
	slog.Handler
	ask  func()
	said int
}

func (c *curious) Enabled(context.Context, slog.Level) bool { return true }

func (c *curious) Handle(context.Context, slog.Record) error {
	c.said++
	c.ask()
	return nil
}

// A logger runs outside the injector's lock: under it this test would hang.
func TestALoggerMayAskTheInjector(t *testing.T) {
	sys, err := resil.New(resil.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	log := &curious{Handler: slog.DiscardHandler}
	i, err := chaos.New(chaos.Config{Logger: slog.New(log)}, chaos.Fault{Kind: chaos.Error})
	if err != nil {
		t.Fatal(err)
	}
	log.ask = func() { _ = i.Status() }
	for range 2 {
		if err := i.Enable(sys, time.Hour, "test"); err != nil {
			t.Fatal(err)
		}
	}
	i.Disable("done")
	i.Disable("done twice")
	if log.said != 4 {
		t.Errorf("%d records, want 2 of beginnings and 2 of ends", log.said)
	}
}
