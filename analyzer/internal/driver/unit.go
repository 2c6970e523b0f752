package driver

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/resilgo/resil/analyzer/internal/engine"
	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/analyzer/internal/summary"
)

// Unit is the description of one package that "go vet -vettool" hands over.
//
// The driver of golang.org/x/tools, unitchecker, is not used: since v0.50 it
// takes types from the facts of dependencies, so that each of them, the standard
// library included, would have to be type-checked from source.
type Unit struct {
	ID            string // "example.com/shop [example.com/shop.test]"
	Dir           string
	ImportPath    string
	GoVersion     string   // "go1.26"
	GoFiles       []string // absolute; cgo has been run on them
	ModulePath    string
	ModuleVersion string            // empty for our own code
	ImportMap     map[string]string // import path in source -> package path
	PackageFile   map[string]string // package path -> file with export data
	PackageVetx   map[string]string // package path -> what we wrote for it
	VetxOnly      bool              // findings are not wanted
	VetxOutput    string            // where to write what importers need
	Stdout        string            // where to write standard output; empty is standard output
	FixArchive    string            // zip file for fixed files; empty means to write them in place

	SucceedOnTypecheckFailure bool
}

// ReadUnit reads the file that the go command names on the command line.
func ReadUnit(filename string) (*Unit, error) {
	content, err := os.ReadFile(filename)
	if err != nil {
		return nil, err
	}
	u := new(Unit)
	if err := json.Unmarshal(content, u); err != nil {
		return nil, fmt.Errorf("%s: %w", filename, err)
	}
	return u, nil
}

// Foreign reports whether the unit can be left unread: it is wanted for the sake
// of its importers only, and it is not our own code but the standard library or
// a module at a version, of which the catalogue knows what there is to know.
// Most units are: reading them is what makes other tools slow.
func (u *Unit) Foreign() bool {
	return u.VetxOnly && (u.ModulePath == "" || u.ModuleVersion != "")
}

// Skip writes for importers that there is nothing to know.
func (u *Unit) Skip() error { return u.writeFacts(nil) }

// fact is what a unit tells its importers of one package. The go command hands
// over what direct imports wrote, so each passes on what its own imports told.
type fact struct {
	Path    string
	Summary []byte // gob of summary.Package: most are passed on and never looked at
	Failure string // why there is no summary: a defect of ours
}

// Analyze checks the unit, writes what its importers need, and returns what it
// finds. Result.Calls is empty: coverage takes a whole module.
func (u *Unit) Analyze(e *engine.Engine) (res *Result, err error) {
	if !u.VetxOnly {
		return u.analyze(e)
	}
	// The go command ignores the failure of a dependency. So that it does not
	// pass for a package without calls, its importers are told.
	defer func() {
		if r := recover(); r != nil {
			res = &Result{}
			err = u.writeFacts([]fact{{Path: u.ImportPath, Failure: fmt.Sprintf("%s: internal error: %v\n%s", u.ID, r, debug.Stack())}})
		}
	}()
	return u.analyze(e)
}

func (u *Unit) analyze(e *engine.Engine) (*Result, error) {
	fset := token.NewFileSet()
	exports := newExports(fset, u.exportFile)
	files, cgo := u.written()
	unit, problems := check(fset, source{
		path:      withoutVariant(u.ImportPath),
		module:    u.ModulePath,
		goVersion: u.GoVersion,
		files:     files,
		cgo:       cgo,
		importer: importerFunc(func(path string) (*types.Package, error) {
			if mapped, ok := u.ImportMap[path]; ok {
				path = mapped
			}
			return exports.Import(path)
		}),
	})
	if len(problems) > 0 && u.SucceedOnTypecheckFailure {
		return &Result{}, u.Skip()
	}
	deps := readFacts(u.PackageVetx)
	s := e.Summary(unit, deps.summary)
	told, err := deps.with(s)
	if err != nil {
		return nil, fmt.Errorf("encoding what importers of %s need: %w", u.ID, err)
	}
	if err := u.writeFacts(told); err != nil {
		return nil, err
	}
	res := &Result{Problems: problems}
	if u.VetxOnly {
		return res, nil
	}
	res.Findings = e.Local(unit)
	if s != nil {
		res.Findings = append(res.Findings, e.Resolve([]*summary.Package{s}, deps.summary, false).Findings...)
	}
	res.Findings = e.Exclude(res.Findings, nil)
	slices.SortFunc(res.Findings, finding.Compare)
	res.Problems = append(res.Problems, deps.failures...)
	return res, nil
}

