// Package healthdoc is the one health document of a system: what httpguard and
// admin answer probes with, in the format of draft-inadarei-api-health-check-06,
// application/health+json.
package healthdoc

import (
	"encoding/json"
	"net/http"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// Live answers a liveness probe: 200 while the process can answer, whatever its
// dependencies do. Restarting it would not bring them back.
func Live(w http.ResponseWriter) { write(w, http.StatusOK, document{Status: "pass"}) }

// Ready answers a readiness probe of a system: 503 unless it is ready, see
// [resil.Status.Ready], with the state of each dependency in the body.
func Ready(w http.ResponseWriter, st resil.Status) {
	code := http.StatusOK
	if !st.Ready() {
		code = http.StatusServiceUnavailable
	}
	write(w, code, of(st, time.Now().UTC()))
}

type document struct {
	Status string             `json:"status"`
	Output string             `json:"output,omitempty"`
	Checks map[string][]check `json:"checks,omitempty"`
}

type check struct {
	ComponentType string    `json:"componentType"`
	Status        string    `json:"status"`
	ObservedValue any       `json:"observedValue"`
	Time          time.Time `json:"time"`
	Output        string    `json:"output,omitempty"` // class of a failed check's error, never its text
}

func of(st resil.Status, now time.Time) document {
	doc := document{Status: "pass", Checks: map[string][]check{}}
	switch {
	case !st.Started:
		doc.Output = "not started"
	case st.Closed:
		doc.Output = "closed"
	case st.Level != resil.Optimal:
		doc.Output = st.Reason
	}
	switch {
	case !st.Ready():
		doc.Status = "fail"
	case st.Level != resil.Optimal:
		doc.Status = "warn"
	}
	doc.Checks["system:level"] = []check{{ComponentType: "system", Status: doc.Status, ObservedValue: st.Level, Time: now}}
	for _, d := range st.Dependencies {
		c := check{ComponentType: "component", Status: "pass", ObservedValue: d.Breaker, Time: now, Output: d.CheckError}
		if !d.Up {
			c.Status = "fail"
		}
		doc.Checks[d.Name+":state"] = []check{c}
	}
	return doc
}

func write(w http.ResponseWriter, code int, doc document) {
	h := w.Header()
	h.Set("Content-Type", "application/health+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(doc) // the client may have gone
}
