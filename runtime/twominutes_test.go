package resil_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// service is a service with the contract's reference dependencies, of which a
// test says which are down.
type service struct {
	sys  *resil.System
	down atomic.Pointer[[]string]
	ops  []op
}

type op struct {
	dependency string
	handle     *resil.Dependency
}

var errOutage = errors.New("connection refused")

// newService makes a service whose operations have the given kinds. With checks
// its dependencies have health checks too.
func newService(t *testing.T, kinds []resil.Kind, checks bool) *service {
	s := &service{sys: newSystem(t, resil.Config{})}
	s.fail()
	for _, g := range shopGuards {
		for _, kind := range kinds {
			s.ops = append(s.ops, op{g.Dependency, s.sys.Dependency(g.Dependency, resil.Operation(kind.String()), kind, g.Criticality, *g.Breaker)})
		}
		if checks {
			if err := s.sys.AddCheck(g.Dependency, func(context.Context) error { return s.ask(g.Dependency) }); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.sys.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.sys.Close(context.Background()) })
	return s
}

// fail makes the given dependencies fail from now on, and all others work.
func (s *service) fail(names ...string) { s.down.Store(&names) }

func (s *service) ask(dependency string) error {
	if slices.Contains(*s.down.Load(), dependency) {
		return errOutage
	}
	return nil
}

// live lets time pass, with each operation called once a second if calls says
// so.
func (s *service) live(d time.Duration, calls bool) {
	if !calls {
		time.Sleep(d)
		return
	}
	for range d / time.Second {
		for _, o := range s.ops {
			_, _ = resil.Do(context.Background(), o.handle, func(context.Context) (int, error) { return 0, s.ask(o.dependency) })
		}
		time.Sleep(time.Second)
	}
}

// TestBackAtOptimalWithinTwoMinutes holds that no level locks itself in:
// whatever was down, for however long, with health checks or with a call a
// second, and whatever the level sheds, the system is back at Optimal two
// minutes after its dependencies.
func TestBackAtOptimalWithinTwoMinutes(t *testing.T) {
	kinds := map[string][]resil.Kind{
		"reads":            {resil.Read},
		"writes":           {resil.Write}, // all shed from Minimal on
		"reads and writes": {resil.Read, resil.Write},
		"unmarked":         {resil.Unmarked},
	}
	for _, down := range [][]string{{"s3"}, {"redis"}, {"openai"}, {"db"}, {"db", "openai", "redis"}, {"openai", "redis", "s3"}, {"openai", "db", "redis", "s3"}} {
		for kind, of := range kinds {
			for _, by := range []struct{ calls, checks bool }{{true, false}, {false, true}, {true, true}} {
				for _, outage := range []time.Duration{20 * time.Second, time.Minute, 10 * time.Minute, 3 * time.Hour} {
					name := fmt.Sprintf("%v down for %s, %s, calls %v, checks %v", down, outage, kind, by.calls, by.checks)
					t.Run(name, func(t *testing.T) {
						if testing.Short() && outage > 10*time.Minute {
							t.Skip("the longest outages are left out of short runs")
						}
						synctest.Test(t, func(t *testing.T) {
							s := newService(t, of, by.checks)
							s.live(10*time.Second, by.calls)
							if l := s.sys.Level(); l != resil.Optimal {
								t.Fatalf("level %s before the outage", l)
							}
							s.fail(down...)
							s.live(outage, by.calls)
							found := 0
							for _, d := range s.sys.Status().Dependencies {
								switch {
								case !d.Up && !slices.Contains(down, d.Name):
									t.Errorf("%s is down", d.Name)
								case !d.Up:
									found++
								}
							}
							// Without checks a dependency whose calls the level sheds is not asked.
							if found == 0 || by.checks && found < len(down) {
								t.Errorf("%d dependencies were found to be down", found)
							}
							s.fail()
							s.live(2*time.Minute, by.calls)
							if l := s.sys.Level(); l != resil.Optimal {
								t.Errorf("level %s two minutes after the outage: %s", l, s.sys.Status().Reason)
							}
						})
					})
				}
			}
		}
	}
}

// TestFlappingDependencyWorsensTheLevelRarely lets a dependency come and go for
// a day: the level worsens at most once per wait, and recovers in the end.
func TestFlappingDependencyWorsensTheLevelRarely(t *testing.T) {
	for _, period := range []time.Duration{7 * time.Second, 45 * time.Second, 100 * time.Second} {
		t.Run(period.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t, []resil.Kind{resil.Read}, true)
				var worse []time.Time
				stop := s.sys.OnLevel(func(c resil.Transition) {
					if c.To > c.From {
						worse = append(worse, c.At)
					}
				})
				defer stop()
				for begin := time.Now(); time.Since(begin) < 6*time.Hour; {
					s.fail("db")
					s.live(period, true)
					s.fail()
					s.live(period, true)
				}
				s.live(2*time.Minute, true)
				if l := s.sys.Level(); l != resil.Optimal {
					t.Errorf("level %s after the flapping", l)
				}
				for i := 1; i < len(worse); i++ {
					if gap := worse[i].Sub(worse[i-1]); gap < 10*time.Second || i > 3 && gap < 40*time.Second {
						t.Errorf("worsening %d came %s after the one before", i+1, gap)
					}
				}
				if len(worse) == 0 {
					t.Error("the level never worsened")
				}
			})
		})
	}
}
