package httpguard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/internal/reply"
	"github.com/resilgo/resil/runtime/internal/wire"
)

// Policies are the policies of one host. Zero fields mean what a guard that
// states nothing means. Timeout, Retry and Hedge are of each request, the
// others are shared by all requests to the host.
type Policies struct {
	Criticality resil.Criticality
	Down        resil.Level // the level while the host is down
	Breaker     *resil.Breaker
	Bulkhead    *resil.Bulkhead
	Rate        *resil.Rate
	Timeout     resil.Timeout // Attempt bounds the time until the header came; the body then has the caller's deadline
	Retry       *resil.Retry  // of requests that may be repeated
}

// Config tunes a [Transport].
type Config struct {
	// Dependency names the dependency of a request; "" = not guarded. nil =
	// the host, with "-PORT" if there is one, and "host-" before it if it does
	// not begin with a letter.
	Dependency func(*http.Request) string
	// Default are the policies of dependencies that Hosts does not name.
	Default Policies
	// Hosts are policies by dependency.
	Hosts map[string]Policies
	// Max bounds the dependencies made for hosts that Hosts does not name;
	// requests to further ones share the dependency "other-hosts". 0 = 100.
	Max int
	// Failure reports whether a response is a failure of the dependency. nil =
	// 5xx, 408 and 429.
	Failure func(*http.Response) bool
	// Repeatable reports whether a request may be sent twice. nil = GET, HEAD,
	// OPTIONS, TRACE, PUT and DELETE, and what carries an Idempotency-Key or
	// X-Idempotency-Key.
	Repeatable func(*http.Request) bool
	// Private keeps criticality and remaining time from being sent: for hosts
	// outside.
	Private bool
}

// OtherHosts is the dependency of hosts beyond Config.Max.
const OtherHosts = "other-hosts"

// maxFailureBody is how much of a failed response's body is read before another
// attempt, so that its connection can be used again.
const maxFailureBody = 64 << 10

// Transport is a guarding http.RoundTripper. It is safe for concurrent use.
type Transport struct {
	sys  *resil.System
	next http.RoundTripper
	cfg  Config

	mu    sync.RWMutex // guards hosts
	hosts map[string]*host
	made  int // hosts that Config.Hosts does not name; guarded by mu
}

// host is the guard of one dependency.
type host struct {
	guard    *resil.Guard
	policies Policies

	mu      sync.RWMutex // guards methods
	methods map[string]*resil.Method
}

// New returns a transport that guards next, nil for http.DefaultTransport. The
// guards are made as hosts are met: one whose policies contradict another
// guard's of the same name panics then, those in Config.Hosts right here or at
// Start.
func New(sys *resil.System, next http.RoundTripper, cfg Config) *Transport {
	if next == nil {
		next = http.DefaultTransport
	}
	if cfg.Dependency == nil {
		cfg.Dependency = hostDependency
	}
	if cfg.Failure == nil {
		cfg.Failure = failed
	}
	if cfg.Repeatable == nil {
		cfg.Repeatable = idempotent
	}
	if cfg.Max == 0 {
		cfg.Max = 100
	}
	t := &Transport{sys: sys, next: next, cfg: cfg, hosts: map[string]*host{}}
	for name, p := range cfg.Hosts {
		t.hosts[name] = t.newHost(name, p)
	}
	return t
}

// hostDependency is the default of Config.Dependency.
func hostDependency(r *http.Request) string {
	name := strings.ToLower(r.URL.Hostname())
	if port := r.URL.Port(); port != "" {
		name += "-" + port
	}
	name = strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' {
			return c
		}
		return '-' // the colons of IPv6, names in other scripts
	}, name)
	if name == "" || name[0] < 'a' || name[0] > 'z' {
		name = "host-" + name
	}
	return name[:min(len(name), resil.MaxName)]
}

func failed(r *http.Response) bool {
	return r.StatusCode >= 500 || r.StatusCode == http.StatusRequestTimeout || r.StatusCode == http.StatusTooManyRequests
}

func idempotent(r *http.Request) bool {
	switch r.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return r.Header.Get("Idempotency-Key") != "" || r.Header.Get("X-Idempotency-Key") != ""
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	name := t.cfg.Dependency(req)
	if name == "" {
		return t.next.RoundTrip(req)
	}
	h := t.host(name)
	m, repeatable := h.method(t, req)
	trip := &trip{transport: t, req: req, again: repeatable && h.policies.Retry != nil}
	resp, err := resil.CallStream(req.Context(), m, trip.attempt, resil.TieResponse)
	trip.end()
	if err == nil {
		return resp, nil
	}
	if status := (*StatusError)(nil); errors.As(err, &status) && status.Response == trip.last {
		return trip.last, nil // it came: what it says is for the caller to read
	}
	discard(trip.last)
	return nil, err
}

