package model

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/resilgo/resil/generator/directive"
	resil "github.com/resilgo/resil/runtime"
)

// Sketch returns what a file states for the dependencies with the given names,
// as far as [Merge] needs to know it. It asks for no types: the package at that
// import path may depend on anything, or not compile. Whether the timeout of an
// interface applies to one of its methods is told by the looks of the method.
// What is wrong with the directives is for [Build] to find.
func Sketch(fset *token.FileSet, path string, syntax *ast.File, names map[string]bool) *Package {
	home := types.NewPackage(path, syntax.Name.Name)
	file := &File{Name: fset.PositionFor(syntax.Package, false).Filename}
	lines := make(map[*ast.TypeSpec][]*directive.Directive)
	var specs []*ast.TypeSpec
	for _, d := range directive.Parse(fset, syntax).Directives {
		if t := d.Target.Type; t != nil {
			if lines[t] == nil {
				specs = append(specs, t)
			}
			lines[t] = append(lines[t], d)
		}
	}
	for _, spec := range specs {
		if i := sketched(home, spec, lines[spec]); i != nil && names[i.Dependency] {
			file.Interfaces = append(file.Interfaces, i)
		}
	}
	return &Package{Path: path, Name: home.Name(), Types: home, Files: []*File{file}, fset: fset, sketch: true}
}

// sketched returns the outline of one interface, nil if it is not guarded.
func sketched(home *types.Package, spec *ast.TypeSpec, lines []*directive.Directive) *Interface {
	var own []*directive.Directive
	methods := make(map[*ast.Field][]*directive.Directive)
	for _, d := range lines {
		if d.Target.Kind == directive.OnMethod {
			methods[d.Target.Method] = append(methods[d.Target.Method], d)
		} else {
			own = append(own, d)
		}
	}
	guard := lineOf(own, directive.VerbGuard)
	if guard == nil {
		return nil
	}
	i := stating(types.NewTypeName(spec.Name.Pos(), home, spec.Name.Name, nil), guard, own)
	shared := lineOf(own, directive.VerbTimeout)
	typ, ok := ast.Unparen(spec.Type).(*ast.InterfaceType)
	if !ok {
		return i
	}
	for _, field := range typ.Methods.List {
		line := lineOf(methods[field], directive.VerbTimeout)
		if line == nil && shared != nil && bounded(field) && lineOf(methods[field], directive.VerbPlain) == nil {
			line = shared
		}
		if line != nil {
			value := line.Value.(directive.Timeout).Timeout
			i.Methods = append(i.Methods, &Method{Timeout: &Setting[resil.Timeout]{Value: value, Lines: []*directive.Directive{line}}})
		}
	}
	return i
}

// bounded reports whether a timeout applies to a method by the looks of it: it
// takes a context and returns an error, and nothing that goes on afterwards.
func bounded(field *ast.Field) bool {
	fn, ok := field.Type.(*ast.FuncType)
	if !ok || fn.Results == nil {
		return false
	}
	context := slices.ContainsFunc(fn.Params.List, func(f *ast.Field) bool {
		x, ok := f.Type.(*ast.SelectorExpr)
		return ok && x.Sel.Name == "Context"
	})
	fails := slices.ContainsFunc(fn.Results.List, func(f *ast.Field) bool {
		x, ok := f.Type.(*ast.Ident)
		return ok && x.Name == "error"
	})
	goesOn := slices.ContainsFunc(fn.Results.List, func(f *ast.Field) bool {
		switch f.Type.(type) {
		case *ast.ChanType, *ast.FuncType:
			return true
		}
		return false
	})
	return context && fails && !goesOn
}
