package admin_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
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
	"github.com/resilgo/resil/runtime/chaos"
)

const token = "correct horse"

func newSystem(t *testing.T) *resil.System {
	t.Helper()
	sys, err := resil.New(resil.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	sys.Dependency("db", resil.Critical, resil.Breaker{Failures: 3, Open: time.Minute}, resil.Timeout{Attempt: time.Second}, resil.Read, resil.Operation("Get"))
	return sys
}

func newHandler(t *testing.T, sys *resil.System, config admin.Config) http.Handler {
	t.Helper()
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	h, err := admin.New(sys, config)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// request is one request; its zero header fields are what curl sends.
type request struct {
	method, path, body string
	header             map[string]string
	host               string
}

func do(t *testing.T, h http.Handler, r request) (status int, body string) {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), r.method, r.path, strings.NewReader(r.body))
	req.Host = "127.0.0.1:9901"
	if r.host != "" {
		req.Host = r.host
	}
	if r.method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range r.header {
		req.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w.Code, w.Body.String()
}

func authorized() map[string]string { return map[string]string{"Authorization": "Bearer " + token} }

func fail(t *testing.T, sys *resil.System, n int) {
	t.Helper()
	for range n {
		_, _ = resil.Do(t.Context(), sys.Dependency("db"), func(context.Context) (int, error) { return 0, errors.New("refused") })
	}
}

func TestReadsTellTheState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t)
		h := newHandler(t, sys, admin.Config{})
		if status, _ := do(t, h, request{method: "GET", path: "/readyz"}); status != http.StatusServiceUnavailable {
			t.Errorf("/readyz before Start: %d; want 503", status)
		}
		if err := sys.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer sys.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // the test is over
		fail(t, sys, 3)
		synctest.Wait()

		for path, want := range map[string]string{
			"/level":         "minimal\n",
			"/healthz":       `{"status":"pass"}`,
			"/readyz":        `"status":"warn","output":"db down"`,
			"/health":        `"db:state":[{"componentType":"component","status":"fail","observedValue":"open"`,
			"/api/status":    `"level":"minimal"`,
			"/api/history":   `"kind":"breaker","dependency":"db","from":"closed","to":"open"`,
			"/api/inventory": `{"name":"breaker","values":[{"value":"failures=3","source":"code"},{"value":"open=1m","source":"code"},{"value":"probes=2/3","source":"default"}]}`,
			"/api/explain":   `"cause":{"rule":"down","dependencies":["db"],"score":0}`,
			"/":              "<!doctype html>",
			"/app.js":        "EventSource",
		} {
			if status, body := do(t, h, request{method: "GET", path: path}); status != http.StatusOK || !strings.Contains(body, want) {
				t.Errorf("GET %s: %d %s; want 200 and %q", path, status, body, want)
			}
		}
		_, inventory := do(t, h, request{method: "GET", path: "/api/inventory"})
		if !strings.Contains(inventory, `"levels":{"degraded":"call","emergency":"shed"`) || !strings.Contains(inventory, `{"name":"timeout","values":[{"value":"1s","source":"code"}]}`) {
			t.Errorf("inventory does not tell what Get does at each level: %s", inventory)
		}
		if err := sys.Force(resil.Emergency, time.Minute, "drill"); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/readyz", "/health"} {
			if status, body := do(t, h, request{method: "GET", path: path}); status != http.StatusServiceUnavailable {
				t.Errorf("GET %s in Emergency: %d %s; want 503", path, status, body)
			}
		}
		if status, _ := do(t, h, request{method: "GET", path: "/healthz"}); status != http.StatusOK {
			t.Errorf("/healthz in Emergency: %d; want 200: liveness is of the process only", status)
		}
	})
}

