package directive

import (
	"go/ast"
	"go/token"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// Prefix starts every directive.
const Prefix = "//resil:"

// Verb is the word after [Prefix].
type Verb string

// The verbs, in the order of the reference.
const (
	VerbGuard      Verb = "guard"
	VerbBreaker    Verb = "breaker"
	VerbTimeout    Verb = "timeout"
	VerbRetry      Verb = "retry"
	VerbBulkhead   Verb = "bulkhead"
	VerbRate       Verb = "rate"
	VerbHedge      Verb = "hedge"
	VerbErrors     Verb = "errors"
	VerbFallback   Verb = "fallback"
	VerbDegrade    Verb = "degrade"
	VerbRead       Verb = "read"
	VerbWrite      Verb = "write"
	VerbIdempotent Verb = "idempotent"
	VerbEssential  Verb = "essential"
	VerbHealth     Verb = "health"
	VerbPlain      Verb = "plain"
	VerbGuarded    Verb = "guarded"
	VerbOutbound   Verb = "outbound"
)

// Problem is something wrong with a directive. Message reads "what is wrong;
// what to write instead", holds no control characters and ends without a dot.
type Problem struct {
	Pos     token.Pos // what is wrong, exactly
	End     token.Pos // the end of it; may be NoPos
	Message string
}

// Arg is one argument of a directive as written.
type Arg struct {
	Key      string    // "" for a bare word
	Value    string    // the word, or what stands right of the first "="
	Pos      token.Pos // of the argument
	ValuePos token.Pos // of Value; exact unless the argument is quoted with escapes
	End      token.Pos // of the argument
}

// Directive is one well-formed //resil: line. Directives are immutable once
// parsed and safe for concurrent use.
type Directive struct {
	Verb   Verb
	Pos    token.Pos // of "//"
	End    token.Pos
	Text   string // the line as written, without trailing blanks
	Args   []Arg  // in source order; of a verb that takes a REASON only what precedes it
	Target Target
	Value  Value // by Verb; never nil
}

// At returns the position of the argument with this key ("" is the first bare
// word) and true, or the position of the directive and false when the line
// does not state it: the value is then a default.
func (d *Directive) At(key string) (token.Pos, bool) {
	for _, a := range d.Args {
		if a.Key == key {
			return a.Pos, true
		}
	}
	return d.Pos, false
}

// TargetKind says what sort of thing a directive speaks of.
type TargetKind uint8

// The kinds of targets. The zero kind is no target.
const (
	OnInterface TargetKind = iota + 1 // a type declaration of the file that may be an interface
	OnMethod                          // a method that such a declaration spells out
	OnFunc                            // a function or method declaration
	OnLine                            // any other line of code
)

// Target is what a directive speaks of.
type Target struct {
	Kind   TargetKind
	Name   string        // of the type, method or function, for messages: "Prices", "Prices.Get"; "" for a line
	Pos    token.Pos     // of that name, or of the first code on the line
	Type   *ast.TypeSpec // OnInterface, OnMethod: the declared type
	Method *ast.Field    // OnMethod
	Func   *ast.FuncDecl // OnFunc
	Line   int           // the line in the file, whatever //line comments say
}

// Value is what a directive states, by its verb.
type Value interface{ value() }

// Guard is the value of //resil:guard.
type Guard struct {
	Name        string
	Criticality resil.Criticality // 0 = not stated
	Down        resil.Level       // 0 = not stated
}

// Breaker is the value of //resil:breaker; zero fields are not stated.
type Breaker struct{ resil.Breaker }

// Timeout is the value of //resil:timeout; a zero Total is not stated.
type Timeout struct{ resil.Timeout }

// Retry is the value of //resil:retry; zero fields are not stated.
type Retry struct{ resil.Retry }

// Bulkhead is the value of //resil:bulkhead.
type Bulkhead struct{ resil.Bulkhead }

// Rate is the value of //resil:rate; a zero Burst is not stated.
type Rate struct{ resil.Rate }

// Hedge is the value of //resil:hedge; a zero Max is not stated.
type Hedge struct{ resil.Hedge }

// Ref names something in Go source: Name, pkg.Name or full/import/path.Name.
type Ref struct {
	Path string // what stands before the last dot after the last slash; "" = this package
	Name string
	Pos  token.Pos
}

// String returns the reference as written.
func (r Ref) String() string {
	if r.Path == "" {
		return r.Name
	}
	return r.Path + "." + r.Name
}

// End returns the end of the reference.
func (r Ref) End() token.Pos { return r.Pos + token.Pos(len(r.String())) }

// Errors is the value of //resil:errors.
type Errors struct {
	Ignore  []Ref // answers: success for the breaker, no retry, no fallback
	Failure []Ref // failures although they look like answers
}

// Fallback is the value of //resil:fallback.
type Fallback struct {
	Strategy resil.Strategy
	Call     *Ref          // StrategyCall with call=Func
	Method   string        // StrategyCall with call=.Method
	TTL      time.Duration // StrategyStale
	Max      int           // StrategyStale; 0 = not stated
	Key      *Ref          // StrategyStale: key=Func; nil when Shared
	Shared   bool          // StrategyStale: nothing in the context alters the answer
	Limit    int           // 0 = not stated
}

// Degrade is the value of //resil:degrade: the action per level, 0 = not stated.
type Degrade struct{ Levels resil.Actions }

// Pattern is a method name or a glob of method names: * stands for any number
// of characters, ? for one.
type Pattern struct {
	Text string
	Pos  token.Pos
}

// Mark is the value of read, write, idempotent, essential, health and plain.
type Mark struct {
	Patterns []Pattern // on an interface: the methods it speaks of; on a method: nil
	Reason   string    // plain only
}

// Guarded is the value of //resil:guarded.
type Guarded struct{ Reason string }

// Outbound is the value of //resil:outbound.
type Outbound struct{ Name string }

func (Guard) value()    {}
func (Breaker) value()  {}
func (Timeout) value()  {}
func (Retry) value()    {}
func (Bulkhead) value() {}
func (Rate) value()     {}
func (Hedge) value()    {}
func (Errors) value()   {}
func (Fallback) value() {}
func (Degrade) value()  {}
func (Mark) value()     {}
func (Guarded) value()  {}
func (Outbound) value() {}

// File is everything of one source file that concerns directives, in source order.
type File struct {
	Directives []*Directive // well-formed and bound
	Problems   []Problem    // everything else that is or looks like one
}
