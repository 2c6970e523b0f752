package experiment_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/admin"
	"github.com/resilgo/resil/runtime/chaos/experiment"
)

// direct sends requests to a handler without a network, which virtual time
// does not know.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

const takeAway = `{
  "title": "db away", "description": "The level follows the database.",
  "configuration": {"base": {"type": "env", "key": "BASE", "default": "http://localhost"}, "token": "t"},
  "steady-state-hypothesis": {"title": "all is well", "probes": [
    {"type": "probe", "name": "optimal", "tolerance": {"type": "regex", "target": "body", "pattern": "^optimal"}, "provider": {"type": "http", "url": "${base}/level"}}]},
  "method": [
    {"type": "action", "name": "take db away", "pauses": {"after": 1}, "provider": {"type": "http", "url": "${base}/api/force/breaker", "method": "POST",
      "headers": {"Content-Type": "application/json", "Authorization": "Bearer ${token}"}, "arguments": {"dependency": "db", "state": "open", "ttl": "10m", "reason": "chaos"}}},
    {"type": "probe", "name": "read-only", "tolerance": {"type": "regex", "target": "body", "pattern": "^WANTED"}, "provider": {"type": "http", "url": "${base}/level"}},
    {"type": "action", "name": "give it back", "pauses": {"after": 45}, "provider": {"type": "http", "url": "${base}/api/force/breaker", "method": "POST",
      "headers": {"Content-Type": "application/json", "Authorization": "Bearer ${token}"}, "arguments": {"dependency": "db"}}}],
  "rollbacks": [
    {"type": "action", "name": "give db back", "provider": {"type": "http", "url": "${base}/api/force/breaker", "method": "POST",
      "headers": {"Content-Type": "application/json", "Authorization": "Bearer ${token}"}, "arguments": {"dependency": "db"}}}]
}`

// run runs takeAway against a system with one critical dependency.
func run(t *testing.T, text string, token string, at func(*resil.System, context.CancelFunc)) (*experiment.Journal, error, resil.Level) { //nolint:revive,staticcheck // a test's triple
	t.Helper()
	e, err := experiment.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	sys, err := resil.New(resil.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	sys.Dependency("db", resil.Critical)
	handler, err := admin.New(sys, admin.Config{Authorize: admin.BearerToken("test", token), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if at != nil {
		at(sys, cancel)
	}
	j, err := e.Run(ctx, experiment.Options{Client: &http.Client{Transport: direct{handler}}})
	return j, err, sys.Level()
}

func TestRun(t *testing.T) {
	good := strings.ReplaceAll(takeAway, "WANTED", "minimal")
	for name, tc := range map[string]struct {
		text, token string
		at          func(*resil.System, context.CancelFunc)
		status      string
		deviated    bool
		activities  int // of the method
		err         string
	}{
		"all goes as it should": {text: good, token: "t", status: "completed", activities: 3},
		"a probe finds something else": {
			text: strings.ReplaceAll(takeAway, "WANTED", "degraded"), token: "t", status: "failed", deviated: true, activities: 3,
			err: `probe "read-only": answered 200 "minimal", which is not tolerated`,
		},
		"the steady state is not met before": {
			text: good, token: "t", status: "failed",
			at: func(sys *resil.System, _ context.CancelFunc) {
				if err := sys.Force(resil.Limited, time.Second, "not well"); err != nil {
					panic(err)
				}
			},
			err: "not met before the method",
		},
		"an action is refused": {
			text: good, token: "another", status: "failed", deviated: true, activities: 3,
			err: `action "take db away": answered 401: not authorized`,
		},
		"interrupted": {
			text: good, token: "t", status: "interrupted", activities: 3,
			at:  func(_ *resil.System, cancel context.CancelFunc) { time.AfterFunc(20*time.Second, cancel) },
			err: "context canceled",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j, err, level := run(t, tc.text, tc.token, tc.at)
				if j.Status != tc.status || j.Deviated != tc.deviated || len(j.Run) != tc.activities {
					t.Errorf("status %s, deviated %t, %d activities; want %s, %t, %d", j.Status, j.Deviated, len(j.Run), tc.status, tc.deviated, tc.activities)
				}
				if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
					t.Errorf("err = %v; want %q", err, tc.err)
				}
				if len(j.Rollbacks) != 1 {
					t.Errorf("%d rollbacks ran; want 1 in any case", len(j.Rollbacks))
				}
				if tc.token == "t" && tc.at == nil && level != resil.Optimal {
					t.Errorf("level %s at the end", level)
				}
				if _, err := json.Marshal(j); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestInterruptedRunStillRollsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := strings.ReplaceAll(takeAway, `"after": 1`, `"after": 600`)
		j, err, _ := run(t, strings.ReplaceAll(text, "WANTED", "minimal"), "t", func(_ *resil.System, cancel context.CancelFunc) {
			time.AfterFunc(time.Second, cancel)
		})
		if !errors.Is(err, context.Canceled) || j.Status != "interrupted" || len(j.Rollbacks) != 1 || j.Rollbacks[0].Status != "succeeded" {
			t.Errorf("journal %+v, err %v; want an interrupted run with its rollback", j, err)
		}
	})
}

func TestParseNamesEverythingThatIsWrong(t *testing.T) {
	for name, tc := range map[string]struct{ text, err string }{
		"not JSON":                           {`{`, "unexpected EOF"},
		"unknown field":                      {`{"title": "t", "description": "d", "method": [], "metod": []}`, "metod"},
		"no title":                           {`{"description": "d", "method": []}`, "title and description"},
		"no method":                          {`{"title": "t", "description": "d"}`, "method is missing"},
		"other provider":                     {`{"title": "t", "description": "d", "method": [{"type": "action", "name": "a", "provider": {"type": "process", "url": "x"}}]}`, "type http"},
		"other type":                         {`{"title": "t", "description": "d", "method": [{"type": "act", "name": "a", "provider": {"type": "http", "url": "x"}}]}`, "want action or probe"},
		"arguments as a form":                {`{"title": "t", "description": "d", "method": [{"type": "action", "name": "a", "provider": {"type": "http", "url": "x", "method": "POST", "arguments": {"a": 1}}}]}`, "Content-Type"},
		"probe without":                      {`{"title": "t", "description": "d", "method": [], "steady-state-hypothesis": {"title": "s", "probes": [{"type": "probe", "name": "p", "provider": {"type": "http", "url": "x"}}]}}`, "with a tolerance"},
		"bad pattern":                        {`{"title": "t", "description": "d", "method": [{"type": "probe", "name": "p", "tolerance": {"type": "regex", "target": "body", "pattern": "("}, "provider": {"type": "http", "url": "x"}}]}`, "missing closing"},
		"tolerance of a kind we do not know": {`{"title": "t", "description": "d", "method": [{"type": "probe", "name": "p", "tolerance": {"type": "jsonpath", "target": "body", "pattern": "$"}, "provider": {"type": "http", "url": "x"}}]}`, "a tolerance is"},
		"bad configuration":                  {`{"title": "t", "description": "d", "method": [], "configuration": {"a": {"type": "vault"}}}`, "a configuration value is"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := experiment.Parse([]byte(tc.text)); err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("err = %v; want %q", err, tc.err)
			}
		})
	}
}
