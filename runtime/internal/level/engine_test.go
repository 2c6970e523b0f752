package level

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(seconds float64) time.Time {
	return t0.Add(time.Duration(seconds * float64(time.Second)))
}

const (
	degraded Level = 2
	limited  Level = 3
)

// service is the reference service of the contract.
var service = []Dependency{
	{Name: "openai", Weight: 3, Down: limited},
	{Name: "db", Weight: 4, Critical: true, Down: Minimal},
	{Name: "redis", Weight: 2, Down: degraded},
	{Name: "s3", Weight: 1, Down: Optimal},
}

// rig drives an engine by names and seconds.
type rig struct {
	*Engine
	ids map[string]int
	log []Transition
}

func newRig(cfg Config, deps ...Dependency) *rig {
	r := &rig{Engine: New(cfg), ids: map[string]int{}}
	for _, d := range deps {
		id, changed := r.Add(t0, d)
		r.ids[d.Name] = id
		r.log = append(r.log, changed...)
	}
	return r
}

func (r *rig) down(s float64, names ...string) { r.set(s, true, false, names) }
func (r *rig) up(s float64, names ...string)   { r.set(s, false, false, names) }
func (r *rig) slow(s float64, names ...string) { r.set(s, false, true, names) }

func (r *rig) set(s float64, down, slow bool, names []string) {
	for _, n := range names {
		r.log = append(r.log, r.Set(at(s), r.ids[n], down, slow)...)
	}
}

func (r *rig) wait(s float64) { r.log = append(r.log, r.Advance(at(s))...) }

// trace renders the transitions as "12s optimal→minimal".
func (r *rig) trace() string {
	var b strings.Builder
	for _, t := range r.log {
		fmt.Fprintf(&b, "%gs %s→%s\n", t.At.Sub(t0).Seconds(), t.From, t.To)
	}
	return b.String()
}

func TestExamplesOfTheContract(t *testing.T) {
	for _, tc := range []struct {
		down string
		want Level
		rule Rule
	}{
		{"", Optimal, RuleUp},
		{"s3", Optimal, RuleUp},
		{"redis", degraded, RuleDown},
		{"redis s3", degraded, RuleDown},
		{"openai", limited, RuleDown},
		{"openai redis", limited, RuleDown},
		{"openai s3", limited, RuleDown},
		{"openai redis s3", Minimal, RuleScore},
		{"db", Minimal, RuleDown},
		{"db s3", Minimal, RuleDown},
		{"db redis", Minimal, RuleDown},
		{"db openai", Minimal, RuleDown},
		{"db redis s3", Minimal, RuleDown}, // score 30 is not below 30
		{"db openai s3", Emergency, RuleScore},
		{"db openai redis", Emergency, RuleScore},
		{"db openai redis s3", Emergency, RuleScore},
	} {
		names := strings.Fields(tc.down)
		for _, perm := range permutations(names) {
			t.Run(strings.Join(perm, "+")+" down", func(t *testing.T) {
				r := newRig(Config{}, service...)
				r.down(1, perm...)
				if r.Level() != tc.want || r.Reason().Rule != tc.rule {
					t.Errorf("level %s (%s: %s), want %s by rule %s", r.Level(), r.Reason().Rule, r.Reason(), tc.want, tc.rule)
				}
			})
		}
		t.Run("nothing but "+tc.down+" still down after all were", func(t *testing.T) {
			r := newRig(Config{}, service...)
			r.down(1, "openai", "db", "redis", "s3")
			for _, d := range service {
				if !slices.Contains(names, d.Name) {
					r.up(2, d.Name)
				}
			}
			r.wait(60)
			if r.Level() != tc.want {
				t.Errorf("level %s (%s), want %s", r.Level(), r.Reason(), tc.want)
			}
		})
	}
}

func permutations(s []string) [][]string {
	if len(s) == 0 {
		return [][]string{nil}
	}
	var all [][]string
	for i := range s {
		rest := slices.Concat(s[:i], s[i+1:])
		for _, p := range permutations(rest) {
			all = append(all, append([]string{s[i]}, p...))
		}
	}
	return all
}

