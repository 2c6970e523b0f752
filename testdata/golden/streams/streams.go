// Package streams holds results that outlive the call.
package streams

import (
	"context"
	"database/sql"
	"io"
	"iter"
	"net/http"
	"strings"
)

// Files is a file store.
//
//resil:guard s3
//resil:timeout 1s
type Files interface {
	//resil:read
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	//resil:read
	Stat(ctx context.Context, name string) (body io.ReadCloser, size int64, err error)
	//resil:read
	Fetch(ctx context.Context, r *http.Request) (*http.Response, error)
	//resil:read
	Query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	//resil:read
	Watch(ctx context.Context) (<-chan string, error)
	//resil:read
	All(ctx context.Context) (iter.Seq2[string, error], error)
	//resil:read
	//resil:fallback call=.Mirror
	Pair(ctx context.Context, name string) (body io.ReadCloser, more *http.Response, err error)
	//resil:read
	//resil:fallback call=mirror
	Copy(ctx context.Context, name string) (io.ReadCloser, error)
	//resil:write
	Upload(ctx context.Context, name string, r io.Reader) error
}

// mirror opens the file elsewhere.
func mirror(ctx context.Context, name string) (io.ReadCloser, error) {
	return &body{Reader: strings.NewReader("mirror of " + name), ctx: ctx}, nil
}

// body ends with the context of its call, as those of real clients do.
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
