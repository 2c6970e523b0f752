// Package unittest makes Units for the tests of rules that look at one package.
package unittest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/resilgo/resil/analyzer/internal/finding"
)

// Load writes the files of a txtar archive into a fresh folder and returns them
// as a Unit. Type errors are allowed; nothing can be imported.
func Load(t *testing.T, archive string) *finding.Unit {
	t.Helper()
	dir := t.TempDir()
	u := &finding.Unit{Path: "example.com/shop", Fset: token.NewFileSet(), Src: os.ReadFile}
	files := txtar.Parse([]byte(archive)).Files
	slices.SortFunc(files, func(a, b txtar.File) int { // as the go command lists them
		return strings.Compare(a.Name, b.Name)
	})
	for _, f := range files {
		name := filepath.Join(dir, f.Name)
		if err := os.WriteFile(name, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
		syntax, err := parser.ParseFile(u.Fset, name, f.Data, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		u.Files = append(u.Files, syntax)
	}
	u.Info = &types.Info{
		Types:      make(map[ast.Expr]types.TypeAndValue),
		Defs:       make(map[*ast.Ident]types.Object),
		Uses:       make(map[*ast.Ident]types.Object),
		Implicits:  make(map[ast.Node]types.Object),
		Instances:  make(map[*ast.Ident]types.Instance),
		Selections: make(map[*ast.SelectorExpr]*types.Selection),
	}
	config := types.Config{Error: func(error) {}}
	u.Pkg, _ = config.Check(u.Path, u.Fset, u.Files, u.Info)
	return u
}
