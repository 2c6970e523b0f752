package health

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var errSick = errors.New("sick")

// log collects results.
type log struct {
	mu      sync.Mutex
	results []Result
}

func (l *log) add(r Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.results = append(l.results, r)
}

func (l *log) all() []Result {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.results)
}

func start(t *testing.T, checks ...Check) (*Scheduler, *log) {
	t.Helper()
	l := &log{}
	s := New(l.add)
	for _, c := range checks {
		if err := s.Add(c); err != nil {
			t.Fatal(err)
		}
	}
	s.Start()
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s, l
}

// script returns a probe whose n-th run is good where the n-th letter of s is
// '+'; the last letter repeats.
func script(s string) func(context.Context) error {
	n := 0
	return func(context.Context) error {
		c := s[min(n, len(s)-1)]
		n++
		if c == '+' {
			return nil
		}
		return errSick
	}
}

func TestThreeFailuresTurnDownAndTwoGoodOnesUp(t *testing.T) {
	for _, tc := range []struct {
		runs, down string // 'd' where the dependency is down after that run
	}{
		{"++++", "...."},
		{"--+--+--+", "........."},
		{"---", "..d"},
		{"---+-+-++-", "..dddddd.."},
		{"---++---", "..dd...d"},
	} {
		t.Run(tc.runs, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, l := start(t, Check{Dependency: "db", Probe: script(tc.runs)})
				for len(l.all()) < len(tc.runs) {
					time.Sleep(time.Second)
				}
				var got strings.Builder
				for _, r := range l.all()[:len(tc.runs)] {
					got.WriteString(map[bool]string{true: "d", false: "."}[r.Down])
				}
				if got.String() != tc.down {
					t.Errorf("down %q, want %q", got.String(), tc.down)
				}
			})
		})
	}
}

func TestChecksRunEveryPeriodWithJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var checks []Check
		const n = 200
		for i := range n {
			checks = append(checks, Check{Dependency: fmt.Sprint(i), Probe: func(context.Context) error { return nil }})
		}
		_, l := start(t, checks...)
		time.Sleep(10 * time.Minute)
		last := map[string]time.Time{}
		seconds := [5]int{}
		for _, r := range l.all() {
			before, seen := last[r.Dependency]
			last[r.Dependency] = r.At
			if !seen {
				seconds[int(r.At.Sub(begin).Seconds())]++
				continue
			}
			if gap := r.At.Sub(before); gap < 4500*time.Millisecond || gap > 5500*time.Millisecond {
				t.Fatalf("%s apart, want 5s ±10%%", gap)
			}
		}
		for s, k := range seconds {
			if k < n/15 {
				t.Errorf("%d of %d checks started in second %d; want them spread over 5s", k, n, s)
			}
		}
		if got := len(l.all()); got < n*115 || got > n*125 {
			t.Errorf("%d results in 10 minutes, want about %d", got, n*120)
		}
	})
}

func TestChecksAddedLongBeforeStartDoNotRunAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &log{}
		s := New(l.add)
		const n = 100
		for i := range n {
			if err := s.Add(Check{Dependency: fmt.Sprint(i), Probe: script("+")}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour)
		s.Start()
		time.Sleep(time.Second)
		if got := len(l.all()); got < n/10 || got > n/3 {
			t.Errorf("%d of %d checks ran within a second of Start, want a fifth", got, n)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestBadChecksAreFailedChecks(t *testing.T) {
	for _, tc := range []struct {
		name  string
		probe func(context.Context) error
		want  string
	}{
		{"a panic", func(context.Context) error { panic("boom") }, "panicked: boom"},
		{"a nil panic", func(context.Context) error { panic(nil) }, "panicked"}, //nolint:govet // the point of the case
		{"Goexit", func(context.Context) error { runtime.Goexit(); return nil }, "ended its goroutine"},
		{"a timeout", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, "deadline exceeded"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, l := start(t, Check{Dependency: "db", Probe: tc.probe})
				time.Sleep(time.Minute)
				all := l.all()
				if len(all) < 10 || !all[2].Down || !all[len(all)-1].Down {
					t.Fatalf("%d results, the last %+v; want at least 10 and down from the third on", len(all), all[len(all)-1])
				}
				for _, r := range all {
					if r.Err == nil || !strings.Contains(r.Err.Error(), tc.want) {
						t.Errorf("error %v, want one with %q", r.Err, tc.want)
					}
				}
			})
		})
	}
}

