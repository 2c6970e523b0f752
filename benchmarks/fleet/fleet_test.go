package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/resilgo/resil/benchmarks/fleet"
	resil "github.com/resilgo/resil/runtime"
)

var update = flag.Bool("update", false, "rewrite the table in docs/fleet.md")

// model is a fleet that uses 80 % of its dependency.
var model = fleet.Config{
	Replicas: 200, Rate: 2, Capacity: 500, Backlog: 10 * time.Second, Timeout: time.Second,
	Before: 20 * time.Second, Outage: time.Minute, WarmUp: 30 * time.Second, Cold: 0.2, After: 3 * time.Minute,
}

// retries calls up to three times, as most clients do by default.
func retries(wait time.Duration, call func() error) error {
	var err error
	for attempt := range 3 {
		if attempt > 0 {
			time.Sleep(wait)
		}
		if err = call(); err == nil || errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
			return err
		}
	}
	return err
}

// nothing is a service that only has its client's retries.
func nothing(int) fleet.Guard {
	return func(ctx context.Context, call func(context.Context) error) (bool, error) {
		return false, retries(100*time.Millisecond, func() error { return call(ctx) })
	}
}

// naive is a breaker written by hand, with retries around it.
func naive(int) fleet.Guard {
	cb := gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{Timeout: 30 * time.Second})
	return func(ctx context.Context, call func(context.Context) error) (bool, error) {
		return false, retries(100*time.Millisecond, func() error {
			_, err := cb.Execute(func() (struct{}, error) { return struct{}{}, call(ctx) })
			return err
		})
	}
}

// guarded is resil with its defaults, retries and a fallback.
func guarded(t *testing.T, policies ...resil.Policy) func(int) fleet.Guard {
	return func(int) fleet.Guard {
		sys, err := resil.New(resil.Config{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		d := sys.Dependency("shared", append(policies, resil.Read, resil.Retry{Attempts: 3})...)
		return func(ctx context.Context, call func(context.Context) error) (bool, error) {
			_, err := resil.Do(ctx, d, func(ctx context.Context) (struct{}, error) { return struct{}{}, call(ctx) })
			// The fallback of Do is its caller's business.
			return err != nil, nil
		}
	}
}

func TestTheFleetRecoversSoonerWithLessLoad(t *testing.T) {
	type row struct {
		name  string
		guard func(int) fleet.Guard
		fleet.Result
	}
	rows := []*row{
		{name: "retries only", guard: nothing},
		{name: "gobreaker by hand, retries around it", guard: naive},
		{name: "resil, defaults", guard: guarded(t)},
		{name: "resil, bulkhead of 2", guard: guarded(t, resil.Bulkhead{Max: 2})},
	}
	for _, r := range rows {
		synctest.Test(t, func(t *testing.T) {
			r.Result = fleet.Run(t.Context(), model, 1, r.guard)
		})
		t.Logf("%-40s %+v", r.name, r.Result)
	}
	bare, byHand, ours, bounded := rows[0], rows[1], rows[2], rows[3]
	if bare.Recovered >= 0 {
		t.Errorf("with retries alone the fleet is well after %s: the model is too easy", bare.Recovered)
	}
	if ours.Recovered < 0 || ours.Recovered > time.Minute {
		t.Errorf("with resil the fleet is well after %s; want within a minute", ours.Recovered)
	}
	if bounded.Recovered < 0 || bounded.Recovered > byHand.Recovered {
		t.Errorf("with a bulkhead the fleet is well after %s, with a breaker by hand after %s", bounded.Recovered, byHand.Recovered)
	}
	if ours.Peak > byHand.Peak || bounded.Peak > 1 {
		t.Errorf("peak load %.2f with resil, %.2f with a bulkhead; %.2f by hand", ours.Peak, bounded.Peak, byHand.Peak)
	}
	for _, r := range []*row{ours, bounded} {
		if answered := r.Full + r.Degraded; answered != r.Requests {
			t.Errorf("%s: %d of %d requests are answered", r.name, answered, r.Requests)
		}
	}

	var table bytes.Buffer
	fmt.Fprintf(&table, "| guard | answered in full | by a fallback | failed | peak load after the outage | wasted work | full service after |\n|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		back := "not within " + model.After.String()
		if r.Recovered >= 0 {
			back = r.Recovered.String()
		}
		share := func(n int) float64 { return 100 * float64(n) / float64(r.Requests) }
		fmt.Fprintf(&table, "| %s | %.1f %% | %.1f %% | %.1f %% | %.2f × capacity | %.0f %% | %s |\n",
			r.name, share(r.Full), share(r.Degraded), share(r.Requests-r.Full-r.Degraded), r.Peak, 100*r.Wasted, back)
	}
	if *update {
		write(t, table.Bytes())
	}
}

const begin, end = "<!-- table -->\n", "<!-- end of table -->\n"

// write puts the table between its marks in docs/fleet.md.
func write(t *testing.T, table []byte) {
	t.Helper()
	page := filepath.Join("..", "..", "docs", "fleet.md")
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := bytes.Cut(text, []byte(begin))
	_, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		t.Fatalf("%s has lost its marks", page)
	}
	text = bytes.Join([][]byte{before, []byte(begin), table, []byte(end), after}, nil)
	if err := os.WriteFile(page, text, 0o644); err != nil { //nolint:gosec // documentation is for everybody
		t.Fatal(err)
	}
}
