// Package archive keeps receipts and exports: the dependency "s3".
package archive

import (
	"context"
	"errors"
	"io"
)

// ErrNoObject is the archive's answer to a key that it does not hold.
var ErrNoObject = errors.New("no such object in the archive")

// Archive holds documents under keys. A document that cannot be stored now is
// stored later: nobody who buys something waits for the archive.
//
//resil:guard s3 criticality=low
//resil:breaker failures=5 open=30s
//resil:timeout 3s
//resil:errors ignore=ErrNoObject
type Archive interface {
	// Put stores body under key. The same key always comes with the same body,
	// so storing it twice does no harm.
	//
	//resil:write
	//resil:idempotent
	//resil:fallback outbox
	Put(ctx context.Context, key, contentType string, body []byte) error

	// Open returns the document under key, or ErrNoObject. Close it.
	//
	//resil:read
	Open(ctx context.Context, key string) (io.ReadCloser, error)

	// Ping checks that the bucket is there.
	//
	//resil:health
	Ping(ctx context.Context) error
}
