// Package inventory is what the shop does, told once and without a word about
// outages: the guards around its four dependencies see to those.
package inventory

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/archive"
	"github.com/resilgo/resil/examples/retail/internal/assistant"
	"github.com/resilgo/resil/examples/retail/internal/retail"
	"github.com/resilgo/resil/examples/retail/internal/store"
	resil "github.com/resilgo/resil/runtime"
)

// Service is the shop. It is safe for concurrent use. All fields are required;
// the four dependencies are meant to be guarded.
type Service struct {
	Store     store.Store
	Memory    *Memory
	Archive   archive.Archive
	Assistant assistant.Assistant

	// FreshFor is how old an item from the cache may be while the database is
	// well, and Batch how many rows an export reads at once. Both change with
	// the level of degradation.
	FreshFor func() time.Duration
	Batch    func() int
}

// Item returns an item, from the cache when it is fresh there.
func (s *Service) Item(ctx context.Context, sku string) (retail.Item, error) {
	if v, found := recall[retail.Item](ctx, s.Memory, itemKey(sku)); found && v.fresh(s.FreshFor()) {
		return v.Value, nil
	}
	return asked(ctx, s.Memory, itemKey(sku), func(ctx context.Context) (retail.Item, error) {
		return s.Store.Item(ctx, sku)
	})
}

// Items returns up to limit items with SKUs after the given one.
func (s *Service) Items(ctx context.Context, after string, limit int) ([]retail.Item, error) {
	return asked(ctx, s.Memory, itemsKey(after, limit), func(ctx context.Context) ([]retail.Item, error) {
		return s.Store.Items(ctx, after, limit)
	})
}

// Stock returns how many of an item are on hand. It is never taken from the
// cache while the database can be asked.
func (s *Service) Stock(ctx context.Context, sku string) (retail.Stock, error) {
	return asked(ctx, s.Memory, stockKey(sku), func(ctx context.Context) (retail.Stock, error) {
		return s.Store.Stock(ctx, sku)
	})
}

// asked returns what read says and remembers it, unless it is a memory itself.
func asked[T any](ctx context.Context, m *Memory, key string, read func(context.Context) (T, error)) (T, error) {
	ctx, out := resil.WithOutcome(ctx)
	v, err := read(ctx)
	if err == nil && !out.Degraded() {
		remember(ctx, m, key, v)
	}
	return v, err
}

// AddItem adds an item to the range. Without a price it gets the basic one.
func (s *Service) AddItem(ctx context.Context, item retail.Item) (retail.Item, error) {
	if item.Price == 0 {
		item.Price = retail.BasicPrice(item.Cost)
	}
	if err := item.Validate(); err != nil {
		return retail.Item{}, err
	}
	return item, s.Store.AddItem(ctx, item)
}

// Receive adds a delivery to an item's stock.
func (s *Service) Receive(ctx context.Context, sku string, quantity int) (retail.Stock, error) {
	if quantity < 1 || quantity > retail.MaxQuantity {
		return retail.Stock{}, fmt.Errorf("%w: quantity must be 1 to %d", retail.ErrInvalid, retail.MaxQuantity)
	}
	return s.Store.Receive(ctx, sku, quantity)
}

// SuggestPrice returns a price for an item.
func (s *Service) SuggestPrice(ctx context.Context, sku string) (retail.Suggestion, error) {
	item, err := s.Item(ctx, sku)
	if err != nil {
		return retail.Suggestion{}, err
	}
	return s.Assistant.SuggestPrice(ctx, item)
}

// Describe returns a description of an item that sells.
func (s *Service) Describe(ctx context.Context, sku string) (string, error) {
	item, err := s.Item(ctx, sku)
	if err != nil {
		return "", err
	}
	return s.Assistant.Enhance(ctx, item)
}

// Filed tells where a document is.
type Filed string

// Where a document can be.
const (
	Stored   Filed = "stored"   // in the archive
	Deferred Filed = "deferred" // kept here until the archive is back
	Missing  Filed = "missing"  // nowhere: it could not even be deferred
)

