// Package kin finds what else in a module guards the same dependency. Packages
// share a dependency by its NAME alone: none imports the other, and a run for
// one of them is to say what a run for all would.
//
// Text is compared, so that looking through a large module takes milliseconds.
package kin

import (
	"bytes"
	"go/ast"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/resilgo/resil/generator/internal/tree"
	"github.com/resilgo/resil/generator/output"
)

// guard starts a line that names a dependency.
const guard = "//resil:guard"

// File is a source file.
type File struct {
	Path    string
	Package string // import path
	Content []byte
}

// Add adds the names of the dependencies that source text guards.
func Add(names map[string]bool, content []byte) {
	for len(content) > 0 {
		_, rest, found := bytes.Cut(content, []byte(guard))
		if !found {
			return
		}
		line, _, _ := bytes.Cut(rest, []byte("\n"))
		for _, word := range words(strings.TrimRight(string(line), " \t\r")) {
			names[word] = true
		}
		content = rest
	}
}

// words returns the arguments of a guard line that have no key.
func words(rest string) []string {
	d, ok := ast.ParseDirective(0, guard+rest)
	if !ok || d.Name != "guard" {
		return nil
	}
	args, err := d.ParseArgs()
	if err != nil {
		return nil
	}
	var list []string
	for _, a := range args {
		if !strings.Contains(a.Arg, "=") {
			list = append(list, a.Arg)
		}
	}
	return list
}

// Find returns the files that guard one of the names, in the modules that hold
// the folders dirs, but for those to skip. What ./... in the root of a module
// does not find neither has kin nor is any. A file that cannot be read is none:
// whoever generates for it will be told.
func Find(dirs []string, names map[string]bool, skip func(path string) bool) []File {
	var list []File
	if len(names) == 0 {
		return nil
	}
	done := make(map[string]bool)
	for _, dir := range dirs {
		m := tree.ModuleOf(dir)
		if m == nil || done[m.Dir] || !m.Reaches(dir) {
			continue
		}
		done[m.Dir] = true
		_ = tree.Root{Path: m.Dir, Deep: true}.Walk(func(dir string, files []fs.DirEntry) {
			for _, f := range files {
				path := filepath.Join(dir, f.Name())
				if strings.HasPrefix(f.Name(), "_") || strings.HasPrefix(f.Name(), ".") || skip(path) {
					continue
				}
				if content := read(path); shares(content, names) && !output.Generated(content) {
					list = append(list, File{Path: path, Package: m.ImportPath(dir), Content: content})
				}
			}
		}) // what cannot be read has no kin
	}
	return list
}

// read returns the content of an ordinary file, nil of anything else.
func read(path string) []byte {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	content, _ := os.ReadFile(path)
	return content
}

// shares reports whether source text guards one of the names.
func shares(content []byte, names map[string]bool) bool {
	if !bytes.Contains(content, []byte(guard)) {
		return false
	}
	found := make(map[string]bool)
	Add(found, content)
	for name := range found {
		if names[name] {
			return true
		}
	}
	return false
}
