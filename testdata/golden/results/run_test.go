package results

import (
	"context"
	"errors"
	"slices"
	"testing"
	"unsafe"

	resil "github.com/resilgo/resil/runtime"
)

type client struct {
	Results
	err error
}

var errWarning = errors.New("warning")

func (c client) ErrorFirst(context.Context) (error, string)              { return c.err, "s" }
func (c client) ErrorBetween(context.Context) (string, error, int)       { return "s", c.err, 7 }
func (c client) Several(context.Context) (string, bool, error)           { return "v", true, c.err }
func (c client) TwoErrors(context.Context) (error, error)                { return errWarning, c.err }
func (c client) NoContext(key string) (string, error)                    { return key, c.err }
func (c client) ContextLast(k string, _ context.Context) (string, error) { return k, c.err }
func (c client) Found(key string) (string, bool)                         { return key, true }

func (c client) Two(ctx, parent context.Context) error {
	if ctx.Value(name("p")) != nil || parent.Value(name("p")) == nil {
		return errors.New("contexts changed places")
	}
	return c.err
}

func (c client) Variadic(_ context.Context, parts ...[]string) (int, error) {
	return len(slices.Concat(parts...)), c.err
}

func (c client) Pointer(_ context.Context, p unsafe.Pointer) (complex128, error) {
	return complex(1, float64(*(*int)(p))), c.err
}

type name string

func TestResultsKeepTheirPlaces(t *testing.T) {
	sys, err := resil.New(resil.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	for _, fail := range []error{nil, errors.New("down")} {
		g := NewGuardedResults(sys, client{err: fail})
		if err, s := g.ErrorFirst(ctx); s != "s" || !errors.Is(err, fail) {
			t.Errorf("ErrorFirst = %v, %q", err, s)
		}
		if s, err, n := g.ErrorBetween(ctx); s != "s" || !errors.Is(err, fail) || n != 7 {
			t.Errorf("ErrorBetween = %q, %v, %d", s, err, n)
		}
		if v, ok, err := g.Several(ctx); v != "v" || !ok || !errors.Is(err, fail) {
			t.Errorf("Several = %q, %v, %v", v, ok, err)
		}
		if warning, err := g.TwoErrors(ctx); warning != errWarning || !errors.Is(err, fail) {
			t.Errorf("TwoErrors = %v, %v", warning, err)
		}
		if s, err := g.NoContext("k"); s != "k" || !errors.Is(err, fail) {
			t.Errorf("NoContext = %q, %v", s, err)
		}
	}
	g := NewGuardedResults(must(resil.New(resil.Config{})), client{})
	if s, err := g.ContextLast("k", ctx); s != "k" || err != nil {
		t.Errorf("ContextLast = %q, %v", s, err)
	}
	if s, ok := g.Found("k"); s != "k" || !ok {
		t.Errorf("Found = %q, %v", s, ok)
	}
	if err := g.Two(ctx, context.WithValue(ctx, name("p"), 1)); err != nil {
		t.Error(err)
	}
	if n, err := g.Variadic(ctx, []string{"a"}, []string{"b", "c"}); n != 3 || err != nil {
		t.Errorf("Variadic = %d, %v", n, err)
	}
	seven := 7
	if x, err := g.Pointer(ctx, unsafe.Pointer(&seven)); imag(x) != 7 || err != nil {
		t.Errorf("Pointer = %v, %v", x, err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
