package report

import (
	"fmt"
	"go/types"
	"slices"
	"strings"
)

// Import returns the name under which the test file knows a package, and
// remembers that it needs it.
func (w *testWriter) Import(path, name string) string {
	if path == w.pkg.Path() {
		return ""
	}
	if known := w.imports[path]; known != "" {
		return known
	}
	chosen := unique(name, w.isTaken)
	w.imports[path] = chosen
	return chosen
}

// reserved are the local names of the template. Those of bodies that also name
// types of the package come out of Local.
var reserved = []string{"t", "sys", "client", "fallback", "f", "ctx", "guard", "err", "command"}

func (w *testWriter) isTaken(name string) bool {
	for _, other := range w.imports {
		if other == name {
			return true
		}
	}
	return w.isDeclared(name) || slices.Contains(reserved, name)
}

// isDeclared reports whether the package has the name, or a test of this file.
func (w *testWriter) isDeclared(name string) bool {
	return w.pkg.Scope().Lookup(name) != nil || slices.ContainsFunc(w.Guards, func(g testGuard) bool {
		return name == g.Client || name == g.Fallback
	})
}

// Local returns a name for a parameter or variable that hides no name of the
// package.
func (w *testWriter) Local(name string) string { return unique(name, w.isDeclared) }

// unique returns name, or name with the first number that is not taken.
func unique(name string, taken func(string) bool) string {
	chosen := name
	for n := 2; taken(chosen); n++ {
		chosen = fmt.Sprintf("%s%d", name, n)
	}
	return chosen
}

// The packages that test files need.
func (w *testWriter) Context() string { return w.Import("context", "context") }
func (w *testWriter) Testing() string { return w.Import("testing", "testing") }
func (w *testWriter) Time() string    { return w.Import("time", "time") }
func (w *testWriter) Resil() string   { return w.Import("github.com/resilgo/resil/runtime", "resil") }

// Kit is the package that proves.
func (w *testWriter) Kit() string {
	return w.Import("github.com/resilgo/resil/runtime/resiltest", "resiltest")
}

// Imports returns the lines of the import block.
func (w *testWriter) Imports() []string { return importLines(w.imports) }

// importLines returns import specs for packages by path and local name, the
// standard library first.
func importLines(imports map[string]string) []string {
	var std, rest []string
	for path, name := range imports {
		line := fmt.Sprintf("%q", path)
		if name != lastElement(path) {
			line = name + " " + line
		}
		if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") {
			rest = append(rest, line)
		} else {
			std = append(std, line)
		}
	}
	byPath := func(a, b string) int {
		_, a, _ = strings.Cut(a, `"`)
		_, b, _ = strings.Cut(b, `"`)
		return strings.Compare(a, b)
	}
	slices.SortFunc(std, byPath)
	slices.SortFunc(rest, byPath)
	if len(std) > 0 && len(rest) > 0 {
		std = append(std, "")
	}
	return append(std, rest...)
}

func lastElement(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

func (w *testWriter) typeString(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string { return w.Import(p.Path(), p.Name()) })
}
