package model

import (
	"go/ast"
	"go/parser"
	"go/types"
	"testing"

	"github.com/resilgo/resil/generator/directive"
)

// TestExamplesOfTheReference compiles every example of the directive reference
// and builds its model.
func TestExamplesOfTheReference(t *testing.T) {
	for _, doc := range directive.Verbs() {
		t.Run(string(doc.Verb), func(t *testing.T) {
			src := "package shop\n\n" + doc.Example
			r := build(t, src)
			if len(r.Problems) > 0 {
				t.Errorf("%s\n%v", src, lines(r.Problems))
			}
			used := len(r.Package.Lines)
			for _, f := range r.Package.Files {
				for _, i := range f.Interfaces {
					used += len(i.Directives)
				}
			}
			if used == 0 {
				t.Errorf("the example states nothing:\n%s", src)
			}
			w := newWorld(nil)
			file, err := parser.ParseFile(w.fset, "example.go", src, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			conf := types.Config{Importer: w}
			if _, err := conf.Check("example.com/shop", w.fset, []*ast.File{file}, nil); err != nil {
				t.Errorf("the example does not compile: %v\n%s", err, src)
			}
		})
	}
}