// CloseIdleConnections closes those of the transport underneath.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// host returns the guard of a dependency.
func (t *Transport) host(name string) *host {
	t.mu.RLock()
	h := t.hosts[name]
	t.mu.RUnlock()
	if h != nil {
		return h
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if h := t.hosts[name]; h != nil {
		return h
	}
	if t.made >= t.cfg.Max {
		name = OtherHosts // and not remembered: the names are whoever's choice
		if h := t.hosts[name]; h != nil {
			return h
		}
	}
	t.made++
	h = t.newHost(name, t.cfg.Default)
	t.hosts[name] = h
	return h
}

func (t *Transport) newHost(name string, p Policies) *host {
	return &host{
		guard: t.sys.Guard(resil.GuardSpec{
			Dependency: name, Interface: "httpguard.Transport", Position: "httpguard",
			Criticality: p.Criticality, Down: p.Down, Breaker: p.Breaker, Bulkhead: p.Bulkhead, Rate: p.Rate,
			Lazy: true,
		}),
		policies: p,
		methods:  map[string]*resil.Method{},
	}
}

// verbs are the methods that have a name of their own in metrics.
var verbs = map[string]resil.Kind{
	http.MethodGet: resil.Read, http.MethodHead: resil.Read, http.MethodOptions: resil.Read, http.MethodTrace: resil.Read,
	http.MethodPost: resil.Write, http.MethodPut: resil.Write, http.MethodPatch: resil.Write, http.MethodDelete: resil.Write,
	http.MethodConnect: resil.Unmarked,
}

// method returns the guarded method of a request: its verb, and apart those
// requests that may be repeated and those that may not.
func (h *host) method(t *Transport, req *http.Request) (m *resil.Method, repeatable bool) {
	verb := req.Method
	if verb == "" {
		verb = http.MethodGet
	}
	kind, known := verbs[verb]
	if !known {
		verb = "OTHER"
	}
	replayable := req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
	repeatable = replayable && t.cfg.Repeatable(req)
	name := verb
	switch {
	case repeatable && kind != resil.Read:
		name = verb + "_repeatable"
	case !repeatable && kind == resil.Read:
		name = verb + "_once"
	}
	h.mu.RLock()
	m = h.methods[name]
	h.mu.RUnlock()
	if m != nil {
		return m, repeatable
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if m := h.methods[name]; m != nil {
		return m, repeatable
	}
	spec := resil.MethodSpec{
		Name: name, Kind: kind, Idempotent: repeatable && kind != resil.Read,
		Timeout: h.policies.Timeout, Streams: true,
		Levels: resil.DefaultActions(kind, false, nil),
	}
	if repeatable {
		spec.Retry = h.policies.Retry
	}
	m = h.guard.Method(spec)
	h.methods[name] = m
	return m, repeatable
}

// StatusError is the failure that a response's status tells, as policies see
// it. The caller of a transport never does: it gets the response.
type StatusError struct{ Response *http.Response }

// Error names the status only: a URL may hold secrets.
func (e *StatusError) Error() string { return fmt.Sprintf("http status %d", e.Response.StatusCode) }

// HTTPStatusCode returns the status.
func (e *StatusError) HTTPStatusCode() int { return e.Response.StatusCode }

// HTTPResponse returns the response, of which policies read Retry-After.
func (e *StatusError) HTTPResponse() *http.Response { return e.Response }

// trip is one guarded request.
type trip struct {
	transport *Transport
	req       *http.Request
	again     bool // it may be sent again
	tries     int
	last      *http.Response // of the try before
}

// attempt sends the request once.
func (t *trip) attempt(ctx context.Context) (*http.Response, error) {
	discard(t.last)
	t.last = nil
	req, err := t.request(ctx)
	if err != nil {
		return nil, err
	}
	//resil:guarded this is the guard
	resp, err := t.transport.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if !t.transport.cfg.Failure(resp) {
		return resp, nil
	}
	if t.again {
		keepBody(resp)
	}
	t.last = resp
	return resp, reply.Open{Failure: &StatusError{resp}}
}

// request returns the request of this attempt: the caller's must not change.
func (t *trip) request(ctx context.Context) (*http.Request, error) {
	req := t.req.WithContext(ctx)
	if t.tries++; t.tries > 1 && t.req.GetBody != nil {
		body, err := t.req.GetBody()
		if err != nil {
			return nil, fmt.Errorf("rewind the request's body: %w", err)
		}
		req.Body = body
	}
	if !t.transport.cfg.Private {
		req.Header = t.req.Header.Clone()
		if req.Header == nil {
			req.Header = http.Header{}
		}
		wire.Send(ctx, req.Header.Set)
	}
	return req, nil
}

// end closes a body that no attempt took: RoundTrip must always close it.
func (t *trip) end() {
	if t.tries == 0 && t.req.Body != nil {
		_ = t.req.Body.Close()
	}
}

// discard lets go of a response that nobody will read.
func discard(resp *http.Response) {
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close()
	}
}

// keepBody reads the beginning of a failed response's body while its attempt
// lasts. Most are short.
func keepBody(resp *http.Response) {
	if resp.Body == nil || resp.Body == http.NoBody {
		return
	}
	var head bytes.Buffer
	n, err := io.CopyN(&head, resp.Body, maxFailureBody)
	rest := resp.Body
	if n < maxFailureBody {
		_ = rest.Close()
		rest = nil
	}
	resp.Body = &keptBody{head: &head, rest: rest, err: err}
}

// keptBody is a body whose beginning has been read.
type keptBody struct {
	head *bytes.Buffer
	rest io.ReadCloser // nil when head is all
	err  error         // with which reading ended, when rest is nil
}

func (b *keptBody) Read(p []byte) (int, error) {
	switch {
	case b.head.Len() > 0:
		return b.head.Read(p)
	case b.rest != nil:
		return b.rest.Read(p)
	default:
		return 0, b.err
	}
}

func (b *keptBody) Close() error {
	if b.rest == nil {
		return nil
	}
	return b.rest.Close()
}
