package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/resilgo/resil/cmd/internal/script"
)

// TestExampleWithoutItsGuards holds resilvet to the example: as it is there is
// nothing to say about it, and each call that a decorator guards there, and no
// other, is unguarded once the decorators are gone.
func TestExampleWithoutItsGuards(t *testing.T) {
	with, without := copyExample(t), copyExample(t)
	guarded := coverage(t, with, 0, func(guard string) bool {
		// What a decorator runs in a transaction is run by the runtime for it.
		return strings.HasPrefix(guard, "decorator ") || guard == "resil"
	})
	if len(guarded) < 20 {
		t.Fatalf("only %d calls of the example are guarded by decorators: %q", len(guarded), guarded)
	}

	removeGuards(t, without)
	if got := coverage(t, without, 3, func(guard string) bool { return guard == "" }); !slices.Equal(got, guarded) {
		t.Errorf("without guards the report has unguarded\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(guarded, "\n"))
	}
	var unguarded []string
	for _, f := range fromJSON(t, without, run(t, without, 3, script.Command("resilvet"), "-json", "./...")) {
		place, rule, _ := strings.Cut(f, " ")
		switch {
		case rule == "unguarded":
			unguarded = append(unguarded, place)
		case rule == "nodeadline" && slices.Contains(guarded, place): // the guard's timeout is gone, too
		default:
			t.Errorf("unexpected finding: %s", f)
		}
	}
	slices.Sort(unguarded)
	if unguarded = slices.Compact(unguarded); !slices.Equal(unguarded, guarded) {
		t.Errorf("without guards resilvet finds unguarded\n%s\nwant\n%s", strings.Join(unguarded, "\n"), strings.Join(guarded, "\n"))
	}
}

// TestExampleWithChaos holds that faults in the example are found where they
// come in every run, not where operators switch them on, and that no report
// takes them for calls.
func TestExampleWithChaos(t *testing.T) {
	const imports = "\n\t\"github.com/resilgo/resil/runtime/admin\"\n"
	const wired = "resil.WithOutbox(box), traces}"
	const made = "\tshop := Wire("
	whole := func(string) bool { return true }
	plain := copyExample(t)
	calls := coverage(t, plain, 0, whole)
	for name, tc := range map[string]struct {
		enable string
		code   int
	}{
		"always":    {"if err := faults.Enable(sys, time.Hour, \"resilience\"); err != nil {\n\t\treturn nil, err\n\t}", 3},
		"a setting": {"if cfg.Policies == \"chaos\" {\n\t\tif err := faults.Enable(sys, time.Hour, \"resilience\"); err != nil {\n\t\t\treturn nil, err\n\t\t}\n\t}", 0},
		"operators": {"order := func(_ bool, ttl time.Duration, reason string) error { return faults.Enable(sys, ttl, reason) }\n\tif _, err := admin.New(sys, admin.Config{Authorize: admin.BearerToken(\"operator\", cfg.AdminToken), Chaos: order}); err != nil {\n\t\treturn nil, err\n\t}", 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir, line := copyExample(t), 0
			edit(t, dir, func(name string, content []byte) []byte {
				if filepath.Base(name) != "app.go" {
					return content
				}
				text := strings.Replace(string(content), imports, imports+"\t\"github.com/resilgo/resil/runtime/chaos\"\n", 1)
				text = strings.Replace(text, "import (", "import (\n\t\"time\"", 1)
				text = strings.Replace(text, wired, "resil.WithInjector(faults), "+wired, 1)
				text = strings.Replace(text, "\toptions = append(", "\tfaults, err := chaos.New(chaos.Config{Seed: 1}, chaos.Fault{Kind: chaos.Hang, Dependency: \"db\", Share: .01})\n\tif err != nil {\n\t\treturn nil, err\n\t}\n\toptions = append(", 1)
				text = strings.Replace(text, made, "\t"+tc.enable+"\n"+made, 1)
				before, _, found := strings.Cut(text, "faults.Enable")
				if !found {
					t.Fatalf("%s has no place for chaos: has its form changed?", name)
				}
				line = 1 + strings.Count(before, "\n")
				return []byte(text)
			})
			out := run(t, dir, tc.code, script.Command("resilvet"), "./...")
			if tc.code != 0 && !regexp.MustCompile(`^internal/app/app\.go:`+strconv.Itoa(line)+`:\d+: chaos: .*on the path .* → app\.assemble: every run .*\(unguarded\)\n`).Match(out) {
				t.Errorf("got %s", out)
			}
			if got := coverage(t, dir, tc.code, whole); len(got) != len(calls) {
				t.Errorf("the report has %d calls, %d without chaos", len(got), len(calls))
			}
		})
	}
}

// copyExample copies the example without its tests, which need tools of ours.
func copyExample(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "examples", "retail"))); err != nil {
		t.Fatal(err)
	}
	edit(t, dir, func(name string, content []byte) []byte {
		switch {
		case strings.HasSuffix(name, "_test.go"):
			return nil
		case filepath.Base(name) == "go.mod":
			return bytes.ReplaceAll(content, []byte("=> ../.."), []byte("=> "+filepath.ToSlash(root)))
		}
		return content
	})
	return dir
}

var (
	directives = regexp.MustCompile(`//resil:(guard |breaker|timeout|retry|bulkhead|rate|hedge|errors|fallback|degrade|read|write|idempotent|essential|health|plain)`)
	decorated  = regexp.MustCompile(`\b(\w+)\.NewGuarded\w+\(sys, (raw\.\w+)(, \w+)?\)`)
)

// removeGuards takes directives, generated code and decorators out, and leaves
// every call on its line.
func removeGuards(t *testing.T, dir string) {
	t.Helper()
	wired := 0
	edit(t, dir, func(name string, content []byte) []byte {
		if strings.HasSuffix(name, "_resil.go") {
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return content
		}
		for _, m := range decorated.FindAllSubmatch(content, -1) {
			wired++
			used := regexp.MustCompile(`(?m)^\t("[^"]*/internal/` + string(m[1]) + `")$`)
			content = used.ReplaceAll(content, []byte("\t_ $1"))
		}
		content = decorated.ReplaceAll(content, []byte("$2"))
		return directives.ReplaceAll(content, []byte("// once: $1"))
	})
	if wired < 4 {
		t.Fatalf("%d decorators are wired in the example, want its four: has their form changed?", wired)
	}
}

// edit rewrites the files of a folder; nil removes one.
func edit(t *testing.T, dir string, to func(name string, content []byte) []byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		old, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		content := to(name, old)
		switch {
		case content == nil:
			return os.Remove(name)
		case bytes.Equal(content, old):
			return nil
		}
		return os.WriteFile(name, content, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// coverage returns the places of the calls that count and whose guard is wanted,
// sorted, as "file:line:col".
func coverage(t *testing.T, dir string, code int, wanted func(guard string) bool) []string {
	t.Helper()
	var report struct {
		Calls []struct {
			File, Guard, Excluded string
			Line, Column          int
		}
	}
	if err := json.Unmarshal(run(t, dir, code, script.Command("resilvet"), "-report", "json", "./..."), &report); err != nil {
		t.Fatal(err)
	}
	var places []string
	for _, c := range report.Calls {
		if c.Excluded == "" && wanted(c.Guard) {
			places = append(places, c.File+":"+strconv.Itoa(c.Line)+":"+strconv.Itoa(c.Column))
		}
	}
	slices.Sort(places)
	return places
}
