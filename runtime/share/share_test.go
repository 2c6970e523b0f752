package share_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/internal/logtest"
	"github.com/resilgo/resil/runtime/share"
)

var quiet = slog.New(slog.DiscardHandler)

// memory is a store that works as it should, unless told otherwise.
type memory struct {
	mu      sync.Mutex
	reports map[string]entry
	bend    func(ctx context.Context, replica string, v share.View) (share.View, error)
}

type entry struct {
	open  map[string]bool
	until time.Time
}

func (m *memory) Exchange(ctx context.Context, r share.Report) (share.View, error) {
	m.mu.Lock()
	if m.reports == nil {
		m.reports = map[string]entry{}
	}
	m.reports[r.Replica] = entry{r.Open, time.Now().Add(r.TTL)}
	v := share.View{Open: map[string]int{}}
	for _, e := range m.reports {
		if !time.Now().Before(e.until) {
			continue
		}
		v.Replicas++
		for name, open := range e.open {
			if open {
				v.Open[name]++
			}
		}
	}
	bend := m.bend
	m.mu.Unlock()
	if bend != nil {
		return bend(ctx, r.Replica, v)
	}
	return v, nil
}

func (m *memory) bends(f func(context.Context, string, share.View) (share.View, error)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bend = f
}

// replica is one replica of a service with dependency db.
type replica struct {
	*resil.System
	sharer *share.Sharer
	db     *resil.Dependency
	down   bool // for this replica
}

var errDown = errors.New("down")

func newReplica(t *testing.T, store share.Store) *replica {
	t.Helper()
	sys, err := resil.New(resil.Config{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	r := &replica{System: sys, db: sys.Dependency("db", resil.Breaker{Failures: 5, Open: 30 * time.Second}, resil.Read)}
	r.sharer, err = share.New(sys, store, share.Config{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sys.Start(t.Context()), r.sharer.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(r.sharer.Close(context.Background()), sys.Close(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *replica) call() error {
	_, err := resil.Do(context.Background(), r.db, func(context.Context) (int, error) {
		if r.down {
			return 0, errDown
		}
		return 1, nil
	})
	return err
}

func (r *replica) trip() {
	r.down = true
	for range 5 {
		_ = r.call()
	}
}

func (r *replica) breaker() resil.DependencyStatus { return r.Status().Dependencies[0] }

func fleet(t *testing.T, n int, store share.Store) []*replica {
	t.Helper()
	all := make([]*replica, n)
	for i := range all {
		all[i] = newReplica(t, store)
	}
	time.Sleep(5 * time.Second) // they have met
	return all
}

func TestQuorumOpensEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := fleet(t, 5, &memory{})
		if v := all[0].sharer.Status().View; v.Replicas != 5 {
			t.Fatalf("view %+v", v)
		}
		all[0].trip()
		all[1].trip()
		time.Sleep(5 * time.Second)
		if err := all[4].call(); err != nil {
			t.Errorf("two of five opened another's breaker: %v", err)
		}
		all[2].trip()
		time.Sleep(3 * time.Second)
		for _, r := range all[3:] {
			err := r.call()
			if !errors.Is(err, resil.ErrOpen) {
				t.Errorf("three of five did not: %v", err)
			}
			if f := r.breaker().Forced; f == nil || !strings.Contains(f.Reason, "open on 3 of 5 replicas") {
				t.Errorf("forced: %+v", f)
			}
		}
		// The hold ends, and what their own calls find counts: db works for them.
		time.Sleep(11 * time.Second)
		for range 600 {
			if err := all[4].call(); err != nil {
				t.Fatalf("held open again for the same quorum: %v", err)
			}
			time.Sleep(time.Second)
		}
		if st := all[4].sharer.Status(); st.Hints != 1 || st.Err != nil {
			t.Errorf("status %+v", st)
		}
	})
}

func TestHintsDoNotEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := fleet(t, 5, &memory{})
		for _, r := range all[:3] {
			r.trip()
		}
		time.Sleep(4 * time.Second)
		if v := all[4].sharer.Status().View; v.Open["db"] != 3 {
			t.Errorf("view %+v: those that follow a hint must not report it", v)
		}
		// The dependency comes back: everybody does, within its own time.
		for _, r := range all {
			r.down = false
		}
		for range 60 {
			time.Sleep(time.Second)
			for _, r := range all {
				_ = r.call()
			}
		}
		for i, r := range all {
			if got := r.breaker(); got.Breaker != resil.BreakerClosed || !got.Up || r.Level() != resil.Optimal {
				t.Errorf("replica %d: %s at %s", i, got.Breaker, r.Level())
			}
		}
	})
}

