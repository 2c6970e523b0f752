package driver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/token"
	"go/types"
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
			var told []byte
			told, err = new(facts).pack(u.ImportPath, fmt.Appendf(nil, "%s: internal error: %v\n%s", u.ID, r, debug.Stack()), failure)
			err = errors.Join(err, u.writeFacts(told))
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
	defer deps.Close() //nolint:errcheck // opened for reading
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
func (u *Unit) writeFacts(told []byte) error {
	if u.VetxOutput == "" {
		return nil
	}
	return os.WriteFile(u.VetxOutput, told, 0o666)
}
