// Package importers finds out which packages of a module import which. Drivers
// that see one package at a time cannot know its callers; but if all that
// imports it is in sight, they know them all.
package importers

import (
	"bytes"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// None reports whether no file of the module rooted at root, tests aside,
// imports the package. It looks for the quoted path, so a mention in a comment
// or a string counts as an import: to be wrong in this direction costs a
// finding, in the other it would invent one. It reports false if the files
// cannot be read.
func None(root, importPath string) bool {
	quoted := []byte(`"` + importPath + `"`)
	none := true
	err := walk(root, func(_ string, content []byte) error {
		if bytes.Contains(content, quoted) {
			none = false
			return fs.SkipAll
		}
		return nil
	})
	return none && err == nil
}

// Closed returns the packages of the module at root, whose path is module, that
// importPath imports, directly or not, and that nothing else can reach: whatever
// imports them is among them, or importPath itself. Tests aside, files that
// are there for tests, too: they import package testing. Sorted; empty if the
// files cannot be read.
func Closed(root, module, importPath string) []string {
	imports := make(map[string][]string)
	err := walk(root, func(folder string, content []byte) error {
		f, err := parser.ParseFile(token.NewFileSet(), "", content, parser.ImportsOnly|parser.ParseComments)
		if err != nil || ignored(f) {
			return err
		}
		var own []string
		for _, spec := range f.Imports {
			p, _ := strconv.Unquote(spec.Path.Value) // the parser has seen that it is a string
			if p == "testing" {
				return nil
			}
			if p == module || strings.HasPrefix(p, module+"/") {
				own = append(own, p)
			}
		}
		from := path.Join(module, folder)
		imports[from] = append(imports[from], own...)
		return nil
	})
	if err != nil {
		return nil
	}
	closed := map[string]bool{importPath: true}
	for queue := []string{importPath}; len(queue) > 0; queue = queue[1:] {
		for _, p := range imports[queue[0]] {
			if !closed[p] {
				closed[p] = true
				queue = append(queue, p)
			}
		}
	}
	for again := true; again; {
		again = false
		for from, all := range imports {
			if closed[from] {
				continue
			}
			for _, p := range all {
				if p != importPath && closed[p] {
					delete(closed, p)
					again = true
				}
			}
		}
	}
	delete(closed, importPath)
	var out []string
	for p := range closed {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

// ignored reports whether the file is for "go run" alone.
func ignored(f *ast.File) bool {
	for _, group := range f.Comments {
		for _, c := range group.List {
			if c.Pos() < f.Package && constraint.IsGoBuild(c.Text) {
				return strings.TrimSpace(c.Text) == "//go:build ignore"
			}
		}
	}
	return false
}

// walk hands over the Go files of a module, tests aside, each with its folder,
// relative to the root and with slashes.
func walk(root string, file func(folder string, content []byte) error) error {
	if root == "" {
		return fs.ErrNotExist
	}
	root, err := filepath.EvalSymlinks(root) // the module may be looked at through a link
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != root && (skipped(d.Name()) || isModule(name)) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		return file(filepath.ToSlash(folder), content)
	})
}

// skipped reports whether the go command leaves a folder out.
func skipped(folder string) bool {
	return folder == "vendor" || folder == "testdata" || strings.HasPrefix(folder, ".") || strings.HasPrefix(folder, "_")
}

func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}
