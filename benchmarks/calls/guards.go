package calls

import "context"

//go:generate go tool resilgen

// The interfaces below are all Getter; what guards them differs.

// Breaker has a breaker and the level, nothing else.
//
//resil:guard bench-breaker
//resil:breaker failures=5 open=30s
type Breaker interface {
	//resil:read
	Get(ctx context.Context, key int) (int, error)
}

// Ratio has a breaker over a window of calls.
//
//resil:guard bench-ratio
//resil:breaker ratio=0.5 min=20 window=10s
type Ratio interface {
	//resil:read
	Get(ctx context.Context, key int) (int, error)
}

// Full has all policies that need no timer.
//
//resil:guard bench-full
//resil:breaker failures=5 ratio=0.5 min=20 window=10s
//resil:bulkhead max=64
type Full interface {
	//resil:read
	//resil:retry attempts=3
	//resil:fallback call=standIn
	Get(ctx context.Context, key int) (int, error)
}

// Slow judges slow calls too, and so reads the clock twice.
//
//resil:guard bench-slow
//resil:breaker failures=5 ratio=0.5 min=20 window=10s slow=2s slowratio=0.5
//resil:bulkhead max=64
type Slow interface {
	//resil:read
	//resil:retry attempts=3
	//resil:fallback call=standIn
	Get(ctx context.Context, key int) (int, error)
}

// Timed has all policies and a timeout.
//
//resil:guard bench-timed
//resil:breaker failures=5 ratio=0.5 min=20 window=10s
//resil:bulkhead max=64
//resil:timeout 2s
type Timed interface {
	//resil:read
	//resil:retry attempts=3
	//resil:fallback call=standIn
	Get(ctx context.Context, key int) (int, error)
}

// Hedged starts a second attempt where the first is late, which it never is.
//
//resil:guard bench-hedged
//resil:breaker failures=5 open=30s
type Hedged interface {
	//resil:read
	//resil:hedge after=1s
	Get(ctx context.Context, key int) (int, error)
}

// Down is a dependency whose breaker is open.
//
//resil:guard bench-down
//resil:breaker failures=1 open=1h
type Down interface {
	//resil:read
	//resil:fallback call=standIn
	Get(ctx context.Context, key int) (int, error)
}

// Shed is a write, which the level Minimal blocks.
//
//resil:guard bench-shed
//resil:breaker failures=5 open=30s
type Shed interface {
	//resil:write
	Get(ctx context.Context, key int) (int, error)
}
