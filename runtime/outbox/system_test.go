package outbox

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// TestUnderASystem runs the store under a real system: what fails is put aside,
// and delivered in order once the dependency is back.
func TestUnderASystem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := mustOpen(t, folder(t), Config{})
		sys, err := resil.New(resil.Config{Logger: quiet}, resil.WithOutbox(box))
		if err != nil {
			t.Fatal(err)
		}
		guard := sys.Guard(resil.GuardSpec{Dependency: "db", Interface: "shop.Orders", Position: "orders.go:1", Criticality: resil.Critical, Breaker: &resil.Breaker{Failures: 3}})
		save := guard.Method(resil.MethodSpec{
			Name: "Save", Kind: resil.Write, Fallbacks: []resil.Fallback{{Strategy: resil.StrategyOutbox}},
			Levels: resil.DefaultActions(resil.Write, false, []resil.Fallback{{Strategy: resil.StrategyOutbox}}),
		})
		var mu sync.Mutex // deliveries run beside the calls
		down := true
		var saved []string
		keys := map[string][]string{} // of every attempt, by order
		client := func(ctx context.Context, order string) error {
			key, _ := Key(ctx)
			mu.Lock()
			defer mu.Unlock()
			keys[order] = append(keys[order], key)
			if down {
				return errors.New("connection refused")
			}
			saved = append(saved, order)
			return nil
		}
		save.Replay(func(ctx context.Context, payload []byte) error { return client(ctx, string(payload)) })
		call := func(order string) error {
			_, err := resil.CallWith(context.Background(), save, func(ctx context.Context) (struct{}, error) {
				return struct{}{}, client(ctx, order)
			}, resil.With[struct{}]{Outbox: func() ([]byte, error) { return []byte(order), nil }})
			return err
		}
		if err := sys.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer sys.Close(context.Background()) //nolint:errcheck // a test's system

		orders := []string{"a", "b", "c", "d", "e", "f"}
		for _, o := range orders {
			if err := call(o); err != nil {
				t.Errorf("order %s: %v, want it put aside", o, err)
			}
			time.Sleep(time.Second)
		}
		if l := sys.Level(); l != resil.Minimal {
			t.Errorf("level %s with the database down", l)
		}
		if depth := sys.Metrics().Dependencies[0].OutboxDepth; depth != len(orders) {
			t.Errorf("depth %d, want %d", depth, len(orders))
		}
		time.Sleep(10 * time.Minute)
		if st := box.Stats(); st.Dead != 0 {
			t.Errorf("%d writes were given up in an outage", st.Dead)
		}
		mu.Lock()
		down = false
		mu.Unlock()
		time.Sleep(2 * time.Minute)
		mu.Lock()
		before := slices.Clone(saved)
		mu.Unlock()
		if !slices.Equal(before, orders) {
			t.Errorf("saved %q, want %q", before, orders)
		}
		if l := sys.Level(); l != resil.Optimal {
			t.Errorf("level %s two minutes after the database came back", l)
		}
		err = call("g")
		mu.Lock()
		defer mu.Unlock()
		if err != nil || saved[len(saved)-1] != "g" {
			t.Errorf("order g: %v, saved %q", err, saved)
		}
		for order, of := range keys {
			if of[0] == "" || len(slices.Compact(of)) != 1 {
				t.Errorf("order %s was tried with keys %q", order, of)
			}
		}
	})
}
