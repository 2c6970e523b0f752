// Package measure compares loops in interleaved rounds, so that what disturbs
// the machine disturbs all of them, and ratios within a round hold where
// absolute times do not.
package measure

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Loop makes n calls.
type Loop func(n int) error

// Config says how to measure.
type Config struct {
	Rounds     int           // in each, every loop runs once, in random order
	Time       time.Duration // that one loop is to run in a round
	Goroutines int           // that share a loop's calls
	Seed       uint64        // of the order
}

// Result is what was measured of one loop.
type Result struct {
	Nanos  float64 // median over the rounds, per call: of processor time with one goroutine, else on the wall
	Ratio  float64 // median over the rounds, to the reference in the same round
	Low    float64 // first and
	High   float64 // third quartile of the ratio
	Allocs float64 // per call, in all rounds together
	Bytes  float64 // allocated per call, in all rounds together
}

// Interleaved measures loops; reference is the index of the one that the others
// are compared with.
func Interleaved(c Config, loops []Loop, reference int) ([]Result, error) {
	calls := make([]int, len(loops))
	for i, loop := range loops {
		n, err := calibrate(c, loop)
		if err != nil {
			return nil, fmt.Errorf("loop %d: %w", i, err)
		}
		calls[i] = n
	}
	nanos := make([][]float64, len(loops))
	allocs, bytes := make([]float64, len(loops)), make([]float64, len(loops))
	random := rand.New(rand.NewPCG(c.Seed, 0)) //nolint:gosec // an order, not a secret
	for range c.Rounds {
		for _, i := range random.Perm(len(loops)) {
			s, err := run(c, loops[i], calls[i])
			if err != nil {
				return nil, fmt.Errorf("loop %d: %w", i, err)
			}
			nanos[i] = append(nanos[i], s.nanos)
			allocs[i] += s.allocs / float64(c.Rounds)
			bytes[i] += s.bytes / float64(c.Rounds)
		}
	}
	results := make([]Result, len(loops))
	for i := range loops {
		ratios := make([]float64, c.Rounds)
		for round := range ratios {
			ratios[round] = nanos[i][round] / nanos[reference][round]
		}
		results[i] = Result{
			Nanos: Quantile(nanos[i], 0.5),
			Ratio: Quantile(ratios, 0.5), Low: Quantile(ratios, 0.25), High: Quantile(ratios, 0.75),
			Allocs: allocs[i], Bytes: bytes[i],
		}
	}
	return results, nil
}

// calibrate finds how many calls take about c.Time.
func calibrate(c Config, loop Loop) (int, error) {
	for n := max(c.Goroutines, 100); ; {
		s, err := run(c, loop, n)
		if err != nil {
			return 0, err
		}
		took := s.nanos * float64(n)
		want := float64(c.Time)
		if took >= want/2 {
			return max(c.Goroutines, int(float64(n)*want/took)), nil
		}
		n = int(float64(n) * min(100, 1.2*want/max(took, 1)))
	}
}

type sample struct{ nanos, allocs, bytes float64 }

// run makes n calls on all goroutines together. What one goroutine does is
// counted in processor time, which other programs leave alone; what several do
// to each other, waiting included, shows on the wall alone.
func run(c Config, loop Loop, n int) (sample, error) {
	runtime.GC()
	share := n / c.Goroutines
	errs := make([]error, c.Goroutines)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var took time.Duration
	if c.Goroutines == 1 {
		start := cpuTime()
		errs[0] = loop(share)
		took = cpuTime() - start
	} else {
		start := time.Now()
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() { errs[i] = loop(share) })
		}
		all.Wait()
		took = time.Since(start)
	}
	runtime.ReadMemStats(&after)
	done := float64(share * c.Goroutines)
	for _, err := range errs {
		if err != nil {
			return sample{}, err
		}
	}
	return sample{
		nanos:  float64(took.Nanoseconds()) / done,
		allocs: float64(after.Mallocs-before.Mallocs) / done,
		bytes:  float64(after.TotalAlloc-before.TotalAlloc) / done,
	}, nil
}

// Quantile returns the q-quantile of values, which it leaves as they are; q is
// in [0,1].
func Quantile(values []float64, q float64) float64 {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	at := q * float64(len(sorted)-1)
	low := int(at)
	if low+1 >= len(sorted) {
		return sorted[low]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}
