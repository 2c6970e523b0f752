package load

import (
	"go/ast"
	"go/token"
	"strings"

	"github.com/resilgo/resil/generator/output"
)

// guardLine starts the directive that makes an interface guarded.
const guardLine = "//resil:guard "

// guardedTypes returns the type declarations of a file that carry a guard.
func guardedTypes(f *ast.File) []*ast.TypeSpec {
	var list []*ast.TypeSpec
	for _, decl := range f.Decls {
		decl, ok := decl.(*ast.GenDecl)
		if !ok || decl.Tok != token.TYPE {
			continue
		}
		for _, spec := range decl.Specs {
			spec, ok := spec.(*ast.TypeSpec)
			if ok && (hasGuard(spec.Doc) || len(decl.Specs) == 1 && hasGuard(decl.Doc)) {
				list = append(list, spec)
			}
		}
	}
	return list
}

func hasGuard(doc *ast.CommentGroup) bool {
	if doc == nil {
		return false
	}
	for _, c := range doc.List {
		if strings.HasPrefix(c.Text, guardLine) {
			return true
		}
	}
	return false
}

// stubs returns the source of a file that declares the types which resilgen
// will generate for these guards and which the package does not have yet: with
// the right names and numbers of type parameters, so that others can name them.
func (s *source) stubs(guarded []*ast.TypeSpec) string {
	var b strings.Builder
	for _, spec := range guarded {
		names := output.NamesFor(spec.Name.Name)
		params := ""
		if spec.TypeParams != nil {
			var list []string
			for _, field := range spec.TypeParams.List {
				for _, name := range field.Names {
					list = append(list, name.Name)
				}
			}
			params = "[" + strings.Join(list, ", ") + " any]"
		}
		if len(s.index[names.Decorator]) == 0 {
			b.WriteString("type " + names.Decorator + params + " struct{}\n")
		}
		if len(s.index[names.Fallback]) == 0 {
			b.WriteString("type " + names.Fallback + params + " interface{}\n")
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "package " + s.pkg.Name + "\n" + b.String()
}
