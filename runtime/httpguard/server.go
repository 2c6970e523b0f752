package httpguard

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/internal/wire"
)

// Route says how one route of a server degrades.
type Route struct {
	// Until is the worst level at which the route is served. 0 = by
	// criticality: low until Degraded, medium until Limited, high until
	// Minimal, critical always.
	Until resil.Level
	// Criticality of the requests; 0 = medium. A client's own word counts in
	// its place if ServerConfig.Trust is set.
	Criticality resil.Criticality
	// Fallback answers in place of the route beyond Until; nil = 503 with
	// Retry-After.
	Fallback http.Handler
}

// ServerConfig tunes a [Server].
type ServerConfig struct {
	// Trust believes the criticality and the remaining time that clients send.
	// Set it behind a gateway that strips these headers: whoever can say
	// "critical" is served longest.
	Trust bool
	// Quiet leaves out the header with the level.
	Quiet bool
}

// Server makes middleware. It is safe for concurrent use.
type Server struct {
	sys *resil.System
	cfg ServerConfig
}

// NewServer returns middleware that follows the level of sys.
func NewServer(sys *resil.System, cfg ServerConfig) *Server { return &Server{sys: sys, cfg: cfg} }

// Route returns next as a route that degrades as r says. The context of its
// requests carries level and criticality, see [resil.RequestFrom].
func (s *Server) Route(r Route, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		makeRoom(false)
		level := s.sys.Level()
		criticality := s.criticality(r, req)
		until := r.Until
		if until == 0 {
			until = wire.Until(criticality)
		}
		if !s.cfg.Quiet {
			w.Header().Set(wire.HeaderLevel, level.String())
		}
		ctx := resil.WithRequest(req.Context(), resil.Request{Level: level, Criticality: criticality})
		if s.cfg.Trust {
			if budget, ok := wire.Budget(req.Header.Get(wire.HeaderBudget)); ok {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, budget)
				defer cancel()
			}
		}
		req = req.WithContext(ctx)
		switch {
		case level <= until:
			next.ServeHTTP(w, req)
		case r.Fallback != nil:
			r.Fallback.ServeHTTP(w, req)
		default:
			Shed(w, s.sys)
		}
	})
}

func (s *Server) criticality(r Route, req *http.Request) resil.Criticality {
	if s.cfg.Trust {
		if c := wire.Criticality(req.Header.Get(wire.HeaderCriticality)); c != 0 {
			return c
		}
	}
	if r.Criticality != 0 {
		return r.Criticality
	}
	return resil.Medium
}

// Shed answers 503 with Retry-After and a problem+json body that names the
// level. Handlers may use it for a call that was shed further in.
func Shed(w http.ResponseWriter, sys *resil.System) {
	seconds := wire.RetryAfter(sys)
	body, err := json.Marshal(struct {
		Type   string      `json:"type"`
		Title  string      `json:"title"`
		Status int         `json:"status"`
		Level  resil.Level `json:"level"`
	}{"about:blank", "Service Unavailable", http.StatusServiceUnavailable, sys.Level()})
	if err != nil {
		body = nil // an impossible level; the status says what matters
	}
	h := w.Header()
	h.Set("Retry-After", strconv.Itoa(seconds))
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write(body) // the client may have gone
}
