package soak_test

import (
	"bytes"
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/archive"
	"github.com/resilgo/resil/examples/retail/internal/retail"
)

// books is a store.Store in memory.
type books struct {
	sky *weather

	mu    sync.Mutex // guards what follows
	items map[string]retail.Item
	stock map[string]int
	sales map[string]retail.Sale
	order []string // ids of sales, the oldest first
}

func newBooks(sky *weather) *books {
	return &books{sky: sky, items: map[string]retail.Item{}, stock: map[string]int{}, sales: map[string]retail.Sale{}}
}

// under runs do with the books open, as the weather allows.
func under[T any](ctx context.Context, b *books, what string, do func() (T, error)) (v T, err error) {
	err = b.sky.call(ctx, "db", what, func() (err error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		v, err = do()
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return v, nil
}

func (b *books) Item(ctx context.Context, sku string) (retail.Item, error) {
	return under(ctx, b, "item "+sku, func() (retail.Item, error) {
		item, found := b.items[sku]
		if !found {
			return item, retail.ErrNotFound
		}
		return item, nil
	})
}

func (b *books) Items(ctx context.Context, after string, limit int) ([]retail.Item, error) {
	return under(ctx, b, "items "+after, func() (page []retail.Item, _ error) {
		for _, sku := range slices.Sorted(maps.Keys(b.items)) {
			if sku > after && len(page) < limit {
				page = append(page, b.items[sku])
			}
		}
		return page, nil
	})
}

func (b *books) Stock(ctx context.Context, sku string) (retail.Stock, error) {
	return under(ctx, b, "stock "+sku, func() (retail.Stock, error) {
		if _, found := b.items[sku]; !found {
			return retail.Stock{}, retail.ErrNotFound
		}
		return retail.Stock{SKU: sku, OnHand: b.stock[sku]}, nil
	})
}

func (b *books) Sale(ctx context.Context, id string) (retail.Sale, error) {
	return under(ctx, b, "sale "+id, func() (retail.Sale, error) {
		sale, found := b.sales[id]
		if !found {
			return sale, retail.ErrNotFound
		}
		return sale, nil
	})
}

func (b *books) Sales(ctx context.Context, after string, limit int) ([]retail.Sale, error) {
	return under(ctx, b, "sales "+after, func() (page []retail.Sale, _ error) {
		for _, id := range b.order[slices.Index(b.order, after)+1:] {
			if len(page) < limit {
				page = append(page, b.sales[id])
			}
		}
		return page, nil
	})
}

func (b *books) AddItem(ctx context.Context, item retail.Item) error {
	_, err := under(ctx, b, "add "+item.SKU, func() (struct{}, error) {
		if _, found := b.items[item.SKU]; found {
			return struct{}{}, retail.ErrExists
		}
		b.items[item.SKU] = item
		return struct{}{}, nil
	})
	return err
}

func (b *books) Receive(ctx context.Context, sku string, quantity int) (retail.Stock, error) {
	return under(ctx, b, "receive "+sku, func() (retail.Stock, error) {
		b.stock[sku] += quantity
		return retail.Stock{SKU: sku, OnHand: b.stock[sku]}, nil
	})
}

func (b *books) Sell(ctx context.Context, o retail.Order) (retail.Sale, error) {
	return under(ctx, b, "sell "+o.ID, func() (retail.Sale, error) {
		if sale, found := b.sales[o.ID]; found {
			if sale.SKU != o.SKU || sale.Quantity != o.Quantity {
				return retail.Sale{}, retail.ErrConflict
			}
			return sale, nil
		}
		if b.stock[o.SKU] < o.Quantity {
			return retail.Sale{}, retail.ErrOutOfStock
		}
		b.stock[o.SKU] -= o.Quantity
		sale := retail.Sale{ID: o.ID, SKU: o.SKU, Quantity: o.Quantity, Total: b.items[o.SKU].Price * retail.Cents(o.Quantity), At: time.Now().UTC()}
		b.sales[o.ID] = sale
		b.order = append(b.order, o.ID)
		return sale, nil
	})
}

func (b *books) Ping(ctx context.Context) error {
	return b.sky.call(ctx, "db", "ping", func() error { return nil })
}

func (*books) Close() error { return nil }

// shelf is a cache.Cache in memory.
type shelf struct {
	sky    *weather
	mu     sync.Mutex
	values map[string][]byte // guarded by mu
}

func (s *shelf) Get(ctx context.Context, key string) (value []byte, found bool, err error) {
	err = s.sky.call(ctx, "redis", "get "+key, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		value, found = s.values[key]
		return nil
	})
	return value, found && err == nil, err
}

func (s *shelf) Set(ctx context.Context, key string, value []byte, _ time.Duration) error {
	return s.sky.call(ctx, "redis", "set "+key, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.values[key] = bytes.Clone(value)
		return nil
	})
}

func (s *shelf) Delete(ctx context.Context, key string) error {
	return s.sky.call(ctx, "redis", "delete "+key, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.values, key)
		return nil
	})
}

func (s *shelf) Ping(ctx context.Context) error {
	return s.sky.call(ctx, "redis", "ping", func() error { return nil })
}

func (*shelf) Close() error { return nil }

// cellar is an archive.Archive in memory.
type cellar struct {
	sky     *weather
	mu      sync.Mutex
	objects map[string]string // guarded by mu
	twice   []string          // keys that were stored again with another body; guarded by mu
}

func (c *cellar) Put(ctx context.Context, key, _ string, body []byte) error {
	return c.sky.call(ctx, "s3", "put "+key, func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if old, found := c.objects[key]; found && old != string(body) {
			c.twice = append(c.twice, key)
		}
		c.objects[key] = string(body)
		return nil
	})
}

func (c *cellar) Open(ctx context.Context, key string) (document io.ReadCloser, err error) {
	err = c.sky.call(ctx, "s3", "open "+key, func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		body, found := c.objects[key]
		if !found {
			return archive.ErrNoObject
		}
		document = io.NopCloser(strings.NewReader(body))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return document, nil
}

func (c *cellar) Ping(ctx context.Context) error {
	return c.sky.call(ctx, "s3", "ping", func() error { return nil })
}

// oracle is an assistant.Assistant that knows three prices.
type oracle struct{ sky *weather }

func (o *oracle) SuggestPrice(ctx context.Context, item retail.Item) (suggestion retail.Suggestion, err error) {
	err = o.sky.call(ctx, "openai", "price "+item.SKU, func() error {
		suggestion = retail.Suggestion{SKU: item.SKU, Price: item.Cost * 2, Reason: "twice the cost"}
		return nil
	})
	return suggestion, err
}

func (o *oracle) Enhance(ctx context.Context, item retail.Item) (text string, err error) {
	err = o.sky.call(ctx, "openai", "describe "+item.SKU, func() error {
		text = item.Name + ", which needs no words."
		return nil
	})
	return text, err
}

func (o *oracle) Ping(ctx context.Context) error {
	return o.sky.call(ctx, "openai", "ping", func() error { return nil })
}