func TestControl(t *testing.T) {
	chaosOn := ""
	config := admin.Config{
		Authorize: admin.BearerToken("ops", token),
		Reload:    func(context.Context) error { return errors.New("line 3: unknown key") },
		Chaos: func(on bool, ttl time.Duration, reason string) error {
			chaosOn = fmt.Sprintf("%t %s: %s", on, ttl, reason)
			return nil
		},
	}
	for name, tc := range map[string]struct {
		path, body string
		status     int
		text       string
		check      func(*testing.T, *resil.System)
	}{
		"force level": {
			path: "/api/force/level", body: `{"level":"limited","ttl":"5m","reason":"drill"}`, status: http.StatusNoContent,
			check: func(t *testing.T, sys *resil.System) {
				if f := sys.Status().Forced; sys.Level() != resil.Limited || f == nil || f.Reason != "drill (ops)" {
					t.Errorf("level %s forced %+v; want limited by ops", sys.Level(), f)
				}
			},
		},
		"force breaker": {
			path: "/api/force/breaker", body: `{"dependency":"db","state":"open","ttl":"5m","reason":"drill"}`, status: http.StatusNoContent,
			check: func(t *testing.T, sys *resil.System) {
				if d := sys.Status().Dependencies[0]; d.Forced == nil || d.Forced.To != "open" {
					t.Errorf("db is %+v; want forced open", d)
				}
			},
		},
		"release": {path: "/api/force/breaker", body: `{"dependency":"db","state":""}`, status: http.StatusNoContent},
		"kill switch": {
			path: "/api/kill", body: `{"on":true,"ttl":"5m","reason":"mesh"}`, status: http.StatusNoContent,
			check: func(t *testing.T, sys *resil.System) {
				if k := sys.Status().Killed; k == nil || k.Reason != "mesh (ops)" {
					t.Errorf("killed %+v; want policies off by ops", k)
				}
			},
		},
		"kill switch off": {path: "/api/kill", body: `{"on":false}`, status: http.StatusNoContent},
		"reset":           {path: "/api/reset", body: `{"dependency":"db","reason":"repaired"}`, status: http.StatusNoContent},
		"kill for ever":   {path: "/api/kill", body: `{"on":true,"reason":"mesh"}`, status: http.StatusBadRequest, text: "ttl is mandatory"},
		"kill or not":     {path: "/api/kill", body: `{"ttl":"5m","reason":"mesh"}`, status: http.StatusBadRequest, text: "on is mandatory"},
		"reset, why":      {path: "/api/reset", body: `{"dependency":"db"}`, status: http.StatusBadRequest, text: "reason is mandatory"},
		"reset of nobody": {path: "/api/reset", body: `{"dependency":"mongo","reason":"x"}`, status: http.StatusNotFound, text: "no dependency of that name"},
		"chaos": {
			path: "/api/chaos", body: `{"on":true,"ttl":"1m","reason":"game day"}`, status: http.StatusNoContent,
			check: func(t *testing.T, _ *resil.System) {
				if chaosOn != "true 1m0s: game day (ops)" {
					t.Errorf("chaos was told %q", chaosOn)
				}
			},
		},
		"reload fails":        {path: "/api/reload", body: `{"reason":"new limits"}`, status: http.StatusUnprocessableEntity, text: "line 3: unknown key"},
		"no reason":           {path: "/api/force/level", body: `{"level":"limited","ttl":"5m"}`, status: http.StatusBadRequest, text: "reason is mandatory"},
		"reason turned round": {path: "/api/force/level", body: `{"level":"limited","ttl":"5m","reason":"a\u202eb"}`, status: http.StatusBadRequest, text: "one line"},
		"reason too long":     {path: "/api/force/level", body: `{"level":"limited","ttl":"5m","reason":"` + strings.Repeat("ñ", 201) + `"}`, status: http.StatusBadRequest, text: "at most 200"},
		"negative expiry":     {path: "/api/force/level", body: `{"level":"limited","ttl":"-5m","reason":"x"}`, status: http.StatusBadRequest, text: "ttl is mandatory"},
		"huge number":         {path: "/api/force/level", body: `{"level":"limited","ttl":"9999999999h","reason":"x"}`, status: http.StatusBadRequest, text: "ttl is mandatory"},
		"large after its end": {path: "/api/force/level", body: `{"level":""}` + strings.Repeat(" ", 5000), status: http.StatusRequestEntityTooLarge, text: "larger than 4096 bytes"},
		"empty body":          {path: "/api/force/level", body: ``, status: http.StatusBadRequest, text: "EOF"},
		"reason of two lines": {path: "/api/force/level", body: `{"level":"limited","ttl":"5m","reason":"a\nb"}`, status: http.StatusBadRequest, text: "one line"},
		"no expiry":           {path: "/api/force/level", body: `{"level":"limited","reason":"x"}`, status: http.StatusBadRequest, text: "ttl is mandatory"},
		"for ever":            {path: "/api/force/level", body: `{"level":"limited","ttl":"999h","reason":"x"}`, status: http.StatusBadRequest, text: "ttl is mandatory"},
		"unknown level":       {path: "/api/force/level", body: `{"level":"worse","ttl":"5m","reason":"x"}`, status: http.StatusBadRequest, text: "unknown level"},
		"unknown state":       {path: "/api/force/breaker", body: `{"dependency":"db","state":"ajar","ttl":"5m","reason":"x"}`, status: http.StatusBadRequest, text: "state is open, closed"},
		"unknown dependency":  {path: "/api/force/breaker", body: `{"dependency":"mongo","state":"open","ttl":"5m","reason":"x"}`, status: http.StatusNotFound, text: "no dependency of that name"},
		"unknown field":       {path: "/api/force/level", body: `{"levle":"limited"}`, status: http.StatusBadRequest, text: "levle"},
		"two objects":         {path: "/api/force/level", body: `{"level":""}{}`, status: http.StatusBadRequest, text: "more than one"},
		"not JSON":            {path: "/api/force/level", body: `level=limited`, status: http.StatusBadRequest, text: "invalid character"},
		"too large":           {path: "/api/force/level", body: `{"reason":"` + strings.Repeat("x", 5000) + `"}`, status: http.StatusRequestEntityTooLarge, text: "larger than 4096 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			sys := newSystem(t)
			h := newHandler(t, sys, config)
			before := len(sys.Status().Dependencies)
			status, body := do(t, h, request{method: "POST", path: tc.path, body: tc.body, header: authorized()})
			if status != tc.status || !strings.Contains(body, tc.text) {
				t.Fatalf("%d %q; want %d %q", status, body, tc.status, tc.text)
			}
			if after := len(sys.Status().Dependencies); after != before {
				t.Errorf("%d dependencies after, %d before: a request must not make one", after, before)
			}
			if tc.check != nil {
				tc.check(t, sys)
			}
		})
	}
}

