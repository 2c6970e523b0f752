// Package shop is the input of the reports' goldens.
package shop

import (
	"context"
	"errors"
	"io"
)

// ErrGone says that the item is no longer sold.
var ErrGone = errors.New("gone")

// Prices suggests prices.
//
//resil:guard openai criticality=high
//resil:breaker failures=5 open=60s
//resil:timeout 2s total=10s
//resil:retry attempts=3
//resil:errors ignore=ErrGone
//resil:plain Model answers from memory
type Prices interface {
	// Suggest suggests a price.
	//
	//resil:read
	//resil:fallback stale=10m shared
	//resil:fallback call=Basic limit=50
	//resil:degrade limited=stale
	Suggest(ctx context.Context, sku string) (int64, error)

	//resil:write
	Train(ctx context.Context, samples io.Reader) error

	//resil:read
	//resil:hedge after=100ms
	//resil:rate 10/s burst=20
	Describe(ctx context.Context, sku string) (string, error)

	Model() (string, error)
	Close() error
}

// Basic stands in for Suggest.
func Basic(ctx context.Context, sku string, cause error) (int64, error) { return 130, nil }

// Items keeps the stock.
//
//resil:guard db criticality=critical
//resil:breaker ratio=0.5 min=10 slow=1s open=30s probes=1/2
//resil:bulkhead max=20 wait=100ms
//resil:timeout 1s
//resil:read Get,Count
//resil:write Put,Sell
//resil:health Ping
type Items interface {
	//resil:retry attempts=2 backoff=10ms..100ms
	Get(ctx context.Context, sku string) (int64, error)
	Count(ctx context.Context) (int, error)
	Put(ctx context.Context, sku string, stock int64) error
	//resil:fallback outbox
	Sell(ctx context.Context, sku string, n int) error
	//resil:essential
	Ping(ctx context.Context) error
}

// Stock is another view of the database.
//
//resil:guard db down=emergency
type Stock interface {
	Total() (int64, error)
}
