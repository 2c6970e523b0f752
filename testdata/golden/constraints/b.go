//go:build !windows && (linux || never)

// Package constraints has other files on other systems.
package constraints

import "context"

//resil:guard store
//resil:timeout 1s
type Store interface {
	Mount(ctx context.Context, path string) error
}
