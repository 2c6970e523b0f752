package commands

import (
	"context"
	"errors"
	"testing"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/testdata/golden/commands/kv"
)

type client struct{ err error }

func (c *client) Get(context.Context, string) *kv.StringCmd { return kv.NewString("v", c.err) }

func (c *client) Len(_ context.Context, keys ...string) *kv.Cmd[int] { return kv.New(len(keys), c.err) }

func (c *client) Ping(context.Context) *kv.StringCmd { return kv.NewString("PONG", c.err) }

func (c *client) Swap(context.Context, string) (*kv.StringCmd, bool) {
	return kv.NewString("old", c.err), c.err == nil
}

func (c *client) Peek(context.Context, string) (*kv.StringCmd, int) {
	return kv.NewString("peeked", c.err), 6
}

// TestZeroOfACommandIsOne fails a client: a nil command would panic in callers,
// who ask it for its error before anything else.
func TestZeroOfACommandIsOne(t *testing.T) {
	sys, err := resil.New(resil.Config{})
	if err != nil {
		t.Fatal(err)
	}
	c := &client{}
	g := NewGuardedCache(sys, c)
	if cmd, n := g.Peek(t.Context(), "k"); cmd.Val() != "peeked" || n != 6 || cmd.Err() != nil {
		t.Errorf("Peek = %q, %d, %v", cmd.Val(), n, cmd.Err())
	}
	c.err = errors.New("down")
	if cmd, n := g.Peek(t.Context(), "k"); cmd == nil || cmd.Val() != "" || n != 0 || cmd.Err() != nil {
		t.Errorf("Peek = %v, %d, want an empty command without an error", cmd, n)
	}
	c.err = kv.Nil
	if cmd, _ := g.Peek(t.Context(), "k"); cmd.Err() != kv.Nil {
		t.Errorf("Peek = %v, want the answer kv.Nil", cmd.Err())
	}
}

func TestCommandsCarryRejections(t *testing.T) {
	sys, err := resil.New(resil.Config{})
	if err != nil {
		t.Fatal(err)
	}
	c := &client{}
	g := NewGuardedCache(sys, c)
	if cmd := g.Get(t.Context(), "k"); cmd.Val() != "v" || cmd.Err() != nil {
		t.Errorf("Get = %q, %v", cmd.Val(), cmd.Err())
	}
	if cmd := g.Len(t.Context(), "a", "b"); cmd.Val() != 2 || cmd.Err() != nil {
		t.Errorf("Len = %d, %v", cmd.Val(), cmd.Err())
	}
	c.err = kv.Nil
	for range 5 {
		if cmd := g.Len(t.Context()); cmd.Err() != kv.Nil {
			t.Fatalf("Len = %v, want the answer kv.Nil", cmd.Err())
		}
	}
	c.err = errors.New("down")
	if cmd := g.Get(t.Context(), "k"); cmd.Val() != "none" || cmd.Err() != nil {
		t.Errorf("Get = %q, %v, want the fallback", cmd.Val(), cmd.Err())
	}
	cmd, swapped := g.Swap(t.Context(), "k")
	if cmd.Val() != "old" || !errors.Is(cmd.Err(), c.err) || swapped {
		t.Errorf("Swap = %q, %v, %v, want the client's own command with the failure", cmd.Val(), cmd.Err(), swapped)
	}
	// Two failures in a row: the breaker is open.
	if cmd := g.Len(t.Context(), "a"); !errors.Is(cmd.Err(), resil.ErrOpen) || cmd.Val() != 0 {
		t.Errorf("Len = %d, %v, want a new command with ErrOpen", cmd.Val(), cmd.Err())
	}
	if cmd, swapped := g.Swap(t.Context(), "k"); !errors.Is(cmd.Err(), resil.ErrOpen) || swapped {
		t.Errorf("Swap = %v, %v, want ErrOpen", cmd.Err(), swapped)
	}
}
