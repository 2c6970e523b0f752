package measure_test

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/resilgo/resil/benchmarks/internal/measure"
)

// spin is work that takes time in proportion to weight and allocates once.
func spin(weight int) measure.Loop {
	return func(n int) error {
		for range n {
			sum := make([]byte, 64+weight%2) // of a size known at run time alone, so on the heap
			for i := range weight {
				sum[0] += byte(i * i)
			}
			runtime.KeepAlive(sum)
		}
		return nil
	}
}

func TestRatiosAndAllocations(t *testing.T) {
	for name, goroutines := range map[string]int{"serial": 1, "parallel": 4} {
		t.Run(name, func(t *testing.T) {
			results, err := measure.Interleaved(measure.Config{Rounds: 5, Time: 5 * time.Millisecond, Goroutines: goroutines},
				[]measure.Loop{spin(2_000), spin(100)}, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got := results[0].Ratio; got != 1 {
				t.Errorf("the reference against itself: got %v, want 1", got)
			}
			if got := results[1].Ratio; got > 0.5 {
				t.Errorf("a twentieth of the work: got ratio %v, want well below 0.5", got)
			}
			// Others allocate meanwhile, a few times in all.
			if got := results[0].Allocs; got < 1 || got > 2 {
				t.Errorf("allocations per call: got %v, want 1 and little more", got)
			}
		})
	}
}

func TestAnErrorEndsTheMeasurement(t *testing.T) {
	want := errors.New("wrong answer")
	_, err := measure.Interleaved(measure.Config{Rounds: 1, Time: time.Millisecond, Goroutines: 2},
		[]measure.Loop{func(int) error { return want }}, 0)
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func TestQuantile(t *testing.T) {
	values := []float64{4, 1, 3, 2}
	for q, want := range map[float64]float64{0: 1, 0.5: 2.5, 1: 4} {
		if got := measure.Quantile(values, q); got != want {
			t.Errorf("quantile %v: got %v, want %v", q, got, want)
		}
	}
	if values[0] != 4 {
		t.Error("the values were sorted in place")
	}
}
