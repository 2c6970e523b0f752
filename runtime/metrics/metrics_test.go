package metrics_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/chaos"
	"github.com/resilgo/resil/runtime/metrics"
)

// scrape returns what Prometheus would read.
func scrape(t *testing.T, c prometheus.Collector) string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(c); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}).
		ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	body, err := io.ReadAll(w.Body)
	if err != nil || w.Code != http.StatusOK {
		t.Fatalf("scrape: %d %v\n%s", w.Code, err, body)
	}
	return string(body)
}

func wantLines(t *testing.T, got string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("missing %q in\n%s", line, got)
		}
	}
}

func newSystem(t *testing.T) *resil.System {
	t.Helper()
	sys, err := resil.New(resil.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return sys
}

func TestEverySeriesIsThereBeforeTheFirstCall(t *testing.T) {
	sys := newSystem(t)
	guard := sys.Guard(resil.GuardSpec{Dependency: "db", Interface: "shop.Items", Position: "items.go:3", Criticality: resil.Critical})
	fallbacks := []resil.Fallback{{Strategy: resil.StrategyZero}}
	guard.Method(resil.MethodSpec{Name: "Get", Kind: resil.Read, Fallbacks: fallbacks, Levels: resil.DefaultActions(resil.Read, false, fallbacks)})

	wantLines(t, scrape(t, metrics.New(sys)),
		`resil_breaker_state{dependency="db",state="closed"} 1`,
		`resil_breaker_state{dependency="db",state="open"} 0`,
		`resil_breaker_state{dependency="db",state="half-open"} 0`,
		`resil_breaker_opened_total{dependency="db"} 0`,
		`resil_calls_total{dependency="db",method="Get",outcome="success"} 0`,
		`resil_calls_total{dependency="db",method="Get",outcome="failure"} 0`,
		`resil_calls_total{dependency="db",method="Get",outcome="neutral"} 0`,
		`resil_calls_total{dependency="db",method="Get",outcome="open"} 0`,
		`resil_calls_total{dependency="db",method="Get",outcome="bulkhead"} 0`,
		`resil_calls_total{dependency="db",method="Get",outcome="rate"} 0`,
		`resil_calls_total{dependency="db",method="Get",outcome="shed"} 0`,
		`resil_calls_total{dependency="db",method="Get",outcome="timeout"} 0`,
		`resil_attempts_total{dependency="db",method="Get"} 0`,
		`resil_call_duration_seconds_count{dependency="db",method="Get"} 0`,
		`resil_fallbacks_total{dependency="db",method="Get",outcome="answered",strategy="zero"} 0`,
		`resil_fallbacks_total{dependency="db",method="Get",outcome="failed",strategy="zero"} 0`,
		`resil_degradation_level 1`,
		`resil_degradation_transitions_total{from="optimal",to="minimal"} 0`,
		`resil_health_score 100`,
		`resil_dependency_up{dependency="db"} 1`,
		`resil_recovery_seconds_count 0`,
	)
}

func TestCountsWhatCallsDid(t *testing.T) {
	sys := newSystem(t)
	collector := metrics.New(sys)
	db := func() *resil.Dependency {
		return sys.Dependency("db", resil.Critical, resil.Breaker{Failures: 3, Open: time.Hour})
	}
	for range 2 {
		if _, err := resil.Do(t.Context(), db(), func(context.Context) (int, error) { return 1, nil }); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		_, _ = resil.Do(t.Context(), db(), func(context.Context) (int, error) { return 0, errors.New("refused") })
	}
	wantLines(t, scrape(t, collector),
		`resil_breaker_state{dependency="db",state="open"} 1`,
		`resil_breaker_state{dependency="db",state="closed"} 0`,
		`resil_breaker_opened_total{dependency="db"} 1`,
		`resil_calls_total{dependency="db",method="do",outcome="success"} 2`,
		`resil_calls_total{dependency="db",method="do",outcome="failure"} 3`,
		`resil_calls_total{dependency="db",method="do",outcome="open"} 2`,
		`resil_attempts_total{dependency="db",method="do"} 5`,
		`resil_call_duration_seconds_count{dependency="db",method="do"} 7`,
		`resil_degradation_level 4`,
		`resil_degradation_transitions_total{from="optimal",to="minimal"} 1`,
		`resil_dependency_up{dependency="db"} 0`,
	)
}

func TestNamesThatPrometheusRefusesDoNotPanic(t *testing.T) {
	sys := newSystem(t)
	defer func() {
		if r := recover(); r != nil && !strings.Contains(r.(string), "name") {
			t.Fatalf("panic: %v", r)
		}
	}()
	_, _ = resil.Do(t.Context(), sys.Dependency("x", resil.Operation("\xff")), func(context.Context) (int, error) { return 1, nil })
	if got := scrape(t, metrics.New(sys)); !strings.Contains(got, `dependency="x"`) {
		t.Fatalf("no series of x in\n%s", got)
	}
}

func TestScrapingChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t)
		collector := metrics.New(sys)
		db := sys.Dependency("db", resil.Critical, resil.Breaker{Failures: 1, Open: time.Minute, Good: 1, Probes: 1})
		call := func(err error) {
			_, _ = resil.Do(t.Context(), db, func(context.Context) (int, error) { return 0, err })
		}
		call(errors.New("refused"))
		// The open period is long over, and nobody has called: a breaker moves
		// when it is asked, and a scrape must not be who asks.
		time.Sleep(time.Hour)
		for range 3 {
			wantLines(t, scrape(t, collector),
				`resil_breaker_state{dependency="db",state="open"} 1`,
				`resil_breaker_state{dependency="db",state="half-open"} 0`,
				`resil_breaker_state{dependency="db",state="closed"} 0`,
				`resil_dependency_up{dependency="db"} 0`,
				`resil_degradation_level 4`,
			)
		}
		call(nil)
		wantLines(t, scrape(t, collector),
			`resil_breaker_state{dependency="db",state="open"} 0`,
			`resil_breaker_state{dependency="db",state="closed"} 1`,
			`resil_dependency_up{dependency="db"} 1`,
			`resil_degradation_level 4`, // until the better level has held for long enough
		)
		time.Sleep(time.Minute)
		call(nil)
		wantLines(t, scrape(t, collector), `resil_degradation_level 1`, `resil_recovery_seconds_count 1`)
	})
}

