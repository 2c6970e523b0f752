package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/api"
	"github.com/resilgo/resil/examples/retail/internal/archive"
	"github.com/resilgo/resil/examples/retail/internal/inventory"
	"github.com/resilgo/resil/examples/retail/internal/retail"
	"github.com/resilgo/resil/examples/retail/internal/store"
	resil "github.com/resilgo/resil/runtime"
)

// books is a database that knows no sales, or does what a test says.
type books struct {
	store.Store
	do func(context.Context) error
}

func (b *books) Sale(ctx context.Context, _ string) (retail.Sale, error) {
	return retail.Sale{}, b.do(ctx)
}

func (b *books) Sell(ctx context.Context, o retail.Order) (retail.Sale, error) {
	return retail.Sale{ID: o.ID}, b.do(ctx)
}

func (*books) Ping(context.Context) error { return nil }

// shelf is an archive that is empty.
type shelf struct{ archive.Archive }

func (shelf) Open(context.Context, string) (io.ReadCloser, error) { return nil, archive.ErrNoObject }
func (shelf) Put(context.Context, string, string, []byte) error   { return nil }

// A customer who gets nothing is told the true reason: what is away, busy or
// late, also when that is not what was asked for.
func TestCustomersAreToldTheTrueReason(t *testing.T) {
	const (
		sale    = "not possible right now: "
		unsure  = "not confirmed: "
		receipt = "not available right now: "
		nothing = "; nothing was changed"
		again   = "; send the same request again"
	)
	works := func(context.Context) error { return nil }
	fails := func(context.Context) error { return errors.New("db.internal:5432: connection refused") }
	hangs := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	down := func(names ...string) func(*testing.T, *resil.System) {
		return func(t *testing.T, sys *resil.System) {
			for _, name := range names {
				if err := sys.Dependency(name).Force(true, time.Hour, "test"); err != nil {
					t.Error(err)
				}
			}
		}
	}
	for name, tc := range map[string]struct {
		db      func(context.Context) error
		prepare func(*testing.T, *resil.System)
		order   string
		receipt string
	}{
		"the database fails":         {fails, nil, unsure + "db failed" + again, receipt + "db failed"},
		"the database hangs":         {hangs, nil, unsure + "db did not answer in time" + again, receipt + "db did not answer in time"},
		"the database is away":       {works, down("db"), sale + "db is away" + nothing, receipt + "db is away"},
		"others are, and it is well": {works, down("openai", "redis", "s3"), sale + "openai, redis and s3 are away" + nothing, ""},
		"everything is":              {works, down("openai", "redis", "db"), sale + "openai, redis and db are away" + nothing, receipt + "openai, redis and db are away"},
		"all came back a moment ago": {works, func(t *testing.T, sys *resil.System) {
			down("openai", "redis", "s3")(t, sys)
			for _, name := range []string{"openai", "redis", "s3"} {
				if err := sys.Dependency(name).Force(false, time.Hour, "test"); err != nil {
					t.Error(err)
				}
			}
		}, sale + "the shop waits until openai, redis and s3 can be relied on again" + nothing, ""},
		"the level is forced": {works, func(t *testing.T, sys *resil.System) {
			if err := sys.Force(resil.Emergency, time.Hour, "CVE-2026-1234, ask Anna"); err != nil {
				t.Error(err)
			}
		}, sale + "the shop is restricted for now" + nothing, receipt + "the shop is restricted for now"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sys, err := resil.New(resil.Config{Logger: slog.New(slog.DiscardHandler)})
				if err != nil {
					t.Fatal(err)
				}
				sys.Dependency("openai", resil.High)
				sys.Dependency("redis", resil.Medium)
				shop := &inventory.Service{
					Store:   store.NewGuardedStore(sys, &books{do: tc.db}, nil),
					Archive: archive.NewGuardedArchive(sys, shelf{}),
				}
				if tc.prepare != nil {
					tc.prepare(t, sys)
				}
				handler := api.New(shop, sys)
				ask := func(method, path, body, want string) {
					t.Helper()
					w := httptest.NewRecorder()
					r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
					handler.ServeHTTP(w, r)
					var problem struct {
						Error string `json:"error"`
					}
					text := bytes.Clone(w.Body.Bytes())
					if err := json.Unmarshal(text, &problem); want != "" && err != nil {
						t.Errorf("%s: %v", text, err)
					}
					if got := problem.Error; want != "" && (w.Code != http.StatusServiceUnavailable || got != want) {
						t.Errorf("%s %s: %d\n got %s\nwant %s", method, path, w.Code, text, want)
					}
					if want == "" && w.Code >= http.StatusInternalServerError {
						t.Errorf("%s %s: %d %s; want an answer", method, path, w.Code, text)
					}
				}
				ask(http.MethodPost, "/sales", `{"sku": "mug", "quantity": 1}`, tc.order)
				ask(http.MethodGet, "/sales/1/receipt", "", tc.receipt)
			})
		})
	}
}
