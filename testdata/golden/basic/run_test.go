package basic

import (
	"context"
	"errors"
	"testing"

	resil "github.com/resilgo/resil/runtime"
)

// client answers with what it holds and counts its calls.
type client struct {
	Prices
	price  Money
	err    error
	calls  int
	closed bool
}

func (c *client) Price(context.Context, string) (Money, error) {
	c.calls++
	return c.price, c.err
}

func (c *client) Suggest(context.Context, string, Money) error {
	c.calls++
	return c.err
}

func (c *client) Describe(sku string) (string, error) { return "a " + sku, c.err }

func (c *client) Close() error {
	c.closed = true
	return nil
}

func guarded(t *testing.T, c *client) *GuardedPrices {
	t.Helper()
	sys, err := resil.New(resil.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return NewGuardedPrices(sys, c)
}

func TestAnswersPassThrough(t *testing.T) {
	c := &client{price: 250}
	g := guarded(t, c)
	if got, err := g.Price(t.Context(), "tea"); got != 250 || err != nil {
		t.Errorf("Price = %d, %v, want 250", got, err)
	}
	if got, err := g.Describe("tea"); got != "a tea" || err != nil {
		t.Errorf("Describe = %q, %v", got, err)
	}
	if err := g.Close(); err != nil || !c.closed {
		t.Errorf("Close = %v, closed %v", err, c.closed)
	}
	for _, answer := range []error{ErrUnknown, &Refused{"sold out"}} {
		c.err = answer
		for range 10 { // more than would trip the breaker
			if _, err := g.Price(t.Context(), "tea"); err != answer {
				t.Fatalf("Price = %v, want the answer %v untouched", err, answer)
			}
		}
	}
}

func TestFailuresFallBackAndOpenTheBreaker(t *testing.T) {
	down := errors.New("down")
	c := &client{err: down}
	g := guarded(t, c)
	for range 5 {
		if got, err := g.Price(t.Context(), "tea"); got != 130 || err != nil {
			t.Fatalf("Price = %d, %v, want the fallback's 130", got, err)
		}
	}
	if _, err := g.Price(t.Context(), ""); !errors.Is(err, resil.ErrOpen) {
		t.Errorf("Price = %v, want the cause that the fallback was given: ErrOpen", err)
	}
	if err := g.Suggest(t.Context(), "tea", 1); !errors.Is(err, resil.ErrOpen) {
		t.Errorf("Suggest = %v, want ErrOpen", err)
	}
	if c.calls != 5 {
		t.Errorf("the client was called %d times, want 5", c.calls)
	}
}
