// Package outbox holds deferred writes whose names differ only in where the
// interface ends and the method begins, in two files of one package.
package outbox

import "context"

// Item is kept with a deferred call.
type Item struct{ SKU string }

// arguments is a type that a deferred call decodes.
type arguments map[string]int

//resil:guard items
//resil:timeout 1s
type Item_ interface { //nolint:revive // the underscore is the point
	//resil:write
	//resil:fallback outbox
	Save_All(ctx context.Context, payload arguments, args []Item, string string, err ...error2) error //nolint:revive // the same
}

// error2 looks like an error and is none.
type error2 string
