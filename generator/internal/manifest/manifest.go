// Package manifest remembers, in the user's cache folder, what a generation was
// made of. When all of it is as it was, nothing needs to be loaded to know that
// the generated files are up to date.
//
// It compares contents, not times. What it remembers covers everything that can
// alter the output: every Go file below the patterns, the generated ones
// included, the module files above them, the Go files of packages outside that
// are not in the immutable module cache, files elsewhere in the module that
// guard the same dependencies, the go command, its environment and this program.
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
	"time"

	"github.com/resilgo/resil/generator/internal/kin"
	"github.com/resilgo/resil/generator/internal/tree"
)

// Manifest is what one command line in one place and environment depends on.
type Manifest struct {
	path  string   // of the record; "" when nothing can be remembered
	roots []folder // below the patterns
	now   snapshot // of roots, before anything was loaded
	mods  snapshot // the module files above the working directory
	kin   snapshot // files outside of roots that guard the same dependencies
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
	Modules snapshot
	Kin     snapshot
	Outside []folder
	Others  snapshot // of Outside
	Saved   json.RawMessage
}

// Open looks at the files that the patterns cover. It returns a manifest that
// remembers nothing when the patterns are not plain folders or there is no
// cache folder.
func Open(dir string, env, patterns []string) *Manifest {
	m := &Manifest{}
	cache := folderOf(env)
	if cache == "" {
		return m
	}
	var err error
	if m.roots = folders(dir, patterns); m.roots == nil {
		return m
	}
	key, err := identity(dir, env, patterns)
	if err != nil || elsewhere(env) {
		return m
	}
	names := make(map[string]bool)
	if m.now, err = look(m.roots, names); err != nil {
		return m
	}
	if m.mods, err = modules(dir); err != nil {
		return m
	}
	m.kin = m.related(names)
	m.path = filepath.Join(cache, key+".json")
	return m
}

// related hashes the files elsewhere in the module that guard one of the
// dependencies.
func (m *Manifest) related(names map[string]bool) snapshot {
	s := make(snapshot)
	if slices.ContainsFunc(m.roots, func(f folder) bool { return f.Deep && tree.IsModule(f.Path) }) && len(m.roots) == 1 {
		return s // there is no elsewhere
	}
	for _, f := range kin.Find(m.Folders(), names, func(path string) bool { return m.now[path] != "" }) {
		s[f.Path] = sum(f.Content)
	}
	return s
}

// folderOf returns where records are kept, "" for nowhere: the folder that
// RESILGEN_CACHE names, or one in the user's cache folder.
func folderOf(env []string) string {
	switch dir := lookup(env, "RESILGEN_CACHE"); {
	case dir == "off":
		return ""
	case filepath.IsAbs(dir):
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "resilgen")
}

// Known is what was saved by an earlier run, compared with what is now.
type Known struct {
	Same bool // nothing has changed at all

	now *index
}

// Recall decodes what Save was given when the module files were as they are
// now, and so is what else in the module guards the same dependencies. It
// returns nil when there is no such record.
func (m *Manifest) Recall(saved any) *Known {
	if m.path == "" {
		return nil
	}
	content, err := os.ReadFile(m.path)
	if err != nil {
		return nil
	}
	var r record
	if json.Unmarshal(content, &r) != nil || !maps.Equal(r.Modules, m.mods) || !maps.Equal(r.Kin, m.kin) || json.Unmarshal(r.Saved, saved) != nil {
		return nil
	}
	others, err := look(r.Outside, nil)
	if err != nil {
		return nil
	}
	same := maps.Equal(r.Roots, m.now) && maps.Equal(r.Others, others)
	return &Known{Same: same, now: join(m.now, others).index()}
}

// Hash returns a hash over all files that matter in the folders.
func (k *Known) Hash(dirs []string) string { return k.now.hash(dirs) }

// Folders returns the folders with Go files, sorted.
func (m *Manifest) Folders() []string {
	dirs := make(map[string]bool)
	for path := range m.now {
		if strings.HasSuffix(path, ".go") {
			dirs[filepath.Dir(path)] = true
		}
	}
	return slices.Sorted(maps.Keys(dirs))
}

// Save remembers the files as they were when the manifest was opened, but for
// the generated ones: written holds what was written, nil for removed files.
// Folders outside of the patterns are in outside. Saved is what Recall gives
// back, made with the hashes that [Known.Hash] will return. What cannot be
// saved is done again next time, so there is no error.
func (m *Manifest) Save(outside []string, written map[string][]byte, saved func(hash func(dirs []string) string) any) {
	if m.path == "" {
		return
	}
	r := record{Roots: maps.Clone(m.now), Modules: m.mods, Kin: m.kin}
	for path, content := range written {
		if content == nil {
			delete(r.Roots, path)
		} else {
			r.Roots[path] = sum(content)
		}
	}
	inside := m.now.index()
	for _, dir := range slices.Compact(slices.Sorted(slices.Values(outside))) {
		if len(inside.paths[dir]) == 0 {
			r.Outside = append(r.Outside, folder{Path: dir})
		}
	}
	var err error
	if r.Others, err = look(r.Outside, nil); err != nil {
		return
	}
	if r.Saved, err = json.Marshal(saved(join(r.Roots, r.Others).index().hash)); err != nil {
		return
	}
	content, err := json.Marshal(r)
	if err != nil {
		return
	}
	if replace(m.path, content) == nil {
		tidy(filepath.Dir(m.path))
	}
}

