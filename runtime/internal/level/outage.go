package level

import (
	"slices"
	"time"
)

// Outage returns since when dependency id is down, and whether it is.
func (e *Engine) Outage(id int) (since time.Time, down bool) {
	return e.deps[id].since, e.deps[id].down
}

// Outages returns how long the last ended outages of dependency id lasted,
// oldest first.
func (e *Engine) Outages(id int) []time.Duration { return e.deps[id].outages.all() }

// Recovery estimates how long the current level will last: 0 at Optimal, the
// rest of a force or of the wait for a better level to hold, else what the past
// outages of the dependencies behind the level suggest, and the wait after it.
// It reports false when one of them has no past outage to learn from.
func (e *Engine) Recovery(now time.Time) (time.Duration, bool) {
	switch {
	case e.forced.level != 0:
		return max(0, e.forced.until.Sub(now)), true
	case e.natural == Optimal:
		return 0, true
	case e.target < e.natural:
		return max(0, e.recoveryDue().Sub(now)), true
	}
	var longest time.Duration
	for i := range e.deps {
		d := &e.deps[i]
		if !d.down || !slices.Contains(e.reason.Dependencies, d.Name) {
			continue
		}
		left, ok := d.remaining(now)
		if !ok {
			return 0, false
		}
		longest = max(longest, left)
	}
	return longest + e.dwell, true
}

// Remaining estimates the rest of the current outage of dependency id. It
// reports false when the dependency is up or has no past outage to learn from.
func (e *Engine) Remaining(now time.Time, id int) (time.Duration, bool) {
	d := &e.deps[id]
	if !d.down {
		return 0, false
	}
	return d.remaining(now)
}

// remaining estimates the rest of the current outage: the median of the past
// outages that lasted longer than this one has so far. An outage that beats
// them all is expected to last as long again.
func (d *dependency) remaining(now time.Time) (time.Duration, bool) {
	if len(d.outages.values) == 0 {
		return 0, false
	}
	elapsed := now.Sub(d.since)
	longer := slices.DeleteFunc(d.outages.all(), func(o time.Duration) bool { return o <= elapsed })
	if len(longer) == 0 {
		return elapsed, true
	}
	slices.Sort(longer)
	return longer[len(longer)/2] - elapsed, true
}
