// Package generated holds decorators as resilgen writes them, for the
// conformance suite.
package generated

import "context"

//go:generate go tool resilgen

// Plain is guarded by a breaker alone.
//
//resil:guard plain criticality=critical
//resil:breaker failures=3 open=10s probes=1/1
type Plain interface {
	//resil:read
	Get(ctx context.Context, key string) (string, error)
}

// Everything is guarded by everything.
//
//resil:guard everything criticality=high
//resil:breaker failures=5 ratio=0.5 min=20 slow=10s open=10s
//resil:timeout 2s total=20s
//resil:retry attempts=3 backoff=10ms..50ms
//resil:bulkhead max=10 wait=1s
//resil:rate 100000/s
type Everything interface {
	//resil:read
	//resil:fallback stale=1m shared
	//resil:fallback call=basic
	Get(ctx context.Context, key string) (string, error)
}

// Hedged is guarded by a hedge.
//
//resil:guard hedged
//resil:timeout 2s
//resil:hedge after=100ms max=2
type Hedged interface {
	//resil:read
	Get(ctx context.Context, key string) (string, error)
}

func basic(context.Context, string) (string, error) { return "basic", nil }
