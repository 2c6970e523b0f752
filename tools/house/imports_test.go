package house_test

import (
	"encoding/json"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"testing"
)

// arrow says what the packages below one folder may import, of this module and
// of others. The longest folder that fits a package speaks for it.
type arrow struct {
	folder string
	// ours are folders of this module, whole trees where they end in "/...".
	ours []string
	// modules are the third-party modules, those included that only come along.
	modules []string
}

// What the core needs, and everything that imports the core gets.
var coreModules = []string{
	"github.com/sony/gobreaker/v2",
	"golang.org/x/sync",
	"golang.org/x/time",
	"github.com/cenkalti/backoff/v5",
	"github.com/maypok86/otter/v2",
}

func core(more ...string) []string { return append(slices.Clone(coreModules), more...) }

// What reads and writes Go source.
func sourceTools(more ...string) []string {
	return core(append([]string{
		"golang.org/x/tools", "golang.org/x/mod",
		"github.com/dave/jennifer", "github.com/aymanbagabas/go-udiff", "github.com/goccy/go-yaml",
	}, more...)...)
}

// arrows is the architecture: runtime knows of nobody, the generator of the
// runtime's types, the analyzer of the generator's grammar and model, commands
// of all. Optional parts of the runtime bring what they need, and the core
// imports none of them.
var arrows = []arrow{
	{folder: "runtime", ours: []string{"runtime/internal/..."}, modules: coreModules},
	{folder: "runtime/internal", ours: []string{"runtime", "runtime/internal/..."}, modules: coreModules},
	{folder: "runtime/metrics", ours: []string{"runtime", "runtime/internal/..."}, modules: core(
		"github.com/prometheus/client_golang", "github.com/prometheus/client_model", "github.com/prometheus/common",
		"github.com/prometheus/procfs", "github.com/beorn7/perks", "github.com/cespare/xxhash/v2",
		"github.com/munnerz/goautoneg", "google.golang.org/protobuf", "golang.org/x/sys", "go.yaml.in/yaml/v2",
	)},
	{folder: "runtime/tracing", ours: []string{"runtime", "runtime/internal/..."}, modules: core(
		"go.opentelemetry.io/otel", "go.opentelemetry.io/otel/trace", "go.opentelemetry.io/otel/metric", "go.opentelemetry.io/otel/log",
		"go.opentelemetry.io/auto/sdk", "github.com/go-logr/logr", "github.com/go-logr/stdr", "github.com/cespare/xxhash/v2",
	)},
	{folder: "runtime/outbox", ours: []string{"runtime", "runtime/internal/..."}, modules: core("go.etcd.io/bbolt", "golang.org/x/sys")},
	{folder: "runtime/config", ours: []string{"runtime", "runtime/internal/..."}, modules: core("github.com/goccy/go-yaml")},
	{folder: "runtime/admin", ours: []string{"runtime", "runtime/internal/...", "runtime/chaos"}, modules: coreModules},
	{folder: "runtime/chaos", ours: []string{"runtime", "runtime/internal/..."}, modules: coreModules},
	{folder: "runtime/httpguard", ours: []string{"runtime", "runtime/internal/..."}, modules: coreModules},
	{folder: "runtime/sqlguard", ours: []string{"runtime", "runtime/internal/..."}, modules: coreModules},
	{folder: "runtime/resiltest", ours: []string{"runtime", "runtime/internal/..."}, modules: coreModules},
	{folder: "generator", ours: []string{"generator/...", "runtime", "runtime/internal/..."}, modules: sourceTools()},
	{folder: "generator/directive", ours: []string{"generator/directive", "generator/internal/...", "runtime", "runtime/internal/..."}, modules: coreModules},
	{folder: "analyzer", ours: []string{"analyzer/...", "generator/...", "runtime", "runtime/internal/..."}, modules: sourceTools("golang.org/x/sync")},
	{folder: "analyzer/golangci", ours: []string{"analyzer/...", "generator/...", "runtime", "runtime/internal/..."}, modules: sourceTools("github.com/golangci/plugin-module-register")},
	{folder: "cmd", ours: []string{"cmd/...", "analyzer/...", "generator/...", "runtime", "runtime/internal/..."}, modules: sourceTools("github.com/alecthomas/kong")},
}

// listed is the part of go list's answer that the tests need.
type listed struct {
	ImportPath string
	Standard   bool
	Deps       []string
	Module     *struct{ Path string }
}

// listPackages lists the packages of the module in dir and all they depend on.
func listPackages(tb testing.TB, dir string) map[string]listed {
	tb.Helper()
	out := run(tb, dir, "go", "list", "-deps", "-json=ImportPath,Standard,Deps,Module", "./...")
	all := make(map[string]listed)
	for decoder := json.NewDecoder(strings.NewReader(out)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			tb.Fatal(err)
		}
		all[p.ImportPath] = p
	}
}

// arrowFor returns the arrow with the longest folder that holds the package.
func arrowFor(folder string) (arrow, bool) {
	for ; folder != "."; folder = path.Dir(folder) {
		for _, a := range arrows {
			if a.folder == folder {
				return a, true
			}
		}
	}
	return arrow{}, false
}

func within(folder string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		tree, isTree := strings.CutSuffix(pattern, "/...")
		return folder == tree || isTree && strings.HasPrefix(folder, tree+"/")
	})
}

func TestImportsPointOneWay(t *testing.T) {
	all := listPackages(t, root)
	checked := 0
	for _, p := range all {
		folder, ours := strings.CutPrefix(p.ImportPath, module+"/")
		if !ours {
			continue
		}
		rule, ok := arrowFor(folder)
		if !ok {
			t.Errorf("%s: no arrow says what it may import", folder)
			continue
		}
		checked++
		for _, dep := range p.Deps {
			on := all[dep]
			target, ours := strings.CutPrefix(dep, module+"/")
			switch {
			case on.Standard || target == folder:
			case ours && !within(target, rule.ours):
				t.Errorf("%s imports %s, directly or not; it may import %v of this module", folder, target, rule.ours)
			case !ours && !slices.Contains(rule.modules, on.Module.Path):
				t.Errorf("%s imports %s, directly or not; module %s is not for it", folder, dep, on.Module.Path)
			}
		}
	}
	if checked == 0 {
		t.Error("no package of the module was checked")
	}
}

// TestToolsCarryNoNetwork holds that neither the runtime nor the commands link
// net: it brings the C library and an HTTP stack, which programs that speak SQL
// alone need not carry, and doubles what each start of a vet tool costs.
func TestToolsCarryNoNetwork(t *testing.T) {
	all := listPackages(t, root)
	for _, folder := range []string{"runtime", "cmd/resilgen", "cmd/resilvet"} {
		p, ok := all[module+"/"+folder]
		if !ok {
			t.Errorf("no package %s", folder)
		}
		for _, dep := range []string{"net", "net/http", "runtime/cgo"} {
			if slices.Contains(p.Deps, dep) {
				t.Errorf("%s imports %s, directly or not", folder, dep)
			}
		}
	}
}