// Sold is a sale and what became of its receipt. A receipt that is not in the
// archive can be had all the same, see [Service.Receipt].
type Sold struct {
	retail.Sale
	Receipt Filed `json:"receipt"`
}

// Sell carries out an order and files its receipt. The sale stands whatever
// becomes of the receipt.
func (s *Service) Sell(ctx context.Context, order retail.Order) (Sold, error) {
	if err := order.Validate(); err != nil {
		return Sold{}, err
	}
	sale, err := s.Store.Sell(ctx, order)
	if err != nil {
		return Sold{}, err
	}
	filed, _ := s.file(ctx, receiptKey(sale.ID), "text/plain; charset=utf-8", []byte(sale.Receipt()))
	return Sold{Sale: sale, Receipt: filed}, nil
}

// Sales returns up to limit sales after the one with the given id.
func (s *Service) Sales(ctx context.Context, after string, limit int) ([]retail.Sale, error) {
	return s.Store.Sales(ctx, after, limit)
}

// Receipt returns the receipt of a sale: from the archive, or written anew
// when the archive does not have it or cannot be asked.
func (s *Service) Receipt(ctx context.Context, saleID string) (io.ReadCloser, error) {
	document, err := s.Archive.Open(ctx, receiptKey(saleID))
	if err == nil {
		return document, nil
	}
	sale, err := s.Store.Sale(ctx, saleID)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(strings.NewReader(sale.Receipt())), nil
}

// Exported is an export and where it is.
type Exported struct {
	Name  string `json:"name"`
	Sales int    `json:"sales"`
	Filed Filed  `json:"filed"`
}

// maxExport bounds the sales in one export, which is built in memory.
const maxExport = 50_000

// Export files all sales as CSV in the archive.
func (s *Service) Export(ctx context.Context) (Exported, error) {
	var text bytes.Buffer
	rows := csv.NewWriter(&text)
	// A csv.Writer keeps its first error for the end.
	_ = rows.Write([]string{"id", "sku", "quantity", "total_cents", "at"})
	count, after := 0, ""
	for count < maxExport {
		page, err := s.Store.Sales(ctx, after, s.Batch())
		if err != nil {
			return Exported{}, err
		}
		if len(page) == 0 {
			break
		}
		for _, sale := range page {
			_ = rows.Write([]string{
				sale.ID, sale.SKU, strconv.Itoa(sale.Quantity),
				strconv.FormatInt(int64(sale.Total), 10), sale.At.Format(time.RFC3339Nano),
			})
		}
		count += len(page)
		after = page[len(page)-1].ID
	}
	rows.Flush()
	if err := rows.Error(); err != nil {
		return Exported{}, err
	}
	name := time.Now().UTC().Format("20060102T150405") + "-" + rand.Text()[:8] + ".csv"
	filed, err := s.file(ctx, exportKey(name), "text/csv", text.Bytes())
	if err != nil {
		return Exported{}, err // nothing else holds an export
	}
	return Exported{Name: name, Sales: count, Filed: filed}, nil
}

// ReadExport returns an export, or retail.ErrNotFound.
func (s *Service) ReadExport(ctx context.Context, name string) (io.ReadCloser, error) {
	document, err := s.Archive.Open(ctx, exportKey(name))
	if errors.Is(err, archive.ErrNoObject) {
		return nil, retail.ErrNotFound
	}
	return document, err
}

func receiptKey(saleID string) string { return "receipts/" + saleID + ".txt" }
func exportKey(name string) string    { return "exports/" + name }

// file puts a document into the archive and tells where it went.
func (s *Service) file(ctx context.Context, key, contentType string, body []byte) (Filed, error) {
	ctx, out := resil.WithOutcome(ctx)
	switch err := s.Archive.Put(ctx, key, contentType, body); {
	case err != nil:
		return Missing, err
	case out.Degraded():
		return Deferred, nil
	}
	return Stored, nil
}