func TestAttacks(t *testing.T) {
	force := `{"level":"emergency","ttl":"5m","reason":"attack"}`
	for name, tc := range map[string]struct {
		request request
		closed  bool // no authorizer
		status  int
	}{
		"no authorizer":                  {request: request{method: "POST", path: "/api/force/level", body: force, header: authorized()}, closed: true, status: http.StatusForbidden},
		"no token":                       {request: request{method: "POST", path: "/api/force/level", body: force}, status: http.StatusUnauthorized},
		"wrong token":                    {request: request{method: "POST", path: "/api/force/level", body: force, header: map[string]string{"Authorization": "Bearer wrong"}}, status: http.StatusUnauthorized},
		"GET changes nothing":            {request: request{method: "GET", path: "/api/force/level?level=emergency", header: authorized()}, status: http.StatusNotFound},
		"PUT":                            {request: request{method: "PUT", path: "/api/force/level", body: force, header: authorized()}, status: http.StatusMethodNotAllowed},
		"form post":                      {request: request{method: "POST", path: "/api/force/level", body: force, header: map[string]string{"Authorization": "Bearer " + token, "Content-Type": "text/plain"}}, status: http.StatusUnsupportedMediaType},
		"cross-site post":                {request: request{method: "POST", path: "/api/force/level", body: force, header: map[string]string{"Authorization": "Bearer " + token, "Sec-Fetch-Site": "cross-site"}}, status: http.StatusForbidden},
		"cross-origin post, old browser": {request: request{method: "POST", path: "/api/force/level", body: force, header: map[string]string{"Authorization": "Bearer " + token, "Origin": "https://evil.example"}}, status: http.StatusForbidden},
		"cross-site read":                {request: request{method: "GET", path: "/api/status", header: map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}}, status: http.StatusForbidden},
		"DNS rebinding read":             {request: request{method: "GET", path: "/api/status", host: "evil.example:9901"}, status: http.StatusMisdirectedRequest},
		"DNS rebinding post":             {request: request{method: "POST", path: "/api/force/level", body: force, header: authorized(), host: "evil.example"}, status: http.StatusMisdirectedRequest},
		"empty host":                     {request: request{method: "GET", path: "/api/status", host: ":9901"}, status: http.StatusMisdirectedRequest},
		"path outside the page":          {request: request{method: "GET", path: "/../admin.go"}, status: http.StatusNotFound},
		"loopback by name":               {request: request{method: "GET", path: "/level", host: "LOCALHOST.:1"}, status: http.StatusOK},
		"loopback by IPv6":               {request: request{method: "GET", path: "/level", host: "[::1]:9901"}, status: http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			sys := newSystem(t)
			config := admin.Config{Authorize: admin.BearerToken("ops", token)}
			if tc.closed {
				config.Authorize = nil
			}
			status, body := do(t, newHandler(t, sys, config), tc.request)
			if redirected := tc.status == http.StatusNotFound && status/100 == 3; status != tc.status && !redirected {
				t.Errorf("%d %s; want %d", status, body, tc.status)
			}
			if sys.Level() != resil.Optimal {
				t.Errorf("the attack moved the level to %s", sys.Level())
			}
		})
	}
}

