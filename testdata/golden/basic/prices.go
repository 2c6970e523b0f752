// Package basic holds the shape that most users start with.
package basic

import (
	"context"
	"errors"
)

// ErrUnknown says that there is no such article.
var ErrUnknown = errors.New("unknown article")

// Refused is an answer that says why.
type Refused struct{ Reason string }

func (r *Refused) Error() string { return r.Reason }

// Money is an amount in minor units.
type Money int64

// Prices suggests prices.
//
//resil:guard openai criticality=high
//resil:breaker failures=5 open=60s
//resil:timeout 2s
//resil:errors ignore=ErrUnknown,Refused
type Prices interface {
	// Price returns what an article should cost.
	// It is in minor units:
	//
	//	Price(ctx, "tea") // 250
	//
	//resil:read
	//resil:fallback call=BasicPrice
	Price(ctx context.Context, sku string) (Money, error)

	// Suggest stores a suggestion.
	//
	// Deprecated: Use Price.
	//
	//resil:write
	Suggest(ctx context.Context, sku string, price Money) error

	//resil:plain it only formats
	Describe(sku string) (string, error)

	Close() error
}

// BasicPrice is what an article costs without the dependency.
func BasicPrice(_ context.Context, sku string, cause error) (Money, error) {
	if sku == "" {
		return 0, cause
	}
	return 130, nil
}
