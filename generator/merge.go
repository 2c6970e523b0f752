package generator

import (
	"cmp"
	"go/parser"
	"path/filepath"
	"slices"

	"github.com/resilgo/resil/generator/internal/kin"
	"github.com/resilgo/resil/generator/load"
	"github.com/resilgo/resil/generator/model"
)

// part is what one package adds to the dependencies of the module.
type part struct {
	folder  string
	pkg     *model.Package
	variant bool // see [load.Unit]
}

// merge joins guards of the same name and reports contradictions, also with
// packages of the module that were not asked for: what is found must not depend
// on that. What is built for tests or other systems is compared with the
// ordinary build, not with each other: no program holds both. It returns what
// was not asked for.
func (g *generation) merge() []part {
	others := g.kin()
	parts := slices.Clone(others)
	for i, u := range g.loaded.Units {
		parts = append(parts, part{folder: u.Folder.Path, pkg: g.models[i], variant: u.Variant})
	}
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(a.folder, b.folder) })
	among := make(map[model.Problem]bool) // packages that were not asked for, whose own runs say so
	for _, p := range joined(others) {
		among[p] = true
	}
	for _, p := range joined(parts) {
		if !among[p] {
			g.problem(g.position(p.Pos), p.Message)
		}
	}
	return others
}

// joined merges the parts that one program may hold and returns what is wrong.
func joined(parts []part) []model.Problem {
	var ordinary []*model.Package
	for _, p := range parts {
		if !p.variant {
			ordinary = append(ordinary, p.pkg)
		}
	}
	deps, problems := model.Merge(ordinary)
	problems = append(problems, model.Incomplete(deps)...)
	for _, p := range parts {
		if p.variant {
			deps, more := model.Merge(append(slices.Clip(ordinary), p.pkg))
			problems = slices.Concat(problems, more, model.Incomplete(deps))
		}
	}
	return problems
}

// kin sketches what else in the module guards the dependencies at hand.
func (g *generation) kin() []part {
	names := make(map[string]bool)
	for _, p := range g.models {
		for _, f := range p.Files {
			for _, i := range f.Interfaces {
				names[i.Dependency] = true
			}
		}
	}
	var dirs []string
	folders := make(map[string]*load.Folder)
	for _, f := range g.loaded.Folders {
		dirs = append(dirs, f.Path)
		folders[f.Path] = f
	}
	asked := func(path string) bool {
		f := folders[filepath.Dir(path)]
		return f != nil && f.Covers(path)
	}
	var parts []part
	for _, file := range kin.Find(dirs, names, asked) {
		build := load.BuildOf(filepath.Base(file.Path), file.Content)
		if build == load.Never {
			continue
		}
		syntax, _ := parser.ParseFile(g.loaded.Fset, file.Path, file.Content, parser.ParseComments|parser.SkipObjectResolution)
		if syntax == nil || syntax.Name == nil {
			continue
		}
		parts = append(parts, part{
			folder: filepath.Dir(file.Path), variant: build == load.Variant,
			pkg: model.Sketch(g.loaded.Fset, file.Package, syntax, names),
		})
	}
	return parts
}
