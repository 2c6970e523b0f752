package resiltest_test

import (
	"context"
	"testing"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/resiltest"
	"github.com/resilgo/resil/runtime/resiltest/internal/generated"
)

// getter is the interface that all subjects guard.
type getter interface {
	Get(ctx context.Context, key string) (string, error)
}

// client makes a getter of one function.
type client resiltest.Func

func (c client) Get(ctx context.Context, _ string) (string, error) { return c(ctx) }

func TestGeneratedDecoratorsConform(t *testing.T) {
	for name, guard := range map[string]func(*resil.System, getter) getter{
		"plain":      func(sys *resil.System, next getter) getter { return generated.NewGuardedPlain(sys, next) },
		"everything": func(sys *resil.System, next getter) getter { return generated.NewGuardedEverything(sys, next) },
		"hedged":     func(sys *resil.System, next getter) getter { return generated.NewGuardedHedged(sys, next) },
	} {
		t.Run(name, func(t *testing.T) {
			resiltest.Conform(t, resiltest.Subject{New: func(sys *resil.System, next resiltest.Func) resiltest.Func {
				g := guard(sys, client(next))
				return func(ctx context.Context) (string, error) { return g.Get(ctx, "key") }
			}})
		})
	}
}
