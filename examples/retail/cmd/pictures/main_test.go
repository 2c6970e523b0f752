package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// The pictures in the documentation are those of the recordings beside it.
func TestPicturesAreFresh(t *testing.T) {
	drawn := t.TempDir()
	if err := run("../../../../docs/data/scenarios", drawn); err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		name := "scenarios-" + g.name + ".svg"
		want, err := os.ReadFile(filepath.Join(drawn, name))
		if err != nil {
			t.Errorf("nothing was recorded of %s: %v", g.title, err)
			continue
		}
		got, err := os.ReadFile(filepath.Join("../../../../docs/images", name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what was recorded (%v); run make pictures", name, err)
		}
		for d := xml.NewDecoder(bytes.NewReader(want)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}

func TestNothingRecordedIsAnError(t *testing.T) {
	if err := run(t.TempDir(), t.TempDir()); err == nil {
		t.Error("pictures of nothing")
	}
}
