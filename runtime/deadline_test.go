package resil

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/resilgo/resil/runtime/internal/mono"
)

// TestAttemptContextsKeepTheContract ends an attempt's context in each way and
// asks it in each order: what it says once, it says for ever.
func TestAttemptContextsKeepTheContract(t *testing.T) {
	const limit = time.Minute
	ends := map[string]struct {
		end  func(own *deadlineCtx, leave context.CancelFunc)
		want error
	}{
		"by the attempt's return": {func(own *deadlineCtx, _ context.CancelFunc) { own.end() }, context.Canceled},
		"by its caller":           {func(_ *deadlineCtx, leave context.CancelFunc) { leave() }, context.Canceled},
		"by its deadline":         {func(*deadlineCtx, context.CancelFunc) { time.Sleep(limit) }, context.DeadlineExceeded},
	}
	asks := map[string]func(context.Context){
		"nothing":  func(context.Context) {},
		"Done":     func(ctx context.Context) { ctx.Done() },
		"Deadline": func(ctx context.Context) { ctx.Deadline() },
		"Err":      func(ctx context.Context) { _ = ctx.Err() },
		"Cause":    func(ctx context.Context) { _ = context.Cause(ctx) },
	}
	for how, e := range ends {
		for before, ask := range asks {
			for after, again := range asks {
				t.Run(how+", after "+before+", then "+after, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						parent, leave := context.WithCancel(t.Context())
						defer leave()
						own := newDeadline(parent, mono.Now()+limit)
						at := time.Now().Add(limit)
						ask(own)
						if err := own.Err(); err != nil {
							t.Fatalf("%v before its end", err)
						}
						e.end(own, leave)
						synctest.Wait()
						again(own)
						first := own.Err()
						own.end()
						time.Sleep(2 * limit)
						_ = context.Cause(own)
						if last := own.Err(); !errors.Is(first, e.want) || !errors.Is(last, e.want) {
							t.Errorf("Err is %v and then %v, want %v", first, last, e.want)
						}
						select {
						case <-own.Done():
						default:
							t.Error("Done is open after the end")
						}
						if got, ok := own.Deadline(); !ok || !got.Equal(at) {
							t.Errorf("deadline %v, want %v", got, at)
						}
					})
				})
			}
		}
	}
}
