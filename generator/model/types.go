package model

import (
	"go/ast"
	"go/token"
	"go/types"
	"time"

	"github.com/resilgo/resil/generator/directive"
	resil "github.com/resilgo/resil/runtime"
)

// Problem is an error of the input, see [directive.Problem].
type Problem = directive.Problem

// Note is something the author should know that is no error: a default that
// passed over a method, a method without a timeout.
type Note = directive.Problem

// Input is one type-checked package. Function bodies need not be checked. The
// files that resilgen wrote must be left out, so that what they declare is not
// in the way.
type Input struct {
	Fset  *token.FileSet
	Files []*ast.File // parsed with comments
	Pkg   *types.Package
	Info  *types.Info // Defs and Implicits are enough

	// Import returns the package of an import path that a directive names and
	// no file imports. Nil means that only what the package reaches by imports
	// can be named.
	Import func(path string) (*types.Package, error)

	// Doc returns the text of the doc comment of a method that another package
	// declares, by the place of its name. Nil means that there is none to have.
	Doc func(pos token.Pos) string
}

// Result is what Build makes of a package. Package is never nil; it is
// complete only when there are no Problems.
type Result struct {
	Package  *Package
	Problems []Problem // in source order
	Notes    []Note    // in source order
}

// Package is the model of one package, immutable once built.
type Package struct {
	Path  string
	Name  string
	Types *types.Package
	Files []*File // those that hold a guard, in the order of Input.Files

	// Lines holds the guarded and outbound directives of all files, for the analyzer.
	Lines []*directive.Directive

	fset   *token.FileSet
	sketch bool // see [Sketch]
}

// File is a source file with at least one guarded interface.
type File struct {
	Name       string // as the file set knows it, whatever //line comments say
	Syntax     *ast.File
	Interfaces []*Interface // in source order
}

// Setting is a policy in force together with the lines it comes from.
type Setting[T any] struct {
	Value T                      // as written; what is not stated is zero
	Lines []*directive.Directive // at least one; several when interfaces share a dependency
}

// Interface is one guarded interface.
type Interface struct {
	Name       string
	Pos        token.Pos              // of its name
	Object     *types.TypeName        // may be an alias
	TypeParams *types.TypeParamList   // nil or empty = not generic
	Type       types.Type             // what the decorator implements, applied to its own type parameters: X, X[K, V]
	Doc        string                 // without comment markers and directives
	Guard      *directive.Directive   // the guard line
	Dependency string                 // its NAME
	Directives []*directive.Directive // of the interface itself, in source order

	// What this interface states for its dependency; what it leaves out may
	// come from another interface of the same NAME, see [Dependency].
	Criticality resil.Criticality // 0 = not stated
	Down        resil.Level       // 0 = not stated
	Breaker     *Setting[resil.Breaker]
	Bulkhead    *Setting[resil.Bulkhead]
	Rate        *Setting[resil.Rate]

	Methods []*Method // in source order; embedded ones where they are embedded
	Health  *Method   // the probe; nil = none

	// Names of what is generated. FallbackMethods is nil without call=.Method.
	Decorator       string // GuardedX or guardedX
	Constructor     string // NewGuardedX or newGuardedX
	FallbackType    string // XFallback or xFallback
	FallbackMethods []FallbackMethod
}

// FallbackMethod is a method of the generated XFallback interface. It has
// exactly the parameters and results of the method it stands in for.
type FallbackMethod struct {
	Name string
	For  *Method // the first method that names it
}

// Param is a parameter of a method.
type Param struct {
	Name string     // as written; "" or "_" when it has none
	Type types.Type // of a variadic last parameter: the slice
}

