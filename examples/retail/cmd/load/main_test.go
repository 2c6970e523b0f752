//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/resilgo/resil/examples/retail/internal/load"
)

// The tables and the picture in the documentation are those of the numbers
// beside it.
func TestTablesAreThoseOfTheNumbers(t *testing.T) {
	const docs = "../../../../docs"
	copied := t.TempDir()
	for _, file := range []string{"load.md", "data/load.json"} {
		text, err := os.ReadFile(filepath.Join(docs, file))
		if err != nil {
			t.Fatal(err)
		}
		if err := write(filepath.Join(copied, file), string(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := run(t.Context(), load.Config{}, copied, true); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"load.md", "images/load.svg"} {
		got, err := os.ReadFile(filepath.Join(docs, file))
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(copied, file))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("docs/%s is not made of docs/data/load.json (%v); run make load ARGS=-redraw", file, err)
		}
	}
}
