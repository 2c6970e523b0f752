// Package finding holds the plain data that passes between the parts of
// resilvet: the type-checked package that goes in ([Unit]), and what comes out:
// findings for people and calls for the coverage report. It holds no logic, so
// that detection, drivers and reports depend on it and not on each other.
package finding

import (
	"cmp"
	"go/token"
	"strings"
)

// Finding is one place in the code that breaks a rule.
type Finding struct {
	// Rule is the name of the rule, for example "unguarded".
	Rule string

	// Pos and End bound the finding: the method's name for a call. Filename,
	// Line and Column respect //line comments; Offset is the byte offset in the
	// file that was parsed. End may be zero.
	Pos, End token.Position

	// Message says what is wrong, what follows from it and what to do. Lower
	// case, one line, no rule name, no position.
	Message string

	// Related are further places that explain the finding, for example the
	// unguarded path. In the order they should be read.
	Related []Related

	// Package is the import path, Func the enclosing function as in
	// "(*Store).Load" or "init" for package-level initialisers, Callee the full
	// name of the called function as types.Func.FullName spells it. With Rule
	// they make up the line-free identity of the finding. Func and Callee may be
	// empty.
	Package, Func, Callee string

	// Fixes are alternatives. The first is applied by -fix, and must therefore
	// keep the program's behaviour.
	Fixes []Fix

	// Test tells that the place lies in a _test.go file: reported only when
	// tests were asked for.
	Test bool
}

// Related is a place that helps to understand a finding.
type Related struct {
	Pos     token.Position
	Message string
}

// Fix is one way to repair a finding.
type Fix struct {
	Message string // verb phrase: "add //resil:guarded"
	Edits   []Edit // not overlapping
}

// Edit replaces the bytes [Start, End) of a file.
type Edit struct {
	Filename   string // as in Finding.Pos
	Start, End int    // byte offsets; equal for an insertion
	New        string
}

// Call is one outbound call, for the coverage report.
type Call struct {
	// Pos is the position of the method's name.
	Pos token.Position

	// Package, Func and Callee are as in Finding.
	Package, Func, Callee string

	// Dependency is the kind of dependency that is called, as the catalogue
	// names it: "http", "sql", "redis", "s3"…
	Dependency string

	// Guard names the guard that covers every path to the call, for example
	// "decorator GuardedPrices", "gobreaker" or "//resil:guarded". Empty if a
	// path is unguarded.
	Guard string

	// Deadline tells that something bounds the call in time.
	Deadline bool

	// Excluded is the reason why the call is counted but not reported, for
	// example "test file", "consumer poll", "generated". Empty for calls that
	// count towards coverage.
	Excluded string

	// Unknown tells that the driver saw too little of the module to judge: such
	// a call is not reported and counts as neither guarded nor unguarded.
	Unknown bool
}

// Compare orders findings by file, line, column, rule and message, so that
// every driver prints them in the same order.
func Compare(a, b Finding) int {
	return cmp.Or(
		ComparePositions(a.Pos, b.Pos),
		strings.Compare(a.Rule, b.Rule),
		strings.Compare(a.Message, b.Message),
	)
}

// CompareCalls orders calls by file, line, column and callee.
func CompareCalls(a, b Call) int {
	return cmp.Or(ComparePositions(a.Pos, b.Pos), strings.Compare(a.Callee, b.Callee))
}

// ComparePositions orders positions by file, line and column.
func ComparePositions(a, b token.Position) int {
	return cmp.Or(
		strings.Compare(a.Filename, b.Filename),
		cmp.Compare(a.Line, b.Line),
		cmp.Compare(a.Column, b.Column),
	)
}
