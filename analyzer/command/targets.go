package command

import (
	"errors"
	"fmt"
	"os"
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
func targets(dir string, args []string) ([]target, error) {
	isFile := func(arg string) bool { return strings.HasSuffix(arg, ".go") }
	if !slices.ContainsFunc(args, isFile) {
		return []target{{patterns: args}}, nil
	}
	var out []target
	var errs []error
	for _, arg := range args {
		if !isFile(arg) {
			errs = append(errs, fmt.Errorf("%s: not a Go file: give files or packages, not both", arg))
			continue
		}
		folder := filepath.Dir(arg)
		if !filepath.IsAbs(folder) {
			folder = filepath.Join(dir, folder)
		}
		if _, err := os.Stat(filepath.Join(folder, filepath.Base(arg))); err != nil {
			errs = append(errs, fmt.Errorf("%s: no such file", arg))
			continue
		}
		root := config.ModuleRoot(folder)
		if root == "" {
			errs = append(errs, fmt.Errorf("%s: no go.mod in its folder or above: a file is looked at with its module", arg))
			continue
		}
		rel, err := filepath.Rel(root, folder)
		if err != nil || passedOver(rel) {
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
	return out, errors.Join(errs...)
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
