package mono_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/resilgo/resil/runtime/internal/mono"
)

// Steps of the wall clock change neither moments nor deadlines: what has a
// monotonic reading is judged by it alone.
func TestMomentsIgnoreTheWallClock(t *testing.T) {
	before := mono.Now()
	now := time.Now()
	if got := mono.Of(now); got < before || got > mono.Now() {
		t.Errorf("now is %v, want a moment between %v and %v", got, before, mono.Now())
	}
	later := mono.Of(now.Add(time.Hour))
	if got := later - mono.Of(now); got != time.Hour {
		t.Errorf("an hour later is %v later", got)
	}
	if at := mono.At(before); mono.Of(at) != before {
		t.Errorf("%v, there and back, is %v", before, mono.Of(at))
	}
	// A time of the calendar has no monotonic reading, so it is as far away as
	// the wall clock says now, however that clock has stepped.
	wall := now.AddDate(1, 0, 0)
	left := mono.Of(wall) - mono.Now()
	if off := left - time.Until(wall); off < -time.Minute || off > time.Minute {
		t.Errorf("a time of the calendar is %v away, want %v", left, time.Until(wall))
	}
}

func TestMomentsFollowAFakeClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := mono.Now()
		if before <= 0 {
			t.Fatalf("now is %v, want a moment after 0", before)
		}
		deadline := time.Now().Add(time.Hour)
		time.Sleep(24 * time.Hour)
		if got := mono.Now() - before; got != 24*time.Hour {
			t.Errorf("a day is %v", got)
		}
		if got := mono.Of(deadline) - before; got != time.Hour {
			t.Errorf("a deadline in an hour is %v away", got)
		}
		if got := mono.Wall(before, mono.Now()); !got.Equal(deadline.Add(-time.Hour)) {
			t.Errorf("the wall clock showed %v, want %v", got, deadline.Add(-time.Hour))
		}
	})
}
