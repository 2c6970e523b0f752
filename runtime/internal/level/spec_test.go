package level

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// spec is the rules once more, written to be believed rather than to be fast:
// it keeps every second of the past and looks through all of it.
type spec struct {
	cfg     Config
	deps    []Dependency
	down    []bool
	slow    []bool
	returns bool // a dependency has come back since the last second

	scored  []Level // what the score rule asked for, per second
	targets []Level
	levels  []Level
	dwell   int // seconds
}

func (s *spec) second() {
	now := len(s.targets)
	n, crit, worst, up, total := 0, 0, Optimal, 0.0, 0.0
	for i, d := range s.deps {
		total += d.Weight
		if s.down[i] {
			n++
			worst = max(worst, d.Down)
			if d.Critical {
				crit++
			}
			continue
		}
		up += d.Weight
		if s.slow[i] {
			up -= d.Weight / 2
		}
	}
	score := 100.0
	if total > 0 {
		score = up * 100 / total
	}

	var before Level
	if now > 0 && !s.returns {
		before = s.scored[now-1]
	}
	s.returns = false
	var scored Level
	if n >= 3 || crit >= 2 {
		if score < 50 || before != 0 && score <= 55 {
			scored = Minimal
		}
		if crit > 0 && (score < 30 || before == Emergency && score <= 35) {
			scored = Emergency
		}
	}
	s.scored = append(s.scored, scored)
	target := max(worst, scored)
	s.targets = append(s.targets, target)

	level := Optimal
	if now > 0 {
		level = s.levels[now-1]
	}
	switch {
	case target > level:
		s.flap(now)
		level = target
	case s.cfg.Step:
		if target < level && s.heldFor(now, level-1) && s.sinceChange(now) >= s.dwell {
			level--
		}
	default:
		for better := target; better < level; better++ {
			if s.heldFor(now, better) {
				level = better
			}
		}
	}
	s.levels = append(s.levels, level)
}

// heldFor reports whether the target was l or better at each of the last dwell
// seconds, now included.
func (s *spec) heldFor(now int, l Level) bool {
	if now < s.dwell {
		return false
	}
	for t := now - s.dwell; t <= now; t++ {
		if s.targets[t] > l {
			return false
		}
	}
	return true
}

// sinceChange returns the seconds since the level last improved, many if it
// has worsened since or never improved.
func (s *spec) sinceChange(now int) int {
	for t := now - 1; t > 0; t-- {
		switch {
		case s.levels[t] < s.levels[t-1]:
			return now - t
		case s.levels[t] > s.levels[t-1]:
			return 1 << 30
		}
	}
	return 1 << 30
}

// flap sets the dwell after a worsening at now.
func (s *spec) flap(now int) {
	for t := now - 1; t > 0; t-- {
		switch {
		case s.levels[t] > s.levels[t-1]:
			return // the same incident
		case s.levels[t] < s.levels[t-1]:
			if now-t < 120 {
				s.dwell = min(2*s.dwell, 40)
			} else {
				s.dwell = 10
			}
			return
		}
	}
}

func TestEngineAgreesWithTheSpecification(t *testing.T) {
	t.Parallel()
	const histories, seconds = 400, 900
	for seed := range uint64(histories) {
		rng := rand.New(rand.NewPCG(seed, 1))
		cfg := Config{Step: rng.IntN(3) == 0}
		deps := randomDeps(rng)
		s := &spec{cfg: cfg, deps: deps, down: make([]bool, len(deps)), slow: make([]bool, len(deps)), dwell: 10}
		e := New(cfg)
		for _, d := range deps {
			e.Add(t0, d)
		}
		pace := 1 + rng.IntN(40) // mean seconds between events
		var got []Transition
		for now := range seconds {
			// At most one event a second: the specification sees whole seconds.
			if rng.IntN(pace) == 0 {
				i := rng.IntN(len(deps))
				down, slow := s.down[i], s.slow[i]
				if rng.IntN(3) > 0 {
					down = !down
				} else {
					slow = !slow
				}
				s.returns = s.down[i] && !down
				s.down[i], s.slow[i] = down, slow
				got = append(got, e.Set(at(float64(now)), i, down, slow)...)
			} else if rng.IntN(10) == 0 { // lazy: most seconds nobody looks
				got = append(got, e.Advance(at(float64(now)))...)
			}
			s.second()
		}
		got = append(got, e.Advance(at(seconds-1))...)

		var want []string
		for now := 1; now < seconds; now++ {
			if s.levels[now] != s.levels[now-1] {
				want = append(want, fmt.Sprintf("%d %s→%s", now, s.levels[now-1], s.levels[now]))
			}
		}
		if s.levels[0] != Optimal {
			want = append([]string{fmt.Sprintf("0 optimal→%s", s.levels[0])}, want...)
		}
		for i := range max(len(got), len(want)) {
			g, w := "nothing", "nothing"
			if i < len(got) {
				g = fmt.Sprintf("%g %s→%s", got[i].At.Sub(t0).Seconds(), got[i].From, got[i].To)
			}
			if i < len(want) {
				w = want[i]
			}
			if g != w {
				t.Fatalf("seed %d, %+v, %+v: transition %d is %s, want %s", seed, cfg, deps, i, g, w)
			}
		}
	}
}

