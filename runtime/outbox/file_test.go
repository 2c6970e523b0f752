package outbox

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// waitFor waits in real time; the file's own waits are real too.
func waitFor(t testing.TB, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited 30s in vain")
		}
	}
}

func TestOneOwner(t *testing.T) {
	dir := folder(t)
	s := mustOpen(t, dir, Config{})
	if _, err := Open(dir, Config{}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("second Open: %v, want ErrInUse naming the folder", err)
	}
	mustPut(t, s, "db", "still mine")
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, dir, Config{})
}

func TestManyOpenANewFolderAtOnce(t *testing.T) {
	dir := folder(t)
	type result struct {
		s   *Store
		err error
	}
	results := make(chan result)
	for range 8 {
		go func() {
			s, err := Open(dir, Config{Logger: quiet})
			results <- result{s, err}
		}()
	}
	var owner *Store
	for range 8 {
		switch r := <-results; {
		case r.err == nil && owner == nil:
			owner = r.s
		case r.err == nil:
			t.Error("two owners")
		case !errors.Is(r.err, ErrInUse) && !errors.Is(r.err, os.ErrNotExist):
			t.Errorf("error %v", r.err)
		}
	}
	if owner == nil {
		t.Fatal("no owner")
	}
	if err := owner.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestLeftOversOfACrashedCreationDoNoHarm(t *testing.T) {
	dir := folder(t)
	whole := folder(t)
	if err := mustOpen(t, whole, Config{}).Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(whole, fileName))
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n <= len(data); n += 1000 {
		if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "outbox-1.new"), data[:n], 0o600)); err != nil {
			t.Fatal(err)
		}
		s := mustOpen(t, dir, Config{})
		mustPut(t, s, "db", "1")
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
			t.Errorf("left over: %q", left)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDamagedFilesAreRefusedAndKept(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, fileName)
	s := mustOpen(t, dir, Config{})
	for range 20 {
		mustPut(t, s, "db", strings.Repeat("x", 3000))
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	damaged := map[string][]byte{"empty words": []byte("not a database"), "zeros": make([]byte, len(good))}
	for n := 1; n < len(good) && n < 40*4096; n += 4096 {
		damaged["truncated"+time.Duration(n).String()] = good[:n]
	}
	for name, data := range damaged {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Open(dir, Config{Logger: quiet})
			if err == nil { // the free end was cut off: then all is there
				defer s.Close(t.Context()) //nolint:errcheck // read only
				if got := s.Depth()["db"]; got != 20 {
					t.Errorf("opened with %d of 20 writes", got)
				}
				return
			}
			if now, _ := os.ReadFile(path); len(now) != len(data) {
				t.Errorf("refusing changed the file from %d to %d bytes", len(data), len(now))
			}
		})
	}
	t.Run("rot in the middle never panics and never delivers changed bytes", func(t *testing.T) {
		for range 200 {
			data := append([]byte(nil), good...)
			for range 1 + rng.IntN(20) {
				data[2*4096+rng.IntN(len(data)-2*4096)] = byte(rng.Uint32())
			}
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Open(dir, Config{Logger: quiet})
			if err != nil {
				continue
			}
			r := &receiver{}
			startWith(t, s, r, always)
			waitFor(t, func() bool { return s.Depth()["db"] == 0 || s.Stats().Err != nil })
			for _, p := range r.all() {
				if p != strings.Repeat("x", 3000) {
					t.Fatalf("delivered %.50q", p)
				}
			}
			_ = s.Close(t.Context())
		}
	})
}

func TestUnknownVersionIsRefused(t *testing.T) {
	dir := folder(t)
	s := mustOpen(t, dir, Config{})
	mustPut(t, s, "db", "1")
	if err := s.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(metaBucket).Put(versionKey, []byte("2")) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Config{}); err == nil || !strings.Contains(err.Error(), `version "2"`) {
		t.Errorf("error %v, want one on the version", err)
	}
}

func TestForeignBoltFileIsRefused(t *testing.T) {
	dir := folder(t)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(filepath.Join(dir, fileName), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Config{}); err == nil || !strings.Contains(err.Error(), "not an outbox") {
		t.Errorf("error %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	good, err := record{Method: "Save", Key: "k", Payload: []byte("p")}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, value []byte) {
		r, err := decode(value)
		if err != nil {
			if !errors.Is(err, errCorrupt) {
				t.Fatal(err)
			}
			return
		}
		again, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode(again); err != nil {
			t.Fatal(err)
		}
	})
}
