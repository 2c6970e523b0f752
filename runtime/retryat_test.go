package resil_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// Who waits until the moment that a refusal named is let in, whichever of the
// two timers of that moment fires first.
func TestRetryAtIsWhenTheBreakerLetsIn(t *testing.T) {
	for seed := range uint64(32) {
		synctest.Test(t, func(t *testing.T) {
			sys := newSystem(t, resil.Config{Seed: seed + 1})
			d := sys.Dependency("pricing", resil.Breaker{Failures: 1, Open: 30 * time.Second})
			call := func(answer error) error {
				_, err := resil.Do(t.Context(), d, func(context.Context) (int, error) { return 0, answer })
				return err
			}
			_ = call(errors.New("away"))
			refused, ok := resil.Explain(call(nil))
			if !ok || refused.Policy != "breaker" {
				t.Fatalf("explained as %+v", refused)
			}
			time.Sleep(time.Until(refused.RetryAt) - time.Nanosecond)
			if err := call(nil); !errors.Is(err, resil.ErrOpen) {
				t.Errorf("a nanosecond before RetryAt: %v, want ErrOpen", err)
			}
			time.Sleep(time.Nanosecond)
			if err := call(nil); err != nil {
				t.Errorf("at RetryAt: %v", err)
			}
		})
	}
}
