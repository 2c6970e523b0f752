package resil_test

import (
	"context"
	"errors"
	"testing"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/resiltest"
)

// A client that learns by Err alone that its attempt is over, and never waits
// for Done, gets a cause all the same.
func TestAnEndedAttemptTellsItsCause(t *testing.T) {
	bubble(t, func(t *testing.T, sys *resil.System, _ *resiltest.Fake) {
		m := guarded(sys, resil.GuardSpec{}, resil.MethodSpec{Timeout: resil.Timeout{Attempt: time.Second}})
		_, err := resil.Call(t.Context(), m, func(ctx context.Context) (string, error) {
			if cause := context.Cause(ctx); cause != nil {
				t.Errorf("cause of a running attempt = %v", cause)
			}
			time.Sleep(time.Second)
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				t.Errorf("Err = %v", ctx.Err())
			}
			return "", context.Cause(ctx)
		})
		if ex := explain(t, err); !errors.Is(err, resil.ErrTimeout) || !errors.Is(ex.Cause, resil.ErrTimeout) {
			t.Errorf("err = %v, cause %v", err, ex.Cause)
		}
		gone := errors.New("gone home")
		ctx, cancel := context.WithCancelCause(t.Context())
		_, err = resil.Call(ctx, m, func(ctx context.Context) (string, error) {
			cancel(gone)
			_ = ctx.Err()
			return "", context.Cause(ctx)
		})
		if !errors.Is(err, gone) {
			t.Errorf("err = %v, want the caller's cause", err)
		}
	})
}
