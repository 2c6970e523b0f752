// Package importers finds out whether anything in a module imports a package.
// Drivers that see one package at a time cannot know its callers; but if no
// other package can call it, they know them all.
package importers

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// None reports whether no file of the module rooted at root, tests aside,
// imports the package. It looks for the quoted path, so a mention in a comment
// or a string counts as an import: to be wrong in this direction costs a
// finding, in the other it would invent one. It reports false if the files
// cannot be read.
func None(root, importPath string) bool {
	if root == "" {
		return false
	}
	quoted := []byte(`"` + importPath + `"`)
	none := true
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
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
		if bytes.Contains(content, quoted) {
			none = false
			return filepath.SkipAll
		}
		return nil
	})
	return none && err == nil
}

// skipped reports whether the go command leaves a folder out.
func skipped(folder string) bool {
	return folder == "vendor" || folder == "testdata" || strings.HasPrefix(folder, ".") || strings.HasPrefix(folder, "_")
}

func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}
