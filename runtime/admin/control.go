package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	resil "github.com/resilgo/resil/runtime"
)

// order is the body of a control request; each action reads its own fields.
type order struct {
	Dependency string `json:"dependency"`
	Level      string `json:"level"`
	State      string `json:"state"`
	TTL        string `json:"ttl"`
	Reason     string `json:"reason"`
	On         *bool  `json:"on"`
}

// Bounds of what a control request may ask for.
const (
	minTTL    = time.Second
	maxTTL    = 24 * time.Hour
	maxReason = 200 // characters
)

// refusal is an error with the status it is answered with.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// control wraps an action: only the authorized get in, the body is strict JSON,
// and whatever was tried is logged with actor and reason.
func (h *handler) control(act func(r *http.Request, actor string, o order) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.config.Authorize == nil {
			http.Error(w, "control is off: no authorizer is configured", http.StatusForbidden)
			return
		}
		actor, ok := h.config.Authorize(r)
		if !ok {
			h.config.Logger.Warn("resil admin: control refused", "path", r.URL.Path, "remote", r.RemoteAddr)
			http.Error(w, "not authorized", http.StatusUnauthorized)
			return
		}
		o, err := decode(r)
		if err == nil {
			err = act(r, actor, o)
		}
		var refused *refusal
		switch {
		case err == nil:
			h.config.Logger.Info("resil admin: control", "path", r.URL.Path, "actor", actor, "dependency", o.Dependency,
				"level", o.Level, "state", o.State, "ttl", o.TTL, "reason", o.Reason)
			w.WriteHeader(http.StatusNoContent)
		case errors.As(err, &refused):
			http.Error(w, refused.text, refused.status)
		default:
			h.config.Logger.Error("resil admin: control failed", "path", r.URL.Path, "actor", actor, "error", err)
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		}
	})
}

// decode reads one JSON object with known fields and nothing after it.
func decode(r *http.Request) (order, error) {
	var o order
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return o, refuse(http.StatusUnsupportedMediaType, "send application/json")
	}
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&o); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return o, refuse(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", maxBody)
		}
		return o, refuse(http.StatusBadRequest, "%v", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return o, refuse(http.StatusBadRequest, "the body holds more than one JSON object")
	}
	return o, nil
}

// cause checks that a reason is given and fit for one log line, and returns it
// with the actor.
func (o order) cause(actor string) (string, error) {
	reason := strings.TrimSpace(o.Reason)
	if reason == "" || utf8.RuneCountInString(reason) > maxReason || strings.ContainsFunc(reason, unicode.IsControl) {
		return "", refuse(http.StatusBadRequest, "reason is mandatory: one line of at most %d characters", maxReason)
	}
	return reason + " (" + actor + ")", nil
}

// period returns the mandatory expiry.
func (o order) period() (time.Duration, error) {
	ttl, err := time.ParseDuration(o.TTL)
	if err != nil || ttl < minTTL || ttl > maxTTL {
		return 0, refuse(http.StatusBadRequest, "ttl is mandatory: a duration from %s to %s, for example 5m", minTTL, maxTTL)
	}
	return ttl, nil
}

func (h *handler) forceLevel(_ *http.Request, actor string, o order) error {
	if o.Level == "" {
		h.sys.Unforce()
		return nil
	}
	level, err := resil.ParseLevel(o.Level)
	if err != nil {
		return refuse(http.StatusBadRequest, "%v", err)
	}
	ttl, err := o.period()
	if err != nil {
		return err
	}
	reason, err := o.cause(actor)
	if err != nil {
		return err
	}
	return h.sys.Force(level, ttl, reason)
}

func (h *handler) forceBreaker(_ *http.Request, actor string, o order) error {
	if !h.known(o.Dependency) {
		return refuse(http.StatusNotFound, "there is no dependency of that name")
	}
	dependency := h.sys.Dependency(o.Dependency)
	switch o.State {
	case "":
		dependency.Unforce()
		return nil
	case "open", "closed":
	default:
		return refuse(http.StatusBadRequest, "state is open, closed, or empty to release")
	}
	ttl, err := o.period()
	if err != nil {
		return err
	}
	reason, err := o.cause(actor)
	if err != nil {
		return err
	}
	return dependency.Force(o.State == "open", ttl, reason)
}

// known guards against making a dependency, and with it series of metrics, out
// of what a request says.
func (h *handler) known(name string) bool {
	for _, d := range h.sys.Status().Dependencies {
		if d.Name == name {
			return true
		}
	}
	return false
}

func (h *handler) kill(_ *http.Request, actor string, o order) error {
	if o.On == nil {
		return refuse(http.StatusBadRequest, "on is mandatory: true or false")
	}
	if _, err := o.cause(actor); err != nil {
		return err
	}
	return h.sys.Disable(*o.On)
}

func (h *handler) reload(r *http.Request, actor string, o order) error {
	if _, err := o.cause(actor); err != nil {
		return err
	}
	return h.config.Reload(r.Context())
}

func (h *handler) chaos(_ *http.Request, actor string, o order) error {
	if o.On == nil {
		return refuse(http.StatusBadRequest, "on is mandatory: true or false")
	}
	reason, err := o.cause(actor)
	if err != nil {
		return err
	}
	if !*o.On {
		return h.config.Chaos(false, 0, reason)
	}
	ttl, err := o.period()
	if err != nil {
		return err
	}
	return h.config.Chaos(true, ttl, reason)
}
