// Package cache keeps answers of the database near: the dependency "redis".
package cache

import (
	"context"
	"time"
)

// Cache holds bytes under keys for a while. Without it the shop is slower and
// otherwise the same: a read that fails is a miss, a write that fails is
// forgotten. That is what "fallback zero" says.
//
// It stays in use in the worst hours, when the database is away and what it
// holds is all there is to show; hence essential.
//
//resil:guard redis criticality=medium
//resil:breaker failures=5 open=20s
//resil:timeout 250ms
//resil:essential Get,Set,Delete
type Cache interface {
	// Get returns the value under key; found is false when there is none.
	//
	//resil:read
	//resil:fallback zero
	Get(ctx context.Context, key string) (value []byte, found bool, err error)

	// Set stores value under key for ttl.
	//
	//resil:write
	//resil:idempotent
	//resil:fallback zero
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error

	// Delete forgets key.
	//
	//resil:write
	//resil:idempotent
	//resil:fallback zero
	Delete(ctx context.Context, key string) error

	// Ping checks the connection.
	//
	//resil:health
	Ping(ctx context.Context) error

	// Close releases the connections.
	Close() error
}
