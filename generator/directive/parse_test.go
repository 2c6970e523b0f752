package directive

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// parseSource parses a file and returns its directives and its problems as
// "line:col: message".
func parseSource(t testing.TB, src string) (*File, []string) {
	t.Helper()
	fset := token.NewFileSet()
	syntax, err := parser.ParseFile(fset, "a.go", src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatalf("the test's source does not parse: %v", err)
	}
	return parseFile(fset, syntax)
}

func parseFile(fset *token.FileSet, syntax *ast.File) (*File, []string) {
	file := Parse(fset, syntax)
	var problems []string
	for _, p := range file.Problems {
		problems = append(problems, strings.TrimPrefix(Format(fset, p), "a.go:"))
	}
	return file, problems
}

// onInterfaceSource puts lines above an interface, the first on line 3.
func onInterfaceSource(lines string) string {
	return "package p\n\n" + lines + "\ntype Prices interface {\n\tGet() error\n}\n"
}

// onMethodSource puts lines above a method, the first on line 5.
func onMethodSource(lines string) string {
	return "package p\n\n//resil:guard x\ntype Prices interface {\n" + lines + "\n\tGet() error\n}\n"
}
