package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/cache"
	"github.com/resilgo/resil/examples/retail/internal/retail"
)

// keep is how long the cache remembers an answer of the database: long enough
// to outlive an outage. How long an answer passes for fresh is another, much
// shorter time.
const keep = 24 * time.Hour

// errForgotten is the memory's answer to what it does not hold.
var errForgotten = errors.New("not in the cache")

// Memory remembers in the cache what the database answered. It stands in for
// the database's reads while that is away. It is safe for concurrent use.
type Memory struct {
	cache cache.Cache
}

// NewMemory returns a memory in c.
func NewMemory(c cache.Cache) *Memory { return &Memory{cache: c} }

// Item returns the item as it was last seen.
func (m *Memory) Item(ctx context.Context, sku string) (retail.Item, error) {
	return last[retail.Item](ctx, m, itemKey(sku))
}

// Items returns the page as it was last seen.
func (m *Memory) Items(ctx context.Context, after string, limit int) ([]retail.Item, error) {
	return last[[]retail.Item](ctx, m, itemsKey(after, limit))
}

// Stock returns the stock as it was last seen.
func (m *Memory) Stock(ctx context.Context, sku string) (retail.Stock, error) {
	return last[retail.Stock](ctx, m, stockKey(sku))
}

func itemKey(sku string) string  { return "item:" + sku }
func stockKey(sku string) string { return "stock:" + sku }
func itemsKey(after string, limit int) string {
	return "items:" + strconv.Itoa(limit) + ":" + after
}

// memo is an answer and when it was given.
type memo[T any] struct {
	At    time.Time
	Value T
}

// fresh reports whether the answer is younger than d. One from the future is
// not: it was written by a host whose clock is ahead, and would stay fresh
// until ours gets there.
func (m memo[T]) fresh(d time.Duration) bool {
	age := time.Since(m.At)
	return age >= 0 && age < d
}

// last returns what is remembered under key, however old.
func last[T any](ctx context.Context, m *Memory, key string) (T, error) {
	v, found := recall[T](ctx, m, key)
	if !found {
		return v.Value, errForgotten
	}
	return v.Value, nil
}

// recall returns what is remembered under key. A cache that fails remembers
// nothing.
func recall[T any](ctx context.Context, m *Memory, key string) (v memo[T], found bool) {
	text, found, err := m.cache.Get(ctx, key)
	if err != nil || !found || json.Unmarshal(text, &v) != nil {
		return memo[T]{}, false
	}
	return v, true
}

// remember stores v under key. It is no loss for the caller if that fails.
func remember[T any](ctx context.Context, m *Memory, key string, v T) {
	text, err := json.Marshal(memo[T]{At: time.Now(), Value: v})
	if err != nil {
		return
	}
	_ = m.cache.Set(ctx, key, text, keep)
}
