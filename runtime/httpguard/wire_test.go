package httpguard_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/httpguard"
)

// The tests of this file speak to real servers over TCP, in real time, side by
// side: what takes a second takes it once.

// answersIn is a timeout that no answer of a server in this process exceeds, and
// past is when it has passed.
const (
	answersIn = time.Second
	past      = answersIn + answersIn/5
)

// wire serves connections as a test says: of each it reads one request and hands
// the rest to serve, with the number of the connection, from 0.
func wire(t *testing.T, serve func(n int32, c *net.TCPConn)) (url string, conns *atomic.Int32) {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns = new(atomic.Int32)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := lis.Accept()
			if err != nil {
				return
			}
			n := conns.Add(1) - 1
			serving.Go(func() {
				defer c.Close() //nolint:errcheck // whatever has become of it
				if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					_, _ = io.Copy(io.Discard, r.Body)
					serve(n, c.(*net.TCPConn))
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = lis.Close()
		serving.Wait()
	})
	return "http://" + lis.Addr().String(), conns
}

// reset ends a connection by RST.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

// gone waits until the client has let go of a connection.
func gone(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// client returns an HTTP client behind a guard of its own connections.
func client(t *testing.T, p httpguard.Policies) (*http.Client, *resil.System) {
	t.Helper()
	sys := newSystem(t)
	sys.Metrics() // counts from now on
	below := &http.Transport{}
	t.Cleanup(below.CloseIdleConnections)
	return &http.Client{Transport: httpguard.New(sys, below, httpguard.Config{Default: p})}, sys
}

func send(t *testing.T, ctx context.Context, c *http.Client, method, url string) (*http.Response, error) { //nolint:revive // the test comes first
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return c.Do(req)
}

// outcomes returns how the calls of all dependencies ended.
func outcomes(sys *resil.System) map[string]uint64 {
	n := map[string]uint64{}
	for _, d := range sys.Metrics().Dependencies {
		for _, m := range d.Methods {
			for i, o := range resil.Outcomes() {
				if m.Calls[i] > 0 {
					n[o.String()] += m.Calls[i]
				}
			}
		}
	}
	return n
}

func expectOutcomes(t *testing.T, sys *resil.System, want string) {
	t.Helper()
	if got := fmt.Sprint(outcomes(sys)); got != want {
		t.Errorf("outcomes %s, want %s", got, want)
	}
}

const hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

func TestBrokenServersAreFailuresAndRetried(t *testing.T) {
	for name, breaks := range map[string]func(c *net.TCPConn){
		"resets":                   reset,
		"closes before the answer": func(*net.TCPConn) {},
		"closes in the header":     func(c *net.TCPConn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Le") },
		"speaks something else":    func(c *net.TCPConn) { _, _ = io.WriteString(c, "220 mail.example.com ESMTP\r\n") },
		"resets in the header":     func(c *net.TCPConn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nA: b\r\n"); reset(c) },
		"contradicts its own length": func(c *net.TCPConn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")
		},
		"says that it is away": func(c *net.TCPConn) {
			_, _ = io.WriteString(c, "HTTP/1.1 503 Away\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
		},
	} {
		t.Run(name, func(t *testing.T) {
			url, conns := wire(t, func(n int32, c *net.TCPConn) {
				if n%2 == 0 {
					breaks(c)
					return
				}
				_, _ = io.WriteString(c, hello)
			})
			c, sys := client(t, httpguard.Policies{Retry: &resil.Retry{Attempts: 2, Base: time.Millisecond, Max: time.Millisecond}})
			resp, err := send(t, t.Context(), c, http.MethodGet, url)
			if err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(resp.Body); string(text) != "hello" || err != nil || resp.Body.Close() != nil {
				t.Errorf("body %q, %v", text, err)
			}
			expectOutcomes(t, sys, "map[success:1]")

			// A POST is not sent twice: the server may have done what it asked for.
			c.CloseIdleConnections()
			before := conns.Load()
			resp, err = send(t, t.Context(), c, http.MethodPost, url)
			if err == nil {
				if resp.StatusCode != http.StatusServiceUnavailable || resp.Body.Close() != nil {
					t.Errorf("POST: %s", resp.Status)
				}
			}
			if n := conns.Load() - before; n != 1 {
				t.Errorf("a POST was sent %d times", n)
			}
			expectOutcomes(t, sys, "map[failure:1 success:1]")
		})
	}
}

func TestHangingServers(t *testing.T) {
	t.Parallel()
	url, _ := wire(t, func(_ int32, c *net.TCPConn) { gone(c) }) // ends: the client lets go of what it left
	c, sys := client(t, httpguard.Policies{Timeout: resil.Timeout{Attempt: 30 * time.Millisecond}, Breaker: &resil.Breaker{Failures: 2}})
	for range 2 {
		if _, err := send(t, t.Context(), c, http.MethodGet, url); !errors.Is(err, resil.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a server that does not answer: %v, want ErrTimeout", err)
		}
	}
	if _, err := send(t, t.Context(), c, http.MethodGet, url); !errors.Is(err, resil.ErrOpen) {
		t.Errorf("after two timeouts: %v, want ErrOpen", err)
	}
	expectOutcomes(t, sys, "map[open:1 timeout:2]")

	// Callers who leave are no failure, however many.
	c, sys = client(t, httpguard.Policies{Timeout: resil.Timeout{Attempt: time.Minute}, Breaker: &resil.Breaker{Failures: 2}})
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		stop := time.AfterFunc(time.Millisecond, cancel)
		if _, err := send(t, ctx, c, http.MethodGet, url); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller who left: %v", err)
		}
		stop.Stop()
		cancel()
	}
	expectOutcomes(t, sys, "map[neutral:5]")
	if state := sys.Status().Dependencies[0].Breaker; state != resil.BreakerClosed {
		t.Errorf("callers who left: the breaker is %s", state)
	}
}

func TestBodiesOverTheWire(t *testing.T) {
	t.Parallel()
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"
	more := make(chan struct{})
	url, _ := wire(t, func(n int32, c *net.TCPConn) {
		_, _ = io.WriteString(c, head)
		switch n {
		case 0: // closes in the body
		case 1:
			reset(c)
		case 2: // goes on when it is told to
			<-more
			_, _ = io.WriteString(c, "67890")
		default:
			gone(c)
		}
	})
	c, _ := client(t, httpguard.Policies{Timeout: resil.Timeout{Attempt: answersIn}})
	open := func(ctx context.Context) *http.Response {
		t.Helper()
		resp, err := send(t, ctx, c, http.MethodGet, url)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	for _, what := range []string{"closes", "resets"} {
		resp := open(t.Context())
		if text, err := io.ReadAll(resp.Body); err == nil || len(text) > 5 {
			t.Errorf("a server that %s in the body: %q, %v, want an error", what, text, err)
		}
		_ = resp.Body.Close()
	}

	// What is there can be read before the rest comes, and the rest long after
	// the timeout.
	resp := open(t.Context())
	text := make([]byte, 5)
	if _, err := io.ReadFull(resp.Body, text); string(text) != "12345" || err != nil {
		t.Errorf("the beginning: %q, %v", text, err)
	}
	time.AfterFunc(past, func() { close(more) })
	if rest, err := io.ReadAll(resp.Body); string(rest) != "67890" || err != nil {
		t.Errorf("the rest: %q, %v", rest, err)
	}
	_ = resp.Body.Close()

	ctx, cancel := context.WithCancel(t.Context())
	resp = open(ctx)
	cancel()
	if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("reading for a caller who left: %v", err)
	}
	_ = resp.Body.Close()
	resp = open(t.Context())
	if err := resp.Body.Close(); err != nil { // the server's end shows that the connection is let go
		t.Error(err)
	}
}

func TestRedirectsAreCallsOfTheirOwn(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Method) }))
	defer target.Close()
	first := httptest.NewServer(http.RedirectHandler(target.URL, http.StatusSeeOther))
	defer first.Close()
	c, sys := client(t, httpguard.Policies{})
	resp, err := send(t, t.Context(), c, http.MethodPost, first.URL)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(resp.Body); string(text) != http.MethodGet || err != nil || resp.Body.Close() != nil {
		t.Errorf("%q, %v", text, err)
	}
	if n := len(sys.Status().Dependencies); n != 2 {
		t.Errorf("%d dependencies, want one for each host", n)
	}
	expectOutcomes(t, sys, "map[success:2]")
}

