package policies

import (
	"context"
	"errors"
	"maps"
	"testing"
	"testing/synctest"

	resil "github.com/resilgo/resil/runtime"
)

type client struct {
	Orders
	order  *Order
	totals map[string]int
	err    error
	calls  int
}

func (c *client) Get(context.Context, string, string) (*Order, error) {
	c.calls++
	return c.order, c.err
}

func (c *client) List(_ context.Context, filter map[string]string) ([]string, error) {
	return []string{filter["q"]}, c.err
}

func (c *client) Totals(context.Context) (map[string]int, *int, error) {
	n := len(c.totals)
	return c.totals, &n, c.err
}

func (c *client) Ping(context.Context) error { return c.err }

type cached struct{ calls int }

func (c *cached) Cached(_ context.Context, _, id string) (*Order, error) {
	c.calls++
	if id == "unknown" {
		return nil, errors.New("not cached")
	}
	return &Order{ID: "cached " + id}, nil
}

// TestFallbacksInOrder fails a client whose answers were good before: first
// the stale answer, then the method, then the function, then zero.
func TestFallbacksInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys, err := resil.New(resil.Config{})
		if err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		c := &client{order: &Order{ID: "o", Tags: map[string]string{"a": "b"}}, totals: map[string]int{"x": 1}}
		fallback := &cached{}
		g := NewGuardedOrders(sys, c, fallback)
		if o, err := g.Get(ctx, "t", "o"); o == nil || err != nil {
			t.Fatalf("Get = %v, %v", o, err)
		}
		totals, _, err := g.Totals(ctx)
		if err != nil {
			t.Fatal(err)
		}
		totals["x"] = 99 // must not reach what is kept
		if _, err := g.List(ctx, map[string]string{"q": "tea"}); err != nil {
			t.Fatal(err)
		}

		c.err = ErrBroken
		o, err := g.Get(ctx, "t", "o")
		if err != nil || o.ID != "o" || o == c.order || !maps.Equal(o.Tags, c.order.Tags) {
			t.Errorf("stale Get = %+v, %v, want a copy of the last answer", o, err)
		}
		if got, n, err := g.Totals(ctx); err != nil || got["x"] != 1 || *n != 1 {
			t.Errorf("stale Totals = %v, %v, want what the client said, untouched by the caller", got, err)
		}
		if got, err := g.List(ctx, map[string]string{"q": "tea"}); err != nil || len(got) != 1 || got[0] != "tea" {
			t.Errorf("stale List = %v, %v, want the answer for its key", got, err)
		}
		if got, err := g.List(ctx, map[string]string{"q": "milk"}); err != nil || got != nil {
			t.Errorf("List of another key = %v, %v, want zero", got, err)
		}
		if o, err := g.Get(ctx, "t", "other"); err != nil || o.ID != "cached other" {
			t.Errorf("Get = %+v, %v, want the method's answer", o, err)
		}
		if o, err := g.Get(ctx, "t", "unknown"); err != nil || o.ID != "unknown" {
			t.Errorf("Get = %+v, %v, want the function's answer", o, err)
		}
		if _, err := g.Get(ctx, "", "unknown"); err == nil {
			t.Error("Get succeeded, want the cause that the last fallback returns")
		}
		if err := sys.Close(ctx); err != nil {
			t.Fatal(err)
		}
	})
}

// TestAnswersAreNotRepeated holds that //resil:errors reaches the runtime.
func TestAnswersAreNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys, err := resil.New(resil.Config{})
		if err != nil {
			t.Fatal(err)
		}
		c := &client{err: ErrMissing}
		g := NewGuardedOrders(sys, c, &cached{})
		if _, err := g.Get(t.Context(), "t", "o"); err != ErrMissing || c.calls != 1 {
			t.Errorf("Get = %v after %d calls, want the answer after one", err, c.calls)
		}
		c.err, c.calls = Busy{1}, 0
		if _, err := g.Get(t.Context(), "", "unknown"); c.calls != 3 {
			t.Errorf("Get = %v after %d calls, want three attempts", err, c.calls)
		}
	})
}
