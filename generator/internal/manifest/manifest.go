// Package manifest remembers, in the user's cache folder, what a generation was
// made of. When all of it is as it was, nothing needs to be loaded to know that
// the generated files are up to date.
//
// It compares contents, not times. What it remembers covers everything that can
// alter the output: every Go file below the patterns, the generated ones
// included, the module files above them, the Go files of packages outside that
// are not in the immutable module cache, the go command, its environment and
// this program.
package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Manifest is what one command line in one place and environment depends on.
type Manifest struct {
	path  string   // of the record; "" when nothing can be remembered
	roots []folder // below the patterns
	now   snapshot // of roots, before anything was loaded
}

// folder is a folder whose Go and module files matter.
type folder struct {
	Path    string
	Deep    bool // with what is below it
	Modules bool // module files only
}

// snapshot holds the hashes of files by path.
type snapshot map[string]string

// record is what is kept on disk.
type record struct {
	Roots   snapshot
	Outside []folder
	Others  snapshot // of Outside
	Saved   json.RawMessage
}

// Open looks at the files that the patterns cover. It returns a manifest that
// remembers nothing when the patterns are not plain folders or there is no
// cache folder.
func Open(dir string, env, patterns []string) *Manifest {
	m := &Manifest{}
	cache, err := os.UserCacheDir()
	if err != nil || lookup(env, "RESILGEN_CACHE") == "off" {
		return m
	}
	if m.roots = folders(dir, patterns); m.roots == nil {
		return m
	}
	key, err := identity(dir, env, patterns)
	if err != nil {
		return m
	}
	if m.now, err = look(append(m.roots, above(dir)...)); err != nil {
		return m
	}
	m.path = filepath.Join(cache, "resilgen", key+".json")
	return m
}

// Recall reports whether all is as it was when Save was called, and if so
// decodes what was saved then.
func (m *Manifest) Recall(saved any) bool {
	if m.path == "" {
		return false
	}
	content, err := os.ReadFile(m.path)
	if err != nil {
		return false
	}
	var r record
	if json.Unmarshal(content, &r) != nil || !maps.Equal(r.Roots, m.now) {
		return false
	}
	others, err := look(r.Outside)
	return err == nil && maps.Equal(others, r.Others) && json.Unmarshal(r.Saved, saved) == nil
}

// Save remembers the files as they were when the manifest was opened, but for
// the generated ones: written holds what was written, nil for removed files.
// Packages outside of the patterns are in outside. What cannot be saved is
// done again next time, so there is no error.
func (m *Manifest) Save(outside []string, written map[string][]byte, saved any) {
	if m.path == "" {
		return
	}
	r := record{Roots: maps.Clone(m.now)}
	for path, content := range written {
		if content == nil {
			delete(r.Roots, path)
		} else {
			r.Roots[path] = sum(content)
		}
	}
	for _, dir := range slices.Sorted(slices.Values(outside)) {
		if !slices.ContainsFunc(m.roots, func(f folder) bool { return f.covers(dir) }) {
			r.Outside = append(r.Outside, folder{Path: dir})
		}
	}
	var err error
	if r.Others, err = look(r.Outside); err != nil {
		return
	}
	if r.Saved, err = json.Marshal(saved); err != nil {
		return
	}
	content, err := json.Marshal(r)
	if err != nil {
		return
	}
	_ = replace(m.path, content)
}

// replace writes a file whole or not at all.
func replace(path string, content []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(dir, "*.tmp")
	if err != nil {
		return err
	}
	_, err = temp.Write(content)
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}

// folders returns the folders that patterns name, nil if one of them is not a
// relative path.
func folders(dir string, patterns []string) []folder {
	if len(patterns) == 0 {
		patterns = []string{"."}
	}
	var list []folder
	for _, p := range patterns {
		if p != "." && !strings.HasPrefix(p, "./") || strings.HasSuffix(p, ".go") {
			return nil
		}
		path, deep := strings.CutSuffix(p, "/...")
		if strings.Contains(path, "...") {
			return nil
		}
		list = append(list, folder{Path: filepath.Join(dir, filepath.FromSlash(path)), Deep: deep})
	}
	return list
}

