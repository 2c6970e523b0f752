package finding

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// Unit is one type-checked package of the code under analysis. All drivers
// make Units, whatever way they load packages. A Unit is read-only.
type Unit struct {
	// Path is the import path without the suffix of a test variant:
	// "example.com/shop", not "example.com/shop [example.com/shop.test]". An
	// external test package keeps its own path, "example.com/shop_test". The tests
	// inside a package are a Unit of their own beside the package proper, with the
	// same Path: its Files are the _test.go files, Pkg and Info cover all.
	Path string

	// ModulePath is the path of the module the package belongs to; empty if
	// unknown (files named on the command line, GOPATH mode, Bazel).
	ModulePath string

	Fset  *token.FileSet
	Files []*ast.File // parsed with comments, without object resolution

	// Src returns the content of a file of the package by the name Fset gives.
	Src func(filename string) ([]byte, error)

	// Pkg and Info are the results of type checking. In a package with type
	// errors both are incomplete: Info lacks entries for what is broken.
	Pkg  *types.Package
	Info *types.Info

	// TypeErrors are the errors of type checking, nil for a sound package.
	// Drivers print them; rules use them only to keep quiet.
	TypeErrors []types.Error
}

// Filename returns the name of the file as parsed, ignoring //line comments.
func (u *Unit) Filename(f *ast.File) string {
	return u.Fset.PositionFor(f.FileStart, false).Filename
}

// IsTest reports whether f is a _test.go file.
func (u *Unit) IsTest(f *ast.File) bool { return IsTestFile(u.Filename(f)) }

// IsTestFile reports whether the go command builds the file for tests only.
func IsTestFile(filename string) bool { return strings.HasSuffix(filename, "_test.go") }

// IsGenerated reports whether f carries the standard header of generated code.
func (u *Unit) IsGenerated(f *ast.File) bool { return ast.IsGenerated(f) }
