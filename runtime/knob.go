package resil

// Knob is a number that follows the level: the size of a pool, a cache's
// lifetime, a batch. Safe for concurrent use.
type Knob struct {
	sys    *System
	values [5]float64
}

// knobs are the built-in values by level: pool and batch as a factor, cache_ttl
// in seconds.
var knobs = map[string][5]float64{
	"pool":      {1, .9, .75, .5, .2},
	"cache_ttl": {3600, 1800, 900, 300, 60},
	"batch":     {1, .8, .5, .25, .1},
}

// Knob returns the knob with the given values for Optimal to Emergency. When
// all are zero it takes the built-in values of that name: "pool" and "batch"
// (factors) and "cache_ttl" (seconds); an unknown name without values stays 0.
func (s *System) Knob(name string, values [5]float64) *Knob {
	if values == ([5]float64{}) {
		values = knobs[name]
	}
	return &Knob{sys: s, values: values}
}

// Value returns the value at the current level.
func (k *Knob) Value() float64 { return k.values[k.sys.Level()-1] }
