// Package api is the shop over HTTP. Handlers know what the shop does; what a
// degraded or a refused answer looks like is said once, in answer.go.
package api

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/resilgo/resil/examples/retail/internal/inventory"
	"github.com/resilgo/resil/examples/retail/internal/retail"
	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/httpguard"
)

// New returns the shop's HTTP interface:
//
//	GET  /items?after=SKU&limit=N         items, sorted by SKU
//	POST /items                           add an item
//	GET  /items/{sku}                     one item
//	GET  /items/{sku}/stock               how many are on hand
//	POST /items/{sku}/stock               {"quantity": N}: a delivery
//	GET  /items/{sku}/price-suggestion    a price, by the language model
//	GET  /items/{sku}/description         a better description, by the language model
//	GET  /sales?after=ID&limit=N          sales, the oldest first
//	POST /sales                           {"sku": S, "quantity": N}, header Idempotency-Key
//	GET  /sales/{id}/receipt              the receipt
//	POST /exports                         all sales as CSV into the archive
//	GET  /exports/{name}                  an export
//	GET  /status                          level of degradation and dependencies
//	GET  /healthz, /readyz                for whoever starts processes and routes to them
//
// An answer that something stood in for carries the header Degraded. What
// cannot be done now is refused with 503 and Retry-After: by the guard of the
// dependency that is missing or, for what can wait, by the level.
func New(shop *inventory.Service, sys *resil.System) http.Handler {
	server := httpguard.NewServer(sys, httpguard.ServerConfig{})
	return build(shop, sys, func(until resil.Level, h http.Handler) http.Handler {
		return server.Route(httpguard.Route{Until: until}, h)
	})
}

// NewUnguarded is [New] without a level at which a path is shut: what the
// guarded service is compared with.
func NewUnguarded(shop *inventory.Service, sys *resil.System) http.Handler {
	return build(shop, sys, func(_ resil.Level, h http.Handler) http.Handler { return h })
}

func build(shop *inventory.Service, sys *resil.System, guard func(until resil.Level, h http.Handler) http.Handler) http.Handler {
	a := &api{shop: shop, sys: sys}
	mux := http.NewServeMux()
	route := func(pattern string, until resil.Level, h handler) {
		mux.Handle(pattern, guard(until, a.serve(h)))
	}
	// What the shop is there for is tried at every level; the guards below
	// know what is left of it.
	route("GET /items", resil.Emergency, a.listItems)
	route("GET /items/{sku}", resil.Emergency, a.item)
	route("GET /items/{sku}/stock", resil.Emergency, a.stock)
	route("GET /items/{sku}/price-suggestion", resil.Emergency, a.suggestPrice)
	route("GET /items/{sku}/description", resil.Emergency, a.describe)
	route("POST /sales", resil.Emergency, a.sell)
	route("GET /sales/{id}/receipt", resil.Emergency, a.receipt)
	route("GET /status", resil.Emergency, a.status)
	// What the staff does can wait for better times.
	route("POST /items", resil.Limited, a.addItem)
	route("POST /items/{sku}/stock", resil.Limited, a.receive)
	route("GET /sales", resil.Minimal, a.listSales)
	route("POST /exports", resil.Limited, a.export)
	route("GET /exports/{name}", resil.Minimal, a.readExport)

	health := httpguard.Health(sys)
	mux.Handle("GET /healthz", health)
	mux.Handle("GET /readyz", health)
	return mux
}

type api struct {
	shop *inventory.Service
	sys  *resil.System
}

func (a *api) listItems(r *http.Request) (answer, error) {
	limit, err := pageSize(r)
	if err != nil {
		return answer{}, err
	}
	items, err := a.shop.Items(r.Context(), r.FormValue("after"), limit)
	return ok(list(items)), err
}

func (a *api) addItem(r *http.Request) (answer, error) {
	var item retail.Item
	if err := decode(r, &item); err != nil {
		return answer{}, err
	}
	item, err := a.shop.AddItem(r.Context(), item)
	return created(item), err
}

func (a *api) item(r *http.Request) (answer, error) {
	item, err := a.shop.Item(r.Context(), r.PathValue("sku"))
	return ok(item), err
}

func (a *api) stock(r *http.Request) (answer, error) {
	stock, err := a.shop.Stock(r.Context(), r.PathValue("sku"))
	return ok(stock), err
}

func (a *api) receive(r *http.Request) (answer, error) {
	var delivery struct {
		Quantity int `json:"quantity"`
	}
	if err := decode(r, &delivery); err != nil {
		return answer{}, err
	}
	stock, err := a.shop.Receive(r.Context(), r.PathValue("sku"), delivery.Quantity)
	return ok(stock), err
}

func (a *api) suggestPrice(r *http.Request) (answer, error) {
	suggestion, err := a.shop.SuggestPrice(r.Context(), r.PathValue("sku"))
	return ok(suggestion), err
}

func (a *api) describe(r *http.Request) (answer, error) {
	text, err := a.shop.Describe(r.Context(), r.PathValue("sku"))
	return ok(map[string]string{"sku": r.PathValue("sku"), "description": text}), err
}

func (a *api) listSales(r *http.Request) (answer, error) {
	limit, err := pageSize(r)
	if err != nil {
		return answer{}, err
	}
	sales, err := a.shop.Sales(r.Context(), r.FormValue("after"), limit)
	return ok(list(sales)), err
}

func (a *api) sell(r *http.Request) (answer, error) {
	var order struct {
		SKU      string `json:"sku"`
		Quantity int    `json:"quantity"`
	}
	if err := decode(r, &order); err != nil {
		return answer{}, err
	}
	id := r.Header.Get("Idempotency-Key")
	if id == "" {
		// Works, but a client that got no answer cannot safely ask again.
		id = rand.Text()
	}
	sold, err := a.shop.Sell(r.Context(), retail.Order{ID: id, SKU: order.SKU, Quantity: order.Quantity})
	return created(sold), err
}

func (a *api) receipt(r *http.Request) (answer, error) {
	document, err := a.shop.Receipt(r.Context(), r.PathValue("id"))
	return stream("text/plain; charset=utf-8", document), err
}

func (a *api) export(r *http.Request) (answer, error) {
	exported, err := a.shop.Export(r.Context())
	return created(exported), err
}

func (a *api) readExport(r *http.Request) (answer, error) {
	document, err := a.shop.ReadExport(r.Context(), r.PathValue("name"))
	return stream("text/csv", document), err
}

const (
	defaultPage = 50
	maxPage     = 500
	maxBody     = 64 << 10 // bytes
)

func pageSize(r *http.Request) (int, error) {
	text := r.FormValue("limit")
	if text == "" {
		return defaultPage, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > maxPage {
		return 0, fmt.Errorf("%w: limit must be 1 to %d", retail.ErrInvalid, maxPage)
	}
	return limit, nil
}

// decode reads one JSON value and nothing else from the body.
func decode(r *http.Request, into any) error {
	d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: body: %w", retail.ErrInvalid, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: body holds more than one JSON value", retail.ErrInvalid)
	}
	return nil
}

// list makes the empty list an empty list in JSON too.
func list[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}
