package soak_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// kind is how a dependency does.
type kind uint8

const (
	fine     kind = iota
	refusing      // fails at once
	hanging       // answers only when the caller leaves
	slow          // answers after 0 to 6 s: later than most wait
	sluggish      // answers after 0 to 400 ms
	flaky         // every third call fails
	deaf          // does what it is asked and fails to say so
	garbled       // its answers make no sense
)

var kindNames = [...]string{"fine", "refusing", "hanging", "slow", "sluggish", "flaky", "deaf", "garbled"}

func (k kind) String() string { return kindNames[k] }

// spell is a stretch of bad weather.
type spell struct {
	dependency string
	kind       kind
	from, to   time.Duration // since the start
}

func (s spell) String() string {
	return fmt.Sprintf("%s %s from %s to %s", s.dependency, s.kind, s.from, s.to)
}

// dependencies are what there is weather for.
var dependencies = []string{"db", "openai", "redis", "s3"}

// forecast makes the weather: a function of the seed and nothing else. Spells
// of one dependency do not overlap; now and then a front takes several down at
// once. Each calm in between lasts up to five minutes.
func forecast(seed uint64, length time.Duration) []spell {
	r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // weather, not a secret
	between := func(least, most time.Duration) time.Duration {
		return least + time.Duration(r.Int64N(int64(most-least)))
	}
	var all []spell
	for at := between(10*time.Second, time.Minute); at < length; {
		front := dependencies[r.IntN(len(dependencies)):][:1]
		if r.IntN(3) == 0 {
			front = slices.DeleteFunc(slices.Clone(dependencies), func(string) bool { return r.IntN(2) == 0 })
		}
		longest := at
		for _, d := range front {
			s := spell{dependency: d, kind: kind(1 + r.IntN(len(kindNames)-1)), from: at + between(0, 5*time.Second)}
			s.to = s.from + between(time.Second, 90*time.Second)
			if r.IntN(10) == 0 {
				s.to += between(time.Minute, 10*time.Minute)
			}
			longest = max(longest, s.to)
			all = append(all, s)
		}
		at = longest + between(time.Second, 5*time.Minute)
	}
	return all
}

// weather is a forecast that comes true from a moment on.
type weather struct {
	seed  uint64
	start time.Time
	over  atomic.Bool        // all is fine from now on
	all   map[string][]spell // by dependency, sorted
}

func newWeather(seed uint64, spells []spell) *weather {
	w := &weather{seed: seed, start: time.Now(), all: map[string][]spell{}}
	for _, s := range spells {
		w.all[s.dependency] = append(w.all[s.dependency], s)
	}
	return w
}

// at returns how a dependency does now.
func (w *weather) at(dependency string) kind {
	if w.over.Load() {
		return fine
	}
	now := time.Since(w.start)
	for _, s := range w.all[dependency] {
		if s.from <= now && now < s.to {
			return s.kind
		}
	}
	return fine
}

// bad returns which dependencies were not fine at some moment from a to b.
func (w *weather) bad(a, b time.Time) (names []string) {
	from, to := a.Sub(w.start), b.Sub(w.start)
	for _, d := range dependencies {
		if slices.ContainsFunc(w.all[d], func(s spell) bool { return s.from < to && from < s.to }) {
			names = append(names, d)
		}
	}
	return names
}

var (
	errRefused = errors.New("connection refused")
	errReset   = errors.New("connection reset")
	errGarbled = errors.New("the answer makes no sense")
)

// usual is how long a dependency takes when it is fine, at most.
var usual = map[string]time.Duration{
	"db": 8 * time.Millisecond, "redis": 2 * time.Millisecond, "s3": 30 * time.Millisecond, "openai": 80 * time.Millisecond,
}

// call does something with a dependency as the weather allows. What luck a call
// has depends on the seed, the call and the moment, so that calls in another
// order have the same.
func (w *weather) call(ctx context.Context, dependency, what string, do func() error) error {
	k := w.at(dependency)
	luck := w.luck(dependency, what)
	wait := time.Duration(luck%uint64(usual[dependency])) + time.Microsecond
	switch k {
	case hanging:
		<-ctx.Done()
		return context.Cause(ctx)
	case slow:
		wait = time.Duration(luck % uint64(6*time.Second))
	case sluggish:
		wait = time.Duration(luck % uint64(400*time.Millisecond))
	default: // takes its usual time
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
	}
	switch {
	case k == refusing:
		return errRefused
	case k == flaky && luck>>32%3 == 0:
		return errReset
	}
	err := do()
	switch k {
	case deaf:
		return errReset
	case garbled:
		return errGarbled
	default:
		return err
	}
}

func (w *weather) luck(dependency, what string) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, w.seed, strings.Join([]string{dependency, what}, "\x00"), time.Since(w.start))
	x := h.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