func TestRules(t *testing.T) {
	crit := func(n string) Dependency { return Dependency{Name: n, Weight: 4, Critical: true, Down: Minimal} }
	low := func(n string) Dependency { return Dependency{Name: n, Weight: 1, Down: Optimal} }
	for _, tc := range []struct {
		name string
		cfg  Config
		deps []Dependency
		down string
		slow string
		want Level
	}{
		{"no dependencies", Config{}, nil, "", "", Optimal},
		{"a single critical one down is not an emergency", Config{}, []Dependency{crit("a")}, "a", "", Minimal},
		{"a single low one down", Config{}, []Dependency{low("a")}, "a", "", Optimal},
		{"two critical ones open the score rule", Config{}, []Dependency{crit("a"), crit("b")}, "a b", "", Emergency},
		{"two critical ones down among many up", Config{}, []Dependency{crit("a"), crit("b"), crit("c"), crit("d"), crit("e")}, "a b", "", Minimal},
		{"three low ones down, score 0, none critical", Config{}, []Dependency{low("a"), low("b"), low("c")}, "a b c", "", Minimal},
		{"three low ones down, score exactly 50", Config{}, []Dependency{low("a"), low("b"), low("c"), {Name: "d", Weight: 3, Down: limited}}, "a b c", "", Optimal},
		{"a slow one counts half", Config{}, []Dependency{low("a"), low("b"), low("c"), {Name: "d", Weight: 3, Down: limited}}, "a b c", "d", Minimal},
		{"slow alone changes nothing", Config{}, []Dependency{crit("a"), crit("b")}, "", "a b", Optimal},
		{"slow and down counts as down", Config{}, service, "redis", "redis", degraded},
		{"a down level of its own", Config{}, []Dependency{{Name: "a", Weight: 1, Down: Emergency}, low("b")}, "a", "", Emergency},
		{"a weight of its own", Config{}, []Dependency{low("a"), low("b"), low("c"), {Name: "d", Weight: 100, Down: limited}}, "a b c", "", Optimal},
		{"weights of nothing", Config{}, []Dependency{{Name: "a"}, {Name: "b"}, {Name: "c"}}, "a b c", "", Optimal},
		{"thresholds of its own", Config{MinimalBelow: 75, EmergencyBelow: 60}, []Dependency{low("a"), low("b"), low("c"), crit("d")}, "a b c", "", Minimal},
		{"a gate of its own", Config{ScoreDown: 1}, service, "db openai", "redis", Emergency},
		{"no score rule", Config{MinimalBelow: -1, EmergencyBelow: -1}, service, "db openai redis s3", "", Minimal},
		{"no emergency by score", Config{EmergencyBelow: -1}, service, "db openai redis s3", "", Minimal},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.cfg.Validate(); err != nil {
				t.Fatal(err)
			}
			r := newRig(tc.cfg, tc.deps...)
			r.slow(1, strings.Fields(tc.slow)...)
			r.down(1, strings.Fields(tc.down)...)
			if r.Level() != tc.want {
				t.Errorf("level %s (%s), want %s", r.Level(), r.Reason(), tc.want)
			}
		})
	}
}

