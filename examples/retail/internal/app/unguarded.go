//go:build unguarded

package app

import (
	"net/http"

	"github.com/resilgo/resil/examples/retail/internal/api"
	"github.com/resilgo/resil/examples/retail/internal/inventory"
	resil "github.com/resilgo/resil/runtime"
)

// guard leaves the clients as they are, or with no more than deadlines: these
// are the services that load tests compare the guarded one with. Nobody else
// wants them.
func guard(_ *resil.System, raw Clients) *inventory.Service {
	raw = bounded(raw)
	return &inventory.Service{Store: raw.Store, Memory: inventory.NewMemory(raw.Cache), Archive: raw.Archive, Assistant: raw.Assistant}
}

func handler(shop *inventory.Service, sys *resil.System) http.Handler {
	return api.NewUnguarded(shop, sys)
}
