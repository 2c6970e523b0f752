package httpguard_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/httpguard"
)

func force(t *testing.T, sys *resil.System, l resil.Level) {
	t.Helper()
	if err := sys.Force(l, 42*time.Second, "test"); err != nil {
		t.Fatal(err)
	}
}

func TestRoutesAreServedUntilTheirLevel(t *testing.T) {
	fallback := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fallback") })
	for _, tc := range []struct {
		name  string
		route httpguard.Route
		until resil.Level
	}{
		{"nothing stated", httpguard.Route{}, resil.Limited},
		{"low", httpguard.Route{Criticality: resil.Low}, resil.Degraded},
		{"high", httpguard.Route{Criticality: resil.High}, resil.Minimal},
		{"critical", httpguard.Route{Criticality: resil.Critical}, resil.Emergency},
		{"its own level", httpguard.Route{Until: resil.Optimal, Criticality: resil.Critical}, resil.Optimal},
	} {
		for _, level := range resil.Levels() {
			t.Run(tc.name+" at "+level.String(), func(t *testing.T) {
				route := tc.route
				sys := newSystem(t)
				force(t, sys, level)
				served := false
				next := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					served = true
					if in, ok := resil.RequestFrom(r.Context()); !ok || in.Level != level || in.Criticality == 0 {
						t.Errorf("context has %+v, %v", in, ok)
					}
				})
				server := httpguard.NewServer(sys, httpguard.ServerConfig{})
				w := httptest.NewRecorder()
				server.Route(route, next).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
				if want := level <= tc.until; served != want {
					t.Fatalf("served %v, want %v", served, want)
				}
				if got := w.Header().Get("Resil-Level"); got != level.String() {
					t.Errorf("header says level %q", got)
				}
				if served {
					return
				}
				if s, err := strconv.Atoi(w.Header().Get("Retry-After")); w.Code != 503 || err != nil || s < 40 || s > 42 {
					t.Errorf("status %d, Retry-After %q; want 503 and the rest of the force", w.Code, w.Header().Get("Retry-After"))
				}
				var problem struct {
					Status int
					Level  string
				}
				if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || problem.Level != level.String() || problem.Status != 503 {
					t.Errorf("body %s, %v", w.Body, err)
				}
				route.Fallback = fallback
				w = httptest.NewRecorder()
				server.Route(route, next).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
				if w.Code != 200 || w.Body.String() != "fallback" {
					t.Errorf("%d %q, want the fallback", w.Code, w.Body)
				}
			})
		}
	}
}

func TestClientsAreBelievedOnlyWhenTrusted(t *testing.T) {
	for _, trust := range []bool{false, true} {
		sys := newSystem(t)
		force(t, sys, resil.Emergency)
		served, bounded := false, false
		server := httpguard.NewServer(sys, httpguard.ServerConfig{Trust: trust, Quiet: true})
		h := server.Route(httpguard.Route{Criticality: resil.Low}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			served = true
			_, bounded = r.Context().Deadline()
		}))
		req := httptest.NewRequest("GET", "/", nil)
		req.Header.Set("Resil-Criticality", "critical")
		req.Header.Set("Resil-Budget-Ms", "100")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if served != trust || bounded != trust {
			t.Errorf("trust %v: served %v, bounded %v", trust, served, bounded)
		}
		if got := w.Header().Get("Resil-Level"); got != "" {
			t.Errorf("quiet, but the header says %q", got)
		}
	}
}

func TestBadHeadersAreIgnored(t *testing.T) {
	server := httpguard.NewServer(newSystem(t), httpguard.ServerConfig{Trust: true})
	for _, budget := range []string{"", "-1", "x", "1e9", "99999999999999999999"} {
		h := server.Route(httpguard.Route{Criticality: resil.Low}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if _, ok := r.Context().Deadline(); ok {
				t.Errorf("budget %q gave a deadline", budget)
			}
			if in, _ := resil.RequestFrom(r.Context()); in.Criticality != resil.Low {
				t.Errorf("criticality %s", in.Criticality)
			}
		}))
		req := httptest.NewRequest("GET", "/", nil)
		req.Header.Set("Resil-Budget-Ms", budget)
		req.Header.Set("Resil-Criticality", "CRITICAL!")
		h.ServeHTTP(httptest.NewRecorder(), req)
	}
}

func TestHealth(t *testing.T) {
	for _, tc := range []struct {
		name    string
		prepare func(sys *resil.System)
		ready   int
		status  string
	}{
		{"not started", func(*resil.System) {}, 503, "fail"},
		{"optimal", func(sys *resil.System) { start(t, sys) }, 200, "pass"},
		{"minimal", func(sys *resil.System) { start(t, sys); force(t, sys, resil.Minimal) }, 200, "warn"},
		{"emergency", func(sys *resil.System) { start(t, sys); force(t, sys, resil.Emergency) }, 503, "fail"},
		{"closed", func(sys *resil.System) { start(t, sys); _ = sys.Close(t.Context()) }, 503, "fail"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sys := newSystem(t)
			sys.Dependency("db", resil.Critical)
			tc.prepare(sys)
			h := httpguard.Health(sys)
			for path, want := range map[string]struct {
				code   int
				status string
			}{"/healthz": {200, "pass"}, "/readyz": {tc.ready, tc.status}} {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
				var doc struct {
					Status string
					Checks map[string][]map[string]any
				}
				if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
					t.Fatal(err)
				}
				if w.Code != want.code || doc.Status != want.status || w.Header().Get("Content-Type") != "application/health+json" {
					t.Errorf("%s: %d %s %q", path, w.Code, w.Body, w.Header().Get("Content-Type"))
				}
				if path == "/readyz" && (doc.Checks["db:state"] == nil || doc.Checks["system:level"] == nil) {
					t.Errorf("checks %v", doc.Checks)
				}
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("POST", "/readyz", nil))
			if w.Code != http.StatusMethodNotAllowed {
				t.Errorf("POST /readyz: %d", w.Code)
			}
		})
	}
}

func start(t *testing.T, sys *resil.System) {
	t.Helper()
	if err := sys.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sys.Close(t.Context()) })
}
