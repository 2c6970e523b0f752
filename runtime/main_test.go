package resil_test

import (
	"context"
	"log/slog"
	"runtime"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

var quiet = slog.New(slog.DiscardHandler)

func goexit() { runtime.Goexit() }

func force(open bool) func(*resil.System) {
	return func(s *resil.System) { _ = s.Dependency("db").Force(open, time.Hour, "test") }
}

func level(l resil.Level) func(*resil.System) {
	return func(s *resil.System) { _ = s.Force(l, time.Hour, "test") }
}

// numbers is a client that does nothing, and decorated its guard as resilgen
// writes it.
type numbers struct{}

func (numbers) Add(_ context.Context, a, b int) (int, error) { return a + b, nil }

type decorated struct {
	m    *resil.Method
	next interface {
		Add(context.Context, int, int) (int, error)
	}
}

func (g *decorated) Add(ctx context.Context, a, b int) (int, error) {
	return resil.CallWith(ctx, g.m, func(ctx context.Context) (int, error) {
		return g.next.Add(ctx, a, b)
	}, resil.With[int]{
		Fallback: func(context.Context, int, error) (int, error) { return a - b, nil },
	})
}
