package load

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"

	"github.com/resilgo/resil/generator/output"
)

// Folder is what stands on disk in the folder of a matched package.
type Folder struct {
	Path    string
	Output  map[string][]byte // base name → content of the files that resilgen wrote
	Partial bool              // only some of the source files were asked for

	only      map[string]bool   // those, if Partial
	annotated map[string][]byte // base name → content of the source files that may hold directives
}

// readFolder reads the Go files of a folder. With only given, other source
// files than these are passed over.
func readFolder(dir string, only map[string]bool) (*Folder, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	f := &Folder{Path: dir, annotated: make(map[string][]byte), Output: make(map[string][]byte), Partial: only != nil, only: only}
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasPrefix(name, "_") || strings.HasPrefix(name, ".") {
			continue
		}
		path := filepath.Join(dir, name)
		// Through symbolic links, as the go command does; but never open a pipe.
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if _, ok := output.Source(content); ok {
			f.Output[name] = content
		} else if !output.Generated(content) && annotated(content) && (only == nil || only[path]) {
			f.annotated[name] = content
		}
	}
	return f, nil
}

// Covers reports whether the folder's file at path was asked for.
func (f *Folder) Covers(path string) bool { return !f.Partial || f.only[path] }

// packageName returns the name that the annotated files give to their package,
// "" if there is none.
func (f *Folder) packageName() string {
	for _, name := range sortedKeys(f.annotated) {
		syntax, err := parser.ParseFile(token.NewFileSet(), name, f.annotated[name], parser.PackageClauseOnly)
		if err == nil {
			return strings.TrimSuffix(syntax.Name.Name, "_test")
		}
	}
	return ""
}