// covers reports whether the files of dir are looked at with f.
func (f folder) covers(dir string) bool {
	if !f.Deep {
		return dir == f.Path
	}
	rel, err := filepath.Rel(f.Path, dir)
	if err != nil {
		return false
	}
	for elem := range strings.SplitSeq(filepath.ToSlash(rel), "/") {
		if rel != "." && skipped(elem) {
			return false
		}
	}
	return true
}

// skipped reports whether ... passes over folders of that name.
func skipped(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "vendor"
}

// above returns the folders from dir upwards, whose module files matter.
func above(dir string) []folder {
	var list []folder
	for {
		list = append(list, folder{Path: dir, Modules: true}, folder{Path: filepath.Join(dir, "vendor"), Modules: true})
		parent := filepath.Dir(dir)
		if parent == dir {
			return list
		}
		dir = parent
	}
}

// matters reports whether a file of the folder can alter what is generated.
func (f folder) matters(name string) bool {
	return isModuleFile(name) || !f.Modules && strings.HasSuffix(name, ".go")
}

func isModuleFile(name string) bool {
	return slices.Contains([]string{"go.mod", "go.sum", "go.work", "go.work.sum", "modules.txt"}, name)
}

// look hashes the files that matter in the folders.
func look(list []folder) (snapshot, error) {
	s := make(snapshot)
	for _, f := range list {
		if err := s.add(f); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s snapshot) add(f folder) error {
	entries, err := os.ReadDir(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it is then missing among the files
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(f.Path, e.Name())
		switch {
		case e.IsDir():
			if f.Deep && !skipped(e.Name()) {
				if err := s.add(folder{Path: path, Deep: true}); err != nil {
					return err
				}
			}
		case f.matters(e.Name()):
			if err := s.addFile(path); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s snapshot) addFile(path string) error {
	if _, ok := s[path]; ok {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		s[path] = "not a file"
		return nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	s[path] = sum(content)
	return nil
}

func sum(content []byte) string {
	h := sha256.Sum256(content)
	return hex.EncodeToString(h[:16])
}

// identity returns a name for the combination of this program, the go command,
// its environment, the place and the patterns.
func identity(dir string, env, patterns []string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	command, err := goCommand(env)
	if err != nil {
		return "", err
	}
	files := []string{self}
	if settings := goSettings(env); settings != "" {
		files = append(files, settings)
	}
	files = append(files, filepath.Join(filepath.Dir(filepath.Dir(command)), "VERSION"))
	h := sha256.New()
	word := func(s string) { _, _ = io.WriteString(h, s+"\x00") } // hashes do not fail
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		word(file)
		word(sum(content))
	}
	info, err := os.Stat(command)
	if err != nil {
		return "", err
	}
	word(command)
	word(info.ModTime().UTC().String())
	for _, e := range slices.Sorted(slices.Values(env)) {
		if strings.HasPrefix(e, "GO") || strings.HasPrefix(e, "CGO_") || strings.HasPrefix(e, "PATH=") || strings.HasPrefix(e, "HOME=") {
			word(e)
		}
	}
	word(dir)
	for _, p := range patterns {
		word(p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// goCommand returns the go command that is run, behind symbolic links.
func goCommand(env []string) (string, error) {
	for _, dir := range filepath.SplitList(lookup(env, "PATH")) {
		if path, err := exec.LookPath(filepath.Join(dir, "go")); err == nil {
			return filepath.EvalSymlinks(path)
		}
	}
	return "", exec.ErrNotFound
}

// goSettings returns the file that go env -w writes, "" if there is none.
func goSettings(env []string) string {
	if file := lookup(env, "GOENV"); file != "" {
		return file
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "go", "env")
}

// lookup returns the value of a variable; the last one counts.
func lookup(env []string, name string) string {
	for _, e := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value
		}
	}
	return ""
}
