// Package driver loads packages and hands them to the engine: a whole module on
// the command line, one unit at a time under go vet.
package driver

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"fmt"
	"go/build"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Cache keeps the results of runs between runs. A run whose inputs have not
// changed costs no more than asking the go command for them. The zero Cache keeps
// nothing.
type Cache struct {
	Dir string // folder of the results, made when needed; empty means to keep none

	// Salt stands for what results depend on beside the code: the program and
	// its configuration.
	Salt string
}

// maxAge is how long a result is kept. Each is small; code bases change daily.
const maxAge = 7 * 24 * time.Hour

// key returns the name of the result for the packages, of which some are named.
// It is empty if there is no cache or an input cannot be read.
func (c Cache) key(pkgs []*listed, named map[string]bool) string {
	if c.Dir == "" {
		return ""
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q %s\n", c.Salt, build.Default.GOARCH)
	for _, p := range pkgs {
		fmt.Fprintf(h, "%q %t %s %q\n", p.ImportPath, named[p.tested()], p.goVersion(), p.Export)
		var err error
		switch {
		case p.own():
			err = hashFiles(h, p.files(), hashContent)
		case p.Export == "":
			err = hashFiles(h, p.files(), hashStat)
		}
		if err != nil {
			return ""
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

func hashFiles(h hash.Hash, names []string, one func(io.Writer, string) error) error {
	for _, name := range names {
		fmt.Fprintf(h, "%q ", name)
		if err := one(h, name); err != nil {
			return err
		}
	}
	return nil
}

func hashContent(w io.Writer, name string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%x\n", sha256.Sum256(content))
	return nil
}

func hashStat(w io.Writer, name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d %d\n", info.Size(), info.ModTime().UnixNano())
	return nil
}

// load returns the result of that key, nil if there is none.
func (c Cache) load(key string) *Result {
	if key == "" {
		return nil
	}
	content, err := os.ReadFile(filepath.Join(c.Dir, key))
	if err != nil {
		return nil
	}
	res := new(Result)
	if err := gob.NewDecoder(bytes.NewReader(content)).Decode(res); err != nil {
		return nil
	}
	return res
}

// store keeps a result. It never fails: what cannot be kept is found again.
// Results with problems are not kept, because errors cannot be.
func (c Cache) store(key string, res *Result) {
	if key == "" || len(res.Problems)+len(res.Awaiting) > 0 {
		return
	}
	var buf bytes.Buffer
	if gob.NewEncoder(&buf).Encode(res) != nil || os.MkdirAll(c.Dir, 0o755) != nil {
		return
	}
	f, err := os.CreateTemp(c.Dir, "new")
	if err != nil {
		return
	}
	_, err = f.Write(buf.Bytes())
	// Renamed when it is whole: other runs may be reading.
	if f.Close() != nil || err != nil || os.Rename(f.Name(), filepath.Join(c.Dir, key)) != nil {
		_ = os.Remove(f.Name())
	}
	c.trim()
}

// trim deletes what is old.
func (c Cache) trim() {
	entries, err := os.ReadDir(c.Dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > maxAge {
			_ = os.Remove(filepath.Join(c.Dir, e.Name()))
		}
	}
}
