package model

import (
	"go/ast"
	"go/token"
	"path/filepath"
	"strconv"

	"github.com/resilgo/resil/generator/output"
)

// name chooses the names of what is generated for an interface. A name that
// is taken is a problem at the guard, never silently avoided: users write these
// names in their own code.
func (b *builder) name(i *Interface) {
	names := output.NamesFor(i.Name)
	i.Decorator, i.Constructor, i.FallbackType = names.Decorator, names.Constructor, names.Fallback
	b.reserve(i, i.Decorator)
	b.reserve(i, i.Constructor)
}

func (b *builder) reserve(i *Interface, name string) {
	if other := b.taken[name]; other != nil {
		b.linef(i.Guard, "%s would be generated for both %s and %s; rename one of them", name, other.Name, i.Name)
		return
	}
	b.taken[name] = i
	if obj := b.pkg.Scope().Lookup(name); obj != nil {
		b.linef(i.Guard, "%s is generated for %s, but %s declares it already; rename one of them", name, i.Name, b.place(obj.Pos()))
		return
	}
	for _, file := range b.in.Files {
		if spec := importNamed(file, name); spec != nil {
			b.linef(i.Guard, "%s is generated for %s, but %s imports a package by that name; rename one of them", name, i.Name, b.place(spec.Pos()))
			return
		}
	}
}

func importNamed(file *ast.File, name string) *ast.ImportSpec {
	for _, spec := range file.Imports {
		if spec.Name != nil && spec.Name.Name == name {
			return spec
		}
	}
	return nil
}

// place names a place for a message: file and line, without the folder.
func (b *builder) place(pos token.Pos) string { return place(b.in.Fset, pos) }

func place(fset *token.FileSet, pos token.Pos) string {
	at := fset.PositionFor(pos, false)
	if !at.IsValid() {
		return "another file"
	}
	return base(at.Filename) + ":" + strconv.Itoa(at.Line)
}

// placeFrom names a place in another folder than that of the place from, as
// seen from there: no message tells where a module lies on a machine.
func placeFrom(fset *token.FileSet, from, pos token.Pos) string {
	home := filepath.Dir(fset.PositionFor(from, false).Filename)
	rel, err := filepath.Rel(home, filepath.Dir(fset.PositionFor(pos, false).Filename))
	if err != nil || rel == "." {
		return place(fset, pos)
	}
	return filepath.ToSlash(rel) + "/" + place(fset, pos)
}

// base returns the last element of a path with either separator, so that
// messages read the same on every system.
func base(path string) string {
	for n := len(path) - 1; n >= 0; n-- {
		if path[n] == '/' || path[n] == '\\' {
			return path[n+1:]
		}
	}
	return path
}
