package chaos_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/chaos"
)

var quiet = slog.New(slog.DiscardHandler)

// lab is a system under faults.
type lab struct {
	*resil.System
	faults *chaos.Injector
}

func newLab(t *testing.T, faults ...chaos.Fault) *lab {
	t.Helper()
	i, err := chaos.New(chaos.Config{Seed: 42, Logger: quiet}, faults...)
	if err != nil {
		t.Fatal(err)
	}
	sys, err := resil.New(resil.Config{Logger: quiet}, resil.WithInjector(i))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { i.Disable("the test ends"); _ = sys.Close(context.Background()) })
	return &lab{sys, i}
}

func (l *lab) enable(t *testing.T, ttl time.Duration) {
	t.Helper()
	if err := l.faults.Enable(l.System, ttl, "test"); err != nil {
		t.Fatal(err)
	}
}

// tolerant has a breaker that no test trips.
var tolerant = resil.Breaker{Failures: resil.MaxCount}

func call(ctx context.Context, l *lab, dependency, method string) error {
	_, err := resil.Do(ctx, l.Dependency(dependency, resil.Operation(method), tolerant), func(context.Context) (string, error) { return "fine", nil })
	return err
}

func TestNothingHappensUntilEnabledAndAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		l := newLab(t, chaos.Fault{Kind: chaos.Error, Err: boom})
		expect := func(when string, hit bool) {
			t.Helper()
			if err := call(t.Context(), l, "db", "Get"); errors.Is(err, boom) != hit || errors.Is(err, chaos.ErrInjected) != hit {
				t.Errorf("%s: %v, want a fault: %v", when, err, hit)
			}
		}
		expect("before Enable", false)
		l.enable(t, time.Minute)
		expect("enabled", true)
		if st := l.faults.Status(); !st.Enabled || st.Reason != "test" || st.Faults[0].Injected != 1 {
			t.Errorf("status %+v", st)
		}
		time.Sleep(59 * time.Second)
		expect("just before the end", true)
		time.Sleep(time.Second)
		synctest.Wait()
		expect("expired", false)
		if st := l.faults.Status(); st.Enabled || st.Ended != "expired" {
			t.Errorf("status %+v", st)
		}
		l.enable(t, time.Minute)
		l.faults.Disable("enough")
		expect("disabled", false)
		l.faults.Disable("again")
		if st := l.faults.Status(); st.Ended != "enough" {
			t.Errorf("ended %q", st.Ended)
		}
		l.enable(t, time.Minute)
		time.Sleep(30 * time.Second)
		l.enable(t, time.Minute) // in the place of the first
		time.Sleep(45 * time.Second)
		expect("prolonged", true)
	})
}

func TestEndsBelowTheFloor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, chaos.Fault{Kind: chaos.Hang, Dependency: "db"}, chaos.Fault{Kind: chaos.Error, Dependency: "redis"})
		l.enable(t, time.Hour)
		released := make(chan error)
		go func() { released <- call(context.Background(), l, "db", "Get") }()
		synctest.Wait()
		if err := l.Force(resil.Limited, time.Hour, "at the floor"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !l.faults.Status().Enabled {
			t.Error("ended at the floor")
		}
		if err := l.Force(resil.Minimal, time.Hour, "below it"); err != nil {
			t.Fatal(err)
		}
		if err := call(t.Context(), l, "redis", "Get"); err != nil {
			t.Errorf("a fault in the moment after the level fell: %v", err)
		}
		select {
		case err := <-released:
			if err != nil {
				t.Errorf("the hung call: %v; want the client's answer", err)
			}
		case <-time.After(time.Second):
			t.Fatal("a call still hangs below the floor")
		}
		if st := l.faults.Status(); st.Enabled || st.Ended != "the level is minimal" {
			t.Errorf("status %+v", st)
		}
		if err := call(t.Context(), l, "redis", "Get"); err != nil {
			t.Errorf("a fault below the floor: %v", err)
		}
		if err := l.faults.Enable(l.System, time.Minute, "x"); err == nil || !strings.Contains(err.Error(), "the level is minimal already") {
			t.Errorf("Enable below the floor: %v", err)
		}
	})
}

// seen remembers the faults that spans are told about.
type seen struct{ faults []string }