func TestAnEmptyTokenAdmitsNobody(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
	r.Header.Set("Authorization", "Bearer ")
	if _, ok := admin.BearerToken("ops", "")(r); ok {
		t.Error("admitted with an empty token")
	}
}

func TestNewRefusesHostsThatMatchTooMuch(t *testing.T) {
	for _, host := range []string{"", "*", "*.example.com", "https://example.com", "example.com:80"} {
		if _, err := admin.New(newSystem(t), admin.Config{Hosts: []string{host}}); err == nil {
			t.Errorf("host %q was accepted", host)
		}
	}
	if _, err := admin.New(nil, admin.Config{}); err == nil {
		t.Error("a nil System was accepted")
	}
}

func TestServeRefusesToListenBeyondLoopback(t *testing.T) {
	h := newHandler(t, newSystem(t), admin.Config{})
	err := admin.Serve(t.Context(), "0.0.0.0:0", h, false)
	if err == nil || !strings.Contains(err.Error(), "without authentication") {
		t.Errorf("err = %v; want a refusal", err)
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- admin.Serve(ctx, "127.0.0.1:0", newHandler(t, newSystem(t), admin.Config{}), false) }()
	cancel()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// update is what the page reads of an event.
type update struct {
	Level        string
	Started      bool
	Dependencies []struct {
		Name, Breaker string
		Rate, Errors  float64
		P99           *float64
	}
	Changes []struct{ Kind, To string }
}

// watch reads events until the context ends.
func watch(t *testing.T, ctx context.Context, h http.Handler) <-chan update { //nolint:revive // t first, as everywhere here
	t.Helper()
	read, write := io.Pipe()
	req := httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/events", http.NoBody)
	req.Host = "localhost"
	go func() {
		h.ServeHTTP(&streamWriter{Writer: write, header: http.Header{}}, req)
		_ = write.Close()
	}()
	updates := make(chan update)
	go func() {
		defer close(updates)
		for lines := bufio.NewScanner(read); lines.Scan(); {
			data, found := strings.CutPrefix(lines.Text(), "data: ")
			if !found {
				continue
			}
			var u update
			if err := json.Unmarshal([]byte(data), &u); err != nil {
				t.Errorf("event %s: %v", data, err)
			}
			updates <- u
		}
	}()
	return updates
}

type streamWriter struct {
	io.Writer
	header http.Header
}

func (s *streamWriter) Header() http.Header { return s.header }
func (s *streamWriter) WriteHeader(int)     {}
func (s *streamWriter) Flush()              {}

func TestStreamTellsEverythingThenWhatChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t)
		sys.Dependency("quiet")
		h := newHandler(t, sys, admin.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		updates := watch(t, ctx, h)

		first := <-updates
		if first.Level != "optimal" || len(first.Dependencies) != 2 {
			t.Fatalf("first event %+v; want both dependencies at optimal", first)
		}
		fail(t, sys, 3)
		second := <-updates
		if second.Level != "minimal" || len(second.Dependencies) != 1 || second.Dependencies[0].Name != "db" || second.Dependencies[0].Breaker != "open" {
			t.Fatalf("second event %+v; want db alone, open, at minimal", second)
		}
		if d := second.Dependencies[0]; d.Rate != 3 || d.Errors != 1 || d.P99 == nil {
			t.Errorf("db %+v; want 3 calls a second, all failed, with a latency", d)
		}
		if !slices.ContainsFunc(second.Changes, func(c struct{ Kind, To string }) bool { return c.Kind == "level" && c.To == "minimal" }) {
			t.Errorf("changes %+v; want the level's", second.Changes)
		}
		cancel()
		for range updates { // drains until the stream ends: the bubble fails if a goroutine stays
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	sys := newSystem(t)
	h := newHandler(t, sys, admin.Config{Authorize: admin.BearerToken("ops", token)})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				do(t, h, request{method: "GET", path: "/api/status"})
				do(t, h, request{method: "POST", path: "/api/force/level", body: `{"level":"limited","ttl":"5m","reason":"x"}`, header: authorized()})
				do(t, h, request{method: "POST", path: "/api/force/level", body: `{"level":""}`, header: authorized()})
				fail(t, sys, 1)
			}
		})
	}
	wg.Wait()
	if status, _ := do(t, h, request{method: "GET", path: "/level"}); status != http.StatusOK {
		t.Errorf("/level: %d", status)
	}
}

