package load

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"

	"github.com/resilgo/resil/generator/directive"
	"github.com/resilgo/resil/generator/internal/tree"
	"github.com/resilgo/resil/generator/output"
)

// Runtime is the import path of the package that generated code calls.
const Runtime = "github.com/resilgo/resil/runtime"

// Options say what to load.
type Options struct {
	Dir      string   // working directory; "" is the current one
	Env      []string // environment of the go command; nil is the current one
	Patterns []string // packages as the go command takes them, or .go files; none is "."
}

// Result is everything loaded.
type Result struct {
	Fset     *token.FileSet
	Units    []*Unit   // packages with files to generate for, sorted by folder
	Folders  []*Folder // of all matched packages, sorted
	Problems []Problem // errors of the input; not sorted
}

// Problem is an error of the input.
type Problem struct {
	Pos     token.Position // may be without a line, or wholly unknown
	Message string
}

// Load loads the packages that match. Its error is one of usage or of the
// environment; what is wrong with the input is in the result.
func Load(opts Options) (*Result, error) {
	l := &loader{opts: opts, res: &Result{Fset: token.NewFileSet()}}
	patterns, only, err := split(opts)
	if err != nil {
		return nil, err
	}
	dirs, err := l.walk()
	if err != nil || len(l.res.Problems) > 0 {
		return l.res, err // the go command would open a pipe and wait
	}
	roots, err := l.list(config{}, patterns)
	if err != nil {
		return nil, err
	}
	if left := leftOut(dirs, roots); len(left) > 0 {
		patterns = append(patterns, left...)
		if roots, err = l.list(config{}, patterns); err != nil {
			return nil, err
		}
	}
	if err := l.scan(roots, only); err != nil {
		return nil, err
	}
	if l.staleOutput(roots) {
		if roots, err = l.list(config{}, patterns); err != nil {
			return nil, err
		}
	}
	jobs := l.jobs(roots)
	for _, f := range l.res.Folders {
		f.annotated = nil // parsed again where needed
	}
	for _, conf := range slices.SortedFunc(maps.Keys(jobs), config.compare) {
		found := roots
		if conf != (config{}) {
			if found, err = l.list(conf, sortedKeys(jobs[conf])); err != nil {
				return nil, err
			}
		}
		if err := l.check(conf, found, jobs[conf]); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(l.res.Units, func(a, b *Unit) int { return cmp.Compare(a.Folder.Path, b.Folder.Path) })
	return l.res, nil
}

// loader is the state of one Load.
type loader struct {
	opts    Options
	res     *Result
	folders map[string]*Folder
	overlay map[string][]byte // own output, emptied, when it disturbs the go command
	seen    map[string]bool   // problems reported, by place and text
}

// split separates arguments that are .go files from patterns. A file stands
// for the package in its folder, of which only that file is generated for.
func split(opts Options) (patterns []string, only map[string]bool, err error) {
	for _, p := range opts.Patterns {
		if !strings.HasSuffix(p, ".go") {
			patterns = append(patterns, p)
			continue
		}
		file := p
		if !filepath.IsAbs(file) {
			file = filepath.Join(opts.Dir, file)
		}
		if file, err = filepath.Abs(file); err != nil {
			return nil, nil, err
		}
		if only == nil {
			only = make(map[string]bool)
		}
		only[file] = true
		patterns = append(patterns, filepath.Dir(file))
	}
	if only != nil && len(only) != len(opts.Patterns) {
		return nil, nil, errors.New("packages and .go files cannot be mixed")
	}
	if len(patterns) == 0 {
		patterns = []string{"."}
	}
	return patterns, only, nil
}

// walk returns the folders that patterns with ... cover, with the names of
// their Go files, and reports files that cannot be read as source.
func (l *loader) walk() (map[string][]string, error) {
	dirs := make(map[string][]string)
	dir, err := filepath.Abs(l.opts.Dir)
	if err != nil {
		return nil, err
	}
	for _, root := range tree.Folders(dir, l.opts.Patterns) {
		err := root.Walk(func(dir string, files []fs.DirEntry) {
			for _, f := range files {
				name := filepath.Join(dir, f.Name())
				if irregular(name, f.Type()) {
					l.problem(token.Position{Filename: name}, "is no ordinary file; remove it")
				}
				if root.Deep {
					dirs[dir] = append(dirs[dir], name)
				}
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return dirs, nil
}

// irregular reports whether a file, perhaps behind a symbolic link, is neither
// an ordinary one nor a folder. What the link means may not exist: the go
// command says so.
func irregular(name string, mode fs.FileMode) bool {
	if mode&fs.ModeSymlink != 0 {
		info, err := os.Stat(name)
		if err != nil {
			return false
		}
		mode = info.Mode()
	}
	return !mode.IsRegular() && !mode.IsDir()
}

// leftOut returns the folders with directives that the go command passed over
// because none of their files is built on this system: it lists them only if
// they are named.
func leftOut(dirs map[string][]string, roots []*packages.Package) []string {
	for _, p := range roots {
		delete(dirs, p.Dir)
	}
	var list []string
	for _, dir := range sortedKeys(dirs) {
		for _, name := range dirs[dir] {
			content, err := os.ReadFile(name)
			if err == nil && annotated(content) && !output.Generated(content) && !ignored(filepath.Base(name), content) {
				list = append(list, dir)
				break
			}
		}
	}
	return list
}

// ignored reports whether no package contains a file, whatever the system.
func ignored(name string, content []byte) bool {
	if strings.HasPrefix(name, "_") || strings.HasPrefix(name, ".") {
		return true
	}
	conf, err := configFor(name, content)
	return err == nil && conf.never
}

const listMode = packages.NeedName | packages.NeedFiles | packages.NeedImports |
	packages.NeedDeps | packages.NeedModule | packages.NeedForTest

// list asks the go command for the packages that match and for what they import.
func (l *loader) list(conf config, patterns []string) ([]*packages.Package, error) {
	env := l.opts.Env
	if env == nil {
		env = os.Environ()
	}
	if l.opts.Dir != "" {
		env = append(slices.Clip(env), "PWD="+l.opts.Dir)
	}
	cfg := &packages.Config{
		Mode:    listMode,
		Dir:     l.opts.Dir,
		Env:     conf.environ(env),
		Tests:   conf.tests,
		Overlay: l.overlay,
	}
	cfg.BuildFlags = conf.flags(env)
	roots, err := packages.Load(cfg, append(sortedKeys(support), patterns...)...)
	if err != nil {
		return nil, goCommandError(err)
	}
	return roots, nil
}

// goCommandError returns the go command's own words, once; if it said nothing,
// what kept it from running.
func goCommandError(err error) error {
	msg := strings.TrimPrefix(err.Error(), "err: ")
	if cause, stderr, ok := strings.Cut(msg, ": stderr:"); ok {
		msg = cmp.Or(strings.TrimSpace(stderr), cause)
	}
	return errors.New(strings.TrimSpace(msg))
}

// scan reads the folders of the matched packages. It is an error when nothing
// matched.
func (l *loader) scan(roots []*packages.Package, only map[string]bool) error {
	l.folders = make(map[string]*Folder)
	var missing []error
	for _, p := range roots {
		if isSupport(p) {
			continue
		}
		if p.Dir == "" {
			for _, e := range p.Errors {
				missing = append(missing, errors.New(strings.TrimSpace(e.Msg)))
			}
			continue
		}
		if l.folders[p.Dir] == nil {
			f, err := readFolder(p.Dir, only)
			if err != nil {
				return err
			}
			l.folders[p.Dir] = f
			l.res.Folders = append(l.res.Folders, f)
		}
	}
	if len(missing) > 0 {
		return errors.Join(missing...)
	}
	if len(l.folders) == 0 {
		return fmt.Errorf("no packages match %s", strings.Join(l.opts.Patterns, " "))
	}
	slices.SortFunc(l.res.Folders, func(a, b *Folder) int { return cmp.Compare(a.Path, b.Path) })
	return nil
}

func isSupport(p *packages.Package) bool {
	_, ok := support[p.PkgPath]
	return ok
}

// staleOutput reports whether the go command should be asked again without our
// own output, which may be cut off or import what is gone.
func (l *loader) staleOutput(roots []*packages.Package) bool {
	l.overlay = make(map[string][]byte)
	for _, f := range l.res.Folders {
		for name := range f.Output {
			l.overlay[filepath.Join(f.Path, name)] = nil
		}
	}
	if len(l.overlay) == 0 {
		return false
	}
	broken := false
	names := make(map[string]string)
	packages.Visit(roots, func(p *packages.Package) bool {
		broken = broken || len(p.Errors) > 0 && p.PkgPath != Runtime
		if p.Name != "" {
			names[p.Dir] = p.Name
		}
		return true
	}, nil)
	for file := range l.overlay {
		dir := filepath.Dir(file)
		l.overlay[file] = []byte("package " + cmp.Or(names[dir], l.folders[dir].packageName(), "p") + "\n")
	}
	if !broken {
		l.overlay = nil
	}
	return broken
}

// jobs sorts the annotated files by the configuration that builds them: the
// present one where that includes the file. The inner key is the import path,
// the value the paths of its files.
func (l *loader) jobs(roots []*packages.Package) map[config]map[string][]string {
	jobs := make(map[config]map[string][]string)
	done := make(map[string]bool)
	for _, p := range roots {
		f := l.folders[p.Dir]
		if f == nil || isSupport(p) || done[p.Dir] {
			continue
		}
		done[p.Dir] = true
		built := make(map[string]bool)
		for _, file := range p.GoFiles {
			built[file] = true
		}
		for _, name := range sortedKeys(f.annotated) {
			file := filepath.Join(f.Path, name)
			conf := config{}
			if !built[file] {
				var err error
				if conf, err = configFor(name, f.annotated[name]); err != nil {
					l.problem(token.Position{Filename: file}, err.Error())
					continue
				}
			}
			if conf.never {
				continue
			}
			if jobs[conf] == nil {
				jobs[conf] = make(map[string][]string)
			}
			jobs[conf][p.PkgPath] = append(jobs[conf][p.PkgPath], file)
		}
	}
	return jobs
}

// problem reports an error of the input, unless the same was reported already.
func (l *loader) problem(pos token.Position, message string) {
	key := fmt.Sprintf("%s:%d %s", pos.Filename, pos.Line, message)
	if l.seen[key] {
		return
	}
	if l.seen == nil {
		l.seen = make(map[string]bool)
	}
	l.seen[key] = true
	l.res.Problems = append(l.res.Problems, Problem{Pos: pos, Message: message})
}

// annotated reports whether a file may hold a directive, or what was meant to
// be one.
func annotated(content []byte) bool {
	return bytes.Contains(content, []byte("resil:")) || directive.Attempted(content)
}
