package resolve

import "math"

// memo remembers the guards inside values. A value may be made of itself: a
// client whose option holds the client. While such a value is being judged it
// counts as unguarded, and what else it is made of decides. So an answer of no
// guard may stand on the guess that a value further out has none either. It is
// remembered with that guess, and holds if the guess turns out right; forgetting
// it instead makes the work exponential where many values hold one another.
// This is tabling as in Chen and Warren, Tabled evaluation with delaying, 1996,
// for answers that only ever grow.
type memo struct {
	answers map[int32]answer
	depth   map[int32]int // of the values being judged, the outermost has 1
	low     int           // the outermost value whose guess was used since the innermost began
	guessed []int32       // values whose answer stands on a guess
}

type answer struct {
	guard string
	low   int // the depth of the outermost value that was guessed; certain if none
}

const certain = math.MaxInt

func newMemo() *memo {
	return &memo{answers: make(map[int32]answer), depth: make(map[int32]int), low: certain}
}

// forget drops all answers: the graph has grown.
func (m *memo) forget() { clear(m.answers) }

// of returns the guard inside a value, which judge works out when it is unknown.
func (m *memo) of(val int32, judge func() string) string {
	if d, ok := m.depth[val]; ok {
		m.low = min(m.low, d)
		return ""
	}
	if a, ok := m.answers[val]; ok {
		m.low = min(m.low, a.low)
		return a.guard
	}
	outer, mark, depth := m.low, len(m.guessed), len(m.depth)+1
	m.low, m.depth[val] = certain, depth
	g := judge()
	delete(m.depth, val)

	switch low := m.low; {
	case g != "": // certain, but whoever guessed that it has none was wrong
		for _, v := range m.guessed[mark:] {
			delete(m.answers, v)
		}
		m.guessed = m.guessed[:mark]
		m.answers[val] = answer{guard: g, low: certain}
		m.low = outer
	case low >= depth: // nothing further out was guessed, and the guesses here were right
		for _, v := range m.guessed[mark:] {
			m.answers[v] = answer{low: certain}
		}
		m.guessed = m.guessed[:mark]
		m.answers[val] = answer{low: certain}
		m.low = outer
	default:
		for _, v := range m.guessed[mark:] {
			m.answers[v] = answer{low: min(low, m.answers[v].low)}
		}
		m.guessed = append(m.guessed, val)
		m.answers[val] = answer{low: low}
		m.low = min(outer, low)
	}
	return g
}
