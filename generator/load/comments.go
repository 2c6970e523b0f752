package load

import (
	"go/ast"
	"go/parser"
	"go/token"
)

// Doc returns the text of the doc comment of an interface's method, by the
// place of its name. Dependencies are parsed without comments, so the few files
// that declare embedded methods are read once more.
func (u *Unit) Doc(pos token.Pos) string {
	at := u.universe.fset.PositionFor(pos, false)
	docs, known := u.universe.docs[at.Filename]
	if !known {
		docs = methodDocs(at.Filename)
		u.universe.docs[at.Filename] = docs
	}
	return docs[at.Offset]
}

// methodDocs returns the doc comments of the methods of a file's interfaces, by
// the offset of their names. A file that cannot be read any more has none.
func methodDocs(name string) map[int]string {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil
	}
	docs := make(map[int]string)
	ast.Inspect(f, func(n ast.Node) bool {
		typ, ok := n.(*ast.InterfaceType)
		if !ok {
			_, body := n.(*ast.BlockStmt)
			return !body
		}
		for _, field := range typ.Methods.List {
			for _, name := range field.Names {
				docs[fset.PositionFor(name.Pos(), false).Offset] = field.Doc.Text()
			}
		}
		return true
	})
	return docs
}
