package calls_test

import (
	"sync"
	"testing"

	"github.com/resilgo/resil/benchmarks/calls"
)

// The same variants as `make bench` compares, for benchstat and profiles.

func BenchmarkSerial(b *testing.B) {
	for _, v := range calls.All() {
		b.Run(string(v.Group)+"/"+v.Name, func(b *testing.B) {
			loop := build(b, v)
			b.ReportAllocs()
			for b.Loop() {
				if err := loop(1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParallel(b *testing.B) {
	const goroutines = 16
	for _, v := range calls.All() {
		b.Run(string(v.Group)+"/"+v.Name, func(b *testing.B) {
			loop := build(b, v)
			b.ReportAllocs()
			var all sync.WaitGroup
			for range goroutines {
				all.Go(func() {
					if err := loop(b.N/goroutines + 1); err != nil {
						b.Error(err)
					}
				})
			}
			all.Wait()
		})
	}
}

// TestEveryVariantAnswers makes sure that the comparison compares what it says:
// a guard that refuses would be fast.
func TestEveryVariantAnswers(t *testing.T) {
	for _, v := range calls.All() {
		t.Run(v.Name, func(t *testing.T) {
			if err := build(t, v)(200); err != nil {
				t.Error(err)
			}
		})
	}
}

func build(tb testing.TB, v calls.Variant) calls.Loop {
	tb.Helper()
	loop, release, err := v.Make()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(release)
	return loop
}
