package admin

import (
	"encoding/json"
	"io"
	"net/http"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// writeJSON answers with v. The charset keeps tools that parse only the exact
// type "application/json" reading the body as text.
func writeJSON(w http.ResponseWriter, status int, mediaType string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "the state cannot be written as JSON", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", mediaType+"; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the reader left: nobody to tell
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // as above
}

func (h *handler) level(w http.ResponseWriter, _ *http.Request) {
	writeText(w, http.StatusOK, h.sys.Level().String())
}

func (h *handler) healthz(w http.ResponseWriter, _ *http.Request) {
	writeText(w, http.StatusOK, "ok")
}

// readyz is not ready only in Emergency or while starting: a degraded service
// must not be taken out of rotation by its own health check.
func (h *handler) readyz(w http.ResponseWriter, _ *http.Request) {
	s := h.sys.Status()
	switch {
	case !s.Started || s.Closed:
		writeText(w, http.StatusServiceUnavailable, "not started")
	case s.Level == resil.Emergency:
		writeText(w, http.StatusServiceUnavailable, s.Level.String())
	default:
		writeText(w, http.StatusOK, s.Level.String())
	}
}

// component is one check of draft-inadarei-api-health-check-06.
type component struct {
	ComponentType string    `json:"componentType"`
	Status        string    `json:"status"`
	ObservedValue string    `json:"observedValue"`
	Time          time.Time `json:"time"`
	Output        string    `json:"output,omitempty"`
}

// health answers in the format of draft-inadarei-api-health-check-06.
func (h *handler) health(w http.ResponseWriter, _ *http.Request) {
	s := h.sys.Status()
	answer := struct {
		Status string                 `json:"status"`
		Notes  []string               `json:"notes"`
		Checks map[string][]component `json:"checks"`
	}{Status: grade(s.Level), Notes: []string{"level: " + s.Level.String()}, Checks: map[string][]component{}}
	now := time.Now()
	for _, d := range s.Dependencies {
		c := component{ComponentType: "component", Status: "pass", ObservedValue: d.Breaker.String(), Time: now}
		if !d.Up {
			c.Status, c.Output = grade(d.Down), d.CheckError
			if c.Status == "pass" {
				c.Status = "warn"
			}
		}
		answer.Checks[d.Name+":breaker"] = []component{c}
	}
	status := http.StatusOK
	if answer.Status == "fail" {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, "application/health+json", answer)
}

func grade(l resil.Level) string {
	switch l {
	case resil.Optimal:
		return "pass"
	case resil.Emergency:
		return "fail"
	default:
		return "warn"
	}
}

func (h *handler) changes(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, "application/json", h.history.since(0))
}
