// Package unexported guards what only the package itself uses.
package unexported

import "context"

// store keeps text.
//
//resil:guard db
//resil:timeout 1s
type store interface {
	//resil:read
	//resil:fallback call=.lookup
	get(ctx context.Context, key string) (string, error)
}
