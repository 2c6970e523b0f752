package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

var quiet = slog.New(slog.DiscardHandler)

func always(string) bool { return true }

// folder returns the name of a folder that does not exist yet.
func folder(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "box")
}

func mustOpen(t testing.TB, dir string, cfg Config) *Store {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = quiet
	}
	s, err := Open(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

func mustPut(t testing.TB, s *Store, dependency string, payloads ...string) {
	t.Helper()
	for _, p := range payloads {
		if err := s.Put(context.Background(), resil.Entry{Origin: resil.Origin{Dependency: dependency, Method: "Save"}, Payload: []byte(p)}); err != nil {
			t.Fatal(err)
		}
	}
}

// receiver is a dependency that records what is delivered.
type receiver struct {
	mu   sync.Mutex
	got  []string
	keys map[string][]string                                    // by payload
	fail func(ctx context.Context, payload string, n int) error // n-th delivery of the payload, from 1
}

func (r *receiver) deliver(ctx context.Context, payload []byte) error {
	key, _ := Key(ctx)
	r.mu.Lock()
	if r.keys == nil {
		r.keys = map[string][]string{}
	}
	p := string(payload)
	r.keys[p] = append(r.keys[p], key)
	n := len(r.keys[p])
	r.mu.Unlock()
	if r.fail != nil {
		if err := r.fail(ctx, p, n); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, p)
	return nil
}

func (r *receiver) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func (r *receiver) attempts(payload string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.keys[payload])
}

func startWith(t testing.TB, s *Store, r *receiver, ready func(string) bool) {
	t.Helper()
	for _, dep := range []string{"db", "s3"} {
		s.Bind(resil.Origin{Dependency: dep, Method: "Save"}, r.deliver)
	}
	if err := s.Start(context.Background(), ready); err != nil {
		t.Fatal(err)
	}
}

func TestDeliversInOrderAcrossRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := folder(t)
		first := mustOpen(t, dir, Config{})
		mustPut(t, first, "db", "1", "2")
		mustPut(t, first, "s3", "a")
		if err := first.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		s := mustOpen(t, dir, Config{})
		mustPut(t, s, "db", "3")
		if got := s.Depth(); got["db"] != 3 || got["s3"] != 1 {
			t.Errorf("depth %v, want db 3 and s3 1", got)
		}
		var up atomic.Bool
		r := &receiver{fail: func(_ context.Context, p string, _ int) error {
			if p != "a" && !up.Load() {
				return resil.ErrOpen
			}
			return nil
		}}
		startWith(t, s, r, func(dep string) bool { return dep == "s3" || up.Load() })
		time.Sleep(time.Minute)
		if got := r.all(); !slices.Equal(got, []string{"a"}) {
			t.Errorf("delivered %q while only s3 is ready", got)
		}
		mustPut(t, s, "db", "4")
		up.Store(true)
		s.Wake("db")
		synctest.Wait()
		if got := r.all(); !slices.Equal(got, []string{"a", "1", "2", "3", "4"}) {
			t.Errorf("delivered %q, want a 1 2 3 4", got)
		}
		mustPut(t, s, "db", "5")
		synctest.Wait()
		if got := r.all(); got[len(got)-1] != "5" {
			t.Errorf("a write stored while the queue is empty is not delivered at once: %q", got)
		}
		if st := s.Stats(); st.Entries != 0 || st.Bytes != 0 || st.Err != nil {
			t.Errorf("stats %+v, want nothing left", st)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		s = mustOpen(t, dir, Config{})
		if got := s.Depth()["db"]; got != 0 {
			t.Errorf("%d delivered writes came back", got)
		}
	})
}

func TestRecoveryIsNoticedWithoutWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, folder(t), Config{})
		var up atomic.Bool
		r := &receiver{}
		startWith(t, s, r, func(string) bool { return up.Load() })
		mustPut(t, s, "db", "1")
		time.Sleep(20 * time.Second)
		up.Store(true)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := r.all(); len(got) != 1 {
			t.Errorf("delivered %q", got)
		}
	})
}

func TestTheOutboxProbesByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, folder(t), Config{Attempts: 1})
		var well atomic.Bool
		successes := 0
		r := &receiver{fail: func(context.Context, string, int) error {
			if !well.Load() {
				return errors.New("down")
			}
			successes++
			return nil
		}}
		startWith(t, s, r, func(string) bool { return successes >= 2 }) // as a breaker that closes at two good probes
		mustPut(t, s, "db", "1", "2", "3")
		time.Sleep(10 * time.Minute)
		if n := len(r.attempts("1")); n < 15 || n > 21 {
			t.Errorf("%d attempts in ten minutes, want one per 30s", n)
		}
		well.Store(true)
		time.Sleep(36 * time.Second)
		if got := r.all(); !slices.Equal(got, []string{"1", "2", "3"}) {
			t.Errorf("delivered %q", got)
		}
	})
}

func TestEveryDeliveryOfAWriteCarriesItsKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, folder(t), Config{})
		r := &receiver{fail: func(_ context.Context, _ string, n int) error {
			if n < 4 {
				return errors.New("not yet")
			}
			return nil
		}}
		mustPut(t, s, "db", "1", "2")
		own := resil.Entry{Origin: resil.Origin{Dependency: "db", Method: "Save"}, Payload: []byte("3")}
		if err := s.Put(WithKey(t.Context(), "order-17"), own); err != nil {
			t.Fatal(err)
		}
		startWith(t, s, r, always)
		time.Sleep(time.Minute)
		seen := map[string]bool{}
		for _, p := range []string{"1", "2", "3"} {
			keys := r.attempts(p)
			if len(keys) != 4 || len(slices.Compact(keys)) != 1 || keys[0] == "" || seen[keys[0]] {
				t.Errorf("write %s was tried with keys %q, want one of its own four times", p, r.attempts(p))
			}
			seen[keys[0]] = true
		}
		if !seen["order-17"] {
			t.Errorf("the caller's key is not among %v", seen)
		}
	})
}

func TestPoisonIsSetAside(t *testing.T) {
	for _, tc := range []struct {
		name string
		fail func() error
		want string
	}{
		{"an error", func() error { return errors.New("secret") }, "*errors.errorString"},
		{"a panic", func() error { panic("secret") }, "delivery panicked with a string"},
		{"Goexit", func() error { runtime.Goexit(); return nil }, "the delivery ended its goroutine"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var logged strings.Builder
				dir := folder(t)
				s := mustOpen(t, dir, Config{Attempts: 3, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
				bad := true
				r := &receiver{fail: func(_ context.Context, p string, _ int) error {
					if p == "secret payload" && bad {
						return tc.fail()
					}
					return nil
				}}
				mustPut(t, s, "db", "secret payload", "good")
				begin := time.Now()
				startWith(t, s, r, always)
				for len(r.all()) == 0 {
					time.Sleep(time.Millisecond)
				}
				if took := time.Since(begin).Round(100 * time.Millisecond); took != 3*time.Second {
					t.Errorf("set aside after %s, want waits of 1s and 2s", took)
				}
				if n := len(r.attempts("secret payload")); n != 3 {
					t.Errorf("%d attempts, want 3", n)
				}
				dead, err := s.Dead("db")
				if err != nil || len(dead) != 1 {
					t.Fatalf("dead %+v, %v", dead, err)
				}
				if d := dead[0]; string(d.Payload) != "secret payload" || d.Attempts != 3 || d.Reason != tc.want || d.Method != "Save" {
					t.Errorf("set aside: %+v, want reason %q", d, tc.want)
				}
				if strings.Contains(logged.String(), "secret") || !strings.Contains(logged.String(), tc.want) {
					t.Errorf("log: %s", logged.String())
				}
				synctest.Wait()
				if st := s.Stats(); st.Dead != 1 || st.Entries != 1 {
					t.Errorf("stats %+v", st)
				}

				bad = false
				if err := s.Requeue("db", dead[0].ID); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if got := r.all(); !slices.Equal(got, []string{"good", "secret payload"}) {
					t.Errorf("delivered %q after Requeue", got)
				}
				if keys := slices.Compact(r.attempts("secret payload")); len(keys) != 1 {
					t.Errorf("Requeue changed the key: %q", keys)
				}
				if st := s.Stats(); st != (Stats{}) {
					t.Errorf("stats %+v, want none", st)
				}
				if err := s.Requeue("db", dead[0].ID); err == nil || s.Stats().Err != nil {
					t.Errorf("a second Requeue: %v, store: %v", err, s.Stats().Err)
				}
			})
		})
	}
}

