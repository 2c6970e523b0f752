package resil_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/resiltest"
)

// shop is the reference service: four dependencies of one read and one write
// each.
type shop struct {
	sys   *resil.System
	fakes map[string]*resiltest.Fake
	reads map[string]*resil.Method
	write map[string]*resil.Method
}

var shopGuards = []resil.GuardSpec{
	{Dependency: "openai", Criticality: resil.High, Breaker: &resil.Breaker{Failures: 5, Open: 60 * time.Second}},
	{Dependency: "db", Criticality: resil.Critical, Breaker: &resil.Breaker{Failures: 3, Open: 30 * time.Second}},
	{Dependency: "redis", Criticality: resil.Medium, Breaker: &resil.Breaker{Failures: 5, Open: 20 * time.Second}},
	{Dependency: "s3", Criticality: resil.Low, Breaker: &resil.Breaker{Failures: 5, Open: 30 * time.Second}},
}

func newShop(t *testing.T, config resil.Config) *shop {
	s := &shop{
		sys: newSystem(t, config), fakes: map[string]*resiltest.Fake{},
		reads: map[string]*resil.Method{}, write: map[string]*resil.Method{},
	}
	for _, g := range shopGuards {
		g.Interface, g.Position = "shop."+g.Dependency, g.Dependency+".go:1"
		guard := s.sys.Guard(g)
		s.fakes[g.Dependency] = new(resiltest.Fake)
		s.reads[g.Dependency] = guard.Method(resil.MethodSpec{Name: "Get", Kind: resil.Read})
		s.write[g.Dependency] = guard.Method(resil.MethodSpec{Name: "Put", Kind: resil.Write})
	}
	return s
}

// break makes the dependencies fail until their breakers open.
func (s *shop) breakDown(ctx context.Context, names ...string) {
	for _, name := range names {
		s.fakes[name].Always(resiltest.Fail(nil))
		for range 5 {
			_, _ = resil.Call(ctx, s.write[name], s.fakes[name].Call)
		}
	}
}

func TestLevelFollowsTheContractsExamples(t *testing.T) {
	tests := []struct {
		down string
		want resil.Level
	}{
		{"", resil.Optimal},
		{"redis", resil.Degraded},
		{"openai", resil.Limited},
		{"openai redis", resil.Limited},
		{"db", resil.Minimal},
		{"redis db", resil.Minimal},
		{"openai db", resil.Minimal},
		{"redis openai db", resil.Emergency},
		{"s3", resil.Optimal},
		{"openai redis s3", resil.Minimal},
	}
	for _, tt := range tests {
		t.Run(tt.down, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t, resil.Config{})
				s.breakDown(t.Context(), strings.Fields(tt.down)...)
				if got := s.sys.Level(); got != tt.want {
					t.Errorf("level = %v, want %v; %s", got, tt.want, s.sys.Status().Reason)
				}
				synctest.Wait()
			})
		})
	}
}

func TestTransitionsArriveInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, resil.Config{})
		var got []string
		stop := s.sys.OnLevel(func(tr resil.Transition) { got = append(got, tr.From.String()+">"+tr.To.String()) })
		s.breakDown(t.Context(), "redis", "openai", "db")
		synctest.Wait()
		stop()
		if want := "optimal>degraded degraded>limited limited>emergency"; strings.Join(got, " ") != want {
			t.Errorf("transitions = %v, want %v", got, want)
		}
	})
}

func TestRecoveryByTimersWithoutCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, resil.Config{})
		if err := s.sys.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		var improved time.Time
		stop := s.sys.OnLevel(func(tr resil.Transition) {
			if tr.To == resil.Optimal {
				improved = tr.At
			}
		})
		defer stop()
		s.breakDown(t.Context(), "redis")
		time.Sleep(23 * time.Second)
		s.fakes["redis"].Always(resiltest.Answer("ok"))
		for range 2 {
			if _, err := resil.Call(t.Context(), s.reads["redis"], s.fakes["redis"].Call); err != nil {
				t.Error(err)
			}
		}
		closed := time.Now()
		time.Sleep(time.Minute)
		synctest.Wait()
		if wait := improved.Sub(closed); wait != 10*time.Second {
			t.Errorf("optimal %v after the breaker closed, want 10s", wait)
		}
		if err := s.sys.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// No level can lock itself in: with everything down and no health check, one
