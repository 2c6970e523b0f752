package driver

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/resilgo/resil/analyzer/internal/summary"
)

// facts are what units under go vet told of themselves and of what they import.
// The go command hands over what direct imports wrote, so each unit passes on
// what it was told: an archive with an entry for each package, which is copied
// as it is, and unpacked by those alone that ask for it.
type facts struct {
	told     map[string]*zip.File // by import path
	archives []io.Closer
	unpacked map[string]*summary.Package
	failures []error
}

// failure marks an entry that holds why there is no summary: a defect of ours.
const failure = "failure"

// readFacts reads what the direct imports of a unit wrote, by their import
// paths. Most wrote nothing.
func readFacts(files map[string]string) *facts {
	f := &facts{told: make(map[string]*zip.File), unpacked: make(map[string]*summary.Package)}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if info, err := os.Stat(files[path]); err == nil && info.Size() == 0 {
			continue
		}
		archive, err := zip.OpenReader(files[path])
		if err != nil {
			f.failures = append(f.failures, fmt.Errorf("facts of %s: %w", path, err))
			continue
		}
		f.archives = append(f.archives, archive)
		for _, entry := range archive.File {
			if f.told[entry.Name] != nil {
				continue
			}
			f.told[entry.Name] = entry
			if entry.Comment == failure {
				content, err := contentOf(entry)
				f.failures = append(f.failures, errors.Join(errors.New(string(content)), err))
			}
		}
	}
	return f
}

// Close closes what has been read.
func (f *facts) Close() error {
	var errs []error
	for _, archive := range f.archives {
		errs = append(errs, archive.Close())
	}
	return errors.Join(errs...)
}

func contentOf(entry *zip.File) ([]byte, error) {
	r, err := entry.Open()
	if err != nil {
		return nil, err
	}
	content := make([]byte, entry.UncompressedSize64)
	_, err = io.ReadFull(r, content)
	return content, errors.Join(err, r.Close())
}

// summary returns what is known of a package, nil if that is nothing.
func (f *facts) summary(path string) *summary.Package {
	if s, ok := f.unpacked[path]; ok {
		return s
	}
	s, err := f.unpack(path)
	if err != nil {
		f.failures = append(f.failures, fmt.Errorf("facts of %s: %w", path, err))
	}
	f.unpacked[path] = s
	return s
}

func (f *facts) unpack(path string) (*summary.Package, error) {
	entry := f.told[path]
	if entry == nil || entry.Comment == failure {
		return nil, nil
	}
	content, err := contentOf(entry)
	if err != nil {
		return nil, err
	}
	s := new(summary.Package)
	if err := gob.NewDecoder(bytes.NewReader(content)).Decode(s); err != nil {
		return nil, err
	}
	return s, nil
}

// with returns the archive that tells importers what f holds, and of the package
// itself if there is anything to tell.
func (f *facts) with(s *summary.Package) ([]byte, error) {
	if s.Empty() {
		return f.pack("", nil, "")
	}
	var buf bytes.Buffer
	if err := gob.NewEncoder(&buf).Encode(s); err != nil {
		return nil, err
	}
	return f.pack(s.Path, buf.Bytes(), "")
}

// pack returns the archive that tells importers what f holds, and of a package
// more; nothing if there is nothing to tell.
func (f *facts) pack(path string, content []byte, comment string) ([]byte, error) {
	paths := slices.Collect(maps.Keys(f.told))
	if len(content) > 0 && f.told[path] == nil {
		paths = append(paths, path)
	}
	if len(paths) == 0 {
		return nil, nil
	}
	slices.Sort(paths)
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return flate.NewWriter(out, flate.BestSpeed) })
	for _, name := range paths {
		if name != path || len(content) == 0 {
			if err := w.Copy(f.told[name]); err != nil {
				return nil, err
			}
			continue
		}
		entry, err := w.CreateHeader(&zip.FileHeader{Name: path, Method: zip.Deflate, Comment: comment})
		if err != nil {
			return nil, err
		}
		if _, err := entry.Write(content); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return buf.Bytes(), err
}
