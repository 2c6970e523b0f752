package emit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// places are what may be in a generated file's place.
var places = []struct {
	name string
	make func(path string) error
	ours bool
}{
	{"nothing", func(string) error { return nil }, true},
	{"ours", func(p string) error { return os.WriteFile(p, []byte(ours), 0o644) }, true},
	{"ours, cut off", func(p string) error { return os.WriteFile(p, []byte(ours[:60]), 0o600) }, true},
	{"ours, read-only", func(p string) error { return os.WriteFile(p, []byte(ours+"// x\n"), 0o444) }, true},
	{"by hand", func(p string) error { return os.WriteFile(p, []byte("package a\n"), 0o644) }, false},
	{"by hand, speaking of us", func(p string) error { return os.WriteFile(p, []byte("package a\n\n"+ours), 0o644) }, false},
	{"empty", func(p string) error { return os.WriteFile(p, nil, 0o644) }, false},
	{"a folder", func(p string) error { return os.Mkdir(p, 0o755) }, false},
	{"a full folder", func(p string) error { return os.MkdirAll(filepath.Join(p, "in"), 0o755) }, false},
	{"a link", func(p string) error { return os.Symlink("target", p) }, false},
	{"a link to nothing", func(p string) error { return os.Symlink("gone", p) }, false},
}

// FuzzApply brings a folder in any state to what is wanted, as the generator
// does: one byte per file says what is in its place, what is wanted there and
// whether it is gone when the time comes. stop interrupts after so many files.
// What is not ours never changes; without an error everything is as wanted;
// with one each file is either as it was or as wanted; nothing else is left.
func FuzzApply(f *testing.F) {
	for n := range places {
		f.Add([]byte{byte(n), byte(n) | 1<<4, byte(n) | 2<<4, byte(n) | 3<<4, byte(n) | 4<<4}, uint8(255))
	}
	for stop := range 7 {
		f.Add([]byte{0 | 1<<4, 1 | 1<<4, 1 | 2<<4}, uint8(stop))
	}
	f.Fuzz(func(t *testing.T, files []byte, stop uint8) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "target"), ours)
		before, wanted := make(map[string]string), make(map[string]string)
		var changes []*Change
		for n, b := range files[:min(len(files), 8)] {
			name := fmt.Sprintf("f%d_resil.go", n)
			path := filepath.Join(dir, name)
			place := places[int(b&15)%len(places)]
			if err := place.make(path); err != nil {
				t.Fatal(err)
			}
			before[name], wanted[name] = state(t, path), state(t, path)
			switch b >> 4 & 7 {
			case 1, 2: // to be generated
				content := ours + strings.Repeat("// more\n", int(b>>4&7)-1)
				change, err := Compare(path, []byte(content))
				if refusal := (*Refusal)(nil); errors.As(err, &refusal) {
					if place.ours {
						t.Errorf("%s: refused: %v", place.name, err)
					}
					continue
				} else if err != nil {
					t.Fatal(err)
				}
				if !place.ours {
					t.Errorf("%s: not refused", place.name)
				}
				if wanted[name] = "file " + content; change != nil {
					changes = append(changes, change)
				} else if before[name] != wanted[name] {
					t.Errorf("%s: no change to %q", place.name, content)
				}
			case 3, 4: // an orphan, which may be gone before it is removed
				if !strings.HasPrefix(before[name], "file") || !place.ours {
					continue
				}
				wanted[name] = ""
				changes = append(changes, Orphan(path, []byte(ours)))
				if b>>4&7 == 4 {
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
					before[name] = ""
				}
			}
		}
		asked := 0
		err := Apply(changes, func() error {
			if asked++; asked > int(stop) {
				return errors.New("interrupted")
			}
			return nil
		})
		if interrupted := int(stop) < 2*len(changes); (err != nil) != interrupted {
			t.Fatalf("Apply of %d changes, interrupted after %d files: %v", len(changes), stop, err)
		}
		for _, name := range names(t, dir) {
			if _, ok := before[name]; !ok && name != "target" {
				t.Errorf("%s is left behind", name)
			}
		}
		for name := range before {
			got := state(t, filepath.Join(dir, name))
			if got != wanted[name] && (err == nil || got != before[name]) {
				t.Errorf("%s is %q, was %q, want %q; error %v", name, got, before[name], wanted[name], err)
			}
		}
		if got := read(t, filepath.Join(dir, "target")); got != ours {
			t.Errorf("the target of links is %q", got)
		}
	})
}

// state describes what is at path, "" for nothing.
func state(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return ""
	case err != nil:
		t.Fatal(err)
	case info.Mode().IsRegular():
		return "file " + read(t, path)
	}
	return info.Mode().String()
}
