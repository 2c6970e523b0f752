package app

import (
	"time"

	"github.com/resilgo/resil/examples/retail/internal/archive"
	"github.com/resilgo/resil/examples/retail/internal/assistant"
	"github.com/resilgo/resil/examples/retail/internal/cache"
	"github.com/resilgo/resil/examples/retail/internal/inventory"
	"github.com/resilgo/resil/examples/retail/internal/store"
	resil "github.com/resilgo/resil/runtime"
)

// Clients are the four dependencies before any guard.
type Clients struct {
	Store     store.Store
	Cache     cache.Cache
	Archive   archive.Archive
	Assistant assistant.Assistant
}

// Wire wraps the clients in their guards and builds the shop on them. From here
// on nobody sees a raw client.
func Wire(sys *resil.System, raw Clients) *inventory.Service {
	cacheTTL := sys.Knob("cache_ttl", [5]float64{3600, 1800, 900, 300, 60}) // seconds
	batch := sys.Knob("batch", [5]float64{1, .8, .5, .25, .1})              // of fullBatch
	shop := guard(sys, raw)
	shop.FreshFor = func() time.Duration { return time.Duration(cacheTTL.Value()) * time.Second }
	shop.Batch = func() int { return int(batch.Value() * fullBatch) }
	return shop
}

// fullBatch is how many rows an export reads at once on a good day.
const fullBatch = 500
