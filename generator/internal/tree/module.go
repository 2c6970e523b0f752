package tree

import (
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// Module is what a module file says about folders.
type Module struct {
	Dir  string // of the module file
	Path string // "" if the file does not say

	rooted   []string // ignored folders, as /a/b/, below Dir
	anywhere []string // and wherever they are
}

// ModuleOf returns the module that holds a folder, nil if there is none.
func ModuleOf(dir string) *Module {
	for {
		if content, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil {
			return parse(dir, string(content))
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return nil
		}
		dir = parent
	}
}

// parse reads the lines of a module file that matter. What is wrong with it
// is for the go command to say.
func parse(dir, content string) *Module {
	m := &Module{Dir: dir}
	block := ""
	for line := range strings.Lines(content) {
		line, _, _ = strings.Cut(line, "//")
		line = strings.TrimSpace(line)
		verb, arg, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
		switch {
		case line == ")":
			block = ""
			continue
		case block != "":
			verb, arg = block, line
		case strings.HasSuffix(line, "("):
			block = strings.TrimSpace(strings.TrimSuffix(line, "("))
			continue
		}
		arg = strings.TrimSpace(arg)
		if text, err := strconv.Unquote(arg); err == nil {
			arg = text
		}
		switch {
		case verb == "module":
			m.Path = arg
		case verb == "ignore" && strings.HasPrefix(arg, "./"):
			m.rooted = append(m.rooted, path.Clean("/"+arg)+"/")
		case verb == "ignore" && arg != "":
			m.anywhere = append(m.anywhere, path.Clean("/"+arg)+"/")
		}
	}
	return m
}

// below returns the path of a folder as seen from the module, as /a/b/.
func (m *Module) below(dir string) (string, bool) {
	rel, err := filepath.Rel(m.Dir, dir)
	if err != nil || !filepath.IsLocal(rel) {
		return "", false
	}
	if rel == "." {
		return "/", true
	}
	return "/" + filepath.ToSlash(rel) + "/", true
}

// ignores reports whether the module file takes a folder out of patterns.
func (m *Module) ignores(dir string) bool {
	if m == nil {
		return false
	}
	rel, ok := m.below(dir)
	for _, folder := range m.rooted {
		if ok && strings.HasPrefix(rel, folder) {
			return true
		}
	}
	for _, folder := range m.anywhere {
		if ok && strings.Contains(rel, folder) {
			return true
		}
	}
	return false
}

// Reaches reports whether ./... in the module's root finds a folder.
func (m *Module) Reaches(dir string) bool {
	rel, ok := m.below(dir)
	if !ok {
		return false
	}
	at := m.Dir
	for name := range strings.SplitSeq(strings.Trim(rel, "/"), "/") {
		if name == "" {
			break
		}
		if at = filepath.Join(at, name); !m.Below(at) {
			return false
		}
	}
	return true
}

// ImportPath returns the import path of a folder of the module.
func (m *Module) ImportPath(dir string) string {
	rel, _ := m.below(dir)
	return path.Join(m.Path, rel)
}
