package generator_test

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/resilgo/resil/generator"
)

// source returns a file with one guarded interface. lines stand above it, with
// // in place of //resil:.
func source(pkg, lines string) string {
	lines = strings.ReplaceAll(lines, "//", "//resil:")
	return "package " + pkg + "\n\nimport \"context\"\n\n" + lines + "\ntype C interface {\n\tDo(ctx context.Context) error\n}\n"
}

// TestKin holds that a run for one package says of a dependency what a run for
// the whole module says, and what belongs to the module for that.
func TestKin(t *testing.T) {
	const high, low = "//guard db criticality=high", "//guard db criticality=low"
	const contradiction = "guard criticality=low of dependency db contradicts criticality=high of example.com/kin/a.C at ../a/a.go:5; state it once, or the same in both"
	for _, tt := range []struct {
		name  string
		files map[string]string
		mod   string
		want  string // the message; "" = none
		alone bool   // a run for the whole module finds more
	}{
		{
			name:  "one states the ratio that the other counts for",
			files: map[string]string{"a/a.go": source("a", "//guard db\n//breaker min=3"), "b/b.go": source("b", "//guard db\n//breaker ratio=0.5")},
		},
		{
			name:  "two packages contradict",
			files: map[string]string{"a/a.go": source("a", high), "b/b.go": source("b", low)},
			want:  "b/b.go:5:18: " + contradiction,
		},
		{
			name:  "one leaves out what the other states",
			files: map[string]string{"a/a.go": source("a", high+"\n//breaker failures=3"), "b/b.go": source("b", "//guard db\n//breaker open=3s")},
		},
		{
			name:  "a quoted name",
			files: map[string]string{"a/a.go": source("a", high), "b/b.go": source("b", "//guard criticality=low `db`")},
			want:  "b/b.go:5:15: " + contradiction,
		},
		{
			name:  "line ends of another system",
			files: map[string]string{"a/a.go": source("a", high), "b/b.go": strings.ReplaceAll(source("b", "//guard criticality=low db"), "\n", "\r\n")},
			want:  "b/b.go:5:15: " + contradiction,
		},
		{
			name:  "another name",
			files: map[string]string{"a/a.go": source("a", high), "b/b.go": source("b", "//guard dbs criticality=low")},
		},
		{
			name:  "breaker and timeout do not fit",
			files: map[string]string{"a/a.go": source("a", "//guard db\n//breaker ratio=0.5 window=10s"), "b/b.go": source("b", "//guard db\n//timeout 30s")},
			want:  "a/a.go:6:27: breaker of dependency db: window=10s is shorter than the timeout of 30s: calls would end outside the window they began in; want at least 4 × timeout",
		},
		{
			name: "the timeout passes over what outlives the call",
			files: map[string]string{
				"a/a.go": source("a", "//guard db\n//breaker ratio=0.5 window=10s"),
				"b/b.go": "package b\n\nimport \"context\"\n\n//resil:guard db\n//resil:timeout 30s\ntype C interface {\n\tWatch(ctx context.Context) (<-chan int, error)\n\tStop() error\n}\n",
			},
		},
		{
			name:  "a test",
			files: map[string]string{"a/a.go": source("a", high), "b/b_test.go": source("b", low)},
			want:  "b/b_test.go:5:18: " + contradiction,
		},
		{
			name:  "tests of different packages",
			files: map[string]string{"a/a_test.go": source("a", high), "b/b_test.go": source("b", low)},
		},
		{
			name:  "another system",
			files: map[string]string{"a/a.go": source("a", high), "b/b_plan9.go": source("b", low)},
			want:  "b/b_plan9.go:5:18: " + contradiction,
		},
		{
			name:  "a file that belongs to no package",
			files: map[string]string{"a/a.go": source("a", high), "b/b.go": "//go:build ignore\n\n" + source("b", low)},
		},
		{
			name:  "another module inside",
			files: map[string]string{"a/a.go": source("a", high), "b/b.go": source("b", low), "b/go.mod": "module example.com/b\n\ngo 1.26.0\n"},
		},
		{
			name:  "a folder that the module ignores",
			files: map[string]string{"a/a.go": source("a", high), "b/b.go": source("b", low)},
			mod:   "\nignore ./b\n",
		},
		{
			name:  "folders of a name that the module ignores",
			files: map[string]string{"a/a.go": source("a", high), "in/b/x/b.go": source("b", low)},
			mod:   "\nignore (\n\t\"b/x\" // wherever\n)\n",
		},
		{
			name:  "a folder whose name only starts like an ignored one",
			files: map[string]string{"a/a.go": source("a", high), "b/b.go": source("b", low)},
			mod:   "\nignore ./bb\nignore a/b\n",
			want:  "b/b.go:5:18: " + contradiction,
		},
		{
			name: "test data, vendored packages and hidden folders",
			files: map[string]string{
				"a/a.go": source("a", high), "testdata/b/b.go": source("b", low), "_b/b.go": source("b", low), ".b/b.go": source("b", low),
				"b/vendor/b.go": source("b", low), "b/_b.go": source("b", low),
			},
		},
		{
			name:  "only what a file that does not parse still says",
			files: map[string]string{"a/a.go": source("a", high), "b/b.go": source("b", low), "c/c.go": source("c", "//guard db") + "\nfunc ("},
			want:  "b/b.go:5:18: " + contradiction,
			alone: true,
		},
		{
			name:  "a contradiction of two others, which is theirs",
			files: map[string]string{"a/a.go": source("a", "//guard db"), "c/c.go": source("c", high), "d/d.go": source("d", low)},
		},
		{
			name:  "interfaces without a guard, marks and text in between",
			files: map[string]string{"a/a.go": source("a", high), "b/b.go": source("b", "//guard db\n//read Do") + "\n// D has no guard.\ntype D interface{}\n\nconst text = `\n//resil:guard db criticality=low\n`\n"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := newModule(t, "example.com/kin")
			mod := filepath.Join(dir, "go.mod")
			writeFile(t, mod, read(t, mod)+tt.mod)
			for name, content := range tt.files {
				writeFile(t, filepath.Join(dir, name), content)
			}
			var want []string
			if tt.want != "" {
				want = []string{tt.want}
			}
			runs := map[string][]string{filepath.Join(dir, "a"): nil}
			if tt.want != "" && !tt.alone {
				runs[filepath.Join(dir, "b")], runs[dir] = nil, []string{"./..."}
			}
			for at, patterns := range runs {
				if got := problems(t, dir, at, patterns...); !reflect.DeepEqual(got, want) {
					t.Errorf("in %s:\n%s\nwant\n%s", at, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			}
		})
	}
}

// TestKinOfAFile holds that the other files of a package count when only one
// is generated for.
func TestKinOfAFile(t *testing.T) {
	dir := newModule(t, "example.com/kin")
	writeFile(t, filepath.Join(dir, "a.go"), source("a", "//guard db criticality=high"))
	writeFile(t, filepath.Join(dir, "b.go"), strings.ReplaceAll(source("a", "//guard db criticality=low"), "type C", "type D"))
	want := []string{"b.go:5:18: guard criticality=low of dependency db contradicts criticality=high of C at a.go:5; state it once, or the same in both"}
	for _, name := range []string{"a.go", "b.go"} {
		if got := problems(t, dir, dir, name); len(got) != 1 || !strings.Contains(got[0], "contradicts criticality=") {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// problems returns what is wrong according to a run for patterns in a folder,
// with paths relative to dir.
func problems(t *testing.T, dir, at string, patterns ...string) []string {
	t.Helper()
	res, err := generator.Generate(generator.Options{Dir: at, Patterns: patterns})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, p := range res.Problems {
		list = append(list, fmt.Sprintf("%s: %s", strings.TrimPrefix(p.Pos.String(), dir+"/"), p.Text))
	}
	return list
}

// TestShortcutNoticesKin holds that a package that was up to date is looked at
// again when another package of the module comes to state something else of the
// same dependency.
func TestShortcutNoticesKin(t *testing.T) {
	t.Setenv("RESILGEN_CACHE", t.TempDir())
	dir := newModule(t, "example.com/kin")
	writeFile(t, filepath.Join(dir, "a/a.go"), source("a", "//guard db criticality=high"))
	writeFile(t, filepath.Join(dir, "b/b.go"), source("b", "//guard db"))
	opts := generator.Options{Dir: filepath.Join(dir, "a"), Shortcut: true}
	for _, step := range []struct {
		name, path, content string
		unchanged           bool
		problems            int
	}{
		{name: "nothing"},
		{name: "nothing again", unchanged: true},
		{name: "a package that states nothing of it", path: "c/c.go", content: source("c", "//guard cache criticality=low"), unchanged: true},
		{name: "a contradiction", path: "b/b.go", content: source("b", "//guard db criticality=low"), problems: 1},
		{name: "none any more", path: "b/b.go", content: source("b", "//guard db"), unchanged: true},
		{name: "a contradiction in a package that is new", path: "d/e/e.go", content: source("e", "//guard db criticality=low"), problems: 1},
	} {
		t.Run(step.name, func(t *testing.T) {
			if step.path != "" {
				writeFile(t, filepath.Join(dir, step.path), step.content)
			}
			res, err := generator.Generate(opts)
			if err != nil {
				t.Fatal(err)
			}
			if res.Unchanged != step.unchanged || len(res.Problems) != step.problems {
				t.Errorf("unchanged %v, problems %v; want %v, %d", res.Unchanged, res.Problems, step.unchanged, step.problems)
			}
			if err := res.Write(t.Context().Err); err != nil {
				t.Fatal(err)
			}
		})
	}
}