func TestWorseningAndRecovery(t *testing.T) {
	for _, tc := range []struct {
		name string
		cfg  Config
		run  func(*rig)
		want string
	}{
		{
			"worse at once, better after ten seconds",
			Config{},
			func(r *rig) { r.down(1, "db"); r.up(5, "db"); r.wait(100) },
			"1s optimal→minimal\n15s minimal→optimal\n",
		},
		{
			"a better level that does not hold does not count",
			Config{},
			func(r *rig) { r.down(1, "db"); r.up(5, "db"); r.down(14, "db"); r.up(20, "db"); r.wait(100) },
			"1s optimal→minimal\n30s minimal→optimal\n",
		},
		{
			"each better level has its own wait",
			Config{},
			func(r *rig) { r.down(1, "db", "openai"); r.up(5, "db"); r.up(11, "openai"); r.wait(100) },
			"1s optimal→minimal\n15s minimal→limited\n21s limited→optimal\n",
		},
		{
			"straight back over levels that all held",
			Config{},
			func(r *rig) { r.down(1, "db", "openai", "redis"); r.up(5, "db", "openai", "redis"); r.wait(100) },
			"1s optimal→minimal\n1s minimal→emergency\n15s emergency→optimal\n",
		},
		{
			"one step at a time",
			Config{Step: true},
			func(r *rig) { r.down(1, "db", "openai", "redis"); r.up(5, "db", "openai", "redis"); r.wait(100) },
			"1s optimal→minimal\n1s minimal→emergency\n15s emergency→minimal\n25s minimal→limited\n35s limited→degraded\n45s degraded→optimal\n",
		},
		{
			"flapping doubles the wait up to its bound",
			Config{},
			func(r *rig) {
				for s := 0.0; s < 400; s += 100 {
					r.down(s+1, "db")
					r.up(s+2, "db")
				}
				r.wait(1000)
			},
			"1s optimal→minimal\n12s minimal→optimal\n" +
				"101s optimal→minimal\n122s minimal→optimal\n" +
				"201s optimal→minimal\n242s minimal→optimal\n" +
				"301s optimal→minimal\n342s minimal→optimal\n",
		},
		{
			"calm resets the wait",
			Config{},
			func(r *rig) {
				r.down(1, "db")
				r.up(2, "db")
				r.down(20, "db")
				r.up(21, "db") // back at 41
				r.down(161, "db")
				r.up(162, "db")
				r.wait(1000)
			},
			"1s optimal→minimal\n12s minimal→optimal\n20s optimal→minimal\n41s minimal→optimal\n161s optimal→minimal\n172s minimal→optimal\n",
		},
		{
			"an incident that deepens is no flapping",
			Config{},
			func(r *rig) {
				r.down(1, "redis")
				r.down(2, "openai")
				r.down(3, "db")
				r.up(4, "redis", "openai", "db")
				r.wait(100)
			},
			"1s optimal→degraded\n2s degraded→limited\n3s limited→emergency\n14s emergency→optimal\n",
		},
		{
			"what is found late happened when it was due",
			Config{},
			func(r *rig) { r.down(1, "db"); r.up(5, "db"); r.down(500, "redis"); r.wait(501) },
			"1s optimal→minimal\n15s minimal→optimal\n500s optimal→degraded\n",
		},
		{
			"time that runs backwards stands still",
			Config{},
			func(r *rig) { r.down(10, "db"); r.up(5, "db"); r.wait(19.9); r.wait(20) },
			"10s optimal→minimal\n20s minimal→optimal\n",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(tc.cfg, service...)
			tc.run(r)
			if got := r.trace(); got != tc.want {
				t.Errorf("got\n%swant\n%s", got, tc.want)
			}
		})
	}
}