func TestSwitchedProtocolsBothWays(t *testing.T) {
	url, _ := wire(t, func(_ int32, c *net.TCPConn) {
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_, _ = io.Copy(c, c)
	})
	c, _ := client(t, httpguard.Policies{Timeout: resil.Timeout{Attempt: time.Minute}})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "echo")
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	both, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		t.Fatalf("the body of a switched protocol is a %T, which cannot be written to", resp.Body)
	}
	if _, err := io.WriteString(both, "ping"); err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 4)
	if _, err := io.ReadFull(both, text); string(text) != "ping" || err != nil || both.Close() != nil {
		t.Errorf("%q, %v", text, err)
	}
}

// TestHTTP2 lets a real server reset a stream, send GOAWAY while a body is under
// way, and answer slowly.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	streaming, finish := make(chan struct{}), make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/reset", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/busy", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, strings.Repeat("x", 200_000))
	})
	mux.HandleFunc("/stream", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "begin ")
		w.(http.Flusher).Flush()
		close(streaming)
		<-finish
		_, _ = io.WriteString(w, "end")
	})
	server := httptest.NewUnstartedServer(mux)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	sys := newSystem(t)
	sys.Metrics()
	c := server.Client()
	c.Transport = httpguard.New(sys, c.Transport, httpguard.Config{Default: httpguard.Policies{Timeout: resil.Timeout{Attempt: answersIn}}})

	if _, err := send(t, t.Context(), c, http.MethodGet, server.URL+"/reset"); err == nil || errors.Is(err, resil.ErrTimeout) {
		t.Errorf("a stream that is reset: %v", err)
	}
	if _, err := send(t, t.Context(), c, http.MethodGet, server.URL+"/hang"); !errors.Is(err, resil.ErrTimeout) {
		t.Errorf("a stream that hangs: %v, want ErrTimeout", err)
	}
	resp, err := send(t, t.Context(), c, http.MethodGet, server.URL+"/busy")
	if err != nil || resp.ProtoMajor != 2 {
		t.Fatalf("%+v, %v, want HTTP/2", resp, err)
	}
	if text, err := io.ReadAll(resp.Body); len(text) != 200_000 || err != nil || resp.Body.Close() != nil {
		t.Errorf("%d bytes of a failure's body, %v, want all", len(text), err)
	}
	expectOutcomes(t, sys, "map[failure:2 timeout:1]")

	resp, err = send(t, t.Context(), c, http.MethodGet, server.URL+"/stream")
	if err != nil {
		t.Fatal(err)
	}
	<-streaming
	var shutting sync.WaitGroup
	shutting.Go(func() { _ = server.Config.Shutdown(context.Background()) }) // GOAWAY; what is under way may end
	time.AfterFunc(past, func() { close(finish) })
	if text, err := io.ReadAll(resp.Body); string(text) != "begin end" || err != nil || resp.Body.Close() != nil {
		t.Errorf("a body under GOAWAY: %q, %v", text, err)
	}
	shutting.Wait()
	if _, err := send(t, t.Context(), c, http.MethodGet, server.URL+"/stream"); err == nil {
		t.Error("a server that has gone answered")
	}
	expectOutcomes(t, sys, "map[failure:3 success:1 timeout:1]")
}
