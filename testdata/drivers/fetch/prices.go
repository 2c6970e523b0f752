package fetch

import "context"

// Quotes has no generated file.
//
//resil:guard quotes
//resil:timeout 2s
type Quotes interface {
	//resil:read
	Quote(ctx context.Context, sku string) (int, error)
}
