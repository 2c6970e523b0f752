package resil

import (
	"slices"
	"strings"
)

// Snapshot is everything a metrics exporter needs at scrape time. All series
// exist from the start; labels come from closed sets.
type Snapshot struct {
	Level        Level
	Score        float64           // 0..100
	Transitions  [5][5]uint64      // [from-1][to-1]
	Recovery     Histogram         // seconds from leaving Optimal until it is reached again
	Dependencies []DependencyStats // sorted by name
	Chaos        *InjectorStatus   // what injects faults; nil = nothing, or nothing that tells
}

// DependencyStats are the numbers of one dependency.
type DependencyStats struct {
	Name         string
	State        BreakerState
	Up           bool
	Opened       uint64 // times the breaker opened
	NotPermitted uint64 // attempts it refused
	OutboxDepth  int
	HasOutbox    bool
	Methods      []MethodStats // sorted by name
}

// MethodStats are the numbers of one method.
type MethodStats struct {
	Name      string
	Calls     [8]uint64 // by Outcome-1
	Attempts  uint64    // that reached the client
	Duration  Histogram // of calls, seconds
	Fallbacks []FallbackStats

	refused uint64 // attempts that the breaker refused
}

// FallbackStats are the numbers of one of a method's strategies.
type FallbackStats struct {
	Strategy Strategy
	Answered uint64
	Failed   uint64
}

// Histogram counts observations in buckets.
type Histogram struct {
	Bounds []float64 // upper bounds, ascending, without +Inf; shared, not to be changed
	Counts []uint64  // cumulative, one per bound
	Count  uint64
	Sum    float64
}

// Metrics returns the numbers of the system. Calls are counted from the first
// time it is called, which an exporter does when it is made: whoever needs no
// metrics does not pay for them.
func (s *System) Metrics() Snapshot {
	var depth map[string]int
	if s.store != nil {
		depth = s.store.Depth()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.metered {
		s.meter()
	}
	snap := Snapshot{Chaos: s.injectorStatus()}
	for _, d := range s.sorted() {
		st := d.breaker.Status()
		stats := DependencyStats{
			Name: d.name, State: BreakerState(st.State), Up: !d.down.Load(),
			Opened:      st.Opened,
			OutboxDepth: depth[d.name], Methods: d.methodStats(),
		}
		for _, m := range stats.Methods {
			stats.NotPermitted += m.refused
			stats.HasOutbox = stats.HasOutbox || slices.ContainsFunc(m.Fallbacks, func(f FallbackStats) bool { return f.Strategy == StrategyOutbox })
		}
		snap.Dependencies = append(snap.Dependencies, stats)
	}
	l := &s.levels
	l.mu.Lock()
	defer l.mu.Unlock()
	s.define()
	snap.Level, snap.Score = Level(l.engine.Level()), l.engine.Score()
	snap.Transitions, snap.Recovery = l.transitions, l.recovery.export()
	return snap
}

// meter makes all methods count. Requires mu.
func (s *System) meter() {
	s.metered = true
	for _, d := range *s.deps.Load() {
		for _, m := range d.methods {
			m.stats = newMethodCounter(len(m.spec.Fallbacks))
		}
		d.configure()
	}
}

// methodStats returns the numbers of d's methods; methods of the same name, in
// several interfaces, are one. Requires sys.mu.
func (d *dependency) methodStats() []MethodStats {
	var all []MethodStats
	for _, m := range d.methods {
		i := slices.IndexFunc(all, func(o MethodStats) bool { return o.Name == m.spec.Name })
		if i < 0 {
			i = len(all)
			all = append(all, MethodStats{Name: m.spec.Name})
		}
		m.stats.add(&all[i], m.spec.Fallbacks)
	}
	slices.SortFunc(all, func(a, b MethodStats) int { return strings.Compare(a.Name, b.Name) })
	return all
}