func TestInjectedFaultsAreCounted(t *testing.T) {
	faults, err := chaos.New(chaos.Config{Logger: slog.New(slog.DiscardHandler)},
		chaos.Fault{Kind: chaos.Error, Dependency: "db"}, chaos.Fault{Kind: chaos.Truncate, Keep: 1}, chaos.Fault{Kind: chaos.Error, Dependency: "db", Share: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	sys, err := resil.New(resil.Config{}, resil.WithInjector(faults))
	if err != nil {
		t.Fatal(err)
	}
	c := metrics.New(sys)
	none := []string{`resil_chaos_faults_injected_total{dependency="db",kind="error",method=""} 0`, `resil_chaos_faults_injected_total{dependency="",kind="truncate",method=""} 0`}
	wantLines(t, scrape(t, c), append(none, `resil_chaos_enabled 0`)...)
	if err := faults.Enable(sys, time.Minute, "test"); err != nil {
		t.Fatal(err)
	}
	_, err = resil.Do(t.Context(), sys.Dependency("db"), func(context.Context) (int, error) { return 1, nil })
	if !errors.Is(err, chaos.ErrInjected) {
		t.Errorf("the call met no fault: %v", err)
	}
	wantLines(t, scrape(t, c), `resil_chaos_enabled 1`, `resil_chaos_faults_injected_total{dependency="db",kind="error",method=""} 1`)
	faults.Disable("seen enough")
	wantLines(t, scrape(t, c), `resil_chaos_enabled 0`)
	if got := scrape(t, metrics.New(newSystem(t))); strings.Contains(got, "resil_chaos") {
		t.Errorf("chaos without an injector:\n%s", got)
	}
}
