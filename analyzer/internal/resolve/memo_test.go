package resolve

import (
	"math/rand/v2"
	"testing"
)

// made is a graph of values: each has a guard of its own or what it is made of.
type made struct {
	guard []bool
	of    [][]int32
}

func (g made) judge(m *memo, v int32, judged *int) string {
	return m.of(v, func() string {
		*judged++
		if g.guard[v] {
			return "guard"
		}
		for _, in := range g.of[v] {
			if s := g.judge(m, in, judged); s != "" {
				return s
			}
		}
		return ""
	})
}

// guarded is the same by brute force: whether a guard can be reached.
func (g made) guarded(v int32, seen map[int32]bool) bool {
	if seen[v] {
		return false
	}
	seen[v] = true
	if g.guard[v] {
		return true
	}
	for _, in := range g.of[v] {
		if g.guarded(in, seen) {
			return true
		}
	}
	return false
}

func TestMemoFindsTheGuardOfValuesMadeOfThemselves(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		n := 1 + r.IntN(12)
		g := made{guard: make([]bool, n), of: make([][]int32, n)}
		for v := range n {
			g.guard[v] = r.IntN(8) == 0
			for range r.IntN(4) {
				g.of[v] = append(g.of[v], int32(r.IntN(n)))
			}
		}
		m, judged := newMemo(), 0
		for _, v := range r.Perm(n) { // in any order, some twice, answers kept
			for range 1 + r.IntN(2) {
				got := g.judge(m, int32(v), &judged) != ""
				if want := g.guarded(int32(v), make(map[int32]bool)); got != want {
					t.Fatalf("seed %d: value %d of %+v: guarded = %t, want %t", seed, v, g, got, want)
				}
			}
		}
		if len(m.guessed) != 0 || len(m.depth) != 0 || m.low != certain {
			t.Fatalf("seed %d: left behind: %+v", seed, m)
		}
	}
}

// Forty clients that are each handed all the others took longer than anybody
// waits when each answer was worked out anew under each guess.
func TestMemoAsksOnceWhereAllHoldEachOther(t *testing.T) {
	const n = 40
	g := made{guard: make([]bool, n), of: make([][]int32, n)}
	for v := range n {
		for in := range n {
			g.of[v] = append(g.of[v], int32(in))
		}
	}
	m, judged := newMemo(), 0
	for v := range n {
		if s := g.judge(m, int32(v), &judged); s != "" {
			t.Fatalf("value %d: %q, want no guard", v, s)
		}
	}
	if judged != n {
		t.Errorf("judged %d times, want each of %d values once", judged, n)
	}
}