func TestEveryOrderIsLoggedWithWhoGaveIt(t *testing.T) {
	var log strings.Builder
	sys := newSystem(t)
	h := newHandler(t, sys, admin.Config{
		Authorize: admin.BearerToken("ops", token),
		Logger:    slog.New(slog.NewTextHandler(&log, nil)),
	})
	for _, tc := range []struct {
		body   string
		header map[string]string
		want   string
	}{
		{`{"level":"limited","ttl":"5m","reason":"drill"}`, authorized(), `level=INFO msg="resil admin: control" path=/api/force/level remote=192.0.2.1:1234 actor=ops dependency="" level=limited state="" ttl=5m reason=drill`},
		{`{"level":"limited","ttl":"5m"}`, authorized(), `msg="resil admin: control refused" path=/api/force/level remote=192.0.2.1:1234 actor=ops dependency="" level=limited state="" ttl=5m reason="" why="reason is mandatory`},
		{`{"level":"limited","ttl":"5m","reason":"x\nlevel=ERROR"}`, authorized(), `reason="x\nlevel=ERROR"`},
		{`{"level":"limited","ttl":"5m","reason":"drill"}`, nil, `msg="resil admin: control refused" path=/api/force/level remote=192.0.2.1:1234 why="not authorized"`},
	} {
		log.Reset()
		do(t, h, request{method: "POST", path: "/api/force/level", body: tc.body, header: tc.header})
		if got := log.String(); !strings.Contains(got, tc.want) || strings.Count(got, "\n") != 1 || strings.Contains(got, token) {
			t.Errorf("logged %s\nwant one line with %s and no credentials", got, tc.want)
		}
	}
	log.Reset()
	do(t, h, request{method: "GET", path: "/api/status"})
	if log.Len() != 0 {
		t.Errorf("reading is logged: %s", log.String())
	}
}

