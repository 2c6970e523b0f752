package report

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/admin"
)

// activity is a probe or an action of an experiment.
type activity struct {
	Type, Name string
	Tolerance  any
	Provider   struct {
		Type, URL, Method string
		Headers           map[string]string
		Arguments         map[string]any
	}
	Pauses struct{ After int }
}

// run does what the Chaos Toolkit's http provider does.
func (a activity) run(t *testing.T, handler http.Handler) {
	t.Helper()
	var body io.Reader = http.NoBody
	if a.Provider.Arguments != nil {
		data, err := json.Marshal(a.Provider.Arguments)
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.NewReader(data)
	}
	r := httptest.NewRequestWithContext(t.Context(), a.Provider.Method, strings.Replace(a.Provider.URL, "${base}", "http://127.0.0.1:9901", 1), body)
	for k, v := range a.Provider.Headers {
		r.Header.Set(k, strings.Replace(v, "${token}", "secret", 1))
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	switch tolerance := a.Tolerance.(type) {
	case float64:
		if w.Code != int(tolerance) {
			t.Errorf("%s: status %d, want %v", a.Name, w.Code, tolerance)
		}
	case map[string]any:
		if pattern, ok := tolerance["pattern"].(string); !ok || !regexp.MustCompile(pattern).Match(w.Body.Bytes()) {
			t.Errorf("%s: %q does not match %v", a.Name, w.Body, tolerance["pattern"])
		}
	default:
		if w.Code/100 != 2 {
			t.Errorf("%s: status %d: %s", a.Name, w.Code, w.Body)
		}
	}
	time.Sleep(time.Duration(a.Pauses.After) * time.Second)
}

// TestExperimentsSucceedOnTheirOwnGuards runs the whole experiment, on virtual
// time, against the admin handler of a system with the same dependencies.
func TestExperimentsSucceedOnTheirOwnGuards(t *testing.T) {
	in := input(t)
	var e struct {
		Hypothesis struct{ Probes []activity } `json:"steady-state-hypothesis"`
		Method     []activity
		Rollbacks  []activity
	}
	if err := json.Unmarshal(must(t)(Experiments(in)), &e); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		sys, err := resil.New(resil.Config{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range in.dependencies() {
			sys.Dependency(d.Name, d.criticality(), resil.DownAt(d.down()))
		}
		handler, err := admin.New(sys, admin.Config{
			Logger:    slog.New(slog.DiscardHandler),
			Authorize: func(r *http.Request) (string, bool) { return "chaos", r.Header.Get("Authorization") == "Bearer secret" },
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range [][]activity{e.Hypothesis.Probes, e.Method, e.Hypothesis.Probes, e.Rollbacks} {
			for _, a := range part {
				a.run(t, handler)
			}
		}
		if err := sys.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