func (s *seen) Start(ctx context.Context, _ resil.CallInfo) (context.Context, resil.Span) {
	return ctx, s
}
func (s *seen) End(resil.Outcome, error) {}
func (s *seen) Event(e resil.Event) {
	if e.Kind == resil.EventFault {
		s.faults = append(s.faults, e.Fault)
	}
}

func TestStatusMetricsAndTracesTellOfFaults(t *testing.T) {
	i, err := chaos.New(chaos.Config{Logger: quiet},
		chaos.Fault{Kind: chaos.Truncate, Keep: 1}, chaos.Fault{Kind: chaos.Error, Dependency: "db", Method: "P*"})
	if err != nil {
		t.Fatal(err)
	}
	spans := &seen{}
	sys, err := resil.New(resil.Config{Logger: quiet}, resil.WithInjector(i), resil.WithTracer(spans))
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{sys, i}
	_ = call(t.Context(), l, "db", "Put")
	if c := sys.Status().Chaos; c == nil || c.Enabled || len(spans.faults) != 0 {
		t.Errorf("before Enable: %+v, spans %q", c, spans.faults)
	}
	l.enable(t, time.Minute)
	_ = call(t.Context(), l, "db", "Put")
	_ = call(t.Context(), l, "db", "Get")
	want := []resil.FaultStatus{{Kind: "truncate", Injected: 1}, {Kind: "error", Dependency: "db", Method: "P*", Injected: 1}}
	for from, c := range map[string]*resil.InjectorStatus{"status": sys.Status().Chaos, "metrics": sys.Metrics().Chaos} {
		if !c.Enabled || c.Reason != "test" || c.Until.IsZero() || !slices.Equal(c.Faults, want) {
			t.Errorf("%s: %+v", from, c)
		}
	}
	if !slices.Equal(spans.faults, []string{"error", "truncate"}) {
		t.Errorf("spans were told of %q", spans.faults)
	}
	i.Disable("seen enough")
	if c := sys.Status().Chaos; c.Enabled || c.Reason != "" {
		t.Errorf("after the end: %+v", c)
	}
}

func TestEnableRefuses(t *testing.T) {
	l := newLab(t)
	for name, err := range map[string]error{
		"no system":   l.faults.Enable(nil, time.Minute, "x"),
		"no time":     l.faults.Enable(l.System, 0, "x"),
		"too long":    l.faults.Enable(l.System, 2*time.Hour, "x"),
		"no reason":   l.faults.Enable(l.System, time.Minute, ""),
		"a past time": l.faults.Enable(l.System, -time.Minute, "x"),
	} {
		if err == nil {
			t.Errorf("%s: enabled", name)
		}
	}
	if l.faults.Status().Enabled {
		t.Error("enabled after all")
	}
}

func TestFaultsKeepToTheirCalls(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fault chaos.Fault
		hits  string
	}{
		{"all", chaos.Fault{}, "db.Get db.Put redis.Get db.Get@acme"},
		{"a dependency", chaos.Fault{Dependency: "db"}, "db.Get db.Put db.Get@acme"},
		{"a pattern", chaos.Fault{Dependency: "r*", Method: "G?t"}, "redis.Get"},
		{"a method", chaos.Fault{Method: "Put"}, "db.Put"},
		{"a mark", chaos.Fault{Mark: "acme"}, "db.Get@acme"},
		{"another mark", chaos.Fault{Mark: "nobody"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.fault.Kind = chaos.Error
			l := newLab(t, tc.fault)
			l.enable(t, time.Minute)
			var hits []string
			for _, c := range []string{"db.Get", "db.Put", "redis.Get", "db.Get@acme"} {
				name, mark, _ := strings.Cut(c, "@")
				dep, method, _ := strings.Cut(name, ".")
				ctx := t.Context()
				if mark != "" {
					ctx = chaos.WithMark(chaos.WithMark(ctx, mark), "other")
				}
				if err := call(ctx, l, dep, method); errors.Is(err, chaos.ErrInjected) {
					hits = append(hits, c)
				}
			}
			if got := strings.Join(hits, " "); got != tc.hits {
				t.Errorf("hit %q, want %q", got, tc.hits)
			}
		})
	}
}

