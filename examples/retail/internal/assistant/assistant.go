// Package assistant asks a language model for prices and descriptions: the
// dependency "openai".
package assistant

import (
	"context"
	"fmt"

	"github.com/resilgo/resil/examples/retail/internal/retail"
)

// Assistant is what the shop wants from a language model. Nothing in the shop
// depends on an answer: while the model is away, a basic price and the plain
// description will do.
//
//resil:guard openai criticality=high
//resil:breaker failures=5 open=60s
//resil:timeout 2s total=4500ms
//resil:retry attempts=2 backoff=100ms..400ms
//resil:bulkhead max=64
//resil:errors failure=errRefused
type Assistant interface {
	// SuggestPrice returns a selling price for item.
	//
	//resil:read
	//resil:fallback call=basicPrice
	SuggestPrice(ctx context.Context, item retail.Item) (retail.Suggestion, error)

	// Enhance returns a better description of item.
	//
	//resil:read
	//resil:fallback call=plainDescription
	Enhance(ctx context.Context, item retail.Item) (string, error)

	// Ping asks for the list of models, which costs nothing.
	//
	//resil:health
	Ping(ctx context.Context) error
}

// basicPrice stands in for SuggestPrice: cost plus a fixed markup.
func basicPrice(_ context.Context, item retail.Item) (retail.Suggestion, error) {
	return retail.Suggestion{
		SKU:    item.SKU,
		Price:  retail.BasicPrice(item.Cost),
		Reason: fmt.Sprintf("cost plus %d %%", retail.Markup),
	}, nil
}

// plainDescription stands in for Enhance: what the shop wrote itself.
func plainDescription(_ context.Context, item retail.Item) (string, error) {
	if item.Description == "" {
		return item.Name, nil
	}
	return item.Description, nil
}
