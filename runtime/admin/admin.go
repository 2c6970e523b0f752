package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// Authorizer decides who may control the system. It returns the actor's name
// for the audit log, of which at most 100 printable characters are kept, and
// reports whether the request may change state. It must be safe for concurrent
// use. One that panics admits nobody.
type Authorizer func(*http.Request) (actor string, ok bool)

// Config configures the handler. The zero Config reads only, and answers only
// requests addressed to this machine by a loopback name.
type Config struct {
	// Authorize admits control. nil = every POST is refused with 403.
	Authorize Authorizer
	// Hosts are the names, without port, by which the handler may be addressed.
	// Every other Host header is refused with 421, which is what stops DNS
	// rebinding. Empty = localhost, 127.0.0.1 and ::1.
	Hosts []string
	// Metrics serves GET /metrics; nil = 404.
	Metrics http.Handler
	// Reload loads the overrides again; nil = POST /api/reload answers 404.
	Reload func(context.Context) error
	// Chaos switches fault injection on for ttl, or off; nil = POST /api/chaos
	// answers 404.
	Chaos func(on bool, ttl time.Duration, reason string) error
	// Logger receives the audit log of control; nil = slog.Default().
	Logger *slog.Logger
}

// BearerToken returns an Authorizer that admits "Authorization: Bearer token"
// as actor. Tokens are compared in constant time. An empty token admits nobody.
func BearerToken(actor, token string) Authorizer {
	want := sha256.Sum256([]byte(token))
	return func(r *http.Request) (string, bool) {
		given, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		got := sha256.Sum256([]byte(given))
		same := subtle.ConstantTimeCompare(got[:], want[:]) == 1
		return actor, found && token != "" && same
	}
}

//go:embed page
var page embed.FS

// handler serves one system.
type handler struct {
	sys      *resil.System
	config   Config
	hosts    []string
	controls []string // what may be asked for, as the page shows it; never nil
	history  *history
	feed     *feed
	deeds    deeds
}

// New returns the handler of sys. It follows sys from now on, so make it before
// [resil.System.Start] to see every change. It starts no goroutine until
// somebody watches the page. The error says what is wrong with config.
func New(sys *resil.System, config Config) (http.Handler, error) {
	if sys == nil {
		return nil, errors.New("admin: nil System")
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	h := &handler{sys: sys, config: config, hosts: []string{"localhost", "127.0.0.1", "::1"}, controls: []string{}, history: newHistory()}
	if len(config.Hosts) > 0 {
		h.hosts = nil
		for _, host := range config.Hosts {
			if host == "" || strings.ContainsAny(host, "/:*") && net.ParseIP(host) == nil {
				return nil, fmt.Errorf("admin: host %q is not a plain host name or address; want one without scheme, port or wildcard", host)
			}
			h.hosts = append(h.hosts, strings.ToLower(host))
		}
	}
	h.feed = newFeed(h)
	sys.Subscribe(h.history.add)

	files, err := fs.Sub(page, "page")
	if err != nil {
		return nil, fmt.Errorf("admin: embedded page: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(files))
	mux.HandleFunc("GET /level", h.level)
	mux.HandleFunc("GET /healthz", h.healthz)
	mux.HandleFunc("GET /readyz", h.readyz)
	mux.HandleFunc("GET /health", h.readyz)
	mux.HandleFunc("GET /api/status", h.status)
	mux.HandleFunc("GET /api/inventory", h.inventory)
	mux.HandleFunc("GET /api/explain", h.explain)
	mux.HandleFunc("GET /api/history", h.changes)
	mux.HandleFunc("GET /api/events", h.feed.serve)
	if config.Metrics != nil {
		mux.Handle("GET /metrics", config.Metrics)
	}
	h.steer(mux)
	return h.shield(mux), nil
}

// steer adds the routes of control. They are there without an authorizer too,
// to say why they do nothing.
func (h *handler) steer(mux *http.ServeMux) {
	add := func(name, path string, act func(*http.Request, string, order) error) {
		mux.Handle("POST "+path, h.control(act))
		if h.config.Authorize != nil {
			h.controls = append(h.controls, name)
		}
	}
	add("level", "/api/force/level", h.forceLevel)
	add("breaker", "/api/force/breaker", h.forceBreaker)
	add("reset", "/api/reset", h.reset)
	add("kill", "/api/kill", h.kill)
	if h.config.Reload != nil {
		add("reload", "/api/reload", h.reload)
	}
	if h.config.Chaos != nil {
		add("chaos", "/api/chaos", h.chaos)
	}
}

// shield refuses what no page of ours sends, before any route is looked at.
func (h *handler) shield(next http.Handler) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("X-Frame-Options", "DENY")
		head.Set("Referrer-Policy", "no-referrer")
		head.Set("Cache-Control", "no-store")
		head.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
		if !slices.Contains(h.hosts, hostOf(r.Host)) {
			http.Error(w, "this host name is not allowed; see admin.Config.Hosts", http.StatusMisdirectedRequest)
			return
		}
		// CrossOriginProtection lets GET pass, and a cross-site GET must not
		// read the state either.
		if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate" {
			http.Error(w, "cross-site requests are not allowed", http.StatusForbidden)
			return
		}
		if err := crossOrigin.Check(r); err != nil {
			http.Error(w, "cross-site requests are not allowed", http.StatusForbidden)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		// Not every ResponseWriter has deadlines; without one the server's own
		// hold. A stream moves its own.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerDeadline))
		next.ServeHTTP(w, r)
	})
}

// answerDeadline bounds the writing of an answer: whoever asks for much and
// reads nothing must not hold a goroutine for ever.
const answerDeadline = 30 * time.Second

// maxBody bounds the body of a control request, in bytes.
const maxBody = 4 << 10

// hostOf returns the host of a Host header in lower case, without port,
// brackets and final dot.
func hostOf(hostport string) string {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.Trim(host, "[]"), ".")
	return strings.ToLower(host)
}

// Serve runs handler h on address until ctx is done, then drains it for up to
// 5 s. It refuses an address beyond loopback unless authenticated is true,
// which states that h asks for credentials on every route, reading included.
// It returns nil after ctx was done.
func Serve(ctx context.Context, address string, h http.Handler, authenticated bool) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("admin: %w", err)
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); !authenticated && (!ok || !tcp.IP.IsLoopback()) {
		_ = listener.Close()
		return fmt.Errorf("admin: refusing to listen on %s without authentication; listen on 127.0.0.1 or put authentication in front", listener.Addr())
	}
	return serveListener(ctx, listener, h)
}

func serveListener(ctx context.Context, listener net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		// Streams end with ctx, so that Shutdown has nothing to wait for.
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("admin: %w", err)
	case <-ctx.Done():
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if server.Shutdown(drain) != nil {
			_ = server.Close() // who still reads reads too slowly
		}
		return nil
	}
}
