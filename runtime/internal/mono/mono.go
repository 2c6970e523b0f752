// Package mono reads the monotonic clock alone: half the price of time.Now,
// and immune to steps of the wall clock. Inside a synctest bubble it is fake,
// as time.Now is.
package mono

import "time"

var base = time.Now()

// Time is a moment as the time since an arbitrary start. Differences are
// durations; the zero Time has no meaning.
type Time = time.Duration

// Now returns the current moment.
func Now() Time { return time.Since(base) }

// Wall returns the wall-clock time of t, given that now is the current moment.
func Wall(t, now Time) time.Time { return time.Now().Add(t - now) }
