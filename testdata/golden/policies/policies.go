// Package policies states every policy.
package policies

import (
	"context"
	"errors"
	"maps"
)

// Errors of the dependency.
var (
	ErrMissing = errors.New("missing")
	ErrBroken  = errors.New("broken")
)

// Busy is a failure by value.
type Busy struct{ Code int }

func (Busy) Error() string { return "busy" }

// Order is an order.
type Order struct {
	ID   string
	Tags map[string]string
}

// Clone copies an order.
func (o *Order) Clone() *Order { return &Order{o.ID, maps.Clone(o.Tags)} }

// Orders is a service with everything.
//
//resil:guard orders criticality=critical down=emergency
//resil:breaker failures=3 ratio=0.5 min=10 window=30s slow=2s slowratio=0.25 open=1m probes=1/2
//resil:bulkhead max=20 wait=50ms
//resil:rate 100/m burst=10
//resil:timeout 1s total=10s
//resil:retry attempts=3 backoff=10ms..1s budget=0.1
//resil:errors ignore=ErrMissing failure=ErrBroken,Busy
//resil:degrade limited=once minimal=stale
type Orders interface {
	//resil:read
	//resil:hedge after=100ms max=2
	//resil:bulkhead max=5
	//resil:rate 10/s
	//resil:fallback stale=10m max=50 shared
	//resil:fallback call=.Cached limit=7
	//resil:fallback call=Empty
	Get(ctx context.Context, tenant, id string) (*Order, error)

	//resil:read
	//resil:fallback stale=1h key=listKey
	//resil:fallback zero
	List(ctx context.Context, filter map[string]string) ([]string, error)

	//resil:write
	//resil:idempotent
	//resil:fallback outbox
	//resil:degrade minimal=fallback
	Save(ctx context.Context, order Order, labels ...string) error

	//resil:read
	//resil:fallback stale=90s shared
	Totals(ctx context.Context) (map[string]int, *int, error)

	//resil:essential
	//resil:errors ignore=ErrMissing,context.Canceled
	Status(ctx context.Context) error

	//resil:health
	Ping(ctx context.Context) error
}

// Empty is the last resort.
func Empty(_ context.Context, tenant, id string, cause error) (*Order, error) {
	if tenant == "" {
		return nil, cause
	}
	return &Order{ID: id}, nil
}

func listKey(_ context.Context, filter map[string]string) string { return filter["q"] }
