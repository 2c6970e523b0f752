//go:build linux

package scenario_test

import (
	"flag"
	"slices"
	"sync"
	"testing"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

var (
	full     = flag.Bool("full", false, "every scenario, also those that take minutes")
	recordTo = flag.String("record", "", "write a recording of each scenario into this `folder`")
	random   = flag.Int("random", 2, "how many random outages to play, by the seed")
	rate     = flag.Int("rate", 15, "requests per `second` and service")
	seed     = flag.Uint64("seed", 1, "of what customers ask for and of random outages")
	lasts    = flag.Duration("lasts", 1500*time.Millisecond, "how long a fault lasts once it was noticed")
	longest  = flag.Duration("longest", 8*time.Second, "how long a long outage lasts")
)

// outageOf is the contract's table: the level while some dependencies are away.
var outageOf = []struct {
	down  []string
	level resil.Level
}{
	{[]string{"redis"}, resil.Degraded},
	{[]string{"openai"}, resil.Limited},
	{[]string{"s3"}, resil.Optimal},
	{[]string{"db"}, resil.Minimal},
	{[]string{"openai", "redis"}, resil.Limited},
	{[]string{"redis", "s3"}, resil.Degraded},
	{[]string{"openai", "s3"}, resil.Limited},
	{[]string{"db", "redis"}, resil.Minimal},
	{[]string{"db", "openai"}, resil.Minimal},
	{[]string{"db", "s3"}, resil.Minimal},
	{[]string{"db", "openai", "redis", "s3"}, resil.Emergency},
}

// levelWithout returns the level while some dependencies are away: the table's,
// or what the score says of three.
func levelWithout(down ...string) resil.Level {
	for _, o := range outageOf {
		if slices.Equal(o.down, down) {
			return o.level
		}
	}
	// Of ten parts the database is four, the model three, the cache two, the
	// archive one. Three down leave less than half: Minimal. Less than three
	// parts left, while the database is away: Emergency.
	if slices.Contains(down, "db") && slices.Contains(down, "openai") {
		return resil.Emergency
	}
	return resil.Minimal
}

// TestScenarios plays every outage on PostgreSQL, Redis, an S3 server and a
// model, each behind Toxiproxy. Each lane has a service of its own.
func TestScenarios(t *testing.T) {
	if testing.Short() {
		t.Skip("starts PostgreSQL, Redis, an S3 server and Toxiproxy")
	}
	b := newBed(t)
	faults := []fault{refused}
	asWritten := outageOf[:1]
	if *full {
		faults = []fault{refused, hanging, cut, flapping}
		asWritten = slices.Concat(outageOf[:4], outageOf[len(outageOf)-1:])
	}
	var lanes sync.WaitGroup
	count := 0
	start := func(name, pace string, script func(*lane)) {
		n := count
		count++
		// Not t.Parallel: it allows as many as there are processors, and lanes
		// wait most of the time.
		lanes.Go(func() {
			t.Run(name, func(t *testing.T) { script(b.open(t, name, n, pace)) })
		})
	}
	for _, o := range outageOf[:4] {
		start(o.down[0], paceQuick, func(l *lane) {
			for _, f := range everyFault {
				l.as(f.name, func() { l.play(l.outage(f, o.level, o.down...)) })
			}
		})
	}
	start("several", paceQuick, func(l *lane) {
		for _, o := range outageOf[4:] {
			for _, f := range faults {
				a := l.outage(f, o.level, o.down...)
				l.as(a.name, func() { l.play(a) })
			}
		}
	})
	start("service", paceQuick, func(l *lane) {
		for _, s := range ofTheService {
			l.as(s.name, func() { l.play(s.act(l)) })
		}
	})
	start("random", paceQuick, func(l *lane) {
		for n := range *random {
			a := l.randomOutage(uint64(n))
			l.as(a.name, func() { l.play(a) })
		}
	})
	start("directives", paceDirectives, func(l *lane) {
		for _, o := range asWritten {
			a := l.outage(refused, o.level, o.down...)
			a.name += " as written"
			l.as(a.name, func() { l.play(a) })
		}
	})
	lanes.Wait()
}
