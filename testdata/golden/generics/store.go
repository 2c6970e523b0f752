// Package generics holds guarded generic interfaces.
package generics

import (
	"cmp"
	"context"
	"fmt"
)

// Number is a constraint.
type Number interface{ ~int | ~int64 | ~float64 }

// Store keeps values by key.
//
//resil:guard store
//resil:timeout 100ms
type Store[K cmp.Ordered, V any] interface {
	//resil:read
	//resil:fallback call=Absent
	Get(ctx context.Context, key K) (V, error)

	//resil:read
	Page(ctx context.Context, from K, n int) (values []V, next K, err error)

	//resil:write
	//resil:fallback call=.Defer
	Put(ctx context.Context, key K, value V) error
}

// Absent answers for Get.
func Absent[K cmp.Ordered, V any](_ context.Context, key K) (V, error) {
	var none V
	return none, fmt.Errorf("%v is absent", key)
}

// Sums adds up.
//
//resil:guard sums
//resil:timeout 100ms
type Sums[N Number, S ~[]N] interface {
	//resil:read
	Sum(ctx context.Context, numbers S, more ...N) (N, error)
}

// Names is an instance.
//
//resil:guard store
type Names = Store[string, []string]

// Pairs is a generic alias.
//
//resil:guard store
type Pairs[V any] = Store[string, V]

// Counts keeps answers, some of which do not say of what.
//
//resil:guard counts
//resil:timeout 100ms
type Counts[K, V any] interface {
	//resil:read
	//resil:fallback stale=1h shared
	Count(ctx context.Context, prefix string) (int, error)

	//resil:read
	//resil:fallback stale=1h shared
	All(ctx context.Context) (int, error)

	//resil:read
	//resil:fallback stale=1h key=keyOf
	Of(ctx context.Context, key K) (int, error)
}

func keyOf[K, V any](_ context.Context, key K) string { return fmt.Sprint(key) }
