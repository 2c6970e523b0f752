package outbox

import "context"

//resil:guard items
type Item_Save interface { //nolint:revive // the underscore is the point
	//resil:write
	//resil:fallback outbox
	All(context.Context, Item, Item) error
	Close() error
}

//resil:guard items
type ItemSave interface {
	//resil:write
	//resil:fallback outbox
	All(id, ID string) error
}