// written returns the files of the unit as people wrote them, and whether those
// are others than the go command named: it names what cgo made of some, which
// begins with the name of the original. The command line sees the originals, too.
func (u *Unit) written() (files []string, cgo bool) {
	for _, name := range u.GoFiles {
		switch base := filepath.Base(name); {
		case base == "_cgo_gotypes.go":
			continue
		case strings.HasSuffix(base, ".cgo1.go"):
			original := originalOf(name)
			if original == "" {
				return u.GoFiles, false
			}
			name, cgo = original, true
		}
		files = append(files, name)
	}
	if !cgo {
		return u.GoFiles, false
	}
	return files, true
}

// originalOf returns the file that cgo made the one of that name from; empty if
// that is not known.
func originalOf(name string) string {
	content, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	_, rest, _ := bytes.Cut(content, []byte("\n//line "))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	original := strings.TrimSuffix(strings.TrimSpace(string(line)), ":1:1")
	if _, err := os.Stat(original); err != nil || !filepath.IsAbs(original) {
		return ""
	}
	return original
}

func (u *Unit) exportFile(path string) (string, error) {
	if name, ok := u.PackageFile[path]; ok {
		return name, nil
	}
	return "", fmt.Errorf("the go command gave no export data of package %s", path)
}

// writeFacts writes what importers need. Nothing is written for nothing, so that
// most files are empty.
func (u *Unit) writeFacts(facts []fact) error {
	if u.VetxOutput == "" {
		return nil
	}
	var buf bytes.Buffer
	if len(facts) > 0 {
		if err := gob.NewEncoder(&buf).Encode(facts); err != nil {
			return fmt.Errorf("encoding what importers of %s need: %w", u.ID, err)
		}
	}
	return os.WriteFile(u.VetxOutput, buf.Bytes(), 0o666)
}

// vetDeps is what units told of themselves and of what they import. Summaries
// are decoded when they are asked for.
type vetDeps struct {
	facts    map[string]fact // by import path
	decoded  map[string]*summary.Package
	failures []error
}

// readFacts reads what the direct imports of a unit wrote, by their import paths.
func readFacts(files map[string]string) *vetDeps {
	d := &vetDeps{facts: make(map[string]fact), decoded: make(map[string]*summary.Package)}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		content, err := os.ReadFile(files[path])
		if err == nil && len(content) == 0 {
			continue
		}
		var facts []fact
		if err == nil {
			err = gob.NewDecoder(bytes.NewReader(content)).Decode(&facts)
		}
		if err != nil {
			d.failures = append(d.failures, fmt.Errorf("facts of %s: %w", path, err))
		}
		for _, f := range facts {
			if _, known := d.facts[f.Path]; known {
				continue
			}
			d.facts[f.Path] = f
			if f.Failure != "" {
				d.failures = append(d.failures, errors.New(f.Failure))
			}
		}
	}
	return d
}

func (d *vetDeps) summary(path string) *summary.Package {
	if s, ok := d.decoded[path]; ok {
		return s
	}
	var s *summary.Package
	if f := d.facts[path]; len(f.Summary) > 0 {
		s = new(summary.Package)
		if err := gob.NewDecoder(bytes.NewReader(f.Summary)).Decode(s); err != nil {
			d.failures = append(d.failures, fmt.Errorf("facts of %s: %w", path, err))
			s = nil
		}
	}
	d.decoded[path] = s
	return s
}

// with returns what is told of the imports, and of the package itself if there
// is anything to tell, sorted.
func (d *vetDeps) with(s *summary.Package) ([]fact, error) {
	facts := slices.Collect(maps.Values(d.facts))
	if !s.Empty() {
		var buf bytes.Buffer
		if err := gob.NewEncoder(&buf).Encode(s); err != nil {
			return nil, err
		}
		facts = append(facts, fact{Path: s.Path, Summary: buf.Bytes()})
	}
	slices.SortFunc(facts, func(a, b fact) int { return strings.Compare(a.Path, b.Path) })
	return facts, nil
}
