package streams

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// client returns bodies that end with the context of their call, as those of
// real clients do.
type client struct {
	Files
	ctx  context.Context
	late time.Duration // how long it takes
	pair [2]*body      // what Pair gives; nil = nothing
	err  error
}

func (c *client) Pair(ctx context.Context, _ string) (io.ReadCloser, *http.Response, error) {
	c.ctx = ctx
	time.Sleep(c.late)
	if c.err != nil {
		return nil, nil, c.err
	}
	var first io.ReadCloser
	var second *http.Response
	if b := c.pair[0]; b != nil {
		b.ctx, first = ctx, b
	}
	if b := c.pair[1]; b != nil {
		b.ctx, second = ctx, &http.Response{Body: b}
	}
	return first, second, nil
}

func (c *client) Mirror(ctx context.Context, name string) (io.ReadCloser, *http.Response, error) {
	c.ctx = ctx
	first, err := mirror(ctx, name)
	return first, nil, err
}

func (c *client) Copy(ctx context.Context, _ string) (io.ReadCloser, error) { return nil, c.err }

func (c *client) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	c.ctx = ctx
	return &body{Reader: strings.NewReader(name), ctx: ctx}, nil
}

func (c *client) Stat(ctx context.Context, name string) (io.ReadCloser, int64, error) {
	c.ctx = ctx
	return &body{Reader: strings.NewReader(name), ctx: ctx}, int64(len(name)), nil
}

func (c *client) Fetch(ctx context.Context, _ *http.Request) (*http.Response, error) {
	c.ctx = ctx
	return &http.Response{Body: &body{Reader: strings.NewReader("page"), ctx: ctx}}, nil
}

func (c *client) Watch(ctx context.Context) (<-chan string, error) {
	c.ctx = ctx
	return nil, nil
}

// TestBodyOutlivesTheCall reads what the client returned after the guarded
// call is over: its context must live until the body is closed, and not
// longer.
func TestBodyOutlivesTheCall(t *testing.T) {
	sys, err := resil.New(resil.Config{})
	if err != nil {
		t.Fatal(err)
	}
	c := &client{}
	g := NewGuardedFiles(sys, c, c)
	for _, test := range []struct {
		name string
		call func() (io.ReadCloser, error)
	}{
		{"text", func() (io.ReadCloser, error) { return g.Open(t.Context(), "text") }},
		{"size", func() (io.ReadCloser, error) {
			b, n, err := g.Stat(t.Context(), "size")
			if n != 4 {
				t.Errorf("size = %d, want 4", n)
			}
			return b, err
		}},
		{"page", func() (io.ReadCloser, error) {
			r, err := g.Fetch(t.Context(), nil)
			if err != nil {
				return nil, err
			}
			return r.Body, nil
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, err := test.call()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(b); string(got) != test.name || err != nil {
				t.Errorf("read %q, %v after the call", got, err)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
			if !errors.Is(c.ctx.Err(), context.Canceled) {
				t.Errorf("the context after Close: %v, want it released", c.ctx.Err())
			}
		})
	}
	if _, err := g.Watch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.ctx.Deadline(); ok || c.ctx.Err() != nil {
		t.Error("the context of a channel, which nothing can end, had a deadline or was cancelled")
	}
}

// TestEachOfTwoBodiesLivesToItsEnd ends one of two results: the other goes on.
func TestEachOfTwoBodiesLivesToItsEnd(t *testing.T) {
	sys, err := resil.New(resil.Config{})
	if err != nil {
		t.Fatal(err)
	}
	read := func(r io.Reader, want string) {
		t.Helper()
		if got, err := io.ReadAll(r); string(got) != want || err != nil {
			t.Errorf("read %q, %v, want %q", got, err, want)
		}
	}
	text := func(s string) *body { return &body{Reader: strings.NewReader(s)} }
	c := &client{}
	g := NewGuardedFiles(sys, c, c)

	c.pair = [2]*body{text("one"), text("two")}
	first, second, err := g.Pair(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	read(first, "one")
	if err := first.Close(); err != nil || c.ctx.Err() != nil {
		t.Errorf("Close = %v; the context of the other one: %v", err, c.ctx.Err())
	}
	read(second.Body, "two")
	if !errors.Is(c.ctx.Err(), context.Canceled) {
		t.Errorf("the context after both: %v, want it released", c.ctx.Err())
	}

	c.pair = [2]*body{nil, text("alone")}
	if first, second, err = g.Pair(t.Context(), "x"); first != nil || err != nil {
		t.Fatalf("%v, %v, want the second alone", first, err)
	}
	read(second.Body, "alone")
	if !errors.Is(c.ctx.Err(), context.Canceled) {
		t.Errorf("the context after the only one: %v, want it released", c.ctx.Err())
	}
}

// TestBodyOfAFallbackOutlivesTheCall fails the client: what stands in is as
// good as what the client gives.
func TestBodyOfAFallbackOutlivesTheCall(t *testing.T) {
	sys, err := resil.New(resil.Config{})
	if err != nil {
		t.Fatal(err)
	}
	c := &client{err: errors.New("down")}
	g := NewGuardedFiles(sys, c, c)
	pair := func() (io.ReadCloser, error) {
		b, _, err := g.Pair(t.Context(), "x")
		return b, err
	}
	for name, call := range map[string]func() (io.ReadCloser, error){
		"function": func() (io.ReadCloser, error) { return g.Copy(t.Context(), "x") }, "method": pair,
	} {
		b, err := call()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := io.ReadAll(b); string(got) != "mirror of x" || err != nil {
			t.Errorf("%s: read %q, %v", name, got, err)
		}
	}
	if !errors.Is(c.ctx.Err(), context.Canceled) {
		t.Errorf("the context of a fallback that was read: %v, want it released", c.ctx.Err())
	}
}

// TestLateBodiesAreClosed answers after the timeout: nobody gets the answer, so
// nobody else could close it.
func TestLateBodiesAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys, err := resil.New(resil.Config{})
		if err != nil {
			t.Fatal(err)
		}
		c := &client{late: 2 * time.Second, pair: [2]*body{{}, {}}}
		first, second, err := NewGuardedFiles(sys, c, nothing{}).Pair(t.Context(), "x")
		if first != nil || second != nil || !errors.Is(err, resil.ErrTimeout) {
			t.Errorf("%v, %v, %v, want ErrTimeout", first, second, err)
		}
		if !c.pair[0].closed || !c.pair[1].closed {
			t.Errorf("closed: %t, %t, want both", c.pair[0].closed, c.pair[1].closed)
		}
	})
}

// nothing is a fallback that fails.
type nothing struct{}

func (nothing) Mirror(context.Context, string) (io.ReadCloser, *http.Response, error) {
	return nil, nil, errors.New("no mirror")
}
