package httpguard

import (
	"encoding/json"
	"net/http"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// Health returns a handler for GET /healthz and GET /readyz that answers in
// the format of draft-inadarei-api-health-check-06, application/health+json.
//
// /healthz is 200 while the process can answer, whatever its dependencies do:
// restarting it would not bring them back. /readyz is 503 before Start, after
// Close and in Emergency only: a degraded service still serves, and must not be
// taken out of rotation by its own check.
func Health(sys *resil.System) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeHealth(w, http.StatusOK, healthBody{Status: "pass"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		st := sys.Status()
		body, ready := readiness(st)
		code := http.StatusOK
		if !ready {
			code = http.StatusServiceUnavailable
		}
		writeHealth(w, code, body)
	})
	return mux
}

// healthBody is the document of the draft.
type healthBody struct {
	Status string                   `json:"status"`
	Output string                   `json:"output,omitempty"`
	Checks map[string][]healthCheck `json:"checks,omitempty"`
}

type healthCheck struct {
	ComponentType string    `json:"componentType"`
	Status        string    `json:"status"`
	ObservedValue any       `json:"observedValue"`
	Time          time.Time `json:"time"`
}

// readiness tells the state of a system, and whether it serves.
func readiness(st resil.Status) (healthBody, bool) {
	now := time.Now().UTC()
	body := healthBody{Status: "pass", Checks: map[string][]healthCheck{}}
	ready := st.Started && !st.Closed && st.Level != resil.Emergency
	switch {
	case !st.Started:
		body.Output = "not started"
	case st.Closed:
		body.Output = "closed"
	case st.Level != resil.Optimal:
		body.Output = st.Reason
	}
	switch {
	case !ready:
		body.Status = "fail"
	case st.Level != resil.Optimal:
		body.Status = "warn"
	}
	body.Checks["system:level"] = []healthCheck{{"system", body.Status, st.Level, now}}
	for _, d := range st.Dependencies {
		status := "pass"
		if !d.Up {
			status = "fail"
		}
		body.Checks[d.Name+":state"] = []healthCheck{{"component", status, d.Breaker, now}}
	}
	return body, ready
}

func writeHealth(w http.ResponseWriter, code int, body healthBody) {
	h := w.Header()
	h.Set("Content-Type", "application/health+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // the client may have gone
}
