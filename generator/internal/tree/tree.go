// Package tree finds the folders that patterns of the command line stand for,
// as the go command does, without asking it.
package tree

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Root is a folder that a pattern names.
type Root struct {
	Path string
	Deep bool // with what is below it
}

// Roots returns the folders that patterns name, nil if one of them is not a
// relative path.
func Roots(dir string, patterns []string) []Root {
	if len(patterns) == 0 {
		patterns = []string{"."}
	}
	list := []Root{}
	for _, p := range patterns {
		if p != "." && !strings.HasPrefix(p, "./") || strings.HasSuffix(p, ".go") {
			return nil
		}
		folder, deep := strings.CutSuffix(p, "/...")
		if strings.Contains(folder, "...") {
			return nil
		}
		if deep && passedOver(path.Base(folder)) {
			continue // the go command finds nothing there
		}
		list = append(list, Root{Path: filepath.Join(dir, filepath.FromSlash(folder)), Deep: deep})
	}
	return list
}

// Folders returns the folders that patterns name, also by import path, as far as
// they are in the module that holds dir. What else there may be, such as other
// modules of a workspace, only the go command knows.
func Folders(dir string, patterns []string) []Root {
	if roots := Roots(dir, patterns); roots != nil {
		return roots
	}
	m := ModuleOf(dir)
	var list []Root
	for _, p := range patterns {
		if roots := Roots(dir, []string{p}); roots != nil {
			list = append(list, roots...)
			continue
		}
		if m == nil || m.Path == "" {
			continue
		}
		rest, ok := strings.CutPrefix(p, m.Path)
		if ok && (rest == "" || strings.HasPrefix(rest, "/")) {
			list = append(list, Roots(m.Dir, []string{"." + rest})...)
		}
	}
	return list
}

// passedOver reports whether a pattern with ... finds nothing in a folder of
// that name.
func passedOver(name string) bool {
	hidden := strings.HasPrefix(name, ".") && name != "." && name != ".."
	return hidden || strings.HasPrefix(name, "_") || name == "testdata"
}

// Below reports whether a pattern with ... goes from the folder around it into
// the one at path: not into hidden folders, test data, vendored packages, other
// modules, folders whose names cannot be part of an import path and those that
// the module ignores. The module may be nil.
func (m *Module) Below(path string) bool {
	name := filepath.Base(path)
	return !passedOver(name) && name != "vendor" && !strings.ContainsFunc(name, illegal) && !IsModule(path) && !m.ignores(path)
}

// illegal reports whether an import path cannot hold r.
func illegal(r rune) bool {
	return (r < 'a' || 'z' < r) && (r < 'A' || 'Z' < r) && (r < '0' || '9' < r) && !strings.ContainsRune("-._~+", r)
}

// IsModule reports whether the folder at path is the root of a module.
func IsModule(path string) bool {
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	return err == nil
}

// Walk calls visit for the folder and, of a deep one, for those below it, with
// their Go files. A folder that does not exist is none.
func (r Root) Walk(visit func(dir string, files []fs.DirEntry)) error {
	m := ModuleOf(r.Path)
	if r.Deep && m.ignores(r.Path) {
		return nil
	}
	return r.walk(m, visit)
}

func (r Root) walk(m *Module, visit func(dir string, files []fs.DirEntry)) error {
	entries, err := os.ReadDir(r.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var files []fs.DirEntry
	for _, e := range entries {
		path := filepath.Join(r.Path, e.Name())
		switch {
		case e.IsDir():
			if r.Deep && m.Below(path) {
				if err := (Root{Path: path, Deep: true}).walk(m, visit); err != nil {
					return err
				}
			}
		case strings.HasSuffix(path, ".go"):
			files = append(files, e)
		}
	}
	if len(files) > 0 {
		visit(r.Path, files)
	}
	return nil
}
