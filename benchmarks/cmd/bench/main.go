// Command bench measures guarded calls against their peers in interleaved
// rounds and writes the tables of docs/benchmarks.md.
//
//	bench [-check] [-n] [-rounds N] [-time DURATION]
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/resilgo/resil/benchmarks/calls"
	"github.com/resilgo/resil/benchmarks/internal/measure"
	"github.com/resilgo/resil/benchmarks/internal/page"
)

// document is where the tables stand, as seen from the module's folder.
const document = "../docs/benchmarks.md"

// goroutines share the calls of the parallel measurement.
const goroutines = 16

type options struct {
	check, dry bool
	rounds     int
	time       time.Duration
}

func main() {
	var o options
	flag.BoolVar(&o.check, "check", false, "fail when a goal is missed")
	flag.BoolVar(&o.dry, "n", false, "print the tables, leave "+document+" alone")
	flag.IntVar(&o.rounds, "rounds", 15, "rounds, in each of which every variant runs once")
	flag.DurationVar(&o.time, "time", 20*time.Millisecond, "time of one variant in one round")
	flag.Parse()
	if err := bench(o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(o options, out io.Writer) error {
	heap := newHeap()
	defer heap.keep()
	variants := calls.All()
	serial, err := compare(o, variants, 1)
	if err != nil {
		return err
	}
	parallel, err := compare(o, variants, goroutines)
	if err != nil {
		return err
	}
	text, missed := tables(variants, serial, parallel)
	text += fmt.Sprintf("\n%s, %s/%s, GOMAXPROCS %d, beside a heap of %d MiB; %d rounds of %v per variant, interleaved in random order; × is the median of the ratios to gobreaker in the same round, serial and with %d goroutines.\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), heapSize>>20, o.rounds, o.time, goroutines)
	if _, err := io.WriteString(out, text); err != nil {
		return err
	}
	if !o.dry {
		if err := page.Replace(document, "calls", text); err != nil {
			return err
		}
	}
	if o.check && len(missed) > 0 {
		return errors.New("missed goals:\n" + strings.Join(missed, "\n"))
	}
	return nil
}

// compare measures all variants with the calls shared by so many goroutines.
func compare(o options, variants []calls.Variant, goroutines int) ([]measure.Result, error) {
	loops := make([]measure.Loop, len(variants))
	reference := -1
	for i, v := range variants {
		loop, release, err := v.Make()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v.Name, err)
		}
		defer release()
		loops[i] = measure.Loop(loop)
		if v.Name == calls.Reference {
			reference = i
		}
	}
	results, err := measure.Interleaved(measure.Config{
		Rounds: o.rounds, Time: o.time, Goroutines: goroutines, Seed: 1,
	}, loops, reference)
	if err != nil {
		return nil, err
	}
	return results, nil
}

// tables renders one table per group and lists the goals that were missed.
func tables(variants []calls.Variant, serial, parallel []measure.Result) (text string, missed []string) {
	var b strings.Builder
	for _, group := range []calls.Group{calls.Baseline, calls.Ours, calls.Rejected, calls.Peers} {
		t := page.Table{Head: []string{string(group), "serial CPU ns", "×", "goal", fmt.Sprintf("%d goroutines ns", goroutines), "×", "goal", "allocs"}}
		for i, v := range variants {
			if v.Group != group {
				continue
			}
			s, p := serial[i], parallel[i]
			t.Rows = append(t.Rows, []string{
				v.Name,
				number(s.Nanos), ratio(s), goal(v.Serial),
				number(p.Nanos), ratio(p), goal(v.Parallel),
				fmt.Sprintf("%.0f", s.Allocs),
			})
			missed = append(missed, misses(v, s, p)...)
		}
		b.WriteString(t.String() + "\n")
	}
	return b.String(), missed
}

func misses(v calls.Variant, serial, parallel measure.Result) []string {
	var missed []string
	miss := func(what string, got, want float64) {
		missed = append(missed, fmt.Sprintf("%s: %s %.2f, want at most %.2f", v.Name, what, got, want))
	}
	if v.Serial > 0 && serial.Ratio > v.Serial {
		miss("serial ratio", serial.Ratio, v.Serial)
	}
	if v.Parallel > 0 && parallel.Ratio > v.Parallel {
		miss("parallel ratio", parallel.Ratio, v.Parallel)
	}
	// What the machine itself allocates now and then is no call's.
	const noise = 0.5
	if v.Allocs >= 0 && serial.Allocs > v.Allocs+noise {
		miss("allocations", serial.Allocs, v.Allocs)
	}
	return missed
}

func number(v float64) string {
	if v < 100 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

func ratio(r measure.Result) string {
	return fmt.Sprintf("%.2f (%.2f–%.2f)", r.Ratio, r.Low, r.High)
}

func goal(v float64) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf("≤ %.2f", v)
}
