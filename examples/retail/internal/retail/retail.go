// Package retail holds what the service is about: items, stock and sales, and
// the answers that are no failures ("no such item", "out of stock"). It knows
// no client and no transport.
package retail

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Answers of the database that say "no". It works; the caller asked for
// something that cannot be. The guard of the database lists them in its
// errors directive, so that no breaker ever opens on them.
var (
	ErrNotFound   = errors.New("not found")
	ErrExists     = errors.New("already exists")
	ErrOutOfStock = errors.New("out of stock")
	ErrConflict   = errors.New("the same id was used for a different sale")
)

// ErrInvalid is what every validation error wraps.
var ErrInvalid = errors.New("invalid request")

// Cents is an amount of money in minor units.
type Cents int64

// String returns the amount as people write it, for example "12.90".
func (c Cents) String() string {
	sign := ""
	if c < 0 {
		sign, c = "-", -c
	}
	return fmt.Sprintf("%s%d.%02d", sign, c/100, c%100)
}

// Item is something the shop sells.
type Item struct {
	SKU         string `json:"sku"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Cost        Cents  `json:"cost_cents"`  // what the shop pays for one
	Price       Cents  `json:"price_cents"` // what a customer pays for one
}

// Validate returns what is wrong with i, wrapping ErrInvalid.
func (i Item) Validate() error {
	switch {
	case i.SKU == "" || len(i.SKU) > 64 || strings.ContainsAny(i.SKU, "/ ?#%"):
		return fmt.Errorf("%w: sku must have 1 to 64 characters, none of them a blank or one of /?#%%", ErrInvalid)
	case i.Name == "" || len(i.Name) > 200:
		return fmt.Errorf("%w: name must have 1 to 200 bytes", ErrInvalid)
	case i.Cost <= 0 || i.Price < 0:
		return fmt.Errorf("%w: cost_cents must be positive and price_cents not negative", ErrInvalid)
	}
	return nil
}

// Stock is how many of an item are on hand.
type Stock struct {
	SKU    string `json:"sku"`
	OnHand int    `json:"on_hand"`
}

// MaxQuantity bounds one order and one delivery.
const MaxQuantity = 10_000

// Order asks for a sale. Its ID is chosen by whoever orders, so that an order
// which is sent twice is one sale.
type Order struct {
	ID       string
	SKU      string
	Quantity int
}

// Validate returns what is wrong with o, wrapping ErrInvalid.
func (o Order) Validate() error {
	switch {
	case o.ID == "" || len(o.ID) > 64 || strings.ContainsAny(o.ID, "/ ?#%"):
		return fmt.Errorf("%w: the sale's id must have 1 to 64 characters, none of them a blank or one of /?#%%", ErrInvalid)
	case o.SKU == "":
		return fmt.Errorf("%w: sku is missing", ErrInvalid)
	case o.Quantity < 1 || o.Quantity > MaxQuantity:
		return fmt.Errorf("%w: quantity must be 1 to %d", ErrInvalid, MaxQuantity)
	}
	return nil
}

// Sale is an order that was carried out.
type Sale struct {
	ID       string    `json:"id"`
	SKU      string    `json:"sku"`
	Quantity int       `json:"quantity"`
	Total    Cents     `json:"total_cents"`
	At       time.Time `json:"at"`
}

// Receipt returns the text that is archived for the sale. It depends on
// nothing but the sale, so that storing it twice is storing it once.
func (s Sale) Receipt() string {
	return fmt.Sprintf("RECEIPT %s\n%s\n\n%6d x %s\n total %s\n", s.ID, s.At.UTC().Format(time.RFC3339), s.Quantity, s.SKU, s.Total)
}

// Suggestion is a price for an item and where it comes from.
type Suggestion struct {
	SKU    string `json:"sku"`
	Price  Cents  `json:"price_cents"`
	Reason string `json:"reason"`
}

// Markup is what the shop adds to an item's cost when nobody cleverer sets the
// price, in percent.
const Markup = 30

// BasicPrice returns cost plus Markup, rounded up to a whole cent.
func BasicPrice(cost Cents) Cents { return (cost*(100+Markup) + 99) / 100 }