func TestInventoryTellsTheSourceOfEachValue(t *testing.T) {
	sys := newSystem(t)
	guard := sys.Guard(resil.GuardSpec{
		Dependency: "pay", Interface: "shop/pay.Payments", Position: "pay.go:12",
		Breaker: &resil.Breaker{Failures: 4}, Bulkhead: &resil.Bulkhead{Max: 7}, Rate: &resil.Rate{N: 50, Per: time.Minute},
	})
	fallbacks := []resil.Fallback{{Strategy: resil.StrategyCall, Name: "later"}, {Strategy: resil.StrategyStale, TTL: time.Hour}}
	guard.Method(resil.MethodSpec{
		Name: "Balance", Kind: resil.Read, Timeout: resil.Timeout{Attempt: time.Second, Total: time.Minute},
		Retry: &resil.Retry{Attempts: 3}, Hedge: &resil.Hedge{After: 90 * time.Minute}, Fallbacks: fallbacks,
		Rate: &resil.Rate{N: 5, Per: time.Second}, Bulkhead: &resil.Bulkhead{Max: 2, Wait: 5 * time.Millisecond},
		Levels: resil.DefaultActions(resil.Read, false, fallbacks),
	})
	if err := sys.Reload(resil.Overrides{Dependencies: map[string]resil.DependencyOverride{"pay": {
		Breaker: &resil.Breaker{Open: 90 * time.Second},
		Timeout: &resil.Timeout{Attempt: 2 * time.Second},
		Methods: map[string]resil.MethodOverride{"Balance": {Retry: &resil.Retry{Budget: .5}}},
	}}}); err != nil {
		t.Fatal(err)
	}
	h := newHandler(t, sys, admin.Config{})
	_, body := do(t, h, request{method: "GET", path: "/api/explain?dependency=pay&method=Balance"})
	var got struct {
		Name     string
		Policies []policy
		Guards   []struct {
			Interface, Source string
			Methods           []struct {
				Name, Now string
				Policies  []policy
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	if got.Name != "pay" || len(got.Guards) != 1 || got.Guards[0].Source != "pay.go:12" || len(got.Guards[0].Methods) != 1 {
		t.Fatalf("explained %s", body)
	}
	text := ""
	for _, p := range append(got.Policies, got.Guards[0].Methods[0].Policies...) {
		text += p.Name
		for _, v := range p.Values {
			text += " " + v.Value + "[" + strings.TrimSpace(v.Source+" "+v.Place) + "]"
		}
		text += "\n"
	}
	want := `breaker failures=4[directive pay.go:12] open=1m30s[override] probes=2/3[default]
rate 50/m[directive pay.go:12] burst=1[default]
bulkhead max=7[directive pay.go:12] wait=0s[default]
fallback call=later[directive pay.go:12] limit=100[default]
fallback stale=1h[directive pay.go:12] max=1000[default] limit=100[default]
total 1m[directive pay.go:12]
retry attempts=3[directive pay.go:12] backoff=50ms..2s[default] budget=0.5[override]
hedge after=1h30m[directive pay.go:12] max=1[default]
rate 5/s[directive pay.go:12] burst=5[default]
timeout 2s[override]
bulkhead max=2[directive pay.go:12] wait=5ms[directive pay.go:12]
`
	if text != want {
		t.Errorf("got\n%swant\n%s", text, want)
	}
	for path, want := range map[string]int{
		"/api/explain?dependency=mongo":             http.StatusNotFound,
		"/api/explain?dependency=pay&method=Nobody": http.StatusNotFound,
		"/api/explain?dependency=pay":               http.StatusOK,
		"/api/explain":                              http.StatusOK,
	} {
		if status, body := do(t, h, request{method: "GET", path: path}); status != want {
			t.Errorf("GET %s: %d %s; want %d", path, status, body, want)
		}
	}
}

// policy is a policy as the inventory shows it.
type policy struct {
	Name   string
	Values []struct{ Value, Source, Place string }
}

func TestExplainTellsWhatACallGetsNow(t *testing.T) {
	now := func(t *testing.T, h http.Handler, dependency string) string {
		t.Helper()
		_, body := do(t, h, request{method: "GET", path: "/api/explain?dependency=" + dependency})
		var got struct {
			Guards []struct {
				Methods []struct{ Name, Now string }
			}
			State  struct{ Breaker string }
			Latest *struct{ Reason string }
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		text := got.State.Breaker
		if got.Latest != nil {
			text += " (" + got.Latest.Reason + ")"
		}
		for _, g := range got.Guards {
			for _, m := range g.Methods {
				text += " " + m.Name + "=" + m.Now
			}
		}
		return text
	}
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t)
		fallbacks := []resil.Fallback{{Strategy: resil.StrategyZero}}
		g := sys.Guard(resil.GuardSpec{Dependency: "db", Interface: "shop.Items", Position: "items.go:3"})
		g.Method(resil.MethodSpec{Name: "List", Kind: resil.Read, Fallbacks: fallbacks, Levels: resil.DefaultActions(resil.Read, false, fallbacks)})
		g.Method(resil.MethodSpec{Name: "Put", Kind: resil.Write, Levels: resil.DefaultActions(resil.Write, false, nil)})
		h := newHandler(t, sys, admin.Config{})
		if got, want := now(t, h, "db"), "closed Get=call List=call Put=call"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		fail(t, sys, 3)
		synctest.Wait()
		if got, want := now(t, h, "db"), "open (3 failures in a row) Get=open List=fallback Put=shed"; !strings.HasPrefix(got, "open (3 failures in a row)") || !strings.Contains(got, "List=fallback Put=shed") || !strings.Contains(got, "Get=open") {
			t.Errorf("got %q, want %q", got, want)
		}
		_ = sys.Disable(time.Minute, "x")
		synctest.Wait()
		if got := now(t, h, "db"); !strings.Contains(got, "Get=call") || !strings.Contains(got, "Put=call") {
			t.Errorf("policies off: %q, want calls", got)
		}
		_ = sys.Close(t.Context())
	})
}

func TestViewersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(t, newSystem(t), admin.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		var streams []<-chan update
		for range 100 {
			updates := watch(t, ctx, h)
			<-updates
			streams = append(streams, updates)
		}
		if status, _ := do(t, h, request{method: "GET", path: "/api/events"}); status != http.StatusServiceUnavailable {
			t.Errorf("viewer 101 got %d; want 503", status)
		}
		cancel()
		for _, s := range streams {
			for range s { // drains
			}
		}
	})
}