// real call per open period reaches each dependency, reads before writes.
func TestEmergencyEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, resil.Config{})
		s.breakDown(t.Context(), "redis", "openai", "db")
		if s.sys.Level() != resil.Emergency {
			t.Fatalf("level = %v", s.sys.Level())
		}
		writes := 0
		for _, f := range s.fakes {
			f.Always(resiltest.Answer("ok"))
		}
		before := s.fakes["db"].Calls()
		for range 3 * 60 {
			time.Sleep(time.Second)
			for name := range s.fakes {
				_, _ = resil.Call(t.Context(), s.write[name], func(context.Context) (string, error) { writes++; return "ok", nil })
				_, _ = resil.Call(t.Context(), s.reads[name], s.fakes[name].Call)
			}
			if s.sys.Level() == resil.Emergency && writes > 0 && s.fakes["db"].Calls() == before {
				t.Error("a write was the first to pass the level")
			}
		}
		if got := s.sys.Level(); got != resil.Optimal {
			t.Errorf("level = %v after 3 minutes, want optimal; %+v", got, s.sys.Status())
		}
	})
}

func TestOneRealCallPerOpenPeriodPassesALevel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, resil.Config{})
		fake := new(resiltest.Fake)
		m := guarded(sys, resil.GuardSpec{Criticality: resil.Critical, Down: resil.Emergency, Breaker: &resil.Breaker{Failures: 1, Open: 10 * time.Second}}, resil.MethodSpec{Kind: resil.Write})
		fake.Always(resiltest.Fail(nil))
		_, _ = resil.Call(t.Context(), m, fake.Call)
		for range 600 {
			time.Sleep(time.Second)
			if _, err := resil.Call(t.Context(), m, fake.Call); !errors.Is(err, resil.ErrShed) && !errors.Is(err, resiltest.ErrDown) {
				t.Errorf("err = %v, want ErrShed or the dependency's", err)
			}
		}
		if n := fake.Calls() - 1; n < 50 || n > 66 {
			t.Errorf("%d calls passed in 60 open periods", n)
		}
		synctest.Wait()
	})
}