func TestShareIsKeptAndSeeded(t *testing.T) {
	pattern := func() string {
		l := newLab(t, chaos.Fault{Kind: chaos.Error, Share: 0.3})
		l.enable(t, time.Minute)
		var b strings.Builder
		for range 2000 {
			if call(t.Context(), l, "db", "Get") != nil {
				b.WriteByte('x')
			} else {
				b.WriteByte('.')
			}
		}
		return b.String()
	}
	first := pattern()
	if n := strings.Count(first, "x"); n < 540 || n > 660 {
		t.Errorf("%d of 2000 hit, want about 600", n)
	}
	if first != pattern() {
		t.Error("the same seed hit other calls")
	}
	if strings.Contains(first, strings.Repeat("x", 15)) {
		t.Error("hits come in long rows")
	}
}

func TestLatencyWithJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, chaos.Fault{Kind: chaos.Latency, Delay: 300 * time.Millisecond, Jitter: 100 * time.Millisecond})
		l.enable(t, time.Hour)
		least, most := time.Hour, time.Duration(0)
		for range 200 {
			begin := time.Now()
			if err := call(t.Context(), l, "db", "Get"); err != nil {
				t.Fatal(err)
			}
			took := time.Since(begin)
			least, most = min(least, took), max(most, took)
		}
		if least < 200*time.Millisecond || least > 210*time.Millisecond || most > 400*time.Millisecond || most < 390*time.Millisecond {
			t.Errorf("took %s to %s, want 200ms to 400ms", least, most)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		begin := time.Now()
		if err := call(ctx, l, "db", "Get"); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Millisecond {
			t.Errorf("a caller that leaves: %v after %s", err, time.Since(begin))
		}
	})
}

func TestHangsAndLatencyMeetTheTimeout(t *testing.T) {
	for _, kind := range []chaos.Fault{{Kind: chaos.Hang}, {Kind: chaos.Latency, Delay: time.Minute}} {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, kind)
			l.enable(t, time.Hour)
			d := l.Dependency("db", resil.Timeout{Attempt: time.Second}, resil.Breaker{Failures: 2, Open: time.Minute})
			get := func() error {
				_, err := resil.Do(t.Context(), d, func(context.Context) (int, error) { return 1, nil })
				return err
			}
			begin := time.Now()
			for range 2 {
				if err := get(); !errors.Is(err, resil.ErrTimeout) {
					t.Errorf("%s: %v, want ErrTimeout", kind.Kind, err)
				}
			}
			if took := time.Since(begin); took != 2*time.Second {
				t.Errorf("%s: took %s, want 2s", kind.Kind, took)
			}
			if err := get(); !errors.Is(err, resil.ErrOpen) {
				t.Errorf("%s: %v, want the breaker open", kind.Kind, err)
			}
		})
	}
}

func TestPanic(t *testing.T) {
	l := newLab(t, chaos.Fault{Kind: chaos.Panic})
	l.enable(t, time.Minute)
	defer func() {
		if p, ok := recover().(*chaos.Panicked); !ok || p.Error() != "injected panic in db.Get" {
			t.Errorf("recovered %v", p)
		}
	}()
	_ = call(t.Context(), l, "db", "Get")
	t.Error("no panic")
}

func TestFlapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, chaos.Fault{Kind: chaos.Error, Active: 3 * time.Second, Idle: 2 * time.Second})
		l.enable(t, time.Minute)
		var got strings.Builder
		for range 12 {
			if call(t.Context(), l, "db", "Get") != nil {
				got.WriteByte('x')
			} else {
				got.WriteByte('.')
			}
			time.Sleep(time.Second)
		}
		if got.String() != "xxx..xxx..xx" {
			t.Errorf("%s, want xxx..xxx..xx", got.String())
		}
	})
}

