package httpguard

import (
	"net/http"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/internal/healthdoc"
)

// Health returns a handler for GET /healthz and GET /readyz that answers in
// the format of draft-inadarei-api-health-check-06, application/health+json.
//
// /healthz is 200 while the process can answer, whatever its dependencies do:
// restarting it would not bring them back. /readyz is 503 before Start, after
// Close and in Emergency only, see [resil.Status.Ready]: a degraded service
// still serves, and must not be taken out of rotation by its own check.
func Health(sys *resil.System) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { healthdoc.Live(w) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { healthdoc.Ready(w, sys.Status()) })
	return mux
}