func TestGoodChecksCloseABreakerThatNoCallMayProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, resil.Config{})
		fake := new(resiltest.Fake)
		m := guarded(sys, resil.GuardSpec{Criticality: resil.Critical, Down: resil.Emergency, Breaker: &resil.Breaker{Failures: 1, Open: 10 * time.Second}}, resil.MethodSpec{Kind: resil.Read})
		var broken atomic.Bool
		broken.Store(true)
		if err := sys.AddCheck("db", func(context.Context) error {
			if broken.Load() {
				return resiltest.ErrDown
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := sys.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		fake.Always(resiltest.Fail(nil))
		_, _ = resil.Call(t.Context(), m, fake.Call)
		time.Sleep(time.Minute)
		if _, err := resil.Call(t.Context(), m, fake.Call); !errors.Is(err, resil.ErrShed) || fake.Calls() != 1 {
			t.Errorf("err = %v, %v; want ErrShed: a checked dependency needs no real probe", err, fake)
		}
		broken.Store(false)
		fake.Always(resiltest.Answer("ok"))
		time.Sleep(40 * time.Second)
		if st := sys.Status(); st.Level != resil.Optimal || st.Dependencies[0].Breaker != resil.BreakerClosed {
			t.Errorf("level = %v, breaker = %v after good checks", st.Level, st.Dependencies[0].Breaker)
		}
		if err := sys.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestFailedChecksTurnADependencyDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, resil.Config{})
		var broken atomic.Bool
		check := func(context.Context) error {
			if broken.Load() {
				return resiltest.ErrDown
			}
			return nil
		}
		if err := sys.AddCheck("cache", check); err != nil {
			t.Fatal(err)
		}
		if err := sys.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		broken.Store(true)
		time.Sleep(8 * time.Second)
		if got := sys.Level(); got != resil.Optimal {
			t.Errorf("level = %v after two failed checks, want optimal", got)
		}
		time.Sleep(10 * time.Second)
		if got := sys.Level(); got != resil.Degraded {
			t.Errorf("level = %v after three failed checks, want degraded", got)
		}
		broken.Store(false)
		time.Sleep(time.Minute)
		if got := sys.Level(); got != resil.Optimal {
			t.Errorf("level = %v after good checks, want optimal", got)
		}
		if err := sys.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestForcedLevelExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, resil.Config{})
		if err := s.sys.Force(resil.Emergency, time.Minute, "drill"); err != nil {
			t.Fatal(err)
		}
		if _, err := resil.Call(t.Context(), s.reads["db"], s.fakes["db"].Call); !errors.Is(err, resil.ErrShed) {
			t.Errorf("err = %v, want ErrShed", err)
		}
		if st := s.sys.Status(); st.Forced == nil || st.Forced.To != "emergency" || st.Forced.Reason != "drill" {
			t.Errorf("forced = %+v", st.Forced)
		}
		time.Sleep(time.Minute)
		if _, err := resil.Call(t.Context(), s.reads["db"], s.fakes["db"].Call); err != nil {
			t.Errorf("err = %v after the force expired", err)
		}
		if st := s.sys.Status(); st.Forced != nil || st.Level != resil.Optimal {
			t.Errorf("status = %+v", st)
		}
	})
}

func TestDefaultActions(t *testing.T) {
	tests := []struct {
		name  string
		level resil.Level
		spec  resil.MethodSpec
		want  string // "client", "fallback" or "shed"
	}{
		{"a read at limited", resil.Limited, resil.MethodSpec{Kind: resil.Read}, "client"},
		{"a write at limited", resil.Limited, resil.MethodSpec{Kind: resil.Write}, "client"},
		{"a read at minimal", resil.Minimal, resil.MethodSpec{Kind: resil.Read}, "client"},
		{"an unmarked method at minimal", resil.Minimal, resil.MethodSpec{}, "client"},
		{"a write at minimal", resil.Minimal, resil.MethodSpec{Kind: resil.Write}, "shed"},
		{"a write with a function at minimal", resil.Minimal, resil.MethodSpec{Kind: resil.Write, Fallbacks: []resil.Fallback{{Strategy: resil.StrategyCall}}}, "fallback"},
		{"a write with zero at minimal", resil.Minimal, resil.MethodSpec{Kind: resil.Write, Fallbacks: []resil.Fallback{{Strategy: resil.StrategyZero}}}, "shed"},
		{"a read at emergency", resil.Emergency, resil.MethodSpec{Kind: resil.Read}, "shed"},
		{"a read with a fallback at emergency", resil.Emergency, resil.MethodSpec{Kind: resil.Read, Fallbacks: []resil.Fallback{{Strategy: resil.StrategyCall}}}, "fallback"},
		{"an essential write at emergency", resil.Emergency, resil.MethodSpec{Kind: resil.Write, Essential: true}, "client"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sys := newSystem(t, resil.Config{})
			m := guarded(sys, resil.GuardSpec{}, tt.spec)
			if err := sys.Force(tt.level, time.Hour, "test"); err != nil {
				t.Fatal(err)
			}
			got, err := resil.CallWith(t.Context(), m,
				func(context.Context) (string, error) { return "client", nil },
				resil.With[string]{Fallback: func(context.Context, int, error) (string, error) { return "fallback", nil }})
			if errors.Is(err, resil.ErrShed) {
				got = "shed"
			}
			if got != tt.want {
				t.Errorf("got %s (%v), want %s", got, err, tt.want)
			}
		})
	}
}
