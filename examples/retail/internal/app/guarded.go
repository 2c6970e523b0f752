//go:build !unguarded

package app

import (
	"net/http"

	"github.com/resilgo/resil/examples/retail/internal/api"
	"github.com/resilgo/resil/examples/retail/internal/archive"
	"github.com/resilgo/resil/examples/retail/internal/assistant"
	"github.com/resilgo/resil/examples/retail/internal/cache"
	"github.com/resilgo/resil/examples/retail/internal/inventory"
	"github.com/resilgo/resil/examples/retail/internal/store"
	resil "github.com/resilgo/resil/runtime"
)

// guard wraps the clients in their guards and gives them to the shop. What is
// remembered is remembered through the cache's guard, and stands in for the
// database.
func guard(sys *resil.System, raw Clients) *inventory.Service {
	memory := inventory.NewMemory(cache.NewGuardedCache(sys, raw.Cache))
	return &inventory.Service{
		Store:     store.NewGuardedStore(sys, raw.Store, memory),
		Memory:    memory,
		Archive:   archive.NewGuardedArchive(sys, raw.Archive),
		Assistant: assistant.NewGuardedAssistant(sys, raw.Assistant),
	}
}

func handler(shop *inventory.Service, sys *resil.System) http.Handler { return api.New(shop, sys) }
