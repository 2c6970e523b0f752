// Package results holds every arrangement of parameters and results.
package results

import (
	"context"
	"unsafe"
)

// Point is a pair.
type Point struct{ X, Y int }

// Results has them all.
//
//resil:guard results
type Results interface {
	None(ctx context.Context)
	OnlyError(ctx context.Context) error
	ErrorFirst(ctx context.Context) (error, string)
	ErrorBetween(ctx context.Context) (string, error, int)
	Several(ctx context.Context) (value string, found bool, err error)
	TwoErrors(ctx context.Context) (warning, err error)
	Found(key string) (string, bool)
	NoContext(key string) (string, error)
	ContextLast(key string, ctx context.Context) (string, error)
	Two(ctx context.Context, parent context.Context) error
	Variadic(ctx context.Context, parts ...[]string) (int, error)
	Anonymous(ctx context.Context, in struct {
		A int `json:"a"`
		Point
	}) (interface{ String() string }, error)
	Funcs(ctx context.Context, f func(n int, rest ...string) (ok bool, err error), c chan<- (<-chan int)) (func(), error)
	Arrays(ctx context.Context, a [4]byte, p **Point, m map[Point][]any) (*[2]Point, error)
	Pointer(ctx context.Context, p unsafe.Pointer) (complex128, error)
}
