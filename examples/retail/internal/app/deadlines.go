//go:build unguarded && deadlines

package app

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/archive"
	"github.com/resilgo/resil/examples/retail/internal/assistant"
	"github.com/resilgo/resil/examples/retail/internal/cache"
	"github.com/resilgo/resil/examples/retail/internal/retail"
	"github.com/resilgo/resil/examples/retail/internal/store"
)

// bounded gives every call the deadline that the directives give an attempt, by
// hand and in the usual way: the least that anybody does about a dependency
// that hangs.
func bounded(raw Clients) Clients {
	return Clients{
		Store: boundedStore{raw.Store}, Cache: boundedCache{raw.Cache},
		Archive: boundedArchive{raw.Archive}, Assistant: boundedAssistant{raw.Assistant},
	}
}

// within runs call with a deadline.
func within[T any](ctx context.Context, d time.Duration, call func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return call(ctx)
}

type boundedStore struct{ store.Store }

const storeTimeout = time.Second

func (s boundedStore) Item(ctx context.Context, sku string) (retail.Item, error) {
	return within(ctx, storeTimeout, func(ctx context.Context) (retail.Item, error) { return s.Store.Item(ctx, sku) })
}

func (s boundedStore) Items(ctx context.Context, after string, limit int) ([]retail.Item, error) {
	return within(ctx, storeTimeout, func(ctx context.Context) ([]retail.Item, error) { return s.Store.Items(ctx, after, limit) })
}

func (s boundedStore) Stock(ctx context.Context, sku string) (retail.Stock, error) {
	return within(ctx, storeTimeout, func(ctx context.Context) (retail.Stock, error) { return s.Store.Stock(ctx, sku) })
}

func (s boundedStore) Sale(ctx context.Context, id string) (retail.Sale, error) {
	return within(ctx, storeTimeout, func(ctx context.Context) (retail.Sale, error) { return s.Store.Sale(ctx, id) })
}

func (s boundedStore) Sales(ctx context.Context, after string, limit int) ([]retail.Sale, error) {
	return within(ctx, storeTimeout, func(ctx context.Context) ([]retail.Sale, error) { return s.Store.Sales(ctx, after, limit) })
}

func (s boundedStore) AddItem(ctx context.Context, item retail.Item) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return s.Store.AddItem(ctx, item)
}

func (s boundedStore) Receive(ctx context.Context, sku string, quantity int) (retail.Stock, error) {
	return within(ctx, storeTimeout, func(ctx context.Context) (retail.Stock, error) { return s.Store.Receive(ctx, sku, quantity) })
}

func (s boundedStore) Sell(ctx context.Context, order retail.Order) (retail.Sale, error) {
	return within(ctx, storeTimeout, func(ctx context.Context) (retail.Sale, error) { return s.Store.Sell(ctx, order) })
}

type boundedCache struct{ cache.Cache }

const cacheTimeout = 250 * time.Millisecond

func (c boundedCache) Get(ctx context.Context, key string) (value []byte, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, cacheTimeout)
	defer cancel()
	return c.Cache.Get(ctx, key)
}

func (c boundedCache) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, cacheTimeout)
	defer cancel()
	return c.Cache.Set(ctx, key, value, ttl)
}

func (c boundedCache) Delete(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, cacheTimeout)
	defer cancel()
	return c.Cache.Delete(ctx, key)
}

type boundedArchive struct{ archive.Archive }

const archiveTimeout = 3 * time.Second

func (a boundedArchive) Put(ctx context.Context, key, contentType string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, archiveTimeout)
	defer cancel()
	return a.Archive.Put(ctx, key, contentType, body)
}

// Open lets the document live until it is closed; only what opens it is bounded.
func (a boundedArchive) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	late := time.AfterFunc(archiveTimeout, cancel)
	document, err := a.Archive.Open(ctx, key)
	if err == nil && !late.Stop() {
		err = errors.Join(context.DeadlineExceeded, document.Close())
	}
	if err != nil {
		late.Stop()
		cancel()
		return nil, err
	}
	return tied{document, cancel}, nil
}

// tied releases a document's context with the document.
type tied struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (t tied) Close() error {
	defer t.cancel()
	return t.ReadCloser.Close()
}

type boundedAssistant struct{ assistant.Assistant }

const assistantTimeout = 2 * time.Second

func (a boundedAssistant) SuggestPrice(ctx context.Context, item retail.Item) (retail.Suggestion, error) {
	return within(ctx, assistantTimeout, func(ctx context.Context) (retail.Suggestion, error) { return a.Assistant.SuggestPrice(ctx, item) })
}

func (a boundedAssistant) Enhance(ctx context.Context, item retail.Item) (string, error) {
	return within(ctx, assistantTimeout, func(ctx context.Context) (string, error) { return a.Assistant.Enhance(ctx, item) })
}