func result[T any](t *testing.T, l *lab, v T) T {
	t.Helper()
	got, err := resil.Do(t.Context(), l.Dependency("db", tolerant), func(context.Context) (T, error) { return v, nil })
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTruncatedResults(t *testing.T) {
	l := newLab(t, chaos.Fault{Kind: chaos.Truncate, Keep: 2})
	l.enable(t, time.Minute)
	if got := result(t, l, "hello"); got != "he" {
		t.Errorf("string %q", got)
	}
	if got := result(t, l, []byte("hello")); string(got) != "he" {
		t.Errorf("bytes %q", got)
	}
	if got := result(t, l, []int{1, 2, 3}); len(got) != 2 {
		t.Errorf("slice %v", got)
	}
	if got := result(t, l, []int{1}); len(got) != 1 {
		t.Errorf("short slice %v", got)
	}
	if got := result(t, l, 12345); got != 12345 {
		t.Errorf("int %v", got)
	}
	if got := result[error](t, l, nil); got != nil {
		t.Errorf("nil %v", got)
	}
	body := result(t, l, io.NopCloser(strings.NewReader("hello")))
	if text, err := io.ReadAll(body); string(text) != "he" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("reader %q, %v", text, err)
	}
	resp := result(t, l, &http.Response{Body: io.NopCloser(strings.NewReader("hello"))})
	if text, err := io.ReadAll(resp.Body); string(text) != "he" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("response %q, %v", text, err)
	}
}

func TestSlowStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, chaos.Fault{Kind: chaos.Slow, Delay: time.Second})
		l.enable(t, time.Hour)
		data := bytes.Repeat([]byte("x"), 10<<10)
		body := result[io.ReadCloser](t, l, io.NopCloser(bytes.NewReader(data)))
		begin := time.Now()
		got, err := io.ReadAll(body)
		if err != nil || len(got) != len(data) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if took := time.Since(begin); took < 10*time.Second || took > 30*time.Second {
			t.Errorf("read 10 KiB in %s", took)
		}
		pr, pw := io.Pipe()
		body = result[io.ReadCloser](t, l, pr)
		var reading sync.WaitGroup
		reading.Go(func() {
			if _, err := body.Read(make([]byte, 1)); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("a read under Close: %v", err)
			}
		})
		synctest.Wait()
		begin = time.Now()
		_ = body.Close()
		reading.Wait()
		if took := time.Since(begin); took != 0 {
			t.Errorf("Close let a read wait for %s", took)
		}
		_ = pw.Close()
	})
}

func TestNewRefuses(t *testing.T) {
	for _, tc := range []struct {
		fault chaos.Fault
		want  string
	}{
		{chaos.Fault{}, "unknown kind 0"},
		{chaos.Fault{Kind: 99}, "unknown kind 99"},
		{chaos.Fault{Kind: chaos.Error, Share: 1.5}, "share 1.5"},
		{chaos.Fault{Kind: chaos.Error, Share: -1}, "share -1"},
		{chaos.Fault{Kind: chaos.Error, Dependency: "[a"}, "bad pattern"},
		{chaos.Fault{Kind: chaos.Latency}, "delay 0s"},
		{chaos.Fault{Kind: chaos.Latency, Delay: time.Second, Jitter: time.Minute}, "jitter 1m0s"},
		{chaos.Fault{Kind: chaos.Error, Delay: time.Second}, "kind error has no delay"},
		{chaos.Fault{Kind: chaos.Hang, Err: io.EOF}, "has no error"},
		{chaos.Fault{Kind: chaos.Hang, Keep: 1}, "keep 1"},
		{chaos.Fault{Kind: chaos.Hang, Active: time.Second}, "flaps needs"},
	} {
		if _, err := chaos.New(chaos.Config{}, chaos.Fault{Kind: chaos.Hang}, tc.fault); err == nil || !strings.Contains(err.Error(), "fault 2: ") || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v, want one on %q", tc.fault, err, tc.want)
		}
	}
	if _, err := chaos.New(chaos.Config{Floor: 9}); err == nil {
		t.Error("floor 9 accepted")
	}
	if _, err := chaos.New(chaos.Config{MaxTTL: 48 * time.Hour}); err == nil {
		t.Error("two days accepted")
	}
}

func TestConcurrentUse(t *testing.T) {
	l := newLab(t, chaos.Fault{Kind: chaos.Error, Share: 0.5}, chaos.Fault{Kind: chaos.Truncate, Share: 0.5})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				_ = call(context.Background(), l, "db", "Get")
				_ = l.faults.Status()
			}
		})
		wg.Go(func() {
			for range 50 {
				_ = l.faults.Enable(l.System, time.Minute, "x")
				l.faults.Disable("x")
			}
		})
	}
	wg.Wait()
}