func randomDeps(rng *rand.Rand) []Dependency {
	deps := make([]Dependency, 1+rng.IntN(9))
	for i := range deps {
		class := rng.IntN(4) // low, medium, high, critical
		deps[i] = Dependency{Name: fmt.Sprintf("d%d", i), Weight: float64(class + 1), Critical: class == 3, Down: Level(class + 1)}
		switch rng.IntN(6) {
		case 0:
			deps[i].Down = Level(1 + rng.IntN(5))
		case 1:
			deps[i].Weight = float64(rng.IntN(12))
		}
	}
	return deps
}

// FuzzEngine feeds random configurations and histories, with time at odd
// moments, and holds what must hold in all of them.
func FuzzEngine(f *testing.F) {
	f.Add([]byte{0, 4, 1, 2, 3, 4, 0x10, 5, 0x21, 9, 0x13, 200, 0x40, 3})
	f.Add([]byte{1, 9, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0x10, 0, 0x11, 0, 0x12, 0, 0x50, 90})
	f.Fuzz(func(t *testing.T, data []byte) {
		next := func() byte {
			if len(data) == 0 {
				return 0
			}
			b := data[0]
			data = data[1:]
			return b
		}
		flags := next()
		cfg := Config{
			Step:           flags&1 != 0,
			Stable:         time.Duration(1+flags>>4) * time.Second,
			MinimalBelow:   float64(next()%101) * float64(flags>>1&1),
			EmergencyBelow: float64(next()%101) * float64(flags>>2&1),
			History:        1 + int(flags>>3&1)*20,
		}
		if cfg.Validate() != nil {
			return
		}
		lazy, eager := New(cfg), New(cfg)
		count := 1 + int(next()%12)
		state := make([]struct{ down, slow bool }, count)
		for i := range count {
			class := next()
			d := Dependency{Name: fmt.Sprint(i), Weight: float64(class % 7), Critical: class&8 != 0, Down: Level(1 + class>>4%5)}
			lazy.Add(t0, d)
			eager.Add(t0, d)
		}
		now := t0
		var lazyLog, eagerLog []Transition
		for len(data) > 0 {
			op, arg := next(), next()
			now = now.Add(time.Duration(arg) * 173 * time.Millisecond)
			for due := eager.Next(); !due.IsZero() && due.Before(now); due = eager.Next() {
				eagerLog = append(eagerLog, eager.Advance(due)...)
				if again := eager.Next(); !again.IsZero() && !again.After(due) {
					t.Fatalf("at %s the next look is due at %s", due, again)
				}
			}
			i := int(op&0xf) % count
			switch op >> 4 {
			case 0, 1, 2, 3, 4, 5:
				state[i].down = !state[i].down
			case 6, 7, 8, 9:
				state[i].slow = !state[i].slow
			case 10:
				until := now.Add(time.Duration(1+int(arg)) * time.Second)
				l := Level(1 + op%5)
				a, err := lazy.Force(now, l, until, "a", "b")
				if err != nil {
					t.Fatal(err)
				}
				b, _ := eager.Force(now, l, until, "a", "b")
				lazyLog, eagerLog = append(lazyLog, a...), append(eagerLog, b...)
			case 11:
				lazyLog, eagerLog = append(lazyLog, lazy.Unforce(now)...), append(eagerLog, eager.Unforce(now)...)
			default:
				eagerLog = append(eagerLog, eager.Advance(now)...)
				continue // nobody looks at the lazy one
			}
			lazyLog = append(lazyLog, lazy.Set(now, i, state[i].down, state[i].slow)...)
			eagerLog = append(eagerLog, eager.Set(now, i, state[i].down, state[i].slow)...)
			if l := lazy.Level(); !l.valid() || lazy.Reason().Rule != RuleForced && l < lazy.Target() {
				t.Fatalf("level %s is better than its target %s", l, lazy.Target())
			}
			if s := lazy.Score(); !(s >= 0 && s <= 100) {
				t.Fatalf("score %g", s)
			}
			_, _ = lazy.Recovery(now)
			_ = lazy.Reason().String()
			if n := len(lazy.History()); n > cfg.History {
				t.Fatalf("history of %d, bound %d", n, cfg.History)
			}
		}
		for i := range count {
			lazyLog = append(lazyLog, lazy.Set(now, i, false, false)...)
			eagerLog = append(eagerLog, eager.Set(now, i, false, false)...)
		}
		end := now.Add(time.Hour)
		lazyLog, eagerLog = append(lazyLog, lazy.Advance(end)...), append(eagerLog, eager.Advance(end)...)
		if lazy.Level() != Optimal || !lazy.Next().IsZero() {
			t.Fatalf("an hour after everything came back: level %s, %s", lazy.Level(), lazy.Reason())
		}
		at := t0
		level := Optimal
		for i := range max(len(lazyLog), len(eagerLog)) {
			if i >= len(lazyLog) || i >= len(eagerLog) {
				t.Fatalf("lazy %v, eager %v", lazyLog, eagerLog)
			}
			l, e := lazyLog[i], eagerLog[i]
			if l.From != e.From || l.To != e.To || !l.At.Equal(e.At) {
				t.Fatalf("transition %d: lazy %v, eager %v", i, l, e)
			}
			if l.From != level || l.From == l.To || l.At.Before(at) {
				t.Fatalf("transition %d, %v, does not follow from level %s at %s", i, l, level, at)
			}
			level, at = l.To, l.At
		}
	})
}
