package render

import (
	"go/ast"
	"go/types"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/dave/jennifer/jen"
)

// runtimePath is the package that generated code calls, runtimeName what it
// calls it: the folder's name, runtime, means another package to every reader.
const (
	runtimePath = "github.com/resilgo/resil/runtime"
	runtimeName = "resil"
)

// imports gives the packages that a file may mention their names in it.
type imports struct {
	self  string // import path of the package itself
	names map[string]string
	alias map[string]bool // by path: the name must be written
	used  map[string]bool
}

// newImports names the packages, given by import path with their own names.
// A name that the source file uses for a package is kept; one that something
// else in taken has gives way.
func newImports(self string, packages map[string]string, source *ast.File, taken scope) *imports {
	im := &imports{self: self, names: make(map[string]string), alias: make(map[string]bool), used: make(map[string]bool)}
	theirs := aliases(source)
	for _, path := range slices.SortedFunc(maps.Keys(packages), im.compare) {
		own := packages[path]
		name := taken.take(wishes(path, own, theirs[path])...)
		im.names[path] = name
		im.alias[path] = name != own || path == runtimePath
	}
	return im
}

// wishes returns the names for a package, best first.
func wishes(path, own, theirs string) []string {
	if path == runtimePath {
		return []string{runtimeName, "resilruntime"}
	}
	var list []string
	if theirs != "" {
		list = append(list, theirs)
	}
	list = append(list, own)
	// text/template beside html/template: texttemplate.
	if elems := strings.Split(path, "/"); len(elems) > 1 {
		if parent := identifier(elems[len(elems)-2]); parent != "" {
			list = append(list, parent+own)
		}
	}
	return append(list, own)
}

// identifier returns the lower-case letters of a path element.
func identifier(elem string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r
		}
		return -1
	}, elem)
}

// aliases returns the names that a file gives to its imports, by path.
func aliases(f *ast.File) map[string]string {
	names := make(map[string]string)
	for _, spec := range f.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err == nil && spec.Name != nil && spec.Name.Name != "." && spec.Name.Name != "_" {
			names[path] = spec.Name.Name
		}
	}
	return names
}

// compare orders the standard library before everything else.
func (im *imports) compare(a, b string) int {
	if x, y := im.standard(a), im.standard(b); x != y {
		if x {
			return -1
		}
		return 1
	}
	return strings.Compare(a, b)
}

// standard reports whether a path is of the standard library, as gofumpt
// judges: its first element has no dot and is not that of the own module.
func (im *imports) standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	own, _, _ := strings.Cut(im.self, "/")
	return !strings.Contains(first, ".") && first != own
}

// name returns what the file calls a package, and notes that it is used.
func (im *imports) name(path string) string {
	name, ok := im.names[path]
	if !ok {
		panic("render: package " + path + " was not collected")
	}
	im.used[path] = true
	return name
}

// qualify implements [types.Qualifier].
func (im *imports) qualify(p *types.Package) string {
	if p.Path() == im.self {
		return ""
	}
	return im.name(p.Path())
}

// decl returns the import declaration of what is used.
func (im *imports) decl() jen.Code {
	var specs []jen.Code
	var before string
	for _, path := range slices.SortedFunc(maps.Keys(im.used), im.compare) {
		spec := jen.Null()
		if before != "" && im.standard(before) && !im.standard(path) {
			spec = spec.Line()
		}
		if im.alias[path] {
			spec = spec.Id(im.names[path])
		}
		specs = append(specs, spec.Lit(path))
		before = path
	}
	return jen.Id("import").Add(lines("(", ")", "", specs))
}

// lines returns items between open and end, each on a line of its own and
// followed by separator.
func lines(open, end, separator string, items []jen.Code) jen.Code {
	return jen.Custom(jen.Options{Open: open, Close: end, Separator: separator, Multi: true}, items...)
}
