package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/internal/logtest"
)

var update = flag.Bool("update", false, "rewrite the committed schema")

const everything = `# all keys there are
x-retry: &twice {attempts: 2, backoff: 100ms..1s, budget: 0.1}
disabled: true
dependencies:
  openai:
    disabled: false
    criticality: high
    down: limited
    breaker:
      failures: 3
      ratio: 0.5
      min: 1_0
      window: 1m
      slow: 2s
      slowratio: 0.25
      open: "90s"
      probes: 2/3
    bulkhead: {max: 10, wait: 0s}
    rate: {limit: 100/m, burst: 7}
    timeout: {attempt: 2s, total: 5s}
    retry: *twice
    hedge: {after: 100ms, max: 2}
    methods:
      Complete:
        timeout: 1500ms
        retry: {attempts: 1}
        bulkhead: 4
        rate: 5/h
        hedge: 50ms
        degrade: {limited: stale, minimal: fallback, emergency: shed}
      Embed:
  db: {}
`

func TestParseReadsEverything(t *testing.T) {
	got, err := Parse("f.yaml", []byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	want := resil.Overrides{
		Disabled: true,
		Dependencies: map[string]resil.DependencyOverride{
			"openai": {
				Criticality: resil.High,
				Down:        resil.Limited,
				Breaker: &resil.Breaker{
					Failures: 3, Ratio: .5, Min: 10, Window: time.Minute, Slow: 2 * time.Second, SlowRatio: .25,
					Open: 90 * time.Second, Good: 2, Probes: 3,
				},
				Bulkhead: &resil.Bulkhead{Max: 10},
				Rate:     &resil.Rate{N: 100, Per: time.Minute, Burst: 7},
				Timeout:  &resil.Timeout{Attempt: 2 * time.Second, Total: 5 * time.Second},
				Retry:    &resil.Retry{Attempts: 2, Base: 100 * time.Millisecond, Max: time.Second, Budget: .1},
				Hedge:    &resil.Hedge{After: 100 * time.Millisecond, Max: 2},
				Methods: map[string]resil.MethodOverride{
					"Complete": {
						Timeout:  &resil.Timeout{Attempt: 1500 * time.Millisecond},
						Retry:    &resil.Retry{Attempts: 1},
						Bulkhead: &resil.Bulkhead{Max: 4},
						Rate:     &resil.Rate{N: 5, Per: time.Hour},
						Hedge:    &resil.Hedge{After: 50 * time.Millisecond},
						Levels:   resil.Actions{0, 0, resil.ActStale, resil.ActFallback, resil.ActShed},
					},
					"Embed": {},
				},
			},
			"db": {},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestEmptyFilesOverrideNothing(t *testing.T) {
	for _, text := range []string{"", "\n\n", "# nothing\n", "---\n", "{}", "dependencies: {}", "\ufeff"} {
		got, err := Parse("f", []byte(text))
		if err != nil || len(got.Dependencies) != 0 || got.Disabled {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestProblemsAreNamedAtTheirPlace(t *testing.T) {
	dep := func(text string) string { return "dependencies:\n  db:\n    " + text + "\n" }
	for _, tc := range []struct {
		name, text, want string
	}{
		{"an unknown key", "dependency: {}", "f:1:1: unknown key \"dependency\"; want disabled, dependencies\n    dependency: {}\n    ^"},
		{"a misspelt key", dep("braker: {}"), "f:3:5: unknown key \"braker\" (did you mean \"breaker\"?); want disabled, criticality, down, breaker, bulkhead, rate, timeout, retry, hedge, methods\n        braker: {}\n        ^"},
		{"a misspelt key within a line", dep("breaker: {failures: 3, opn: 1s}"), "f:3:28: unknown key \"opn\" (did you mean \"open\"?)"},
		{"a doubled key", dep("timeout: 1s\n    timeout: 2s"), "f:4:5: mapping key \"timeout\" already defined at [3:5]"},
		{"an extension below the top", dep("x-y: 1"), "f:3:5: unknown key \"x-y\""},
		{"a list", "dependencies:\n- db", "f:2:1: a list; want a mapping"},
		{"a scalar document", "hello", "f:1:1: a string; want a mapping, \"key: value\""},
		{"a number where a mapping belongs", "dependencies: {a: {retry: 3}}", "f:1:27: a number; want a mapping, \"key: value\""},
		{"no value", dep("timeout:"), "f:3:14: no value; want a duration such as 2s"},
		{"a duration without a unit", dep("timeout: 5"), "f:3:14: attempt=5 is no duration; want a number with a unit, for example 500ms, 2s or 1m\n        timeout: 5\n                 ^"},
		{"a zero duration", dep("breaker: {open: 0s}"), "open=0s is out of range; want more than 0s and at most 24h0m0s"},
		{"a bare zero", dep("breaker: {open: 0}"), "open=0 is no duration"},
		{"a negative duration", dep("timeout: -1s"), "f:3:14: attempt=-1s is out of range"},
		{"a duration beyond a day", dep("breaker: {window: 25h}"), "f:3:23: window=25h is out of range"},
		{"an overflowing duration", dep("breaker: {window: 9999999h}"), "is no duration"},
		{"zero failures", dep("breaker: {failures: 0}"), "failures=0 is out of range; want 1 to 1000000"},
		{"half a failure", dep("breaker: {failures: 1.5}"), "\"1.5\" is not a whole number"},
		{"a huge number", dep("breaker: {failures: 99999999999999999999}"), "is not a whole number"},
		{"a ratio beyond one", dep("breaker: {ratio: 50}"), "ratio=50 is out of range; want more than 0 and at most 1"},
		{"a ratio that is no number", dep("breaker: {ratio: .nan}"), "f:3:22: a nan; want a number"},
		{"an infinite ratio", dep("breaker: {ratio: .inf}"), "want a number"},
		{"more good than probes", dep("breaker: {probes: 3/2}"), "f:3:23: probes=3/2 is out of range; want N/M with 1 <= N <= M <= 100"},
		{"probes without a slash", dep("breaker: {probes: 3}"), "probes=3 is out of range"},
		{"too many attempts", dep("retry: {attempts: 101}"), "attempts=101 is out of range; want 1 to 100"},
		{"a backoff that runs backwards", dep("retry: {attempts: 2, backoff: 2s..50ms}"), "f:3:35: backoff=2s..50ms is no range; want the shorter wait first"},
		{"a backoff of one value", dep("retry: {backoff: 2s}"), "is no range"},
		{"total below attempt", dep("timeout: {attempt: 3s, total: 2s}"), "total=2s is shorter than one attempt of 3s"},
		{"a rate without a period", dep("rate: 100"), "rate 100 is out of range; want N/s, N/m or N/h"},
		{"a rate per day", dep("rate: 100/d"), "rate 100/d is out of range"},
		{"a negative wait", dep("bulkhead: {max: 1, wait: -1s}"), "wait=-1s is out of range; want 0s to 24h0m0s"},
		{"an unknown level", dep("down: bad"), "unknown level \"bad\""},
		{"a level in capitals", dep("down: Limited"), "(did you mean \"limited\"?)"},
		{"an unknown criticality", dep("criticality: hihg"), "f:3:18: unknown criticality \"hihg\"; want critical, high, medium or low (did you mean \"high\"?)"},
		{"an unknown action", "dependencies: {db: {methods: {Get: {degrade: {minimal: fall}}}}}", "unknown action \"fall\""},
		{"an unknown level to degrade", "dependencies: {db: {methods: {Get: {degrade: {minimum: shed}}}}}", "unknown level \"minimum\""},
		{"a yes", "disabled: yes", "f:1:11: \"yes\" is neither true nor false"},
		{"a quoted true", "disabled: 'true'", "is neither true nor false"},
		{"an unknown alias", dep("retry: *none"), "unknown alias *none"},
		{"a merge key", "x-a: &a {disabled: true}\ndependencies:\n  db:\n    <<: *a\n", "f:4:5: unknown key \"<<\""},
		{"an alias of itself", "x-a: &a *a\ndependencies: {db: *a}", "f:1:9: unexpected scalar value"},
		{"two documents", "disabled: true\n---\ndisabled: false", "f:3:1: a second document; want one"},
		{"a tab", "dependencies:\n\tdb: {}", "f:2:"},
		{"an open bracket", "dependencies: {db: {", "f:1:"},
		{"a deep file", strings.Repeat("[", 60000), "f:1:1: brackets nest deeper than 32"},
		{"a large file", strings.Repeat("# comment\n", 20000), "f:1:1: larger than 128 KiB"},
		{"an escape sequence", "\"\\e[31m\": 1", "unknown key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o, err := Parse("f", []byte(tc.text))
			if err == nil {
				t.Fatalf("accepted as %+v", o)
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got\n%s\nwant\n%s", err, tc.want)
			}
			if strings.ContainsRune(err.Error(), '\x1b') {
				t.Errorf("control characters in %q", err)
			}
			if len(Problems(err)) == 0 {
				t.Errorf("no Problem in %v", err)
			}
			if !reflect.DeepEqual(o, resil.Overrides{}) {
				t.Errorf("a refused file gave %+v", o)
			}
		})
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, err := Parse("f", []byte("dependencies:\n  db:\n    breaker: {failures: 0, opn: 3s}\n    timeout: 5\n  redis: {down: x}\n"))
	var lines []int
	for _, p := range Problems(err) {
		lines = append(lines, p.Line)
	}
	if !reflect.DeepEqual(lines, []int{3, 3, 4, 5}) {
		t.Errorf("problems in lines %v of\n%v", lines, err)
	}
}

func TestSchemaIsFresh(t *testing.T) {
	const file = "overrides.schema.json"
	if *update {
		if err := os.WriteFile(file, Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(committed, Schema()) {
		t.Errorf("%s is stale: run go test ./runtime/config -update", file)
	}
	var v any
	if err := json.Unmarshal(committed, &v); err != nil {
		t.Fatal(err)
	}
	defs := v.(map[string]any)["$defs"].(map[string]any)
	if dangling := danglingRefs(v, defs); len(dangling) > 0 {
		t.Errorf("references to nothing: %q", dangling)
	}
}

// danglingRefs returns the references in v that defs has not.
func danglingRefs(v any, defs map[string]any) (dangling []string) {
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok && defs[strings.TrimPrefix(ref, "#/$defs/")] == nil {
			dangling = append(dangling, ref)
		}
		for _, sub := range v {
			dangling = append(dangling, danglingRefs(sub, defs)...)
		}
	case []any:
		for _, sub := range v {
			dangling = append(dangling, danglingRefs(sub, defs)...)
		}
	}
	return dangling
}

// shop is a started system with dependency db and method Get.
func shop(t *testing.T) *resil.System {
	t.Helper()
	sys, err := resil.New(resil.Config{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	g := sys.Guard(resil.GuardSpec{Dependency: "db", Interface: "shop.DB", Position: "db.go:1", Breaker: &resil.Breaker{Failures: 3}})
	g.Method(resil.MethodSpec{Name: "Get", Kind: resil.Read, Timeout: resil.Timeout{Attempt: time.Second}, Levels: resil.DefaultActions(resil.Read, false, nil)})
	if err := sys.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sys.Close(t.Context()) })
	return sys
}

var quiet = slog.New(slog.DiscardHandler)

func breakerOf(sys *resil.System) resil.Breaker { return *sys.Status().Dependencies[0].Limits.Breaker }

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestApply(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.yaml")
	sys := shop(t)
	write(t, path, "dependencies: {db: {breaker: {failures: 9}, methods: {Get: {timeout: 2s}}}}")
	if err := Apply(path, sys); err != nil {
		t.Fatal(err)
	}
	if got := breakerOf(sys).Failures; got != 9 {
		t.Errorf("failures=%d in force, want 9", got)
	}
	for _, tc := range []struct{ name, text, want string }{
		{"an unknown dependency", "dependencies:\n  dbs: {}", ":2:3: unknown dependency \"dbs\" (did you mean \"db\"?)\n      dbs: {}\n      ^"},
		{"an unknown method", "dependencies:\n  db:\n    methods:\n      Git: {}", ":4:7: dependency \"db\" has no method \"Git\" (did you mean \"Get\"?)"},
		{"values that cannot work together", "dependencies:\n  db:\n    breaker: {ratio: 0.5, window: 500ms}", ":2:3: dependency \"db\": window=500ms is shorter than the timeout of 1s"},
		{"both", "dependencies: {a: {}, b: {}}", "unknown dependency \"b\""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			write(t, path, tc.text)
			err := Apply(path, sys)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error\n%v\nwant\n%s", err, tc.want)
			}
			if got := breakerOf(sys).Failures; got != 9 {
				t.Errorf("failures=%d in force after a refused file, want 9", got)
			}
		})
	}
	if err := Apply(filepath.Join(t.TempDir(), "none"), sys); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := Apply(t.TempDir(), sys); err == nil {
		t.Error("a folder was accepted")
	}
}

// A transport's methods come with its traffic; a file may speak of them before.
func TestApplyToALazyGuard(t *testing.T) {
	sys := shop(t)
	sys.Guard(resil.GuardSpec{Dependency: "api", Interface: "Transport", Lazy: true})
	path := filepath.Join(t.TempDir(), "f.yaml")
	write(t, path, "dependencies: {api: {methods: {GET: {timeout: 2s}}}}")
	if err := Apply(path, sys); err != nil {
		t.Error(err)
	}
}

// fake is a System that records what is put in force.
type fake struct {
	mu    sync.Mutex
	loads []resil.Overrides
}

func (f *fake) Reload(o resil.Overrides) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.loads = append(f.loads, o)
	return nil
}

func (f *fake) Status() resil.Status {
	return resil.Status{Dependencies: []resil.DependencyStatus{{Name: "db"}}}
}

func (f *fake) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.loads)
}

func TestWatchFollowsTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "f.yaml")
		sys := &fake{}
		if _, err := Watch(path, sys, Options{Logger: quiet}); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("Watch of no file: %v", err)
		}
		write(t, path, "disabled: 1")
		if _, err := Watch(path, sys, Options{Logger: quiet}); err == nil {
			t.Error("Watch of a bad file succeeded")
		}
		write(t, path, "disabled: true")
		var logged bytes.Buffer
		w, err := Watch(path, sys, Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		expect := func(what string, loads int, healthy bool) {
			t.Helper()
			time.Sleep(3 * time.Second)
			synctest.Wait()
			if sys.count() != loads || (w.Err() == nil) != healthy {
				t.Errorf("%s: %d loads, error %v; want %d, healthy %v", what, sys.count(), w.Err(), loads, healthy)
			}
		}
		expect("nothing happened", 1, true)
		write(t, path, "disabled: false")
		expect("changed", 2, true)
		now := time.Now()
		if err := os.Chtimes(path, now, now); err != nil {
			t.Fatal(err)
		}
		expect("touched", 2, true)
		write(t, path, "dependencies: {nosuch: {}}")
		expect("bad", 2, false)
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := strings.Count(logged.String(), "level=ERROR"); n != 1 {
			t.Errorf("one bad file was logged %d times", n)
		}
		write(t, path, "disabled: false")
		expect("back to what is in force", 3, true)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		expect("removed", 3, false)
		write(t, path, "")
		expect("there again, empty", 4, true)
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path+".1", path); err != nil {
			t.Fatal(err)
		}
		write(t, path+".1", "disabled: true")
		expect("swapped for a symbolic link", 5, true)
		w.Close()
		w.Close()
		write(t, path, "disabled: false")
		expect("after Close", 5, true)
	})
}

