package httpguard_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/httpguard"
)

var quiet = slog.New(slog.DiscardHandler)

func newSystem(t testing.TB) *resil.System {
	t.Helper()
	sys, err := resil.New(resil.Config{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return sys
}

// roundTrip is a client below the guard.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// body counts whether it was closed.
type body struct {
	io.Reader
	closed atomic.Int32
}

func (b *body) Close() error { b.closed.Add(1); return nil }

func respond(req *http.Request, status int, text string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: &body{Reader: strings.NewReader(text)}, Request: req}
}

// script answers with one status after the other; the last one repeats.
func script(calls *atomic.Int32, statuses ...int) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		n := int(calls.Add(1)) - 1
		if r.Body != nil {
			_, _ = io.Copy(io.Discard, r.Body)
			_ = r.Body.Close()
		}
		return respond(r, statuses[min(n, len(statuses)-1)], fmt.Sprint("answer ", n)), nil
	}
}

func get(t *testing.T, rt http.RoundTripper, method, url, payload string, header ...string) (*http.Response, string, error) {
	t.Helper()
	var in io.Reader
	if payload != "" {
		in = strings.NewReader(payload)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, in)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp, string(text), err
}

func TestStatusClassesAreVerdicts(t *testing.T) {
	for status, failure := range map[int]bool{
		200: false, 204: false, 301: false, 304: false, 400: false, 401: false, 403: false, 404: false, 409: false, 422: false,
		408: true, 429: true, 500: true, 501: true, 502: true, 503: true, 504: true,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			var calls atomic.Int32
			rt := httpguard.New(newSystem(t), script(&calls, status), httpguard.Config{Default: httpguard.Policies{Breaker: &resil.Breaker{Failures: 3}}})
			for i := range 3 {
				resp, text, err := get(t, rt, "GET", "http://a.example/", "")
				if err != nil || resp.StatusCode != status || text != fmt.Sprint("answer ", i) {
					t.Fatalf("call %d: %v %q %v, want the response as it came", i, resp, text, err)
				}
			}
			_, _, err := get(t, rt, "GET", "http://a.example/", "")
			if got := errors.Is(err, resil.ErrOpen); got != failure {
				t.Errorf("after three: %v; want open %v", err, failure)
			}
			_, _, err = get(t, rt, "GET", "http://b.example/", "")
			if err != nil {
				t.Errorf("another host: %v", err)
			}
		})
	}
}

func TestRetriesOnlyWhatMayBeRepeated(t *testing.T) {
	for _, tc := range []struct {
		name   string
		method string
		body   string
		rewind bool
		header []string
		calls  int32
	}{
		{"GET", "GET", "", true, nil, 3},
		{"HEAD", "HEAD", "", true, nil, 3},
		{"PUT with a body that rewinds", "PUT", "payload", true, nil, 3},
		{"PUT with a body that does not", "PUT", "payload", false, nil, 1},
		{"DELETE", "DELETE", "", true, nil, 3},
		{"POST", "POST", "payload", true, nil, 1},
		{"POST with an idempotency key", "POST", "payload", true, []string{"Idempotency-Key", "7"}, 3},
		{"POST with a key and a body that does not rewind", "POST", "payload", false, []string{"Idempotency-Key", "7"}, 1},
		{"PATCH", "PATCH", "payload", true, nil, 1},
		{"a verb of its own", "PURGE", "", true, nil, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var bodies []string
				var sent []*body
				rt := httpguard.New(newSystem(t), roundTrip(func(r *http.Request) (*http.Response, error) {
					text := ""
					if r.Body != nil {
						b, _ := io.ReadAll(r.Body)
						text = string(b)
						_ = r.Body.Close()
					}
					bodies = append(bodies, text)
					resp := respond(r, 503, "busy")
					sent = append(sent, resp.Body.(*body))
					return resp, nil
				}), httpguard.Config{Default: httpguard.Policies{Retry: &resil.Retry{Attempts: 3, Budget: 1}, Breaker: &resil.Breaker{Failures: 100}}})
				req := httptest.NewRequest(tc.method, "http://a.example/", nil).WithContext(t.Context())
				if tc.body != "" {
					own := &body{Reader: strings.NewReader(tc.body)}
					req.Body = own
					if tc.rewind {
						req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(tc.body)), nil }
					}
					defer func() {
						if own.closed.Load() == 0 {
							t.Error("the request's body was not closed")
						}
					}()
				}
				for i := 0; i < len(tc.header); i += 2 {
					req.Header.Set(tc.header[i], tc.header[i+1])
				}
				before := req.Header.Clone()
				resp, err := rt.RoundTrip(req)
				if err != nil || resp.StatusCode != 503 {
					t.Fatalf("%v, %v; want the last 503", resp, err)
				}
				if text, err := io.ReadAll(resp.Body); err != nil || string(text) != "busy" || resp.Body.Close() != nil {
					t.Errorf("body %q, %v", text, err)
				}
				if int32(len(bodies)) != tc.calls {
					t.Errorf("%d calls, want %d", len(bodies), tc.calls)
				}
				for i, b := range bodies {
					if b != tc.body {
						t.Errorf("call %d sent %q, want %q", i, b, tc.body)
					}
				}
				for i, b := range sent {
					if b.closed.Load() == 0 {
						t.Errorf("the body of response %d was not closed", i)
					}
				}
				if fmt.Sprint(req.Header) != fmt.Sprint(before) {
					t.Errorf("the caller's request was changed: %v", req.Header)
				}
			})
		})
	}
}

func TestRetryWaitsForRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		rt := httpguard.New(newSystem(t), roundTrip(func(r *http.Request) (*http.Response, error) {
			if n++; n == 1 {
				return respond(r, 429, "slow down", "Retry-After", "7"), nil
			}
			return respond(r, 200, "ok"), nil
		}), httpguard.Config{Default: httpguard.Policies{Retry: &resil.Retry{Attempts: 2, Budget: 1}}})
		begin := time.Now()
		resp, text, err := get(t, rt, "GET", "http://a.example/", "")
		if err != nil || resp.StatusCode != 200 || text != "ok" {
			t.Fatalf("%v %q %v", resp, text, err)
		}
		if took := time.Since(begin); took < 7*time.Second {
			t.Errorf("retried after %s, want 7s", took)
		}
	})
}

func TestRejectionsCloseTheBodyAndCallNobody(t *testing.T) {
	var calls atomic.Int32
	sys := newSystem(t)
	rt := httpguard.New(sys, script(&calls, 500), httpguard.Config{
		Hosts: map[string]httpguard.Policies{"a.example": {Breaker: &resil.Breaker{Failures: 1}, Retry: &resil.Retry{Attempts: 5, Budget: 1}}},
	})
	// The breaker opens under the retries: the response that came is kept.
	if resp, text, err := get(t, rt, "GET", "http://a.example/", ""); err != nil || resp.StatusCode != 500 || text != "answer 0" {
		t.Fatalf("%v %q %v", resp, text, err)
	}
	own := &body{Reader: strings.NewReader("x")}
	req := httptest.NewRequest("POST", "http://a.example/", nil)
	req.Body = own
	resp, err := rt.RoundTrip(req)
	if !errors.Is(err, resil.ErrOpen) || resp != nil {
		t.Errorf("%v, %v; want ErrOpen and no response", resp, err)
	}
	if own.closed.Load() != 1 || calls.Load() != 1 {
		t.Errorf("body closed %d times, %d calls", own.closed.Load(), calls.Load())
	}
}

func TestLostConnectionsAreErrors(t *testing.T) {
	boom := errors.New("connection reset")
	rt := httpguard.New(newSystem(t), roundTrip(func(*http.Request) (*http.Response, error) { return nil, boom }), httpguard.Config{})
	_, _, err := get(t, rt, "GET", "http://a.example/", "")
	if !errors.Is(err, boom) {
		t.Errorf("error %v", err)
	}
	if ex, ok := resil.Explain(err); !ok || ex.Dependency != "a.example" || ex.Method != "GET" {
		t.Errorf("explained as %+v", ex)
	}
}

