//go:build linux

// Package ops holds what operators of the shop need; its tests keep the files
// fresh and try them on real servers.
package ops_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/resilgo/resil/examples/retail/internal/app"
	"github.com/resilgo/resil/examples/retail/internal/config"
	"github.com/resilgo/resil/examples/retail/internal/standin"
	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/chaos/experiment"
	"github.com/resilgo/resil/tools/servers"
)

var update = flag.Bool("update", false, "rewrite the files made by resilgen")

// patience bounds every wait; reaching it is a failure.
const patience = time.Minute

func TestFilesMadeFromDirectivesAreFresh(t *testing.T) {
	for report, file := range map[string]string{
		"alerts": "alerts.yml", "dashboard": "dashboard.json", "runbook": "runbook.md", "experiments": "experiments.json",
	} {
		t.Run(report, func(t *testing.T) {
			made := exec.CommandContext(t.Context(), "go", "tool", "resilgen", report, "./...")
			made.Dir = ".."
			want, err := made.Output()
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(file, want, 0o644); err != nil { //nolint:gosec // documentation is for everybody
					t.Fatal(err)
				}
			}
			got, err := os.ReadFile(file)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s is not what resilgen %s writes (%v); run go test ./ops -update in examples/retail", file, report, err)
			}
		})
	}
}

// tool runs a checking tool of Debian's package.
func tool(t *testing.T, input, name string, args ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Stdin = strings.NewReader(input)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// openShop starts the service on stand-ins with waits that fit a test.
func openShop(t *testing.T) *app.App {
	t.Helper()
	data := t.TempDir()
	cfg, err := config.Load(func(key string) string {
		return map[string]string{"RETAIL_DATA": data, "RETAIL_ADMIN_TOKEN": "test"}[key]
	})
	if err != nil {
		t.Fatal(err)
	}
	shop, err := app.New(cfg, resil.Config{
		Logger: slog.New(slog.DiscardHandler),
		Levels: resil.LevelConfig{Stable: 500 * time.Millisecond, MaxStable: time.Second},
		Health: resil.HealthConfig{Every: 200 * time.Millisecond, Timeout: 200 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := shop.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := shop.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return shop
}

func read(t *testing.T, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s %v\n%s", url, response.Status, err, body)
	}
	return string(body)
}

// The experiment made from the directives holds to the schema and runs against
// the shop: each dependency is taken away and given back.
func TestExperimentRuns(t *testing.T) {
	text, err := os.ReadFile("experiments.json")
	if err != nil {
		t.Fatal(err)
	}
	checkSchema(t, experiment.Schema, text)
	e, err := experiment.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	shop := openShop(t)
	operators := httptest.NewServer(shop.Operators)
	t.Cleanup(operators.Close)
	await(t, "all is well", func() bool { return shop.System.Level() == resil.Optimal })
	journal, err := e.Run(t.Context(), experiment.Options{
		Getenv: func(key string) string {
			return map[string]string{"RESIL_ADMIN_URL": operators.URL, "RESIL_ADMIN_TOKEN": "test"}[key]
		},
		Pace: 0.1, // the shop's own waits are shortened by more than that
	})
	if err != nil || journal.Status != "completed" || journal.Deviated {
		t.Errorf("%s, deviated %t: %v", journal.Status, journal.Deviated, err)
	}
	if len(journal.Run) != len(e.Method) || len(journal.Rollbacks) != len(e.Rollbacks) {
		t.Errorf("%d of %d activities and %d of %d rollbacks ran", len(journal.Run), len(e.Method), len(journal.Rollbacks), len(e.Rollbacks))
	}
}

func checkSchema(t *testing.T, schema, text []byte) {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	definition, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.AddResource("schema.json", definition); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(instance); err != nil {
		t.Error(err)
	}
	if broken := bytes.Replace(text, []byte(`"method"`), []byte(`"metod"`), 1); compiled.Validate(must(jsonschema.UnmarshalJSON(bytes.NewReader(broken)))) == nil {
		t.Error("the schema accepts an experiment with a misspelt field")
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// firing returns the names of the alerts that a server holds as active.
func firing(t *testing.T, url string) map[string]bool {
	t.Helper()
	var alerts []struct {
		Labels map[string]string `json:"labels"`
		Status struct {
			State string `json:"state"`
		} `json:"status"`
	}
	if err := json.Unmarshal([]byte(read(t, url+"/api/v2/alerts?active=true&silenced=true&inhibited=true")), &alerts); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, a := range alerts {
		names[a.Labels["alertname"]] = true
	}
	return names
}

func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for !condition() {
		select {
		case <-look.C:
		case <-deadline.C:
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// A real Prometheus scrapes the shop through an outage; the generated alert
// reaches a real Alertmanager and resolves after the outage.
func TestAlertsFireAndResolveOnRealServers(t *testing.T) {
	shop := openShop(t)
	operators := httptest.NewServer(shop.Operators)
	t.Cleanup(operators.Close)

	ours, err := os.ReadFile("alertmanager.yml")
	if err != nil {
		t.Fatal(err)
	}
	manager := servers.Test(t, servers.Alertmanager(string(ours)))
	rules, err := filepath.Abs("alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	prometheus := servers.Test(t, servers.Prometheus(fmt.Sprintf(`
global: {scrape_interval: 250ms, evaluation_interval: 250ms}
rule_files: [%q]
alerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}
scrape_configs: [{job_name: retail, static_configs: [{targets: [%q]}]}]
`, rules, manager.Addr, strings.TrimPrefix(operators.URL, "http://"))))
	tool(t, "", "promtool", "check", "config", "prometheus.yml")
	tool(t, "", "promtool", "check", "rules", "alerts.yml")
	tool(t, "", "amtool", "check-config", "alertmanager.yml")
	tool(t, read(t, operators.URL+"/metrics"), "promtool", "check", "metrics")

	scraped := func(query, want string) func() bool {
		return func() bool {
			return strings.Contains(read(t, prometheus.URL+"/api/v1/query?query="+query), want)
		}
	}
	await(t, "Prometheus sees the shop at Optimal", scraped("resil_degradation_level", `"1"`))
	if got := firing(t, manager.URL); len(got) != 0 {
		t.Errorf("alerts %v while all is well", got)
	}
	for _, name := range []string{"db", "redis", "openai"} {
		shop.Switches()[name].Set(standin.Refuse)
	}
	await(t, "Prometheus sees Emergency", scraped("resil_degradation_level", `"5"`))
	await(t, "Alertmanager is told", func() bool { return firing(t, manager.URL)["ResilEmergency"] })
	for _, name := range []string{"db", "redis", "openai"} {
		shop.Switches()[name].Set(standin.None)
	}
	await(t, "Prometheus sees Optimal again", scraped("resil_degradation_level", `"1"`))
	await(t, "the alert resolves", func() bool { return !firing(t, manager.URL)["ResilEmergency"] })
}
