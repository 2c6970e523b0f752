package model

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata; read the diff before committing it")

// TestRules holds every rule of the directives to its exact message and place.
// Each archive of testdata/rules is a table: a section NAME.go is a package of
// one file, the section NAME.want what Build says of it, problems first.
func TestRules(t *testing.T) {
	archives, err := filepath.Glob("testdata/rules/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no tables: %v", err)
	}
	for _, path := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { rules(t, path) })
	}
}

func rules(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wants := map[string]string{}
	for _, f := range archive.Files {
		if name, ok := strings.CutSuffix(f.Name, ".want"); ok {
			wants[name] = strings.TrimSpace(string(f.Data))
		}
	}
	out := &txtar.Archive{Comment: archive.Comment}
	for _, f := range archive.Files {
		name, ok := strings.CutSuffix(f.Name, ".go")
		if !ok {
			continue
		}
		r := build(t, string(f.Data))
		var said []string
		said = append(said, lines(r.Problems)...)
		for _, n := range lines(r.Notes) {
			said = append(said, "note: "+n)
		}
		got := strings.Join(said, "\n")
		out.Files = append(out.Files, f, txtar.File{Name: name + ".want", Data: []byte(got + "\n\n")})
		t.Run(name, func(t *testing.T) {
			if want := wants[name]; got != want && !*update {
				t.Errorf("%s\ngot:\n%s\nwant:\n%s", f.Data, got, want)
			}
		})
	}
	if *update {
		if err := os.WriteFile(path, txtar.Format(out), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}
