package retail

import (
	"errors"
	"strings"
	"testing"
)

func TestBasicPriceRoundsUpToWholeCents(t *testing.T) {
	for cost, want := range map[Cents]Cents{1: 2, 10: 13, 99: 129, 400: 520, 1000: 1300} {
		if got := BasicPrice(cost); got != want {
			t.Errorf("BasicPrice(%d) = %d, want %d", cost, got, want)
		}
	}
}

func TestCentsReadAsMoney(t *testing.T) {
	for c, want := range map[Cents]string{0: "0.00", 5: "0.05", 1290: "12.90", -250: "-2.50"} {
		if got := c.String(); got != want {
			t.Errorf("Cents(%d) = %s, want %s", int64(c), got, want)
		}
	}
}

func TestItemsAndOrdersAreChecked(t *testing.T) {
	good := Item{SKU: "mug", Name: "Mug", Cost: 1}
	order := Order{ID: "1", SKU: "mug", Quantity: 1}
	if err := errors.Join(good.Validate(), order.Validate()); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]interface{ Validate() error }{
		"item without sku":      Item{Name: "Mug", Cost: 1},
		"sku with a slash":      Item{SKU: "a/b", Name: "Mug", Cost: 1},
		"sku too long":          Item{SKU: strings.Repeat("a", 65), Name: "Mug", Cost: 1},
		"item without name":     Item{SKU: "mug", Cost: 1},
		"item for nothing":      Item{SKU: "mug", Name: "Mug"},
		"negative price":        Item{SKU: "mug", Name: "Mug", Cost: 1, Price: -1},
		"order without id":      Order{SKU: "mug", Quantity: 1},
		"order id with a slash": Order{ID: "../x", SKU: "mug", Quantity: 1},
		"order of nothing":      Order{ID: "1", Quantity: 1},
		"order of none":         Order{ID: "1", SKU: "mug"},
		"order of too many":     Order{ID: "1", SKU: "mug", Quantity: MaxQuantity + 1},
	} {
		if err := bad.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v, want %v", name, err, ErrInvalid)
		}
	}
}
