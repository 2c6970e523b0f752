package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/retail"
	"github.com/resilgo/resil/examples/retail/internal/standin"
	"github.com/resilgo/resil/examples/retail/internal/store"
)

// sqlite returns a store in a new SQLite file and the switch of its outages.
func sqlite(t *testing.T) (*store.SQL, *standin.Switch) {
	t.Helper()
	db, server, err := standin.Database(filepath.Join(t.TempDir(), "shop.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	s := store.NewSQL(db)
	t.Cleanup(func() {
		server.Switch.Set(standin.None)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, server.Switch
}

func TestSQLite(t *testing.T) {
	s, _ := sqlite(t)
	testStore(t, s)
}

// testStore is what every database has to do. It expects a database without
// the items it adds.
func testStore(t *testing.T, s *store.SQL) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	mug := retail.Item{SKU: "mug", Name: "Mug", Description: "Holds tea", Cost: 400, Price: 750}
	pan := retail.Item{SKU: "pan", Name: "Pan", Cost: 1500, Price: 2990}

	t.Run("an item is added once and found again", func(t *testing.T) {
		for _, item := range []retail.Item{pan, mug} {
			if err := s.AddItem(ctx, item); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.AddItem(ctx, mug); !errors.Is(err, retail.ErrExists) {
			t.Errorf("adding it twice: %v, want %v", err, retail.ErrExists)
		}
		if got, err := s.Item(ctx, "mug"); err != nil || got != mug {
			t.Errorf("Item = %+v, %v, want %+v", got, err, mug)
		}
		if _, err := s.Item(ctx, "hat"); !errors.Is(err, retail.ErrNotFound) {
			t.Errorf("unknown item: %v, want %v", err, retail.ErrNotFound)
		}
	})

	t.Run("items come in pages, sorted", func(t *testing.T) {
		first, err := s.Items(ctx, "", 1)
		if err != nil || len(first) != 1 || first[0] != mug {
			t.Fatalf("first page = %v, %v, want the mug", first, err)
		}
		second, err := s.Items(ctx, "mug", 10)
		if err != nil || len(second) != 1 || second[0] != pan {
			t.Errorf("second page = %v, %v, want the pan", second, err)
		}
	})

	t.Run("a delivery adds to the stock", func(t *testing.T) {
		if got, err := s.Stock(ctx, "mug"); err != nil || got.OnHand != 0 {
			t.Errorf("stock of a new item = %v, %v, want 0", got, err)
		}
		if got, err := s.Receive(ctx, "mug", 5); err != nil || got.OnHand != 5 {
			t.Errorf("after a delivery of 5: %v, %v", got, err)
		}
		if _, err := s.Receive(ctx, "hat", 5); !errors.Is(err, retail.ErrNotFound) {
			t.Errorf("delivery of an unknown item: %v, want %v", err, retail.ErrNotFound)
		}
	})

	order := retail.Order{ID: "order-1", SKU: "mug", Quantity: 2}
	t.Run("the same order twice is one sale", func(t *testing.T) {
		sale, err := s.Sell(ctx, order)
		if err != nil || sale.Total != 1500 {
			t.Fatalf("Sell = %+v, %v, want a total of 1500", sale, err)
		}
		again, err := s.Sell(ctx, order)
		if err != nil || again != sale {
			t.Errorf("the second time: %+v, %v, want %+v", again, err, sale)
		}
		if got, _ := s.Stock(ctx, "mug"); got.OnHand != 3 {
			t.Errorf("stock = %d, want 3", got.OnHand)
		}
		if got, err := s.Sale(ctx, "order-1"); err != nil || got != sale {
			t.Errorf("Sale = %+v, %v, want %+v", got, err, sale)
		}
	})

	t.Run("one id for two different orders is a conflict", func(t *testing.T) {
		other := order
		other.Quantity = 1
		if _, err := s.Sell(ctx, other); !errors.Is(err, retail.ErrConflict) {
			t.Errorf("%v, want %v", err, retail.ErrConflict)
		}
	})

	t.Run("what is not there cannot be sold", func(t *testing.T) {
		if _, err := s.Sell(ctx, retail.Order{ID: "order-2", SKU: "mug", Quantity: 4}); !errors.Is(err, retail.ErrOutOfStock) {
			t.Errorf("more than there is: %v, want %v", err, retail.ErrOutOfStock)
		}
		if _, err := s.Sale(ctx, "order-2"); !errors.Is(err, retail.ErrNotFound) {
			t.Errorf("the refused order left a sale: %v", err)
		}
		if _, err := s.Sell(ctx, retail.Order{ID: "order-3", SKU: "hat", Quantity: 1}); !errors.Is(err, retail.ErrNotFound) {
			t.Errorf("unknown item: %v, want %v", err, retail.ErrNotFound)
		}
	})

	t.Run("customers who grab the last ones at once never get more than there are", func(t *testing.T) {
		const stock, customers = 10, 25
		if _, err := s.Receive(ctx, "pan", stock); err != nil {
			t.Fatal(err)
		}
		var sold atomic.Int32
		var all sync.WaitGroup
		for i := range customers {
			all.Go(func() {
				_, err := s.Sell(ctx, retail.Order{ID: fmt.Sprintf("rush-%02d", i), SKU: "pan", Quantity: 1})
				switch {
				case err == nil:
					sold.Add(1)
				case !errors.Is(err, retail.ErrOutOfStock):
					t.Errorf("customer %d: %v", i, err)
				}
			})
		}
		all.Wait()
		left, err := s.Stock(ctx, "pan")
		if sold.Load() != stock || left.OnHand != 0 || err != nil {
			t.Errorf("sold %d of %d, %d left, %v", sold.Load(), stock, left.OnHand, err)
		}
	})

	t.Run("sales come in pages, the oldest first", func(t *testing.T) {
		first, err := s.Sales(ctx, "", 1)
		if err != nil || len(first) != 1 || first[0].ID != "order-1" {
			t.Fatalf("first page = %v, %v, want order-1", first, err)
		}
		rest, err := s.Sales(ctx, "order-1", 100)
		if err != nil || len(rest) != 10 {
			t.Errorf("%d sales after the first, %v, want 10", len(rest), err)
		}
	})

	t.Run("it answers a ping and works with one connection", func(t *testing.T) {
		s.SetMaxConnections(0)
		defer s.SetMaxConnections(1)
		if err := s.Ping(ctx); err != nil {
			t.Error(err)
		}
		if _, err := s.Item(ctx, "mug"); err != nil {
			t.Error(err)
		}
	})
}

func TestTheDatabaseMayBeDownAtFirst(t *testing.T) {
	s, outage := sqlite(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	outage.Set(standin.Refuse)
	if _, err := s.Items(ctx, "", 10); err == nil {
		t.Fatal("a database that refuses has answered")
	}
	outage.Set(standin.None)
	if _, err := s.Items(ctx, "", 10); err != nil {
		t.Errorf("after the outage: %v", err)
	}
}

func TestAHangingDatabaseGivesWayToTheDeadline(t *testing.T) {
	s, outage := sqlite(t)
	if err := s.AddItem(t.Context(), retail.Item{SKU: "mug", Name: "Mug", Cost: 1}); err != nil {
		t.Fatal(err)
	}
	outage.Set(standin.Hang)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	for name, call := range map[string]func() error{
		"read":  func() error { _, err := s.Item(ctx, "mug"); return err },
		"write": func() error { _, err := s.Receive(ctx, "mug", 1); return err },
		"ping":  func() error { return s.Ping(ctx) },
	} {
		if err := call(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, want the deadline", name, err)
		}
	}
}
