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
	maxActor  = 100 // likewise
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
// and whatever was tried is logged with who tried it.
func (h *handler) control(act func(r *http.Request, actor string, o order) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		log := h.config.Logger.With("path", r.URL.Path, "remote", r.RemoteAddr)
		if h.config.Authorize == nil {
			log.Warn("resil admin: control refused", "why", "no authorizer")
			http.Error(w, "control is off: no authorizer is configured", http.StatusForbidden)
			return
		}
		actor, ok, err := h.authorize(r)
		if err != nil {
			log.Error("resil admin: control refused", "why", err)
			http.Error(w, "the authorizer failed; nothing was done", http.StatusInternalServerError)
			return
		}
		if !ok {
			log.Warn("resil admin: control refused", "why", "not authorized")
			w.Header().Set("WWW-Authenticate", `Bearer realm="resil admin"`)
			http.Error(w, "not authorized", http.StatusUnauthorized)
			return
		}
		o, err := decode(r)
		if err == nil {
			err = guarded(func() error { return act(r, actor, o) })
		}
		log = log.With("actor", actor, "dependency", o.Dependency, "level", o.Level, "state", o.State, "ttl", o.TTL, "reason", o.Reason)
		if o.On != nil {
			log = log.With("on", *o.On)
		}
		var refused *refusal
		var panicked *panicError
		switch {
		case err == nil:
			log.Info("resil admin: control")
			w.WriteHeader(http.StatusNoContent)
		case errors.As(err, &refused):
			log.Warn("resil admin: control refused", "why", refused.text)
			http.Error(w, refused.text, refused.status)
		case errors.As(err, &panicked):
			log.Error("resil admin: control failed", "error", err)
			http.Error(w, "the action panicked; see the log", http.StatusInternalServerError)
		default:
			log.Error("resil admin: control failed", "error", err)
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		}
	})
}

// authorize asks the authorizer who the actor is. The name comes from a
// request: it is cut to what a log line and a page can bear.
func (h *handler) authorize(r *http.Request) (actor string, ok bool, err error) {
	err = guarded(func() error {
		actor, ok = h.config.Authorize(r)
		return nil
	})
	actor = strings.Map(func(r rune) rune {
		if unprintable(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, actor)
	if long := []rune(actor); len(long) > maxActor {
		actor = string(long[:maxActor])
	}
	if actor == "" {
		actor = "unknown"
	}
	return actor, ok && err == nil, err
}

// guarded runs code of the user's. A panic in it becomes an error, so that the
// audit log tells of it.
func guarded(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &panicError{r}
		}
	}()
	return f()
}

// panicError is a panic in code of the user's.
type panicError struct{ value any }

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// decode reads one JSON object with known fields and nothing after it.
func decode(r *http.Request) (order, error) {
	var o order
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return o, refuse(http.StatusUnsupportedMediaType, "send application/json")
	}
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&o)
	if err == nil {
		if _, end := decoder.Token(); !errors.Is(end, io.EOF) {
			err = refuse(http.StatusBadRequest, "the body holds more than one JSON object")
			if large := new(http.MaxBytesError); errors.As(end, &large) {
				err = end
			}
		}
	}
	var large *http.MaxBytesError
	var refused *refusal
	switch {
	case err == nil:
		return o, nil
	case errors.As(err, &large):
		return order{}, refuse(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", maxBody)
	case errors.As(err, &refused):
		return order{}, err
	default:
		return order{}, refuse(http.StatusBadRequest, "%v", err)
	}
}

// deed checks that a reason is given and fit for one log line, and returns it
// with the actor.
func (o order) deed(actor string) (deed, error) {
	reason := strings.TrimSpace(o.Reason)
	if reason == "" || utf8.RuneCountInString(reason) > maxReason || strings.ContainsFunc(reason, unprintable) {
		return deed{}, refuse(http.StatusBadRequest, "reason is mandatory: one line of at most %d characters", maxReason)
	}
	return deed{reason, actor}, nil
}

// unprintable tells what could make a line of a log or page read as another:
// control characters, line separators and marks of the writing direction.
func unprintable(r rune) bool { return r != ' ' && !unicode.IsPrint(r) }

// period returns the mandatory expiry.
func (o order) period() (time.Duration, error) {
	ttl, err := time.ParseDuration(o.TTL)
	if err != nil || ttl < minTTL || ttl > maxTTL {
		return 0, refuse(http.StatusBadRequest, "ttl is mandatory: a duration from %s to %s, for example 5m", minTTL, maxTTL)
	}
	return ttl, nil
}

// enforce does what needs an expiry and a reason, and notes who ordered it.
func (h *handler) enforce(subject, actor string, o order, act func(ttl time.Duration, reason string) error) error {
	ttl, err := o.period()
	if err != nil {
		return err
	}
	d, err := o.deed(actor)
	if err != nil {
		return err
	}
	if err := act(ttl, d.cause()); err != nil {
		return err
	}
	h.deeds.note(subject, d)
	return nil
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
	return h.enforce(aboutLevel, actor, o, func(ttl time.Duration, reason string) error { return h.sys.Force(level, ttl, reason) })
}

func (h *handler) forceBreaker(_ *http.Request, actor string, o order) error {
	dependency, err := h.dependency(o)
	if err != nil {
		return err
	}
	switch o.State {
	case "":
		dependency.Unforce()
		return nil
	case "open", "closed":
	default:
		return refuse(http.StatusBadRequest, "state is open, closed, or empty to release")
	}
	return h.enforce(aboutBreaker+o.Dependency, actor, o, func(ttl time.Duration, reason string) error {
		return dependency.Force(o.State == "open", ttl, reason)
	})
}

func (h *handler) reset(_ *http.Request, actor string, o order) error {
	dependency, err := h.dependency(o)
	if err != nil {
		return err
	}
	d, err := o.deed(actor)
	if err != nil {
		return err
	}
	return dependency.Reset(d.cause())
}

// dependency returns a known dependency. It must not make one, and with it
// series of metrics, out of what a request says.
func (h *handler) dependency(o order) (*resil.Dependency, error) {
	for _, d := range h.sys.Status().Dependencies {
		if d.Name == o.Dependency {
			return h.sys.Dependency(d.Name), nil
		}
	}
	return nil, refuse(http.StatusNotFound, "there is no dependency of that name")
}

func (h *handler) kill(_ *http.Request, actor string, o order) error {
	on, err := o.on()
	if err != nil {
		return err
	}
	if !on {
		h.sys.Enable()
		return nil
	}
	return h.enforce(aboutKill, actor, o, h.sys.Disable)
}

func (o order) on() (bool, error) {
	if o.On == nil {
		return false, refuse(http.StatusBadRequest, "on is mandatory: true or false")
	}
	return *o.On, nil
}

func (h *handler) reload(r *http.Request, actor string, o order) error {
	if _, err := o.deed(actor); err != nil {
		return err
	}
	return h.config.Reload(r.Context())
}

func (h *handler) chaos(_ *http.Request, actor string, o order) error {
	on, err := o.on()
	if err != nil {
		return err
	}
	if !on {
		return h.config.Chaos(false, 0, "off ("+actor+")")
	}
	return h.enforce(aboutChaos, actor, o, func(ttl time.Duration, reason string) error { return h.config.Chaos(true, ttl, reason) })
}