func TestLyingReplicasCostLittle(t *testing.T) {
	for _, tc := range []struct {
		name string
		lie  func(n int, v share.View) share.View
		most int // seconds of an hour
	}{
		{"one lies", func(_ int, v share.View) share.View { v.Open = map[string]int{"db": 1}; return v }, 0},
		{"a majority lies for ever", func(_ int, v share.View) share.View { v.Replicas, v.Open = 5, map[string]int{"db": 4}; return v }, 10},
		{"a majority lies on and off", func(n int, v share.View) share.View {
			v.Replicas = 5
			if n%2 == 0 {
				v.Open = map[string]int{"db": 4}
			}
			return v
		}, 12 * 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				store := &memory{bend: func(_ context.Context, _ string, v share.View) (share.View, error) { n++; return tc.lie(n, v), nil }}
				r := newReplica(t, store)
				lost := 0
				for range 3600 {
					time.Sleep(time.Second)
					if r.call() != nil {
						lost++
					}
				}
				if lost > tc.most || tc.most > 0 && lost == 0 {
					t.Errorf("%d calls of 3600 were lost, want at most %d", lost, tc.most)
				}
			})
		})
	}
}

func TestBadStoresDoNoHarm(t *testing.T) {
	for _, tc := range []struct {
		name string
		bend func(ctx context.Context, replica string, v share.View) (share.View, error)
		want string
	}{
		{"away", func(context.Context, string, share.View) (share.View, error) { return share.View{}, errDown }, "down"},
		{"slow", func(ctx context.Context, _ string, _ share.View) (share.View, error) {
			<-ctx.Done()
			return share.View{}, ctx.Err()
		}, "deadline"},
		{"panics", func(context.Context, string, share.View) (share.View, error) { panic("boom") }, "panicked"},
		{"no replicas", func(context.Context, string, share.View) (share.View, error) {
			return share.View{Open: map[string]int{"db": 9}}, nil
		}, "0 replicas"},
		{"more open than there are", func(context.Context, string, share.View) (share.View, error) {
			return share.View{Replicas: 3, Open: map[string]int{"db": 9}}, nil
		}, "9 open breakers"},
		{"negative", func(context.Context, string, share.View) (share.View, error) {
			return share.View{Replicas: 3, Open: map[string]int{"db": -1}}, nil
		}, "-1 open breakers"},
		{"speaks of others", func(context.Context, string, share.View) (share.View, error) {
			return share.View{Replicas: 9, Open: map[string]int{"nosuch": 9}}, nil
		}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &memory{bend: tc.bend}
				r := newReplica(t, store)
				for range 120 {
					time.Sleep(time.Second)
					begin := time.Now()
					if err := r.call(); err != nil || time.Since(begin) != 0 {
						t.Fatalf("a call: %v after %s", err, time.Since(begin))
					}
				}
				st := r.sharer.Status()
				if tc.want == "" && st.Err != nil || tc.want != "" && (st.Err == nil || !strings.Contains(st.Err.Error(), tc.want)) {
					t.Errorf("error %v, want %q", st.Err, tc.want)
				}
				r.trip()
				if !errors.Is(r.call(), resil.ErrOpen) {
					t.Error("its own verdict does not count")
				}
				store.bends(nil)
				time.Sleep(5 * time.Second)
				if st := r.sharer.Status(); st.Err != nil || st.View.Replicas != 1 {
					t.Errorf("after it is well: %+v", st)
				}
			})
		})
	}
}

func TestSharerLogsOutsideItsLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys, err := resil.New(resil.Config{Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		var s *share.Sharer
		log := &logtest.Asking{T: t, Ask: func() { s.Status() }}
		store := &memory{bend: func(context.Context, string, share.View) (share.View, error) { return share.View{}, errDown }}
		if s, err = share.New(sys, store, share.Config{Logger: slog.New(log)}); err != nil {
			t.Fatal(err)
		}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		defer s.Close(context.Background()) //nolint:errcheck // waits as long as it takes
		time.Sleep(time.Minute)
		store.bends(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if log.Asked != 2 {
			t.Errorf("%d log lines asked, want those of the outage and of its end", log.Asked)
		}
	})
}

func TestPartitionsDoNoHarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		all := fleet(t, 5, store)
		cut := all[4].sharer.Status().Replica
		store.bends(func(_ context.Context, replica string, v share.View) (share.View, error) {
			if replica == cut {
				return share.View{}, errDown
			}
			return v, nil
		})
		for _, r := range all[:3] {
			r.trip()
		}
		for range 60 {
			time.Sleep(time.Second)
			if err := all[4].call(); err != nil {
				t.Fatalf("a replica that hears nothing: %v", err)
			}
		}
		if st := all[3].sharer.Status(); st.Hints != 1 {
			t.Errorf("the others: %+v", st)
		}
	})
}

func TestSilentReplicasDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := fleet(t, 4, &memory{})
		for _, r := range all[:3] {
			r.trip()
			if err := r.sharer.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		late := all[3]
		time.Sleep(time.Minute)
		if v := late.sharer.Status().View; v.Replicas != 1 || v.Open["db"] != 0 {
			t.Errorf("view %+v", v)
		}
	})
}

func TestForcedByHandIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := fleet(t, 5, &memory{})
		if err := all[4].db.Force(false, time.Hour, "by hand"); err != nil {
			t.Fatal(err)
		}
		for _, r := range all[:3] {
			r.trip()
		}
		time.Sleep(time.Minute)
		if f := all[4].breaker().Forced; f == nil || f.Reason != "by hand" || f.To != "closed" {
			t.Errorf("forced: %+v", f)
		}
		if st := all[4].sharer.Status(); st.Hints != 0 {
			t.Errorf("status %+v", st)
		}
	})
}

func TestLifeCycle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys, err := resil.New(resil.Config{Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		s, err := share.New(sys, &memory{}, share.Config{Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Start(); err != nil {
			t.Error(err)
		}
		if err := s.Start(); err == nil {
			t.Error("a second Start succeeded")
		}
		for range 2 {
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if err := s.Start(); err == nil {
			t.Error("Start after Close succeeded")
		}
	})
}

func TestValidate(t *testing.T) {
	sys, err := resil.New(resil.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		cfg  share.Config
		want string
	}{
		{share.Config{Every: time.Millisecond}, "period"},
		{share.Config{Timeout: -1}, "timeout"},
		{share.Config{TTL: time.Second}, "two periods"},
		{share.Config{Quorum: 1}, "quorum"},
		{share.Config{Peers: 1}, "1 other replica"},
		{share.Config{Hold: time.Hour, Gap: 3 * time.Hour}, "hold"},
		{share.Config{Gap: time.Second}, "gap"},
	} {
		if _, err := share.New(sys, &memory{}, tc.cfg); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v, want one on %q", tc.cfg, err, tc.want)
		}
	}
	if _, err := share.New(nil, nil, share.Config{}); err == nil {
		t.Error("no system accepted")
	}
}