// A dependency that chaos takes away stays away, however well its health check
// would find it: checks go past the guard, not past the fault.
func TestHealthChecksMeetTheFaults(t *testing.T) {
	for name, f := range map[string]chaos.Fault{
		"error": {Kind: chaos.Error},
		"hang":  {Kind: chaos.Hang},
		"panic": {Kind: chaos.Panic},
		"slow":  {Kind: chaos.Latency, Delay: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f.Dependency = "redis"
				l := newLab(t, f)
				var checks atomic.Int32
				if err := l.AddCheck("redis", func(context.Context) error { checks.Add(1); return nil }); err != nil {
					t.Fatal(err)
				}
				ask := func() {
					defer func() { _ = recover() }()
					_, _ = resil.Do(t.Context(), l.Dependency("redis", resil.Medium, resil.Timeout{Attempt: time.Second}, resil.Breaker{Open: 20 * time.Second}),
						func(context.Context) (int, error) { return 1, nil })
				}
				ask()
				if err := l.System.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				l.enable(t, 5*time.Minute)
				var mu sync.Mutex
				var transitions []string
				l.OnLevel(func(c resil.Transition) {
					mu.Lock()
					defer mu.Unlock()
					transitions = append(transitions, c.To.String())
				})
				for end := time.Now().Add(5*time.Minute - 10*time.Second); time.Now().Before(end); time.Sleep(time.Second) {
					ask()
				}
				mu.Lock()
				got := strings.Join(transitions, " ")
				mu.Unlock()
				if got != "degraded" {
					t.Errorf("in five minutes of it the level became %q; want degraded, once", got)
				}
				if checks.Load() != 0 {
					t.Errorf("%d checks reached the dependency", checks.Load())
				}
				time.Sleep(2 * time.Minute)
				if l.Level() != resil.Optimal || checks.Load() == 0 {
					t.Errorf("two minutes after the end the level is %s, %d checks", l.Level(), checks.Load())
				}
			})
		})
	}
}

// Only calls under the mark are hit; health checks have none.
func TestHealthChecksHaveNoMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, chaos.Fault{Kind: chaos.Error, Mark: "tenant 7"}, chaos.Fault{Kind: chaos.Error, Method: "Get"})
		var checks atomic.Int32
		if err := l.AddCheck("db", func(context.Context) error { checks.Add(1); return nil }); err != nil {
			t.Fatal(err)
		}
		if err := l.System.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.enable(t, time.Hour)
		time.Sleep(time.Minute)
		if checks.Load() < 10 || l.Level() != resil.Optimal {
			t.Errorf("%d checks, level %s", checks.Load(), l.Level())
		}
	})
}

// What a fault cannot change it has not hit: whoever reads the counts believes
// that callers met it.
func TestAResultThatStaysWholeIsNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, chaos.Fault{Kind: chaos.Truncate, Keep: 4}, chaos.Fault{Kind: chaos.Slow, Delay: time.Second})
		l.enable(t, time.Hour)
		get := func(v any) any {
			got, err := resil.Do(t.Context(), l.Dependency("db", tolerant), func(context.Context) (any, error) { return v, nil })
			if err != nil {
				t.Error(err)
			}
			return got
		}
		for _, v := range []any{7, "four", struct{ s string }{"longer than four"}, nil, (*http.Response)(nil)} {
			if got := get(v); got != v {
				t.Errorf("%v became %v", v, got)
			}
		}
		for _, f := range l.faults.Status().Faults {
			if f.Matched != 5 || f.Injected != 0 {
				t.Errorf("%s: matched %d, injected %d; want 5 and 0", f.Kind, f.Matched, f.Injected)
			}
		}
		// A document that is no longer than what is kept is whole.
		for text, want := range map[string]error{"four": nil, "": nil, "fives": io.ErrUnexpectedEOF} {
			r := get(io.NopCloser(strings.NewReader(text))).(io.ReadCloser)
			if got, err := io.ReadAll(r); !errors.Is(err, want) || string(got) != text[:min(4, len(text))] {
				t.Errorf("%q was read as %q, %v; want %v", text, got, err, want)
			}
		}
	})
}
