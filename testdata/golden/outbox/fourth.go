package outbox

import "context"

//resil:guard items
type ThingsSave interface {
	//resil:write
	//resil:fallback outbox
	All(ctx context.Context, sku string) error
}
