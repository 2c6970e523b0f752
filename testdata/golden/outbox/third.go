package outbox

import "context"

//resil:guard items
type Things interface {
	//resil:write
	//resil:fallback outbox
	SaveAll(ctx context.Context, sku string) error
}
