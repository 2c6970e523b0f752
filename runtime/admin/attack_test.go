package admin_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/admin"
)

// Each route answers the methods that are its own and no other, and nothing
// but an order changes anything.
func TestRoutesAnswerTheirMethodsOnly(t *testing.T) {
	reads := []string{"/", "/app.js", "/level", "/healthz", "/readyz", "/health", "/api/status", "/api/inventory", "/api/explain", "/api/history", "/metrics"}
	orders := []string{"/api/force/level", "/api/force/breaker", "/api/reset", "/api/kill", "/api/reload", "/api/chaos"}
	asked := 0
	h := newHandler(t, newSystem(t), admin.Config{
		Authorize: admin.BearerToken("ops", token),
		Metrics:   http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
		Reload:    func(context.Context) error { asked++; return nil },
		Chaos:     func(bool, time.Duration, string) error { asked++; return nil },
	})
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "PROPFIND"} {
		for _, path := range append(slices.Clone(reads), orders...) {
			status, body := do(t, h, request{method: method, path: path, body: `{"dependency":"db"}`, header: authorized()})
			ours := slices.Contains(reads, path) && (method == "GET" || method == "HEAD")
			switch {
			case ours && status != http.StatusOK && status != http.StatusServiceUnavailable: // before Start it is not ready
				t.Errorf("%s %s: %d %s", method, path, status, body)
			case !ours && method == "POST" && slices.Contains(orders, path):
				if status == http.StatusNotFound || status == http.StatusMethodNotAllowed {
					t.Errorf("POST %s: %d %s", path, status, body)
				}
			case !ours && status != http.StatusNotFound && status != http.StatusMethodNotAllowed:
				t.Errorf("%s %s: %d; want 404 or 405", method, path, status)
			}
		}
	}
	if asked != 0 {
		t.Errorf("%d orders without a reason were given", asked)
	}
}

// No spelling of a path reaches a route past its checks.
func TestPathTricksReachNothing(t *testing.T) {
	sys := newSystem(t)
	h := newHandler(t, sys, admin.Config{Authorize: admin.BearerToken("ops", token)})
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, path := range []string{
		"//api/force/level", "/api//force/level", "/api/%66orce/../force/level", "/./api/force/level", "/API/force/level", "/api/force/level/",
		"/api%2fforce%2flevel", "/api/force%2flevel", "/api/force/level%00", "/api/force/level;x", "/x/..%2fapi/force/level", `/api\force\level`,
		"/page/app.js", "/..%2fadmin.go", "/%2e%2e/admin.go", "/....//admin.go", "/index.html/../../admin.go", "/.git/config", "/app.js%00.html",
	} {
		for _, method := range []string{"GET", "POST"} {
			r, err := http.NewRequestWithContext(t.Context(), method, server.URL, strings.NewReader(`{"level":"emergency","ttl":"5m","reason":"x"}`))
			if err != nil {
				t.Fatal(err)
			}
			r.URL.Opaque = path // as it stands
			r.Header.Set("Content-Type", "application/json")
			response, err := client.Do(r)
			if err != nil {
				t.Fatalf("%s %s: %v", method, path, err)
			}
			body, _ := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if to := response.Header.Get("Location"); response.StatusCode/100 == 2 || strings.Contains(to, "//") || strings.Contains(string(body), "package admin") {
				t.Errorf("%s %s: %d to %q: %.80s", method, path, response.StatusCode, to, body)
			}
		}
	}
	if sys.Level() != resil.Optimal {
		t.Errorf("the level is %s", sys.Level())
	}
}

func TestTokensOfAnyOtherSpellingAdmitNobody(t *testing.T) {
	h := newHandler(t, newSystem(t), admin.Config{Authorize: admin.BearerToken("ops", token)})
	for _, given := range []string{
		"", "Bearer", "Bearer ", "Bearer  " + token, token, "Basic " + token, "Bearer " + token[:1], "Bearer " + token[:len(token)-1],
		"Bearer " + token + " ", "Bearer " + token + "x", "Bearer " + token + "\x00", "Bearer " + strings.Repeat(token, 500), "Bearer " + strings.ToUpper(token),
	} {
		if status, _ := do(t, h, request{method: "POST", path: "/api/force/level", body: `{"level":""}`, header: map[string]string{"Authorization": given}}); status != http.StatusUnauthorized {
			t.Errorf("%.40q: %d", given, status)
		}
	}
}

