package house_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// lightModules are the modules that the root may require, and what for. Whoever
// imports the runtime or runs resilgen as a tool gets them into their own module
// graph, so the list is short and nothing joins it unseen.
var lightModules = map[string]string{
	"github.com/alecthomas/kong":                 "command line of resilgen",
	"github.com/aymanbagabas/go-udiff":           "resilgen -check",
	"github.com/cenkalti/backoff/v5":             "waits of retry",
	"github.com/dave/jennifer":                   "writes generated code",
	"github.com/goccy/go-yaml":                   "configuration files, with line and caret",
	"github.com/golangci/plugin-module-register": "golangci-lint plugin",
	"github.com/maypok86/otter/v2":               "bounded cache of stale answers",
	"github.com/prometheus/client_golang":        "runtime/metrics",
	"github.com/sony/gobreaker/v2":               "state of breakers",
	"go.etcd.io/bbolt":                           "runtime/outbox",
	"go.opentelemetry.io/otel":                   "runtime/tracing, API only",
	"go.opentelemetry.io/otel/trace":             "runtime/tracing, API only",
	"golang.org/x/mod":                           "comes with x/tools",
	"golang.org/x/sync":                          "semaphores, errgroup",
	"golang.org/x/time":                          "rate limits",
	"golang.org/x/tools":                         "analysis and loading of Go source",
	"golang.org/x/sys":                           "comes with bbolt and client_golang",
	"github.com/beorn7/perks":                    "comes with client_golang",
	"github.com/cespare/xxhash/v2":               "comes with client_golang",
	"github.com/munnerz/goautoneg":               "comes with client_golang",
	"github.com/prometheus/client_model":         "comes with client_golang",
	"github.com/prometheus/common":               "comes with client_golang",
	"github.com/prometheus/procfs":               "comes with client_golang",
	"google.golang.org/protobuf":                 "comes with client_golang",
	"go.yaml.in/yaml/v2":                         "comes with client_golang",
	"github.com/go-logr/logr":                    "comes with otel",
	"github.com/go-logr/stdr":                    "comes with otel",
	"go.opentelemetry.io/auto/sdk":               "comes with otel",
	"go.opentelemetry.io/otel/metric":            "comes with otel",
	"go.opentelemetry.io/otel/log":               "comes with otel",
}

// goMod is the part of `go mod edit -json` that the tests need.
type goMod struct {
	Module  struct{ Path string }
	Go      string
	Require []struct {
		Path     string
		Indirect bool
	}
	Replace []struct {
		Old, New struct{ Path, Version string }
	}
}

func parseGoMod(tb testing.TB, folder string) goMod {
	tb.Helper()
	var mod goMod
	text := run(tb, filepath.Join(root, folder), "go", "mod", "edit", "-json")
	if err := json.Unmarshal([]byte(text), &mod); err != nil {
		tb.Fatal(err)
	}
	return mod
}

func TestRootModuleIsLight(t *testing.T) {
	mod := parseGoMod(t, ".")
	for _, require := range mod.Require {
		if _, ok := lightModules[require.Path]; !ok {
			t.Errorf("go.mod requires %s, which is not on the list: everybody who imports the runtime would get it", require.Path)
		}
	}
	if len(mod.Replace) > 0 {
		t.Errorf("go.mod replaces %v: nobody could install the commands", mod.Replace)
	}
}

// TestModulesStandTogether holds what docs/adr/modules.md decides: the folder is
// the module's path, one go line, and replace for our own modules alone.
func TestModulesStandTogether(t *testing.T) {
	want := parseGoMod(t, ".").Go
	for _, name := range files(t, "/go.mod") {
		if strings.Contains(name, "testdata/") {
			continue
		}
		folder := strings.TrimSuffix(name, "/go.mod")
		mod := parseGoMod(t, folder)
		if got, want := mod.Module.Path, module+"/"+folder; got != want {
			t.Errorf("%s: module %s, want %s", name, got, want)
		}
		if mod.Go != want {
			t.Errorf("%s: go %s, want %s as in the root", name, mod.Go, want)
		}
		for _, replace := range mod.Replace {
			old, isOurs := strings.CutPrefix(replace.Old.Path+"/", module+"/")
			target := filepath.Clean(filepath.Join(folder, replace.New.Path))
			switch {
			case !isOurs:
				t.Errorf("%s replaces %s, which is not ours", name, replace.Old.Path)
			case target != filepath.Clean(old):
				t.Errorf("%s replaces %s by folder %s, want its own", name, replace.Old.Path, target)
			}
		}
	}
}
