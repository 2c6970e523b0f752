package resil

// Snapshot is everything a metrics exporter needs at scrape time. All series
// exist from the start; labels come from closed sets.
type Snapshot struct {
	Level        Level
	Score        float64           // 0..100
	Transitions  [5][5]uint64      // [from-1][to-1]
	Recovery     Histogram         // seconds from leaving Optimal until it is reached again
	Dependencies []DependencyStats // sorted by name
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