func TestDiscard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, folder(t), Config{Attempts: 1})
		mustPut(t, s, "db", "1")
		if err := s.Start(t.Context(), always); err != nil { // nothing is bound
			t.Fatal(err)
		}
		synctest.Wait()
		dead, err := s.Dead("db")
		if err != nil || len(dead) != 1 || dead[0].Reason != errUnbound.Error() {
			t.Fatalf("dead %+v, %v", dead, err)
		}
		if err := s.Discard("db", dead[0].ID); err != nil {
			t.Fatal(err)
		}
		if st := s.Stats(); st != (Stats{}) {
			t.Errorf("stats %+v", st)
		}
		for _, dep := range []string{"db", "nosuch"} {
			if err := s.Discard(dep, 1); err == nil {
				t.Errorf("Discard of nothing in %s succeeded", dep)
			}
		}
	})
}

func TestOurOwnRefusalsAndOutagesDoNotCount(t *testing.T) {
	for _, tc := range []struct {
		name string
		fail func(up *atomic.Bool) error
	}{
		{"rejected by a policy", func(*atomic.Bool) error { return fmt.Errorf("db: %w", resil.ErrOpen) }},
		{"the failure took the dependency down", func(up *atomic.Bool) error { up.Store(false); return errors.New("reset") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mustOpen(t, folder(t), Config{Attempts: 2})
				var up, heal atomic.Bool
				up.Store(true)
				r := &receiver{fail: func(context.Context, string, int) error {
					if heal.Load() {
						return nil
					}
					return tc.fail(&up)
				}}
				mustPut(t, s, "db", "1")
				startWith(t, s, r, func(string) bool { return up.Load() })
				for range 20 {
					time.Sleep(time.Minute)
					up.Store(true)
					s.Wake("db")
				}
				if n := len(r.attempts("1")); n < 20 || n > 20*13 {
					t.Errorf("%d attempts in 20 minutes: want some, and no busy loop", n)
				}
				heal.Store(true)
				time.Sleep(time.Minute)
				up.Store(true)
				time.Sleep(time.Minute)
				if got := r.all(); len(got) != 1 {
					t.Errorf("delivered %q, dead %d", got, s.Stats().Dead)
				}
			})
		})
	}
}

func TestPutDoesNotCutAWaitShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, folder(t), Config{})
		r := &receiver{fail: func(context.Context, string, int) error { return errors.New("no") }}
		mustPut(t, s, "db", "bad")
		startWith(t, s, r, always)
		for i := range 1000 {
			time.Sleep(50 * time.Millisecond)
			mustPut(t, s, "db", fmt.Sprint(i))
		}
		if n := len(r.attempts("bad")); n > 6 { // waits of 1, 2, 4, 8, 16, 32 s
			t.Errorf("%d attempts in 50s", n)
		}
	})
}

func TestLateBindIsNotPoison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, folder(t), Config{})
		mustPut(t, s, "db", "1")
		if err := s.Start(t.Context(), always); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		r := &receiver{}
		s.Bind(resil.Origin{Dependency: "db", Method: "Save"}, r.deliver)
		synctest.Wait()
		if got := r.all(); len(got) != 1 {
			t.Errorf("delivered %q right after Bind", got)
		}
	})
}

func TestFullRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		cfg  Config
		fit  int
	}{
		{"entries", Config{MaxEntries: 3}, 3},
		{"bytes", Config{MaxBytes: 35, MaxPayload: 20}, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := mustOpen(t, folder(t), tc.cfg)
			var stored, refused atomic.Int32
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					err := s.Put(context.Background(), resil.Entry{Origin: resil.Origin{Dependency: "db", Method: "Save"}, Payload: []byte("0123456789")})
					switch {
					case err == nil:
						stored.Add(1)
					case errors.Is(err, ErrFull):
						refused.Add(1)
					default:
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if int(stored.Load()) != tc.fit || int(refused.Load()) != 20-tc.fit {
				t.Errorf("%d stored, %d refused; want %d stored", stored.Load(), refused.Load(), tc.fit)
			}
			r := &receiver{}
			startWith(t, s, r, always)
			for len(r.all()) < tc.fit {
				time.Sleep(time.Millisecond)
			}
			for s.Stats().Entries > 0 {
				time.Sleep(time.Millisecond)
			}
			mustPut(t, s, "db", "room again")
		})
	}
}

func TestFullDropsTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, folder(t), Config{MaxEntries: 3, Full: DropOldest})
		mustPut(t, s, "s3", "other")
		mustPut(t, s, "db", "1", "2", "3", "4")
		var block atomic.Bool
		block.Store(true)
		r := &receiver{fail: func(ctx context.Context, p string, _ int) error {
			for p == "3" && block.Load() {
				time.Sleep(time.Second)
			}
			return nil
		}}
		startWith(t, s, r, always)
		synctest.Wait() // 3 is being delivered
		mustPut(t, s, "db", "5", "6")
		block.Store(false)
		time.Sleep(time.Minute)
		got := r.all()
		slices.Sort(got)
		if !slices.Equal(got, []string{"3", "4", "5", "6", "other"}) && !slices.Equal(got, []string{"3", "5", "6", "other"}) {
			t.Errorf("delivered %q", got)
		}
		if st := s.Stats(); st.Entries != 0 || st.Bytes != 0 || st.Dropped < 3 || s.Depth()["db"] != 0 {
			t.Errorf("stats %+v, depth %v", st, s.Depth())
		}
	})
}

func TestDropOldestCannotHelpAgainstOtherDependencies(t *testing.T) {
	s := mustOpen(t, folder(t), Config{MaxEntries: 1, Full: DropOldest})
	mustPut(t, s, "s3", "other")
	err := s.Put(t.Context(), resil.Entry{Origin: resil.Origin{Dependency: "db", Method: "Save"}})
	if !errors.Is(err, ErrFull) {
		t.Errorf("error %v, want ErrFull", err)
	}
}

func TestPutRefuses(t *testing.T) {
	s := mustOpen(t, folder(t), Config{MaxPayload: 3})
	entry := func(dep, payload string) resil.Entry {
		return resil.Entry{Origin: resil.Origin{Dependency: dep, Method: "Save"}, Payload: []byte(payload)}
	}
	cause := errors.New("cause")
	gone, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if err := s.Put(gone, entry("db", "1")); !errors.Is(err, cause) {
		t.Errorf("done context: %v", err)
	}
	if err := s.Put(t.Context(), entry("db", "1234")); !errors.Is(err, ErrTooLarge) {
		t.Errorf("large payload: %v", err)
	}
	if err := s.Put(t.Context(), entry("", "1")); err == nil {
		t.Error("no dependency: stored")
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), entry("db", "1")); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if err := s.Start(t.Context(), always); !errors.Is(err, ErrClosed) {
		t.Errorf("Start after Close: %v", err)
	}
}

func TestStartTwiceIsAnError(t *testing.T) {
	s := mustOpen(t, folder(t), Config{})
	if err := s.Start(t.Context(), nil); err == nil {
		t.Error("Start without a ready function succeeded")
	}
	if err := s.Start(t.Context(), always); err != nil {
		t.Error(err)
	}
	if err := s.Start(t.Context(), always); err == nil {
		t.Error("second Start succeeded")
	}
}

func TestCloseEndsDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := folder(t)
		s := mustOpen(t, dir, Config{Attempts: 1})
		mustPut(t, s, "db", "1")
		r := &receiver{fail: func(ctx context.Context, _ string, _ int) error { <-ctx.Done(); return ctx.Err() }}
		startWith(t, s, r, always)
		synctest.Wait()
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		s = mustOpen(t, dir, Config{Attempts: 1})
		if got := s.Depth()["db"]; got != 1 || s.Stats().Dead != 0 {
			t.Errorf("a delivery that Close cancelled: depth %d, stats %+v; want it to wait", got, s.Stats())
		}
	})
}

func TestCloseGivesUpOnADeliveryThatIgnoresItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, folder(t), Config{})
		mustPut(t, s, "db", "1")
		release := make(chan struct{})
		r := &receiver{fail: func(context.Context, string, int) error { <-release; return nil }}
		startWith(t, s, r, always)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v, want its context's error", err)
		}
		close(release)
	})
}

func TestConfigValidate(t *testing.T) {
	for _, tc := range []struct {
		cfg  Config
		want string
	}{
		{Config{MaxEntries: -1}, "negative"},
		{Config{MaxBytes: 10}, "larger than all"},
		{Config{MaxPayload: 65 << 20, MaxBytes: 1 << 40}, "64 MiB"},
		{Config{Full: 7}, "policy 7"},
		{Config{Attempts: -1}, "attempts=-1"},
		{Config{Backoff: time.Hour}, "backoff"},
		{Config{Poll: -1}, "duration"},
	} {
		if _, err := Open(folder(t), tc.cfg); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: error %v, want one with %q", tc.cfg, err, tc.want)
		}
	}
}
