package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/app"
	"github.com/resilgo/resil/examples/retail/internal/config"
	"github.com/resilgo/resil/examples/retail/internal/standin"
	resil "github.com/resilgo/resil/runtime"
)

// patience bounds every wait of these tests; reaching it is a failure.
const patience = 20 * time.Second

// shop is a running service on stand-ins, seen through HTTP.
type shop struct {
	t   *testing.T
	app *app.App
	url string
}

// quick are policies whose waits fit a test. What trips, falls back or sheds
// is as the directives say. A check may take so long because a busy machine
// that keeps one waiting must not look like an outage.
func quick() resil.Config {
	open := resil.DependencyOverride{Breaker: &resil.Breaker{Open: 100 * time.Millisecond}}
	return resil.Config{
		Logger: slog.New(slog.DiscardHandler),
		Levels: resil.LevelConfig{Stable: 50 * time.Millisecond, MaxStable: 100 * time.Millisecond},
		Health: resil.HealthConfig{Every: 300 * time.Millisecond, Timeout: 300 * time.Millisecond},
		Overrides: resil.Overrides{Dependencies: map[string]resil.DependencyOverride{
			"db": open, "openai": open, "redis": open, "s3": open,
		}},
	}
}

// open starts a shop with a stock of mugs.
func open(t *testing.T, policies resil.Config) *shop {
	t.Helper()
	return openWith(t, policies, standIns(t))
}

// standIns is the configuration with nothing set.
func standIns(t *testing.T) config.Config {
	t.Helper()
	folder := t.TempDir()
	cfg, err := config.Load(func(key string) string {
		if key == "RETAIL_DATA" {
			return folder
		}
		return ""
	})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func openWith(t *testing.T, policies resil.Config, cfg config.Config) *shop {
	t.Helper()
	service, err := app.New(cfg, policies)
	if err != nil {
		t.Fatal(err)
	}
	if err := service.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(service.Handler)
	t.Cleanup(func() {
		server.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := service.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	s := &shop{t: t, app: service, url: server.URL}
	s.post("/items", `{"sku": "mug", "name": "Mug", "description": "Holds tea", "cost_cents": 400}`).wants(http.StatusCreated)
	s.post("/items/mug/stock", `{"quantity": 100}`).wants(http.StatusOK)
	return s
}

// on returns the shop as a subtest sees it.
func (s *shop) on(t *testing.T) *shop {
	t.Helper()
	return &shop{t: t, app: s.app, url: s.url}
}

// set flips the switches of dependencies.
func (s *shop) set(fault standin.Fault, dependencies ...string) {
	s.t.Helper()
	for _, d := range dependencies {
		s.app.Switches()[d].Set(fault)
	}
}

// await waits until the condition holds.
func (s *shop) await(what string, condition func() bool) {
	s.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for !condition() {
		select {
		case <-look.C:
		case <-deadline.C:
			s.t.Fatalf("not within %s: %s; the status is %+v", patience, what, s.brief())
		}
	}
}

func (s *shop) awaitLevel(want resil.Level) {
	s.t.Helper()
	s.await("level "+want.String(), func() bool { return s.app.System.Level() == want })
}

// awaitDown waits until the service knows that exactly these are down.
func (s *shop) awaitDown(dependencies ...string) {
	s.t.Helper()
	down := map[string]bool{}
	for _, d := range dependencies {
		down[d] = true
	}
	s.await("exactly these are down: "+jsonText(dependencies), func() bool {
		for _, d := range s.app.System.Status().Dependencies {
			if d.Up == down[d.Name] {
				return false
			}
		}
		return true
	})
}

// filed reports whether the receipt of a sale is in the archive.
func (s *shop) filed(saleID string) bool {
	s.t.Helper()
	document, err := s.app.Shop.Archive.Open(s.t.Context(), "receipts/"+saleID+".txt")
	if err != nil {
		return false
	}
	if err := document.Close(); err != nil {
		s.t.Error(err)
	}
	return true
}

// brief is the status as far as a failing test wants to see it.
func (s *shop) brief() any {
	status := s.app.System.Status()
	up := map[string]string{}
	for _, d := range status.Dependencies {
		up[d.Name] = d.Breaker.String()
		if !d.Up {
			up[d.Name] += ", down"
		}
		if !d.Healthy {
			up[d.Name] += ", check: " + d.CheckError
		}
	}
	return map[string]any{"level": status.Level.String(), "reason": status.Reason, "dependencies": up}
}

// reply is an answer of the shop.
type reply struct {
	t       *testing.T
	request string
	status  int
	header  http.Header
	text    string
	body    map[string]any // of a JSON object
}

func (s *shop) get(path string) reply {
	s.t.Helper()
	return s.send(http.MethodGet, path, "", nil)
}

func (s *shop) post(path, body string) reply {
	s.t.Helper()
	return s.send(http.MethodPost, path, body, nil)
}

// order buys mugs.
func (s *shop) order(id string, quantity int) reply {
	s.t.Helper()
	return s.send(http.MethodPost, "/sales", jsonText(map[string]any{"sku": "mug", "quantity": quantity}), http.Header{"Idempotency-Key": {id}})
}

// send may run on any goroutine: where there is no answer it reports that, and
// the reply's checks end the test.
func (s *shop) send(method, path, body string, header http.Header) reply {
	s.t.Helper()
	r := reply{t: s.t, request: method + " " + path}
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewBufferString(body))
	if err != nil {
		s.t.Error(err)
		return r
	}
	if header != nil {
		request.Header = header
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Errorf("%s: %v", r.request, err)
		return r
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Errorf("%s: %v", r.request, err)
		return r
	}
	r.status, r.header, r.text = response.StatusCode, response.Header, string(text)
	if bytes.HasPrefix(text, []byte("{")) {
		if err := json.Unmarshal(text, &r.body); err != nil {
			s.t.Errorf("%s: %v in %s", r.request, err, text)
		}
	}
	return r
}

// wants fails the test unless the reply has this status.
func (r reply) wants(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%s: status %d, want %d; %s", r.request, r.status, status, r.text)
	}
	return r
}

// is checks one field of the JSON body, or the Degraded header under "".
func (r reply) is(field string, want any) reply {
	r.t.Helper()
	got := r.body[field]
	if field == "" {
		got = r.header.Get("Degraded")
	}
	if jsonText(got) != jsonText(want) {
		r.t.Errorf("%s: %q = %v, want %v; %s", r.request, field, got, want, r.text)
	}
	return r
}

func jsonText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
