//go:build linux

package app_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
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

// player is one dependency of the recorded hour.
type player struct {
	name        string
	criticality resil.Criticality
	took        time.Duration
	every       time.Duration
	outages     [][2]time.Duration // from, until, since the beginning
}

// hour is what happens: the cache is away twice, the language model hangs, and
// at the end everything goes, one after the other.
var hour = []player{
	{"db", resil.Critical, 4 * time.Millisecond, 20 * time.Millisecond, [][2]time.Duration{{21 * time.Minute, 23 * time.Minute}, {57 * time.Minute, time.Hour}}},
	{"openai", resil.High, 900 * time.Millisecond, time.Second, [][2]time.Duration{{14 * time.Minute, 18 * time.Minute}, {53 * time.Minute, time.Hour}}},
	{"redis", resil.Medium, time.Millisecond, 10 * time.Millisecond, [][2]time.Duration{{34 * time.Minute, 41 * time.Minute}, {55 * time.Minute, time.Hour}}},
	{"s3", resil.Low, 60 * time.Millisecond, 2 * time.Second, nil},
	{"payments", resil.High, 120 * time.Millisecond, 500 * time.Millisecond, [][2]time.Duration{{8 * time.Minute, 9 * time.Minute}, {58 * time.Minute, time.Hour}}},
	{"search", resil.Medium, 25 * time.Millisecond, 100 * time.Millisecond, nil},
	{"mail", resil.Low, 200 * time.Millisecond, 5 * time.Second, nil},
}

// gameDay is the same hour without its end: faults are injected instead.
func gameDay() []player {
	calm := slices.Clone(hour)
	for i, p := range calm {
		calm[i].outages = slices.DeleteFunc(slices.Clone(p.outages), func(o [2]time.Duration) bool { return o[1] == time.Hour })
	}
	return calm
}

// anHour lives through an hour in virtual time and returns what the page asks
// for at its end, by path and query. injected are ordered five minutes before.
func anHour(t *testing.T, players []player, injected ...chaos.Fault) map[string][]byte {
	t.Helper()
	recorded := map[string][]byte{}
	synctest.Test(t, func(t *testing.T) {
		sys, h, _ := faulty(t, injected...)
		sys.Metrics() // calls are counted from now on
		begun := time.Now()
		ctx, stop := context.WithCancel(t.Context())
		var calls sync.WaitGroup
		for i, p := range players {
			handle := p.guard(sys)
			calls.Go(func() { p.live(ctx, handle, begun, rand.New(rand.NewPCG(uint64(i), 7))) }) //nolint:gosec // the same hour each time
		}
		if err := sys.Start(ctx); err != nil {
			t.Fatal(err)
		}
		time.Sleep(54 * time.Minute)
		if len(injected) > 0 {
			order(t, h, "/api/chaos", `{"on":true,"ttl":"10m","reason":"game day: does the shop sell without its cache?"}`)
		}
		time.Sleep(5*time.Minute + 20*time.Second)
		recorded["/api/events"] = events(ctx, h, 12*time.Second)
		recorded["/api/explain?dependency=db"] = answer(t, h, "/api/explain?dependency=db")
		stop()
		calls.Wait()
		if err := sys.Close(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
	return recorded
}

// faulty returns a system into which faults can be injected, and its page.
func faulty(t *testing.T, injected ...chaos.Fault) (*resil.System, http.Handler, *chaos.Injector) {
	t.Helper()
	silent := slog.New(slog.DiscardHandler)
	faults, err := chaos.New(chaos.Config{Logger: silent}, injected...)
	if err != nil {
		t.Fatal(err)
	}
	sys, err := resil.New(resil.Config{Logger: silent}, resil.WithInjector(faults))
	if err != nil {
		t.Fatal(err)
	}
	h, err := admin.New(sys, admin.Config{
		Authorize: admin.BearerToken("operator", operatorToken), Logger: silent,
		Chaos: func(on bool, ttl time.Duration, reason string) error {
			if on {
				return faults.Enable(sys, ttl, reason)
			}
			faults.Disable(reason)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return sys, h, faults
}

// order gives an order as the operator.
func order(t *testing.T, h http.Handler, path, body string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
	r.Host = "localhost"
	r.Header.Set("Authorization", "Bearer "+operatorToken)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusNoContent {
		t.Fatalf("POST %s: %d %s", path, w.Code, w.Body)
	}
}

// guard declares p as generated code does, and returns a handle to call it by.
func (p player) guard(sys *resil.System) *resil.Dependency {
	fallbacks := []resil.Fallback{{Strategy: resil.StrategyZero}}
	g := sys.Guard(resil.GuardSpec{
		Dependency: p.name, Interface: p.name + ".Store", Position: p.name + ".go:14", Criticality: p.criticality,
		Breaker: &resil.Breaker{Failures: 3, Open: 30 * time.Second},
	})
	g.Method(resil.MethodSpec{
		Name: "Item", Kind: resil.Read, Timeout: resil.Timeout{Attempt: 2 * time.Second}, Retry: &resil.Retry{Attempts: 2},
		Fallbacks: fallbacks, Levels: resil.DefaultActions(resil.Read, false, fallbacks),
	})
	g.Method(resil.MethodSpec{Name: "Sell", Kind: resil.Write, Idempotent: true, Timeout: resil.Timeout{Attempt: 2 * time.Second}, Levels: resil.DefaultActions(resil.Write, false, nil)})
	g.Method(resil.MethodSpec{Name: "Status", Kind: resil.Read, Essential: true, Levels: resil.DefaultActions(resil.Read, true, nil)})
	return sys.Dependency(p.name, resil.Operation("Feed"), resil.Read, resil.Fallback{Strategy: resil.StrategyZero})
}

// live calls p all the time.
func (p player) live(ctx context.Context, handle *resil.Dependency, begun time.Time, random *rand.Rand) {
	for ctx.Err() == nil {
		_, _ = resil.DoWith(ctx, handle, func(context.Context) (int, error) {
			at := time.Since(begun)
			for _, o := range p.outages {
				if at >= o[0] && at < o[1] {
					return 0, errors.New("away")
				}
			}
			time.Sleep(time.Duration(float64(p.took) * (.6 + random.ExpFloat64()*.5)))
			return 1, nil
		}, resil.With[int]{})
		time.Sleep(p.every)
	}
}

// events returns what a viewer hears in a while, as one event: the first one
// tells everything, and the later ones bring rates.
func events(ctx context.Context, h http.Handler, d time.Duration) []byte {
	ctx, leave := context.WithCancel(ctx)
	read, write := io.Pipe()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/events", http.NoBody)
	r.Host = "localhost"
	go func() {
		h.ServeHTTP(&pipeWriter{Writer: write, header: http.Header{}}, r)
		_ = write.Close()
	}()
	go func() {
		time.Sleep(d)
		leave()
	}()
	all, err := io.ReadAll(read)
	if err != nil {
		return nil
	}
	return all
}

type pipeWriter struct {
	io.Writer
	header http.Header
}

func (p *pipeWriter) Header() http.Header { return p.header }
func (p *pipeWriter) WriteHeader(int)     {}
func (p *pipeWriter) Flush()              {}

func answer(t *testing.T, h http.Handler, path string) []byte {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
	r.Host = "localhost"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "{") {
		t.Fatalf("GET %s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.Bytes()
}
