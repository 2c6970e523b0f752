// Package store keeps items, stock and sales in a SQL database: the dependency
// "db".
package store

import (
	"context"

	"github.com/resilgo/resil/examples/retail/internal/retail"
)

// Store is the shop's memory and its only critical dependency. While it is
// away the shop shows what it remembers and takes no orders:
//
//   - a read asks the cache for the last answer it holds, then this process
//     for the last it saw, and fails if neither knows;
//   - a write is refused at once with a clear error. It is never queued,
//     because nobody could tell the customer whether stock was left.
//
//resil:guard db criticality=critical
//resil:breaker failures=3 open=30s
//resil:timeout 1s total=2500ms
//resil:retry attempts=2 backoff=20ms..100ms
//resil:bulkhead max=64 wait=200ms
//resil:errors ignore=retail.ErrNotFound,retail.ErrExists,retail.ErrOutOfStock,retail.ErrConflict
type Store interface {
	// Item returns the item with this SKU, or retail.ErrNotFound.
	//
	//resil:read
	//resil:fallback call=.Item
	//resil:fallback stale=10m shared
	Item(ctx context.Context, sku string) (retail.Item, error)

	// Items returns up to limit items with SKUs after the given one, sorted.
	//
	//resil:read
	//resil:fallback call=.Items
	//resil:fallback stale=10m shared
	Items(ctx context.Context, after string, limit int) ([]retail.Item, error)

	// Stock returns how many of an item are on hand, or retail.ErrNotFound.
	//
	//resil:read
	//resil:fallback call=.Stock
	//resil:fallback stale=10m shared
	Stock(ctx context.Context, sku string) (retail.Stock, error)

	// Sale returns the sale with this id, or retail.ErrNotFound.
	//
	//resil:read
	Sale(ctx context.Context, id string) (retail.Sale, error)

	// Sales returns up to limit sales that follow the one with id after, the
	// oldest first.
	//
	//resil:read
	Sales(ctx context.Context, after string, limit int) ([]retail.Sale, error)

	// AddItem adds an item with nothing on hand, or returns retail.ErrExists.
	//
	//resil:write
	AddItem(ctx context.Context, item retail.Item) error

	// Receive adds a delivery to an item's stock.
	//
	//resil:write
	Receive(ctx context.Context, sku string, quantity int) (retail.Stock, error)

	// Sell carries out an order: all of it, once, or nothing. The order's id
	// makes it idempotent.
	//
	//resil:write
	//resil:idempotent
	Sell(ctx context.Context, order retail.Order) (retail.Sale, error)

	// Ping checks the connection.
	//
	//resil:health
	Ping(ctx context.Context) error

	// Close releases the connections.
	Close() error
}