func TestForcedLevelExpires(t *testing.T) {
	r := newRig(Config{}, service...)
	force := func(s float64, l Level, until float64) {
		t.Helper()
		changed, err := r.Force(at(s), l, at(until), "ops", "drill")
		if err != nil {
			t.Fatal(err)
		}
		r.log = append(r.log, changed...)
	}
	force(1, Emergency, 11)
	if got, want := r.Reason().String(), "forced by ops: drill"; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
	if left, ok := r.Recovery(at(4)); left != 7*time.Second || !ok {
		t.Errorf("recovery in %s, %v; want 7s", left, ok)
	}
	r.wait(20) // found late
	force(30, Optimal, 60)
	r.down(35, "db")
	r.wait(59)
	if r.Level() != Optimal || r.Target() != Minimal {
		t.Errorf("level %s target %s while forced, want optimal and minimal", r.Level(), r.Target())
	}
	r.wait(60)
	force(70, Optimal, 100)
	r.log = append(r.log, r.Unforce(at(71))...)
	r.up(72, "db")
	force(73, limited, 76) // the wait for db goes on underneath
	r.wait(90)
	const want = "1s optimal→emergency\n11s emergency→optimal\n60s optimal→minimal\n" +
		"70s minimal→optimal\n71s optimal→minimal\n73s minimal→limited\n76s limited→minimal\n82s minimal→optimal\n"
	if got := r.trace(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for _, bad := range []struct {
		l     Level
		until float64
	}{{0, 200}, {6, 200}, {Minimal, 100}, {Minimal, 99}} {
		if _, err := r.Force(at(100), bad.l, at(bad.until), "", ""); err == nil {
			t.Errorf("forcing level %d until %g at 100 succeeded", bad.l, bad.until)
		}
	}
}

func TestReasons(t *testing.T) {
	r := newRig(Config{}, service...)
	want := func(text string) {
		t.Helper()
		if got := r.Reason().String(); got != text {
			t.Errorf("reason %q, want %q", got, text)
		}
	}
	want("nothing is down")
	r.down(1, "s3")
	want("nothing is down") // at a level that a down dependency may have
	r.down(2, "openai")
	want("openai down")
	r.down(3, "redis")
	want("openai, redis and s3 down: score 40 is below 50")
	r.down(4, "db")
	want("openai, db, redis and s3 down: score 0 is below 30")
	r.up(5, "openai", "redis", "s3")
	want("waiting for the recovery of openai, db, redis and s3 to hold")
	if got := r.Reason().Until; !got.Equal(at(15)) {
		t.Errorf("until %s, want %s", got, at(15))
	}
	r.wait(15)
	want("db down")
	last := r.log[len(r.log)-1]
	if got := last.Reason.String(); got != "db down" {
		t.Errorf("reason of the recovery %q, want db down", got)
	}
}

func TestNoisyScoreChangesNothing(t *testing.T) {
	// Three down dependencies hold the score at 100·(up)/40 with up made of 22
	// low ones, whose slowness makes the score waver in half points of 1.25.
	deps := []Dependency{
		{Name: "a", Weight: 6, Down: Optimal},
		{Name: "b", Weight: 6, Down: Optimal},
		{Name: "c", Weight: 6, Down: Optimal},
	}
	for i := range 22 {
		deps = append(deps, Dependency{Name: fmt.Sprintf("n%d", i), Weight: 1, Down: Optimal})
	}
	for _, period := range []float64{1, 7, 61, 600, 3600, 20000} {
		t.Run(fmt.Sprintf("wavering with a period of %gs", period), func(t *testing.T) {
			r := newRig(Config{}, deps...)
			r.down(0, "a", "b", "c")
			rng := rand.New(rand.NewPCG(1, uint64(period)))
			slow := 5 // score 48.75: the rule has spoken
			setSlow := func(s float64) {
				for i := range 22 {
					r.Engine.Set(at(s), i+3, false, i < slow)
				}
			}
			setSlow(0)
			if r.Level() != Minimal {
				t.Fatalf("level %s at score %g, want minimal", r.Level(), r.Score())
			}
			before := len(r.History())
			lo, hi := 100.0, 0.0
			for s := period; s < 86400; s += period {
				slow = rng.IntN(9) // score 45 to 55
				setSlow(s)
				lo, hi = min(lo, r.Score()), max(hi, r.Score())
			}
			if hi != 55 && period < 10000 || lo < 45 {
				t.Fatalf("score wavered from %g to %g, want 45 to 55", lo, hi)
			}
			if got := len(r.History()) - before; got != 0 {
				t.Errorf("%d transitions, want none", got)
			}
			// The hold is no trap: a return lifts it.
			slow = 0
			setSlow(86400)
			r.up(86401, "a")
			r.wait(86412)
			if r.Level() != Optimal {
				t.Errorf("level %s after the return of a, want optimal", r.Level())
			}
		})
	}
}

func TestFlappingWorsensAtMostOncePerDwell(t *testing.T) {
	for seed := range uint64(20) {
		r := newRig(Config{}, service...)
		rng := rand.New(rand.NewPCG(seed, 2))
		down := false
		var dwells []time.Duration
		worsenings := []time.Time{}
		for s := 0.0; s < 86400; s += 0.1 + rng.ExpFloat64()*15 {
			down = !down
			dwell := r.Dwell()
			r.log = r.log[:0]
			r.set(s, down, false, []string{"db"})
			for _, c := range r.log {
				if c.To > c.From {
					worsenings = append(worsenings, c.At)
					dwells = append(dwells, dwell)
				}
			}
		}
		for i := 1; i < len(worsenings); i++ {
			if gap := worsenings[i].Sub(worsenings[i-1]); gap < dwells[i] {
				t.Fatalf("seed %d: two worsenings within %s, dwell %s", seed, gap, dwells[i])
			}
		}
		if len(worsenings) < 10 || len(worsenings) > 86400/40 {
			t.Errorf("seed %d: %d worsenings in a day, want some and at most one per 40s", seed, len(worsenings))
		}
	}
}

func TestEstimatedRecovery(t *testing.T) {
	r := newRig(Config{}, service...)
	want := func(s float64, left time.Duration, known bool) {
		t.Helper()
		if got, ok := r.Recovery(at(s)); got != left || ok != known {
			t.Errorf("at %gs: recovery in %s, known %v; want %s, %v", s, got, ok, left, known)
		}
	}
	want(0, 0, true)
	r.down(1000, "db")
	want(1000, 0, false) // nothing to learn from yet
	r.up(1060, "db")
	want(1064, 6*time.Second, true)
	r.down(2000, "db")
	want(2020, 50*time.Second, true) // 60s as last time, and the wait
	want(2100, 110*time.Second, true)
	r.up(2300, "db")
	r.down(4000, "db")
	want(4000, 310*time.Second, true) // upper median of 60s and 300s
	want(4100, 210*time.Second, true)
	r.down(4100, "openai")
	want(4100, 210*time.Second, true) // openai is not behind the level
	r.up(4200, "db")
	r.wait(4210)
	want(4210, 0, false) // openai is now, and has no past
	if got := r.Outages(r.ids["db"]); !slices.Equal(got, []time.Duration{60 * time.Second, 300 * time.Second, 200 * time.Second}) {
		t.Errorf("outages %s", got)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	r := newRig(Config{History: 7}, service...)
	for s := 0.0; s < 100_000; s += 1000 {
		r.down(s, "db")
		r.up(s+10, "db")
	}
	h := r.History()
	if len(h) != 7 || !h[6].At.Equal(at(99_000)) || !h[0].At.Equal(at(96_000)) {
		t.Errorf("history of %d from %s to %s", len(h), h[0].At, h[len(h)-1].At)
	}
	if got := len(r.Outages(r.ids["db"])); got != maxOutages {
		t.Errorf("%d outages remembered, want %d", got, maxOutages)
	}
}

func TestReconfigureAndRedefineTakeEffectAtOnce(t *testing.T) {
	r := newRig(Config{}, service...)
	r.down(1, "redis")
	r.log = append(r.log, r.Define(at(2), r.ids["redis"], Dependency{Name: "redis", Weight: 2, Down: Minimal})...)
	r.up(3, "redis")
	r.log = append(r.log, r.Reconfigure(at(4), Config{Stable: 2 * time.Second})...)
	r.wait(10)
	const want = "1s optimal→degraded\n2s degraded→minimal\n5s minimal→optimal\n"
	if got := r.trace(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestValidateRefuses(t *testing.T) {
	for _, tc := range []struct {
		cfg  Config
		want string
	}{
		{Config{Stable: -1}, "stable="},
		{Config{Stable: 2 * time.Hour}, "stable="},
		{Config{Stable: time.Minute, MaxStable: time.Second}, "bound of stable"},
		{Config{MinimalBelow: 101}, "minimal score"},
		{Config{EmergencyBelow: 60}, "above the minimal"},
		{Config{Margin: 51}, "margin"},
		{Config{ScoreDown: -1}, "score rule"},
		{Config{History: -1}, "history"},
	} {
		if err := tc.cfg.Validate(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: error %v, want one on %q", tc.cfg, err, tc.want)
		}
	}
	if err := (Config{}).Validate(); err != nil {
		t.Errorf("zero config: %v", err)
	}
}
