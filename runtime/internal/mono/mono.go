// Package mono reads the monotonic clock alone: half the price of time.Now,
// and immune to steps of the wall clock. Inside a synctest bubble it is fake,
// as time.Now is.
package mono

import "time"

// base lies so far back that moments are positive also inside a synctest bubble,
// whose clock stands in the year 2000 whatever the real one says.
var base = time.Now().Add(-100 * 365 * 24 * time.Hour)

// Time is a moment as the time since an arbitrary start. Differences are
// durations; 0 is before every moment and may stand for none.
type Time = time.Duration

// Now returns the current moment.
func Now() Time { return time.Since(base) }

// Wall returns the wall-clock time of t, given that now is the current moment.
func Wall(t, now Time) time.Time { return time.Now().Add(t - now) }

// At returns t as a time.Time for arithmetic with other results of At. Its wall
// clock may be off by the steps the wall clock made since the process began.
func At(t Time) time.Time { return base.Add(t) }

// Of is the reverse of At. It reads no clock unless t has no monotonic reading.
func Of(t time.Time) Time {
	if t == t.Round(0) { //nolint:staticcheck // Equal does not tell whether there is one
		return Now() + time.Until(t)
	}
	return t.Sub(base)
}
