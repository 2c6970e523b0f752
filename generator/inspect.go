package generator

import (
	"fmt"
	"go/ast"
	"go/types"
	"strings"

	"github.com/resilgo/resil/generator/model"
)

// declaration returns the type declaration of that name in a file.
func declaration(f *ast.File, name string) ast.Node {
	for _, decl := range f.Decls {
		if decl, ok := decl.(*ast.GenDecl); ok {
			for _, spec := range decl.Specs {
				if spec, ok := spec.(*ast.TypeSpec); ok && spec.Name.Name == name {
					return spec
				}
			}
		}
	}
	return f
}

// walkTypes calls visit for t and every type that its spelling mentions. What
// stands behind a name is not part of it.
func walkTypes(t types.Type, visit func(types.Type)) {
	visit(t)
	switch t := t.(type) {
	case *types.Alias:
		for a := range t.TypeArgs().Types() {
			walkTypes(a, visit)
		}
	case *types.Named:
		for a := range t.TypeArgs().Types() {
			walkTypes(a, visit)
		}
	case interface{ Elem() types.Type }: // pointers, slices, arrays, channels, maps
		if m, ok := t.(*types.Map); ok {
			walkTypes(m.Key(), visit)
		}
		walkTypes(t.Elem(), visit)
	case *types.Struct:
		for f := range t.Fields() {
			walkTypes(f.Type(), visit)
		}
	case *types.Signature:
		for v := range t.Params().Variables() {
			walkTypes(v.Type(), visit)
		}
		for v := range t.Results().Variables() {
			walkTypes(v.Type(), visit)
		}
	case *types.Interface:
		for m := range t.ExplicitMethods() {
			walkTypes(m.Type(), visit)
		}
		for e := range t.EmbeddedTypes() {
			walkTypes(e, visit)
		}
	case *types.Union:
		for term := range t.Terms() {
			walkTypes(term.Type(), visit)
		}
	}
}

// unnameable says why a decorator in the package self cannot spell the
// signature of a method, "" if it can.
func unnameable(m *model.Method, self *types.Package) string {
	why := ""
	note := func(format string, args ...any) {
		if why == "" {
			why = fmt.Sprintf(format, args...)
		}
	}
	walkTypes(m.Signature, func(t types.Type) {
		switch t := t.(type) {
		case interface{ Obj() *types.TypeName }:
			obj := t.Obj()
			if _, param := t.(*types.TypeParam); param || obj.Pkg() == nil || obj.Pkg() == self {
				return
			}
			switch {
			case !obj.Exported():
				note("%s.%s is not exported", obj.Pkg().Path(), obj.Name())
			case obj.Parent() != obj.Pkg().Scope():
				note("%s is declared inside a function", obj.Name())
			case !visible(self.Path(), obj.Pkg().Path()):
				note("package %s is internal to another tree", obj.Pkg().Path())
			case obj.Pkg().Name() == "main":
				note("package %s is a command and cannot be imported", obj.Pkg().Path())
			}
		case *types.Struct:
			for f := range t.Fields() {
				if !f.Exported() && f.Pkg() != self {
					note("its anonymous struct has the field %s of package %s", f.Name(), f.Pkg().Path())
				}
			}
		case *types.Interface:
			for f := range t.ExplicitMethods() {
				if !f.Exported() && f.Pkg() != self {
					note("its anonymous interface has the method %s of package %s", f.Name(), f.Pkg().Path())
				}
			}
		}
	})
	return why
}

// visible applies the rule of internal packages.
func visible(from, path string) bool {
	n := strings.LastIndex("/"+path+"/", "/internal/")
	if n < 0 {
		return true
	}
	parent := strings.TrimSuffix(path[:n], "/")
	from = strings.TrimSuffix(from, "_test")
	return parent == "" || from == parent || strings.HasPrefix(from, parent+"/")
}