func TestHostsAreDependencies(t *testing.T) {
	sys := newSystem(t)
	var calls atomic.Int32
	rt := httpguard.New(sys, script(&calls, 200), httpguard.Config{Max: 5, Hosts: map[string]httpguard.Policies{"known.example": {Criticality: resil.Critical}}})
	for _, url := range []string{
		"http://A.Example/x", "https://a.example/y", "http://127.0.0.1:8080/", "http://[::1]:9/", "http://known.example",
		"http://one.example", "http://two.example", "http://three.example", "http://four.example", "http://five.example",
	} {
		if _, _, err := get(t, rt, "GET", url, ""); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	var names []string
	for _, d := range sys.Status().Dependencies {
		names = append(names, d.Name)
		if d.Name == "known.example" && d.Criticality != resil.Critical {
			t.Errorf("known.example has criticality %s", d.Criticality)
		}
	}
	want := []string{"a.example", "host---1-9", "host-127.0.0.1-8080", "known.example", "one.example", "other-hosts", "two.example"}
	if !slices.Equal(names, want) {
		t.Errorf("dependencies %q, want %q", names, want)
	}
}

func TestUnguardedRequestsPassThrough(t *testing.T) {
	sys := newSystem(t)
	var calls atomic.Int32
	rt := httpguard.New(sys, script(&calls, 200), httpguard.Config{Dependency: func(r *http.Request) string {
		if r.URL.Path == "/metrics" {
			return ""
		}
		return "api"
	}})
	for _, path := range []string{"/metrics", "/x"} {
		if _, _, err := get(t, rt, "GET", "http://a.example"+path, ""); err != nil {
			t.Error(err)
		}
	}
	if deps := sys.Status().Dependencies; len(deps) != 1 || deps[0].Name != "api" || calls.Load() != 2 {
		t.Errorf("dependencies %+v, %d calls", deps, calls.Load())
	}
}

func TestTimeoutBoundsTheHeaderAndNotTheBody(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hangs":
			<-r.Context().Done()
		case "/streams":
			_, _ = io.WriteString(w, "first ")
			_ = http.NewResponseController(w).Flush()
			<-release
			_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
		}
	}))
	defer server.Close()
	var ended atomic.Bool
	rt := httpguard.New(newSystem(t), roundTrip(func(r *http.Request) (*http.Response, error) {
		context.AfterFunc(r.Context(), func() { ended.Store(true) })
		return http.DefaultTransport.RoundTrip(r)
	}), httpguard.Config{Default: httpguard.Policies{Timeout: resil.Timeout{Attempt: 100 * time.Millisecond}}})
	_, _, err := get(t, rt, "GET", server.URL+"/hangs", "")
	if !errors.Is(err, resil.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no header: %v, want ErrTimeout", err)
	}
	ended.Store(false)
	req, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/streams", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(300*time.Millisecond, func() { close(release) }) // real sockets, so real time
	text, err := io.ReadAll(resp.Body)
	if err != nil || len(text) != 6+1<<20 {
		t.Errorf("body of %d bytes, %v; want all of it long after the timeout", len(text), err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	for begin := time.Now(); !ended.Load(); time.Sleep(time.Millisecond) {
		if time.Since(begin) > 10*time.Second {
			t.Fatal("the request's context still lives after its body was closed")
		}
	}
}

func TestLongBodiesOfFailuresAreWhole(t *testing.T) {
	long := strings.Repeat("0123456789", 200_000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, long)
	}))
	defer server.Close()
	for name, p := range map[string]httpguard.Policies{
		"no policies":  {},
		"with timeout": {Timeout: resil.Timeout{Attempt: time.Minute}},
		"retried":      {Timeout: resil.Timeout{Attempt: time.Minute}, Retry: &resil.Retry{Attempts: 2, Base: time.Millisecond, Max: time.Millisecond}},
	} {
		resp, text, err := get(t, httpguard.New(newSystem(t), nil, httpguard.Config{Default: p}), "GET", server.URL, "")
		if err != nil || resp.StatusCode != http.StatusInternalServerError || text != long {
			t.Errorf("%s: %d bytes, %v; want %d", name, len(text), err, len(long))
		}
	}
}

func TestCriticalityAndBudgetTravel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got http.Header
		next := roundTrip(func(r *http.Request) (*http.Response, error) { got = r.Header; return respond(r, 200, ""), nil })
		ctx, cancel := context.WithTimeout(resil.WithRequest(t.Context(), resil.Request{Criticality: resil.High}), 3*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, "GET", "http://a.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		sys := newSystem(t)
		if _, err := httpguard.New(sys, next, httpguard.Config{}).RoundTrip(req); err != nil {
			t.Fatal(err)
		}
		if c, b := got.Get("Resil-Criticality"), got.Get("Resil-Budget-Ms"); c != "high" || b != "3000" {
			t.Errorf("criticality %q and budget %q were sent, want high and 3000", c, b)
		}
		if _, err := httpguard.New(sys, next, httpguard.Config{Private: true}).RoundTrip(req); err != nil {
			t.Fatal(err)
		}
		if len(got) != 0 {
			t.Errorf("sent to a private host: %v", got)
		}
	})
}

func TestPanicsPassThroughAndFreeThePermit(t *testing.T) {
	rt := httpguard.New(newSystem(t), roundTrip(func(*http.Request) (*http.Response, error) { panic("boom") }),
		httpguard.Config{Default: httpguard.Policies{Bulkhead: &resil.Bulkhead{Max: 1}, Breaker: &resil.Breaker{Failures: 100}}})
	for range 3 {
		func() {
			defer func() {
				if v := recover(); v != "boom" {
					t.Errorf("recovered %v", v)
				}
			}()
			_, _, _ = get(t, rt, "GET", "http://a.example/", "")
		}()
	}
}
