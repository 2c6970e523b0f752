package outbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	bolt "go.etcd.io/bbolt"

	resil "github.com/resilgo/resil/runtime"
)

// contents is what a file holds, for comparison: "queue db 3 payload" lines.
func contents(t *testing.T, s *Store) []string {
	t.Helper()
	var lines []string
	err := s.db.View(func(tx *bolt.Tx) error {
		return scan(tx, func(dependency string, dead bool, r record) {
			where := "queue"
			if dead {
				where = "dead"
			}
			lines = append(lines, fmt.Sprintf("%s %s %q attempts %d", where, dependency, r.Payload, r.Attempts))
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// TestCrashAtEveryWrite rebuilds, for each transaction of a long history, the
// files that a crash in it may leave: any of its pages written or not or torn
// before the first sync, and the meta page torn before the second. The next
// Open must find the state before it, or once the meta page is whole after it.
func TestCrashAtEveryWrite(t *testing.T) {
	dir := folder(t)
	s := mustOpen(t, dir, Config{Attempts: 2})
	path := filepath.Join(dir, fileName)
	rng := rand.New(rand.NewPCG(1, 2))
	crash := &crasher{t: t, dir: folder(t), rng: rng}
	image := func() []byte {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}

	before, beforeState := image(), contents(t, s)
	step := func(name string) {
		t.Helper()
		after, afterState := image(), contents(t, s)
		if bytes.Equal(before, after) {
			t.Fatalf("%s wrote nothing", name)
		}
		crash.all(name, before, after, beforeState, afterState)
		before, beforeState = after, afterState
	}
	q := s.queue("db")
	var last settlement
	steps := 30
	if testing.Short() {
		steps = 8
	}
	for i := range steps {
		size := []int{3, 300, 5000, 40000}[rng.IntN(4)]
		payload := fmt.Sprintf("%d %s", i, bytes.Repeat([]byte("x"), rng.IntN(size)))
		if err := s.Put(context.Background(), resil.Entry{Origin: resil.Origin{Dependency: "db", Method: "Save"}, Payload: []byte(payload)}); err != nil {
			t.Fatal(err)
		}
		step(fmt.Sprintf("Put %d", i))
		if rng.IntN(2) == 0 {
			continue
		}
		next, found, err := q.turn(last, true)
		if err != nil || !found {
			t.Fatal(found, err)
		}
		step(fmt.Sprintf("delivery after Put %d", i))
		last = next
		last.err = errors.New("x")
		last.verdict = []verdict{delivered, delivered, excused, poison}[rng.IntN(4)]
	}
	if crash.images < 15*steps {
		t.Errorf("only %d crashes were tried", crash.images)
	}
}

type crasher struct {
	t      *testing.T
	dir    string
	rng    *rand.Rand
	images int
}

func (c *crasher) all(name string, before, after []byte, beforeState, afterState []string) {
	size := os.Getpagesize()
	grown := make([]byte, max(len(before), len(after)))
	copy(grown, before)
	var pages []int // changed data pages
	meta := -1      // the changed meta page
	for off := 0; off < len(after); off += size {
		if bytes.Equal(grown[off:off+size], after[off:off+size]) {
			continue
		}
		if off < 2*size {
			meta = off
		} else {
			pages = append(pages, off)
		}
	}
	if meta < 0 || len(pages) == 0 {
		c.t.Fatalf("%s: changed meta page at %d and %d data pages", name, meta, len(pages))
	}

	c.try(name+": before anything", before, beforeState)
	image := slices.Clone(grown)
	c.try(name+": grown", image, beforeState)
	for i, off := range pages {
		copy(image[off:off+size], after[off:])
		if i < 4 || i == len(pages)-1 {
			c.try(fmt.Sprintf("%s: after write %d of %d", name, i+1, len(pages)), image, beforeState)
		}
	}
	for sector := 0; sector < size; sector += size / 8 {
		copy(image[meta+sector:meta+sector+size/8], after[meta+sector:])
		c.try(fmt.Sprintf("%s: meta page torn after %d bytes", name, sector+size/8), image, beforeState, afterState)
	}
	for n := range 4 {
		image := slices.Clone(grown)
		for _, off := range pages {
			for sector := 0; sector < size; sector += 512 {
				if c.rng.IntN(2) == 0 {
					copy(image[off+sector:off+sector+512], after[off+sector:])
				}
			}
		}
		c.try(fmt.Sprintf("%s: sectors written in any order, %d", name, n), image, beforeState)
	}
	c.try(name+": after everything", after, afterState)
}

// try opens an image and wants one of the given states in it.
func (c *crasher) try(name string, image []byte, states ...[]string) {
	c.t.Helper()
	c.images++
	if err := errors.Join(os.RemoveAll(c.dir), os.Mkdir(c.dir, 0o700), os.WriteFile(filepath.Join(c.dir, fileName), image, 0o600)); err != nil {
		c.t.Fatal(err)
	}
	s, err := Open(c.dir, Config{Logger: quiet})
	if err != nil {
		c.t.Fatalf("%s: %v", name, err)
	}
	got := contents(c.t, s)
	ok := slices.ContainsFunc(states, func(want []string) bool { return slices.Equal(got, want) })
	if !ok {
		c.t.Fatalf("%s: the file holds\n%.300q\nwant one of\n%.300q", name, got, states)
	}
	// And it goes on from there.
	if err := s.Put(context.Background(), resil.Entry{Origin: resil.Origin{Dependency: "db", Method: "Save"}, Payload: []byte("next")}); err != nil {
		c.t.Fatalf("%s: Put: %v", name, err)
	}
	if err := s.Close(context.Background()); err != nil {
		c.t.Fatalf("%s: Close: %v", name, err)
	}
}

// TestFailureAtEveryOpenedFile fails the n-th file that is opened, for every n,
// and wants that to leave nothing that a later Open trips over.
func TestFailureAtEveryOpenedFile(t *testing.T) {
	boom := errors.New("boom")
	for n := 1; ; n++ {
		dir := folder(t)
		calls := 0
		s, err := open(dir, Config{Logger: quiet}.WithDefaults(), func(name string, flag int, perm os.FileMode) (*os.File, error) {
			if calls++; calls == n {
				return nil, boom
			}
			return openFile(name, flag, perm)
		})
		if err == nil {
			if n < 3 {
				t.Errorf("only %d files opened", n-1)
			}
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
			return
		}
		if !errors.Is(err, boom) {
			t.Errorf("file %d: %v", n, err)
		}
		again := mustOpen(t, dir, Config{})
		mustPut(t, again, "db", "1")
		left, _ := filepath.Glob(filepath.Join(dir, "*"))
		if len(left) != 1 {
			t.Errorf("file %d: left over: %q", n, left)
		}
	}
}
