package load

import (
	"bytes"
	"cmp"
	"errors"
	"go/build"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/resilgo/resil/generator/output"
)

// config is how a set of files is built. The zero config is the present
// environment.
type config struct {
	goos, goarch string // "" = as it is
	tags         string // additional build tags, comma-separated
	cgo          bool   // cgo on, wherever it is off
	tests        bool   // with test files
	never        bool   // no package contains the file: nothing to generate
}

func (c config) compare(d config) int {
	return cmp.Or(
		cmp.Compare(c.goos, d.goos), cmp.Compare(c.goarch, d.goarch), cmp.Compare(c.tags, d.tags),
		compareBools(c.cgo, d.cgo), compareBools(c.tests, d.tests),
	)
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// environ returns env with the system that c asks for.
func (c config) environ(env []string) []string {
	env = slices.Clip(env)
	if coldCache(env) {
		env = append(env, "GODEBUG="+strings.TrimPrefix(lookup(env, "GODEBUG")+",goindex=0", ","))
	}
	if c.goos != "" {
		env = append(env, "GOOS="+c.goos)
	}
	if c.goarch != "" {
		env = append(env, "GOARCH="+c.goarch)
	}
	if c.cgo {
		env = append(env, "CGO_ENABLED=1")
	}
	return env
}

// coldCache reports whether the go command's build cache is as good as empty.
// Listing packages, the go command then first writes an index of each into it,
// which takes several times as long as reading the packages without one.
func coldCache(env []string) bool {
	dir := lookup(env, "GOCACHE")
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return false
		}
		dir = filepath.Join(user, "go-build")
	}
	// Entries are spread over 256 folders; an ordinary build makes thousands.
	entries, err := os.ReadDir(filepath.Join(dir, "00"))
	return len(entries) == 0 && (err == nil || errors.Is(err, fs.ErrNotExist))
}

// lookup returns the value of a variable; the last one counts.
func lookup(env []string, name string) string {
	for _, e := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value
		}
	}
	return ""
}

// flags returns the build flags that c asks for. A -tags flag replaces the one
// in GOFLAGS, so the tags of that are repeated.
func (c config) flags(env []string) []string {
	if c.tags == "" {
		return nil
	}
	tags := c.tags
	for _, e := range env {
		goflags, ok := strings.CutPrefix(e, "GOFLAGS=")
		if !ok {
			continue
		}
		for flag := range strings.FieldsSeq(goflags) {
			if name, value, ok := strings.Cut(flag, "="); ok && strings.TrimLeft(name, "-") == "tags" {
				tags = value + "," + tags
			}
		}
	}
	return []string{"-tags=" + tags}
}

// includes reports whether c builds the file. One with a syntax error is part
// of any build: it will be reported when it is parsed.
func (c config) includes(name string, content []byte) bool {
	ctx := build.Default
	ctx.GOOS = cmp.Or(c.goos, ctx.GOOS)
	ctx.GOARCH = cmp.Or(c.goarch, ctx.GOARCH)
	ctx.CgoEnabled = c.cgo || ctx.CgoEnabled && c.goos == "" && c.goarch == ""
	if c.tags != "" {
		ctx.BuildTags = strings.Split(c.tags, ",")
	}
	ctx.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
	match, err := ctx.MatchFile("", name)
	return match || err != nil
}

// configFor returns the configuration nearest to the present one that builds
// the file, which is left out at present: because it is a test, by its name or
// by its build constraint.
func configFor(name string, content []byte) (config, error) {
	tests := strings.HasSuffix(name, "_test.go")
	words := constraintWords(name, content)
	for _, c := range candidates(words) {
		if c.includes(name, content) {
			c.tests = tests
			return c, nil
		}
	}
	if slices.Contains(words, ignoreTag) {
		return config{never: true}, nil
	}
	return config{}, errors.New("no system satisfies the build constraints of this file, so nothing can be generated for it; correct the constraints or remove the directives")
}

// Build is in which builds of its package a file is.
type Build uint8

// The kinds of builds.
const (
	Ordinary Build = iota // of the present system
	Variant               // for tests or another system
	Never
)