func TestExpiryHasBothEnds(t *testing.T) {
	sys := newSystem(t)
	h := newHandler(t, sys, admin.Config{Authorize: admin.BearerToken("ops", token)})
	for ttl, want := range map[string]int{
		"1s": 204, "24h": 204, "0": 400, "0s": 400, "999ms": 400, "24h1ns": 400, "-1s": 400, "1": 400, "9223372036854775807ns": 400, "1e9s": 400, "NaN": 400, "": 400, "∞": 400,
	} {
		if status, body := do(t, h, request{method: "POST", path: "/api/kill", body: fmt.Sprintf(`{"on":true,"ttl":%q,"reason":"x"}`, ttl), header: authorized()}); status != want {
			t.Errorf("ttl %q: %d %s; want %d", ttl, status, body, want)
		}
	}
	if err := sys.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// What the user's functions do wrong is told to log and caller, and changes
// nothing.
func TestPanicsFailClosed(t *testing.T) {
	for name, tc := range map[string]struct {
		config admin.Config
		path   string
		want   string
	}{
		"authorizer": {admin.Config{Authorize: func(*http.Request) (string, bool) { panic("no such key") }}, "/api/force/level", "the authorizer failed"},
		"reload":     {admin.Config{Reload: func(context.Context) error { panic("no such key") }}, "/api/reload", "panicked"},
		"chaos":      {admin.Config{Chaos: func(bool, time.Duration, string) error { panic("no such key") }}, "/api/chaos", "panicked"},
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			tc.config.Logger = slog.New(slog.NewTextHandler(&log, nil))
			if tc.config.Authorize == nil {
				tc.config.Authorize = admin.BearerToken("ops", token)
			}
			sys := newSystem(t)
			h := newHandler(t, sys, tc.config)
			status, body := do(t, h, request{method: "POST", path: tc.path, body: `{"level":"emergency","on":true,"ttl":"5m","reason":"x"}`, header: authorized()})
			if tc.path != "/api/force/level" {
				status, body = do(t, h, request{method: "POST", path: tc.path, body: `{"on":true,"ttl":"5m","reason":"x"}`, header: authorized()})
			}
			if status != http.StatusInternalServerError || !strings.Contains(body, tc.want) || strings.Contains(body, "no such key") {
				t.Errorf("%d %s; want 500 without the panic's text", status, body)
			}
			if sys.Level() != resil.Optimal || !strings.Contains(log.String(), "no such key") {
				t.Errorf("level %s, log %s", sys.Level(), log.String())
			}
		})
	}
}

// An actor's name comes from a request too.
func TestActorsNamesAreCutToALine(t *testing.T) {
	for given, want := range map[string]string{
		"ana":                     "ana",
		"":                        "unknown",
		"ana\nlevel=ERROR":        "analevel=ERROR",
		"a\u202en\u2028a":         "ana",
		strings.Repeat("ñ", 1000): strings.Repeat("ñ", 100),
		"\xff\xfe":                "unknown",
	} {
		sys := newSystem(t)
		h := newHandler(t, sys, admin.Config{Authorize: func(*http.Request) (string, bool) { return given, true }})
		do(t, h, request{method: "POST", path: "/api/force/level", body: `{"level":"limited","ttl":"5m","reason":"x"}`})
		if f := sys.Status().Forced; f == nil || f.Reason != "x ("+want+")" {
			t.Errorf("%q: forced %+v; want by %q", given, f, want)
		}
	}
}

// The handler works below a prefix, and what it shows there refers to itself.
func TestHandlerWorksBelowAPrefix(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/ops/", http.StripPrefix("/ops", newHandler(t, newSystem(t), admin.Config{})))
	for path, want := range map[string]string{"/ops/": "<!doctype html>", "/ops/app.js": "EventSource('api/events')", "/ops/level": "optimal", "/ops/api/status": `"level":"optimal"`} {
		if status, body := do(t, mux, request{method: "GET", path: path}); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %.100s", path, status, body)
		}
	}
	_, page := do(t, mux, request{method: "GET", path: "/ops/"})
	for _, absolute := range []string{`href="/`, `src="/`, "http://", "https://"} {
		if strings.Contains(page, absolute) {
			t.Errorf("the page refers to %s…", absolute)
		}
	}
}

