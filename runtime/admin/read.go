package admin

import (
	"encoding/json"
	"io"
	"net/http"

	"github.com/resilgo/resil/runtime/internal/healthdoc"
)

// writeJSON answers with v. The charset keeps tools that parse only the exact
// type "application/json" reading the body as text.
func writeJSON(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "the state cannot be written as JSON", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(append(body, '\n')) // the reader left: nobody to tell
}

func (h *handler) level(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, h.sys.Level().String()+"\n") // as above
}

func (h *handler) healthz(w http.ResponseWriter, _ *http.Request) { healthdoc.Live(w) }

func (h *handler) readyz(w http.ResponseWriter, _ *http.Request) { healthdoc.Ready(w, h.sys.Status()) }

func (h *handler) changes(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, h.history.since(0))
}