// BuildOf returns in which builds the file with that base name is.
func BuildOf(name string, content []byte) Build {
	if !strings.HasSuffix(name, "_test.go") && (config{}).includes(name, content) {
		return Ordinary
	}
	if conf, err := configFor(name, content); err != nil || conf.never {
		return Never
	}
	return Variant
}

// ignoreTag marks files that belong to no package, by convention.
const ignoreTag = "ignore"

// constraintWords returns what a file's name and build constraint speak of,
// sorted.
func constraintWords(name string, content []byte) []string {
	words := make(map[string]bool)
	stem := strings.TrimSuffix(strings.TrimSuffix(name, filepath.Ext(name)), "_test")
	parts := strings.Split(stem, "_")
	for _, part := range parts[max(1, len(parts)-2):] {
		if isSystem(part) {
			words[part] = true
		}
	}
	collectTags(constraintOf(content), words)
	return slices.Sorted(maps.Keys(words))
}

// collectTags adds the tags that an expression names.
func collectTags(expr constraint.Expr, tags map[string]bool) {
	switch x := expr.(type) {
	case *constraint.AndExpr:
		collectTags(x.X, tags)
		collectTags(x.Y, tags)
	case *constraint.OrExpr:
		collectTags(x.X, tags)
		collectTags(x.Y, tags)
	case *constraint.NotExpr:
		collectTags(x.X, tags)
	case *constraint.TagExpr:
		tags[x.Tag] = true
	}
}

// constraintOf returns the //go:build expression of a file, nil if it has none.
func constraintOf(content []byte) constraint.Expr {
	f, err := parser.ParseFile(token.NewFileSet(), "", content, parser.PackageClauseOnly|parser.ParseComments)
	if err != nil {
		return nil
	}
	expr, err := constraint.Parse(output.Constraint(f))
	if err != nil {
		return nil
	}
	return expr
}

// isSystem reports whether word is a GOOS or a GOARCH.
func isSystem(word string) bool { return isOS(word) || matchesName(word, "nowhere", word) }

func isOS(word string) bool { return matchesName(word, word, "nowhere") }

// matchesName reports whether word in a file name restricts the file, and goos
// and goarch lift the restriction.
func matchesName(word, goos, goarch string) bool {
	included := func(goos, goarch string) bool {
		return config{goos: goos, goarch: goarch}.includes("x_"+word+".go", []byte("package p\n"))
	}
	return !included("nowhere", "nowhere") && included(goos, goarch)
}

// candidates returns the configurations to try, nearest first: as it is, then
// with tags, then for other systems.
func candidates(words []string) []config {
	systems, arches, tags := []string{""}, []string{""}, []string(nil)
	for _, w := range words {
		switch {
		case isOS(w):
			systems = append(systems, w)
		case isSystem(w):
			arches = append(arches, w)
		case !isToolTag(w):
			tags = append(tags, w)
		}
	}
	systems = append(systems, "linux", "windows", "darwin") // for unix and for negations
	arches = append(arches, "amd64", "arm64")
	var list []config
	for _, goos := range systems {
		for _, goarch := range arches {
			for _, set := range subsets(tags) {
				for _, c := range []bool{false, true} {
					list = append(list, config{goos: goos, goarch: goarch, tags: set, cgo: c})
				}
			}
		}
	}
	return list
}

// isToolTag reports whether a tag is not for users to set: it follows from the
// system and the toolchain, or is never set at all.
func isToolTag(tag string) bool {
	return strings.HasPrefix(tag, "go1.") || slices.Contains([]string{"cgo", "gc", "gccgo", "unix", ignoreTag}, tag)
}

// subsets returns the subsets of tags, comma-separated, small ones first; of
// many tags only none, each and all.
func subsets(tags []string) []string {
	const many = 6
	sets := [][]string{nil}
	if len(tags) > many {
		for _, t := range tags {
			sets = append(sets, []string{t})
		}
		sets = append(sets, tags)
	} else {
		for _, t := range tags {
			for _, s := range slices.Clone(sets) {
				sets = append(sets, append(slices.Clip(s), t))
			}
		}
		slices.SortStableFunc(sets, func(a, b []string) int { return cmp.Compare(len(a), len(b)) })
	}
	var joined []string
	for _, s := range sets {
		joined = append(joined, strings.Join(s, ","))
	}
	return joined
}