func TestHistoryIsBounded(t *testing.T) {
	sys := newSystem(t)
	h := newHandler(t, sys, admin.Config{})
	for i := range 5000 {
		if err := sys.Force(resil.Levels()[i%5], time.Hour, "x"); err != nil {
			t.Fatal(err)
		}
		if i%100 == 0 { // lets the listener keep up
			if err := sys.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := sys.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, body := do(t, h, request{method: "GET", path: "/api/history"})
	var changes []struct{ Sequence uint64 }
	if err := json.Unmarshal([]byte(body), &changes); err != nil {
		t.Fatal(err)
	}
	if len(changes) != 1000 || changes[999].Sequence < 9000 || changes[0].Sequence != changes[999].Sequence-999 {
		t.Errorf("%d changes from %d to %d; want the last 1000", len(changes), changes[0].Sequence, changes[len(changes)-1].Sequence)
	}
}

func TestFaultsInjectedOnPurposeAreShown(t *testing.T) {
	faults, err := chaos.New(chaos.Config{Logger: slog.New(slog.DiscardHandler)}, chaos.Fault{Kind: chaos.Error, Dependency: "db"})
	if err != nil {
		t.Fatal(err)
	}
	sys, err := resil.New(resil.Config{Logger: slog.New(slog.DiscardHandler)}, resil.WithInjector(faults))
	if err != nil {
		t.Fatal(err)
	}
	h := newHandler(t, sys, admin.Config{})
	read := func() string {
		_, body := do(t, h, request{method: http.MethodGet, path: "/api/status"})
		return body
	}
	if got := read(); !strings.Contains(got, `"chaos":null`) {
		t.Errorf("before: %s", got)
	}
	if err := faults.Enable(sys, time.Minute, "game day"); err != nil {
		t.Fatal(err)
	}
	fail(t, sys, 2)
	if got := read(); !strings.Contains(got, `"chaos":{"reason":"game day","by":"","since":"`) || !strings.Contains(got, `"injected":2,"faults":[{"kind":"error","dependency":"db","method":"","injected":2}]}`) {
		t.Errorf("meanwhile: %s", got)
	}
	faults.Disable("seen enough")
	if got := read(); !strings.Contains(got, `"chaos":null`) {
		t.Errorf("after: %s", got)
	}
}

// What is in force tells who ordered it, in a field of its own.
func TestStatusTellsWhoOrdered(t *testing.T) {
	faults, err := chaos.New(chaos.Config{Logger: slog.New(slog.DiscardHandler)}, chaos.Fault{Kind: chaos.Error, Dependency: "s3"})
	if err != nil {
		t.Fatal(err)
	}
	sys, err := resil.New(resil.Config{Logger: slog.New(slog.DiscardHandler)}, resil.WithInjector(faults))
	if err != nil {
		t.Fatal(err)
	}
	sys.Dependency("db")
	sys.Dependency("s3")
	h := newHandler(t, sys, admin.Config{
		Authorize: func(r *http.Request) (string, bool) { return r.Header.Get("X-User"), true },
		Chaos:     func(_ bool, ttl time.Duration, reason string) error { return faults.Enable(sys, ttl, reason) },
	})
	for path, body := range map[string]string{
		"/api/force/level":   `{"level":"degraded","ttl":"5m","reason":"drill (root)"}`,
		"/api/force/breaker": `{"dependency":"db","state":"closed","ttl":"5m","reason":"repair"}`,
		"/api/kill":          `{"on":true,"ttl":"5m","reason":"mesh"}`,
		"/api/chaos":         `{"on":true,"ttl":"5m","reason":"game day"}`,
	} {
		if status, text := do(t, h, request{method: "POST", path: path, body: body, header: map[string]string{"X-User": "ana"}}); status != http.StatusNoContent {
			t.Fatalf("%s: %d %s", path, status, text)
		}
	}
	// Past the handler: nobody it knows, even with words that it has heard.
	if err := sys.Dependency("s3").Force(false, time.Minute, "repair (ana)"); err != nil {
		t.Fatal(err)
	}
	type order struct{ Reason, By string }
	var got struct {
		Forced, Killed, Chaos *order
		Dependencies          []struct{ Forced *order }
	}
	_, body := do(t, h, request{method: "GET", path: "/api/status"})
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		got  *order
		want order
	}{
		{got.Forced, order{"drill (root)", "ana"}},
		{got.Killed, order{"mesh", "ana"}},
		{got.Chaos, order{"game day", "ana"}},
		{got.Dependencies[0].Forced, order{"repair", "ana"}},
		{got.Dependencies[1].Forced, order{"repair (ana)", ""}},
	} {
		if tc.got == nil || *tc.got != tc.want {
			t.Errorf("%+v; want %+v in %s", tc.got, tc.want, body)
		}
	}
	if err := sys.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
