package resil_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// TestMain fails when a goroutine of the runtime outlives all tests.
func TestMain(m *testing.M) {
	code := m.Run()
	for range 100 {
		if leaked() == "" {
			os.Exit(code)
		}
		time.Sleep(50 * time.Millisecond) // real time: the last may be on their way out
	}
	fmt.Fprintln(os.Stderr, "goroutines are left over:\n"+leaked())
	os.Exit(1)
}

// leaked returns the stacks of goroutines that run our code, but this one.
func leaked() string {
	buf := make([]byte, 1<<20)
	stacks := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
	ours := slices.DeleteFunc(stacks[1:], func(s string) bool { return !strings.Contains(s, "resilgo/resil/runtime") })
	return strings.Join(ours, "\n\n")
}

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
