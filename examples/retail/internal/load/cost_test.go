//go:build linux

package load_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/api"
	"github.com/resilgo/resil/examples/retail/internal/app"
	"github.com/resilgo/resil/examples/retail/internal/archive"
	"github.com/resilgo/resil/examples/retail/internal/customers"
	"github.com/resilgo/resil/examples/retail/internal/inventory"
	"github.com/resilgo/resil/examples/retail/internal/retail"
	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/metrics"
	"github.com/resilgo/resil/runtime/outbox"
	"github.com/resilgo/resil/runtime/tracing"
)

// instant is all four dependencies, with an answer to everything at once.
type instant struct{}

func (instant) Item(_ context.Context, sku string) (retail.Item, error) {
	return retail.Item{SKU: sku, Name: "Mug", Cost: 400, Price: 520}, nil
}

func (instant) Items(context.Context, string, int) ([]retail.Item, error) {
	return []retail.Item{{SKU: "a"}, {SKU: "b"}}, nil
}

func (instant) Stock(_ context.Context, sku string) (retail.Stock, error) {
	return retail.Stock{SKU: sku, OnHand: 7}, nil
}
func (instant) Sale(context.Context, string) (retail.Sale, error) { return retail.Sale{}, nil }
func (instant) Sales(context.Context, string, int) ([]retail.Sale, error) {
	return nil, nil
}
func (instant) AddItem(context.Context, retail.Item) error { return nil }
func (instant) Receive(context.Context, string, int) (retail.Stock, error) {
	return retail.Stock{}, nil
}

func (instant) Sell(_ context.Context, o retail.Order) (retail.Sale, error) {
	return retail.Sale{ID: o.ID, SKU: o.SKU, Quantity: o.Quantity, Total: 520}, nil
}

func (instant) Get(context.Context, string) (value []byte, found bool, err error) {
	return nil, false, nil
}
func (instant) Set(context.Context, string, []byte, time.Duration) error { return nil }
func (instant) Delete(context.Context, string) error                     { return nil }
func (instant) Put(context.Context, string, string, []byte) error        { return nil }
func (instant) Ping(context.Context) error                               { return nil }
func (instant) Close() error                                             { return nil }
func (instant) Enhance(context.Context, retail.Item) (string, error)     { return "A mug.", nil }
func (instant) SuggestPrice(context.Context, retail.Item) (retail.Suggestion, error) {
	return retail.Suggestion{Price: 600}, nil
}

func (instant) Open(context.Context, string) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("RECEIPT")), nil
}

var _ archive.Archive = instant{}

// BenchmarkRequest is what a request of the usual mix costs the service's own
// code, with guards and without: the difference is all that guards do, with
// metrics and tracing as in production. Compare it with the processor time of a
// whole request in docs/load.md.
func BenchmarkRequest(b *testing.B) {
	box, err := outbox.Open(b.TempDir()+"/outbox", outbox.Config{})
	if err != nil {
		b.Fatal(err)
	}
	sys, err := resil.New(resil.Config{Logger: slog.New(slog.DiscardHandler)}, resil.WithOutbox(box), tracing.New(nil))
	if err != nil {
		b.Fatal(err)
	}
	raw := app.Clients{Store: instant{}, Cache: instant{}, Archive: instant{}, Assistant: instant{}}
	shop := app.Wire(sys, raw)
	metrics.New(sys)
	if err := sys.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := sys.Close(context.Background()); err != nil {
			b.Error(err)
		}
		if err := box.Close(context.Background()); err != nil {
			b.Error(err)
		}
	})
	bare := &inventory.Service{
		Store: raw.Store, Memory: inventory.NewMemory(raw.Cache), Archive: raw.Archive, Assistant: raw.Assistant,
		FreshFor: shop.FreshFor, Batch: shop.Batch,
	}
	for _, variant := range []struct {
		name    string
		handler http.Handler
	}{{"guarded", api.New(shop, sys)}, {"unguarded", api.NewUnguarded(bare, sys)}} {
		b.Run(variant.name, func(b *testing.B) {
			crowd := customers.New(customers.Config{PerSecond: 1, Seed: 1})
			crowd.Add(customers.Result{Order: &customers.Order{ID: "first", Sold: true}})
			const mix = 280
			requests := make([]func() *http.Request, mix)
			for i := range requests {
				q := crowd.Next()
				body, err := json.Marshal(q.Body)
				if err != nil {
					b.Fatal(err)
				}
				requests[i] = func() *http.Request {
					r := httptest.NewRequestWithContext(b.Context(), q.Method, q.Path, bytes.NewReader(body))
					r.Header = q.Header
					return r
				}
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				w := httptest.NewRecorder()
				variant.handler.ServeHTTP(w, requests[n%mix]())
				if w.Code >= 300 {
					b.Fatal(w.Code, w.Body)
				}
				n++
			}
		})
	}
}