// Method is one method of a guarded interface.
type Method struct {
	Name      string
	Pos       token.Pos // where it is declared; possibly in another package
	Func      *types.Func
	Signature *types.Signature // as seen through the guarded interface
	Doc       string           // without comment markers and directives

	Params   []Param
	Variadic bool
	Results  []Param
	Context  int      // index of the first context parameter, -1 = none
	Errors   []int    // indices of results of type error; the last one is the verdict's
	Command  int      // without Errors: index of a result with Err() error and SetErr(error), a pointer to a named type; -1 = none
	Streams  []Stream // results that outlive the call

	// PlainReason says why the method is forwarded untouched; "" = it is
	// guarded. PlainLine is the line that says so, nil when it is plain by
	// itself. A plain method has no policies.
	PlainReason string
	PlainLine   *directive.Directive

	Directives []*directive.Directive // of the method itself, in source order

	Kind       resil.Kind
	Idempotent bool // may be repeated although it writes
	Essential  bool
	Health     bool
	Marks      []*directive.Directive // the lines that mark it, its own or the interface's

	Timeout   *Setting[resil.Timeout]
	Retry     *Setting[resil.Retry]
	Bulkhead  *Setting[resil.Bulkhead] // of its own, inside the shared one
	Rate      *Setting[resil.Rate]     // of its own, inside the shared one
	Hedge     *Setting[resil.Hedge]
	Errs      *Setting[Errors]
	Fallbacks []Fallback // tried in order

	Levels    resil.Actions        // complete
	Degrade   *directive.Directive // nil = all levels are default
	Passed    []Passed             // defaults of the interface that cannot apply here
	WorstCase time.Duration        // attempts, timeouts and waits; 0 = nothing bounds a call
}

// Guarded reports whether calls of the method go through the runtime.
func (m *Method) Guarded() bool { return m.PlainReason == "" }

// Retryable reports whether the marks of m allow repeating a call.
func (m *Method) Retryable() bool { return m.Kind == resil.Read || m.Idempotent }

// Stream is a result that outlives the call.
type Stream struct {
	Result int // index
	Tie    Tie
	What   string // for messages: "io.ReadCloser", "a channel"
}

// Tie is how generated code can tie the cancellation of an attempt's context
// to the end of a result that outlives the call.
type Tie uint8

// The ties. TieNone: there is no way, so the method can have no timeout.
const (
	TieNone       Tie = iota
	TieReadCloser     // io.ReadCloser: its Close
	TieResponse       // *http.Response: its Body's Close
	TieRows           // *sql.Rows: its Close, and its end
)

// Passed is a default of the interface that cannot apply to a method.
type Passed struct {
	Line   *directive.Directive
	Reason string // "no context parameter", …
}

// Errors is a resolved //resil:errors line.
type Errors struct {
	Ignore  []ErrorMatch
	Failure []ErrorMatch
}

// ErrorMatch is an error value or type that a directive names.
type ErrorMatch struct {
	Ref    directive.Ref
	Object types.Object // *types.Var: errors.Is; *types.TypeName: errors.As
	// For a type: whether T itself and whether *T is an error. At least one is.
	// Methods on values make both so, and then either may be in the chain.
	Value   bool
	Pointer bool
}

// Fallback is one fallback of a method.
type Fallback struct {
	Spec resil.Fallback // as written, Name included
	Line *directive.Directive

	// StrategyCall: Func, or Method for call=.Method. A generic Func takes the
	// interface's type parameters as its type arguments.
	Func   *types.Func
	Method string
	Cause  bool // it takes the cause as its last parameter; a variadic parameter is then a slice

	// StrategyStale: Key is nil when shared, and the key is all parameters but
	// the context. Copies has one entry per result that is no error.
	Key    *types.Func
	Copies []Copy
}

// Copy is how a result is copied in and out of the stale cache.
type Copy struct {
	Result int // index
	How    CopyHow
}

// CopyHow is a way to copy a value so that nobody shares its memory.
type CopyHow uint8

// The ways to copy.
const (
	CopyPlain    CopyHow = iota // holds no references: assignment copies it
	CopySlice                   // slices.Clone
	CopyMap                     // maps.Clone
	CopyPointer                 // a pointer to a plain value: copy what it points to, nil stays nil
	CopyClone                   // its Clone() method; nil pointers and interfaces stay nil without calling it
	CopyDeepCopy                // its DeepCopy() method; likewise
)

// Dependency is what all interfaces of one NAME state together.
type Dependency struct {
	Name        string
	Interfaces  []*Interface                // in the order given, without those of sketches, which may leave none
	Criticality *Setting[resil.Criticality] // nil = medium by default
	Down        *Setting[resil.Level]       // nil = by criticality
	Breaker     *Setting[resil.Breaker]
	Bulkhead    *Setting[resil.Bulkhead]
	Rate        *Setting[resil.Rate]
	// Timeout is the longest attempt timeout of its methods, which widens the
	// breaker's default window; 0 = none.
	Timeout time.Duration

	all []*Interface // those of sketches included
}
