// Package streams holds results that outlive the call.
package streams

import (
	"context"
	"database/sql"
	"io"
	"iter"
	"net/http"
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
	//resil:write
	Upload(ctx context.Context, name string, r io.Reader) error
}