// serve runs a handler as admin.Serve does, on connections in memory.
func serve(t *testing.T, h http.Handler) (dial func() net.Conn, stop func()) {
	t.Helper()
	pipes := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- admin.ServeListener(ctx, pipes, h) }()
	dial = func() net.Conn {
		client, server := net.Pipe()
		pipes.conns <- server
		return client
	}
	return dial, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve returned %v", err)
		}
	}
}

type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipeListener) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// A stream outlives the time that a request may take to arrive.
func TestStreamsLastUntilTheViewerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, stop := serve(t, newHandler(t, newSystem(t), admin.Config{}))
		conn := dial()
		_, _ = io.WriteString(conn, "GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
		begun := time.Now()
		events := 0
		for lines := bufio.NewScanner(conn); time.Since(begun) < 5*time.Minute && lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "event: ") {
				events++
			}
		}
		if events < 300 {
			t.Errorf("%d events in %s of five minutes", events, time.Since(begun))
		}
		_ = conn.Close()
		stop()
	})
}

// Who sends slowly or reads nothing holds nothing for ever.
func TestSlowPeersAreLeft(t *testing.T) {
	for name, tc := range map[string]struct {
		sent   string
		reads  bool
		within time.Duration
	}{
		"half a header":       {"GET /level HTTP/1.1\r\nHost: local", true, 6 * time.Second},
		"half a body":         {"POST /api/force/level HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer " + token + "\r\nContent-Length: 100\r\n\r\n{", true, 11 * time.Second},
		"a stream, unread":    {"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n", false, 11 * time.Second},
		"an answer, unread":   {"GET /app.js HTTP/1.1\r\nHost: localhost\r\n\r\n", false, 31 * time.Second},
		"no further request":  {"GET /level HTTP/1.1\r\nHost: localhost\r\n\r\n", true, 61 * time.Second},
		"nothing":             {"", true, 6 * time.Second},
		"headers without end": {"GET /level HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 64), true, 6 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dial, stop := serve(t, newHandler(t, newSystem(t), admin.Config{Authorize: admin.BearerToken("ops", token)}))
				conn := dial()
				go func() { _, _ = io.WriteString(conn, tc.sent) }()
				if tc.reads {
					go func() { _, _ = io.Copy(io.Discard, conn) }()
				}
				time.Sleep(tc.within)
				if !left(conn) {
					t.Errorf("after %s the connection still stands", tc.within)
				}
				_ = conn.Close()
				stop()
			})
		})
	}
}

// left reports whether the other end of a pipe is closed.
func left(conn net.Conn) bool {
	_ = conn.SetWriteDeadline(time.Now().Add(time.Millisecond))
	_, err := conn.Write([]byte("x"))
	return errors.Is(err, io.ErrClosedPipe)
}

// The head of a stream has no end to wait for: the connection serves on.
func TestTheHeadOfAStreamIsAllOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, stop := serve(t, newHandler(t, newSystem(t), admin.Config{}))
		conn := dial()
		go func() {
			_, _ = io.WriteString(conn, "HEAD /api/events HTTP/1.1\r\nHost: localhost\r\n\r\nGET /level HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		}()
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		said, err := io.ReadAll(conn)
		if err != nil || !strings.HasSuffix(string(said), "optimal\n") {
			t.Errorf("%v after %q", err, said)
		}
		_ = conn.Close()
		stop()
	})
}

func TestStoppingDoesNotWaitForWhoeverReadsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, stop := serve(t, newHandler(t, newSystem(t), admin.Config{}))
		conn := dial()
		_, _ = io.WriteString(conn, "GET /app.js HTTP/1.1\r\nHost: localhost\r\n\r\n")
		synctest.Wait()
		begun := time.Now()
		stop()
		if took := time.Since(begun); took > 5*time.Second || !left(conn) {
			t.Errorf("stopping took %s, the connection is left: %t", took, left(conn))
		}
		_ = conn.Close()
	})
}

// Closing the system says so to who watches, and ends nothing of the handler.
func TestClosingTheSystemIsShownToViewers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t)
		h := newHandler(t, sys, admin.Config{})
		if err := sys.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		updates := watch(t, ctx, h)
		if first := <-updates; !first.Started {
			t.Error("a started system is not shown as such")
		}
		if err := sys.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if next := <-updates; next.Started {
			t.Error("a closed system is shown as started")
		}
		cancel()
		for range updates { // drains
		}
	})
}