func TestHungCheckFailsEachPeriodAndNeverPilesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var started, running, most atomic.Int32
		probe := func(context.Context) error {
			started.Add(1)
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			<-release
			return nil
		}
		var other atomic.Int32
		_, l := start(
			t,
			Check{Dependency: "db", Name: "hangs", Probe: probe},
			Check{Dependency: "db", Name: "fine", Probe: func(context.Context) error { other.Add(1); return nil }},
		)
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := started.Load(); got != 1 {
			t.Errorf("%d runs started, want 1", got)
		}
		results := l.all()
		last := results[len(results)-1]
		if !last.Down || !last.Hung || !errors.Is(last.Err, ErrHung) || len(results) < 650 {
			t.Errorf("%d results, the last %+v; want about 720, down and hung", len(results), last)
		}
		if got := other.Load(); got > 2 {
			t.Errorf("the other check of the dependency ran %d times beside the hung one", got)
		}
		close(release)
		time.Sleep(20 * time.Second)
		results = l.all()
		if last := results[len(results)-1]; last.Down || last.Err != nil {
			t.Errorf("20s after it let go: %+v, want up", last)
		}
		if got := most.Load(); got != 1 {
			t.Errorf("%d at once, want 1", got)
		}
	})
}

func TestOneAtATimePerDependency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int32
		probe := func(context.Context) error {
			if n := running.Add(1); n != 1 {
				t.Errorf("%d checks of one dependency at once", n)
			}
			time.Sleep(time.Second)
			running.Add(-1)
			return nil
		}
		s, l := start(t, Check{Dependency: "db", Name: "a", Probe: probe}, Check{Dependency: "db", Name: "b", Probe: probe})
		if err := s.Add(Check{Dependency: "db", Name: "late", Probe: probe}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		seen := map[string]int{}
		for _, r := range l.all() {
			seen[r.Check]++
		}
		for _, name := range []string{"a", "b", "late"} {
			if seen[name] < 9 {
				t.Errorf("check %s ran %d times in a minute", name, seen[name])
			}
		}
	})
}

func TestDependencyIsDownWhileAnyCheckSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l := start(
			t,
			Check{Dependency: "db", Name: "good", Probe: script("+")},
			Check{Dependency: "db", Name: "bad", Probe: script("---")},
		)
		time.Sleep(30 * time.Second)
		results := l.all()
		for _, r := range results[len(results)-4:] {
			if !r.Down {
				t.Errorf("check %s says up while the other is down", r.Check)
			}
		}
	})
}

func TestCloseCancelsAndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cancelled atomic.Bool
		l := &log{}
		s := New(l.add)
		if err := s.Add(Check{Dependency: "db", Every: time.Hour, Timeout: time.Hour, Probe: func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(time.Second) // cleaning up
			cancelled.Store(true)
			return ctx.Err()
		}}); err != nil {
			t.Fatal(err)
		}
		s.Start()
		s.Start()
		time.Sleep(time.Hour) // it has begun
		if err := s.Close(context.Background()); err != nil || !cancelled.Load() {
			t.Errorf("Close: %v, check ended %v; want it to wait for the check", err, cancelled.Load())
		}
		if len(l.all()) != 0 {
			t.Errorf("our own cancel was reported as a result: %+v", l.all())
		}
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("second Close: %v", err)
		}
		if err := s.Add(Check{Dependency: "x", Probe: script("+")}); err == nil {
			t.Error("Add after Close succeeded")
		}
	})
}

func TestCloseDoesNotWaitForAHungCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		s := New(func(Result) {})
		if err := s.Add(Check{Dependency: "db", Probe: func(context.Context) error { <-release; return nil }}); err != nil {
			t.Fatal(err)
		}
		s.Start()
		time.Sleep(5100 * time.Millisecond)
		begin := time.Now()
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took > DefaultTimeout {
			t.Errorf("Close took %s, want at most the check's timeout", took)
		}
	})
}

func TestCloseGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := New(func(Result) {})
		if err := s.Add(Check{Dependency: "db", Every: time.Hour, Timeout: time.Hour, Probe: func(context.Context) error { <-release; return nil }}); err != nil {
			t.Fatal(err)
		}
		s.Start()
		time.Sleep(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v, want its context's error", err)
		}
		close(release)
	})
}

func TestClosedBeforeStart(t *testing.T) {
	s := New(func(Result) { t.Error("a check ran") })
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	s.Start()
	if err := s.Add(Check{Dependency: "db", Probe: script("+")}); err == nil {
		t.Error("Add after Close succeeded")
	}
}

func TestValidateNamesEveryProblem(t *testing.T) {
	err := New(nil).Add(Check{Dependency: "db", Every: time.Microsecond, Timeout: -1, Fall: -1, Rise: 5000})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`"db": no function`, "period of 1µs", "timeout of -1ns", "fall=-1", "rise=5000"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %q", err, want)
		}
	}
}
