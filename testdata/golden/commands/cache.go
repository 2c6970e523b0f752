// Package commands guards a client whose results carry their errors.
package commands

import (
	"context"

	"github.com/resilgo/resil/testdata/golden/commands/kv"
)

// Cache is a cache.
//
//resil:guard redis
//resil:breaker failures=2
//resil:timeout 1s
//resil:errors ignore=kv.Nil
//resil:health Ping
type Cache interface {
	//resil:read
	//resil:fallback call=noValue
	Get(ctx context.Context, key string) *kv.StringCmd
	//resil:read
	Len(ctx context.Context, keys ...string) *kv.Cmd[int]
	//resil:write
	Swap(ctx context.Context, key string) (cmd *kv.StringCmd, swapped bool)
	//resil:read
	//resil:fallback zero
	Peek(ctx context.Context, key string) (*kv.StringCmd, int)
	Ping(ctx context.Context) *kv.StringCmd
}

func noValue(_ context.Context, key string, cause error) *kv.StringCmd {
	if key == "" {
		return kv.NewString("", cause)
	}
	return kv.NewString("none", nil)
}