func TestWatchDoesNotReadAHalfWrittenFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "f.yaml")
		sys := &fake{}
		write(t, path, "")
		w, err := Watch(path, sys, Options{Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		time.Sleep(500 * time.Millisecond)
		for i := range 20 { // each prefix is valid, and there for one look
			write(t, path, strings.Repeat("# more\n", i)+"disabled: true")
			time.Sleep(time.Second)
		}
		if got := sys.count(); got != 1 {
			t.Errorf("%d loads while the file was being written", got)
		}
		time.Sleep(2 * time.Second)
		if got := sys.count(); got != 2 {
			t.Errorf("%d loads after it was, want 2", got)
		}
	})
}

func TestLoadReadsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.yaml")
	if _, err := Load(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Load of no file: %v", err)
	}
	write(t, path, "disabled: true")
	if o, err := Load(path); err != nil || !o.Disabled {
		t.Errorf("Load: %+v, %v", o, err)
	}
	write(t, path, "disabld: true")
	if _, err := Load(path); err == nil || !strings.HasPrefix(err.Error(), path+":1:1: ") {
		t.Errorf("Load of a bad file: %v", err)
	}
}

func TestWatcherTellsWhenItLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "f.yaml")
		write(t, path, "")
		start := time.Now()
		w, err := Watch(path, &fake{}, Options{Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		time.Sleep(time.Minute)
		if got := w.Loaded(); !got.Equal(start) {
			t.Errorf("loaded at %v, want the beginning, %v", got, start)
		}
		for _, step := range []struct {
			content string
			newer   bool
		}{{"disabled: true", true}, {"disabled: 1", false}} {
			before := w.Loaded()
			write(t, path, step.content)
			time.Sleep(time.Minute)
			if got := w.Loaded().After(before); got != step.newer {
				t.Errorf("%q is loaded: %v, want %v", step.content, got, step.newer)
			}
		}
	})
}

func TestWatcherLogsOutsideItsLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "f.yaml")
		write(t, path, "")
		var w *Watcher
		log := &logtest.Asking{T: t, Ask: func() { _, _ = w.Err(), w.Loaded() }}
		var err error
		if w, err = Watch(path, &fake{}, Options{Logger: slog.New(log)}); err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		for n, content := range []string{"disabled: 1", "disabled: true"} {
			write(t, path, content)
			time.Sleep(time.Minute)
			synctest.Wait()
			if log.Asked != n+1 {
				t.Errorf("%q: %d log lines asked, want %d", content, log.Asked, n+1)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(everything))
	f.Add([]byte("dependencies: {db: {timeout: &a 1s, retry: *a}}"))
	f.Add([]byte("!!str a: !x\n? b\n: c"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 {
			return
		}
		_, err := Parse("f", data)
		for _, p := range Problems(err) {
			if p.Line < 1 || p.Column < 1 || p.Message == "" {
				t.Fatalf("%+v", p)
			}
			_ = p.Error()
		}
		if err != nil && len(Problems(err)) == 0 {
			t.Fatal(err)
		}
	})
}
