package streams

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	resil "github.com/resilgo/resil/runtime"
)

// client returns bodies that end with the context of their call, as those of
// real clients do.
type client struct {
	Files
	ctx context.Context
}

type body struct {
	io.Reader
	ctx    context.Context
	closed bool
}

func (b *body) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.Reader.Read(p)
}

func (b *body) Close() error {
	b.closed = true
	return nil
}

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
	g := NewGuardedFiles(sys, c)
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
