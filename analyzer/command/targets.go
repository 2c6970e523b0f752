package command

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/resilgo/resil/analyzer/internal/config"
)

// target is what one run of the driver looks at.
type target struct {
	dir      string // where the patterns are resolved; empty is the working directory
	patterns []string
}

// targets turns the arguments into runs. Packages are for the go command to
// understand. Go files, as pre-commit passes them, stand for the packages that
// they belong to: a rule sees packages, never files. The files may belong to
// several modules, each of which is a run of its own; of those that "./..." passes
// over, such as test data, there is nothing to see.
func targets(dir string, args []string) []target {
	if len(args) == 0 || slices.ContainsFunc(args, func(arg string) bool { return !strings.HasSuffix(arg, ".go") }) {
		return []target{{patterns: args}}
	}
	var out []target
	for _, arg := range args {
		folder := filepath.Dir(arg)
		if !filepath.IsAbs(folder) {
			folder = filepath.Join(dir, folder)
		}
		root := config.ModuleRoot(folder)
		rel, err := filepath.Rel(root, folder)
		if root == "" || err != nil || passedOver(rel) {
			continue
		}
		pattern := "./" + filepath.ToSlash(rel)
		i := slices.IndexFunc(out, func(t target) bool { return t.dir == root })
		if i < 0 {
			i = len(out)
			out = append(out, target{dir: root})
		}
		if !slices.Contains(out[i].patterns, pattern) {
			out[i].patterns = append(out[i].patterns, pattern)
		}
	}
	return out
}

// passedOver reports whether "./..." leaves the folder out, which
// is relative to the root of its module.
func passedOver(folder string) bool {
	for element := range strings.SplitSeq(filepath.ToSlash(folder), "/") {
		if element == "testdata" || element == "vendor" || strings.HasPrefix(element, "_") || len(element) > 1 && element[0] == '.' {
			return true
		}
	}
	return false
}