// kept is how long a record is kept that nothing has renewed.
const kept = 30 * 24 * time.Hour

// tidy removes old records. It is no harm if that fails.
func tidy(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > kept {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

func join(a, b snapshot) snapshot {
	both := maps.Clone(a)
	maps.Copy(both, b)
	return both
}

// index finds the files of a snapshot by folder.
type index struct {
	files snapshot
	paths map[string][]string // by folder, sorted
}

func (s snapshot) index() *index {
	x := &index{files: s, paths: make(map[string][]string)}
	for _, path := range slices.Sorted(maps.Keys(s)) {
		dir := filepath.Dir(path)
		x.paths[dir] = append(x.paths[dir], path)
	}
	return x
}

// hash returns a hash over the files in the folders.
func (x *index) hash(dirs []string) string {
	h := sha256.New()
	for _, dir := range dirs {
		for _, path := range x.paths[dir] {
			_, _ = io.WriteString(h, path+"\x00"+x.files[path]+"\x00") // hashes do not fail
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
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
	var list []folder
	for _, r := range tree.Roots(dir, patterns) {
		list = append(list, folder{Path: r.Path, Deep: r.Deep})
	}
	return list
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

// modules hashes the module files above dir and those of the local modules that
// they replace others by or use in a workspace.
func modules(dir string) (snapshot, error) {
	s := make(snapshot)
	seen := make(map[string]bool)
	for list := above(dir); len(list) > 0; list = list[1:] {
		f := list[0]
		if seen[f.Path] {
			continue
		}
		seen[f.Path] = true
		if err := s.add(f, nil, nil); err != nil {
			return nil, err
		}
		for _, name := range []string{"go.mod", "go.work"} {
			content, err := os.ReadFile(filepath.Join(f.Path, name))
			if err != nil {
				continue // it is not there, or add has said so
			}
			for _, local := range locals(f.Path, content) {
				list = append(list, folder{Path: local, Modules: true})
			}
		}
	}
	return s, nil
}

// locals returns everything in a module file that looks like a local path.
// What is none does no harm.
func locals(dir string, content []byte) []string {
	var list []string
	for _, word := range strings.FieldsFunc(string(content), func(r rune) bool { return strings.ContainsRune(" \t\r\n()\"`", r) }) {
		switch {
		case filepath.IsAbs(word):
			list = append(list, filepath.Clean(word))
		case word == "." || word == ".." || strings.HasPrefix(word, "./") || strings.HasPrefix(word, "../"):
			list = append(list, filepath.Join(dir, word))
		}
	}
	return list
}

// elsewhere reports whether the environment makes the go command take modules
// or sources from places that we do not look at.
func elsewhere(env []string) bool {
	if driver := lookup(env, "GOPACKAGESDRIVER"); driver != "" && driver != "off" {
		return true
	}
	flags := lookup(env, "GOFLAGS")
	if settings := goSettings(env); settings != "" {
		content, _ := os.ReadFile(settings) // identity has read it, or there is none
		flags += string(content)
	}
	return strings.Contains(flags, "-modfile") || strings.Contains(flags, "-overlay")
}

// matters reports whether a file of the folder can alter what is generated.
func (f folder) matters(name string) bool {
	return isModuleFile(name) || !f.Modules && strings.HasSuffix(name, ".go")
}

func isModuleFile(name string) bool {
	return slices.Contains([]string{"go.mod", "go.sum", "go.work", "go.work.sum", "modules.txt"}, name)
}

// look hashes the files that matter in the folders. The dependencies that they
// guard are added to names, unless it is nil.
func look(list []folder, names map[string]bool) (snapshot, error) {
	s := make(snapshot)
	for _, f := range list {
		var m *tree.Module
		if f.Deep {
			m = tree.ModuleOf(f.Path)
		}
		if err := s.add(f, m, names); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// add adds a folder of a module; of one that is not deep it need not be told.
func (s snapshot) add(f folder, m *tree.Module, names map[string]bool) error {
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
			if f.Deep && tree.IsModule(path) {
				s[filepath.Join(path, "go.mod")] = "another module"
			}
			if !f.Deep || !m.Below(path) {
				continue
			}
			if err := s.add(folder{Path: path, Deep: true}, m, names); err != nil {
				return err
			}
		case f.matters(e.Name()):
			if err := s.addFile(path, names); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s snapshot) addFile(path string, names map[string]bool) error {
	if _, ok := s[path]; ok {
		return nil
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		s[path] = "not a file"
		return nil //nolint:nilerr // a file that is not there is a state like others
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	s[path] = sum(content)
	if names != nil {
		kin.Add(names, content)
	}
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
