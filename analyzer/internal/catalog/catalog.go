// Package catalog knows what well-known modules do: which of their functions
// hand over to something outside the process, which only look like it, and
// which run their function argument behind a circuit breaker. It is data (see
// catalog.table) with a lookup; third-party source is never read.
package catalog

import (
	"cmp"
	_ "embed"
	"fmt"
	"go/types"
	"path"
	"slices"
	"strings"
	"sync"
)

// Effect is what a catalogued function does.
type Effect uint8

// The effects. The zero Effect is that of a function without a row.
const (
	None Effect = iota

	// Call: leaves the process.
	Call
	// Counted: leaves the process, but is not worth a breaker: consumer polls,
	// acks, clean-up, telemetry. Row.Why says which.
	Counted
	// Lazy: looks like a call and is none.
	Lazy

	// Runs: runs its function arguments inside a circuit breaker.
	Runs
	// Policies: runs its function arguments inside the policies it is given or
	// was built with, which may or may not hold a breaker.
	Policies
	// Region: asks a breaker for admission; what follows it in the block, and
	// happens only when admitted, is inside.
	Region
	// Breaker: makes a circuit breaker, or a system of them.
	Breaker
	// Guarding: makes a transport, driver, interceptor, hook or client that has
	// a breaker inside.
	Guarding

	// Retry: runs its function arguments again when they fail.
	Retry
	// Async: runs its function arguments on another goroutine.
	Async
	// Await: waits for what Async started on the same receiver.
	Await

	// Injector: makes an injector of faults, which is off.
	Injector
	// Faults: lets faults happen, or may: a function argument or receiver is the
	// injector.
	Faults
)

var effectNames = map[string]Effect{
	"call": Call, "counted": Counted, "lazy": Lazy,
	"runs": Runs, "policies": Policies, "region": Region, "breaker": Breaker, "guarding": Guarding,
	"retry": Retry, "async": Async, "await": Await,
	"injector": Injector, "faults": Faults,
}

// Shape is a condition on the signature, for rows whose names are patterns.
type Shape uint8

// The shapes.
const (
	AnyShape    Shape = iota
	ContextFunc       // the first parameter is a context.Context
	CallError         // ... and the last result is an error, or a command with Err() error
	GRPCStub          // ... and the last parameter is ...grpc.CallOption
	ConnectStub       // ... and a parameter is a *connect.Request, or a result a Connect stream
	ErrorResult       // the last result is an error; the parameters may be anything
	Reply             // likewise, or a command with Err() error
	InputParam        // the last result is an error, and a parameter a pointer to an operation's input, "…Input"
)

var shapeNames = map[string]Shape{
	"ctx": ContextFunc, "ctxerr": CallError, "grpc": GRPCStub, "connect": ConnectStub,
	"err": ErrorResult, "reply": Reply, "input": InputParam,
}

// Deadline is how a call is bounded in time.
type Deadline uint8

// The ways to bound a call.
const (
	ByContext Deadline = iota // by its context parameter; without one, by settings of the client
	ByClient                  // by settings of the client that cannot be judged
	ByTimeout                 // by the Timeout field of the receiver, or by the context of a request
	Unbounded                 // by nothing
)

var deadlineNames = map[string]Deadline{"byclient": ByClient, "bytimeout": ByTimeout, "unbounded": Unbounded}

// Row is one entry of the table: what the functions and methods that it names do.
type Row struct {
	Effect     Effect
	Path       string // import path without major version suffix; "/..." at its end matches packages below, too
	Receiver   string // type name; "" = a function, "*" = any type; may be a pattern
	Names      []string
	Shape      Shape
	Deadline   Deadline
	Dependency string   // kind of dependency ("redis"), or name of the guard ("gobreaker")
	Why        string   // Counted only
	Limit      string   // Call: the client itself bounds it, unless by this setting; Always = it always does
	Needs      string   // Call: nothing bounds it unless its client is made with this setting
	Attempts   int      // Retry: attempts by default; Call: attempts that the client makes by itself, 0 = 1
	Timed      bool     // Runs: bounds its function in time
	Outside    int      // Runs: 1 + index of a function parameter that runs outside the breaker, 0 = none
	Write      bool     // Call: alters something and is not idempotent by itself
	Send       bool     // Call: what is sent on the channel that it returns is the call
	With       string   // Call: only if an argument calls this function
	Queued     string   // Call: only queued if an argument has a type of this name
	Polls      []string // Call: counted if an argument is built by a method of such a name
	Old        bool     // of earlier versions of the module
	Line       int      // in the table; 0 = from the user's configuration
}

// Endless is the Attempts of a row that goes on for as long as it is let.
const Endless = 1000

// Always is the Limit of a row whose client no setting can make wait for ever.
const Always = "-"

//go:embed catalog.table
var table string

// Catalog is a set of rows, immutable and safe for concurrent use.
type Catalog struct {
	exact    map[string][]*Row // by path
	prefixes []*Row            // paths that end in "/..."
	rows     []*Row

	cache sync.Map // *types.Func -> *Row, nil for none
}

// Default returns the built-in catalogue.
var Default = sync.OnceValue(func() *Catalog {
	rows, err := parse(table)
	if err != nil {
		panic(err) // the table is part of the program and parsed by its tests
	}
	return build(rows)
})

func build(rows []*Row) *Catalog {
	c := &Catalog{exact: make(map[string][]*Row), rows: rows}
	for _, r := range rows {
		if strings.HasSuffix(r.Path, "/...") || strings.ContainsAny(r.Path, "*?") {
			c.prefixes = append(c.prefixes, r)
			continue
		}
		c.exact[r.Path] = append(c.exact[r.Path], r)
	}
	return c
}

// Rows returns all rows in order.
func (c *Catalog) Rows() []*Row { return c.rows }

// Knows reports whether the catalogue has a row for the package.
func (c *Catalog) Knows(importPath string) bool { return len(c.rowsFor(Normalize(importPath))) > 0 }

func (c *Catalog) rowsFor(p string) []*Row {
	rows := c.exact[p]
	for _, r := range c.prefixes {
		if matchPath(r.Path, p) {
			rows = append(rows[:len(rows):len(rows)], r)
		}
	}
	return rows
}

func matchPath(pattern, p string) bool {
	if base, below := strings.CutSuffix(pattern, "/..."); below {
		return p == base || strings.HasPrefix(p, base+"/")
	}
	ok, _ := path.Match(pattern, p) // patterns are checked when they are read
	return ok
}

// Attempts returns how often a client of a type, "pkg.Name", tries by itself if
// nobody says otherwise; 0 if no row of the type says so for all its calls.
func (c *Catalog) Attempts(typeName string) int {
	i := strings.LastIndexByte(typeName, '.')
	if i < 0 {
		return 0
	}
	for _, r := range c.rowsFor(Normalize(typeName[:i])) {
		if r.Effect == Call && r.Receiver == typeName[i+1:] && r.Attempts > 0 {
			return r.Attempts
		}
	}
	return 0
}

// MakesBreakers reports whether a function of the package makes breakers.
func (c *Catalog) MakesBreakers(importPath string) bool {
	return slices.ContainsFunc(c.rowsFor(Normalize(importPath)), func(r *Row) bool { return r.Effect == Breaker })
}

// Admits reports whether a function of the package asks a two-step breaker.
func (c *Catalog) Admits(importPath string) bool {
	return slices.ContainsFunc(c.rowsFor(Normalize(importPath)), func(r *Row) bool { return r.Effect == Region })
}

// Lookup returns the row of a function or method, nil if it has none. through
// is the static type on which a method is selected, which may be an interface
// that embeds the declaring one; nil if unknown.
func (c *Catalog) Lookup(fn *types.Func, through types.Type) *Row {
	fn = fn.Origin()
	declared := ""
	if recv := fn.Signature().Recv(); recv != nil {
		declared = typeName(recv.Type())
		on := named(recv.Type())
		if n := named(through); n != nil && (on == nil || n.Origin() != on.Origin()) && n.Obj().Pkg() != nil {
			// The type the method is selected on may have a row of its own.
			if r := c.find(n.Obj().Pkg().Path(), n.Obj().Name(), fn); r != nil {
				return r
			}
		}
		if declared == "" {
			return nil
		}
	}
	if fn.Pkg() == nil {
		return nil // error.Error
	}
	if r, ok := c.cache.Load(fn); ok {
		return r.(*Row) //nolint:errcheck // the map holds nothing else
	}
	r := c.find(fn.Pkg().Path(), declared, fn)
	c.cache.Store(fn, r)
	return r
}

// Key identifies one of the names of a row among all, whatever line it is on.
func (r *Row) Key(name string) string {
	receiver := r.Receiver
	if receiver == "" {
		receiver = "."
	}
	effect := ""
	for e, is := range effectNames {
		if is == r.Effect {
			effect = e
		}
	}
	return r.Path + " " + effect + " " + receiver + " " + name
}

// FuncValue is the name in rows for calling a value of a function type.
const FuncValue = "()"

// LookupFunc returns the row of a named function type: what calling its values
// does. Nil if it has none.
func (c *Catalog) LookupFunc(n *types.Named) *Row {
	obj := n.Origin().Obj()
	sig, ok := n.Underlying().(*types.Signature)
	if !ok || obj.Pkg() == nil {
		return nil
	}
	return c.find(obj.Pkg().Path(), obj.Name(), types.NewFunc(obj.Pos(), obj.Pkg(), FuncValue, sig))
}

// find returns the best row: an exact name beats a pattern, an exact receiver
// beats a pattern, the later row beats the earlier one.
func (c *Catalog) find(pkgPath, receiver string, fn *types.Func) *Row {
	var best *Row
	bestScore := 0
	p := Normalize(pkgPath)
	for _, r := range c.rowsFor(p) {
		score := r.score(receiver, fn)
		if score > 0 && r.Path == p {
			score++ // its own section knows more than one for a family of packages
		}
		if score > 0 && score >= bestScore {
			best, bestScore = r, score
		}
	}
	return best
}

// score is 0 when r does not speak of the function.
func (r *Row) score(receiver string, fn *types.Func) int {
	score := 1
	switch {
	case r.Receiver == receiver:
		score += 2
	case receiver == "" || r.Receiver == "":
		return 0
	default:
		if ok, _ := path.Match(r.Receiver, receiver); !ok {
			return 0
		}
	}
	name := 0
	for _, n := range r.Names {
		if n == fn.Name() {
			name = 4
			break
		}
		if fn.Name() == FuncValue {
			continue // no method: patterns do not speak of it
		}
		if ok, _ := path.Match(n, fn.Name()); ok {
			name = 1
		}
	}
	if name == 0 || !r.Shape.Matches(fn.Signature()) {
		return 0
	}
	if r.Line == 0 {
		score += 8 // the user knows better
	}
	return score + name
}

// Matches reports whether a signature has the shape.
func (s Shape) Matches(sig *types.Signature) bool {
	switch s {
	case AnyShape:
		return true
	case ErrorResult:
		return lastIsError(sig)
	case Reply:
		return answers(sig)
	case InputParam:
		return lastIsError(sig) && takesInput(sig)
	}
	params := sig.Params()
	if params.Len() == 0 || !IsContext(params.At(0).Type()) {
		return false
	}
	switch s {
	case CallError:
		return answers(sig)
	case GRPCStub:
		return isGRPCStub(sig)
	case ConnectStub:
		return isConnectStub(sig)
	}
	return true
}

// answers reports whether a result of sig tells of an error: the last one is
// an error, or a command that carries one.
func answers(sig *types.Signature) bool {
	n := sig.Results().Len()
	if n == 0 {
		return false
	}
	if lastIsError(sig) {
		return true
	}
	last := sig.Results().At(n - 1).Type()
	obj, _, _ := types.LookupFieldOrMethod(last, true, nil, "Err")
	fn, ok := obj.(*types.Func)
	return ok && !IsContext(last) && fn.Signature().Params().Len() == 0
}

// takesInput reports whether a parameter of sig points to a struct with the
// input of an operation.
func takesInput(sig *types.Signature) bool {
	for v := range sig.Params().Variables() {
		if _, ok := types.Unalias(v.Type()).(*types.Pointer); ok && strings.HasSuffix(typeName(v.Type()), "Input") {
			return true
		}
	}
	return false
}

func lastIsError(sig *types.Signature) bool {
	n := sig.Results().Len()
	return n > 0 && types.Identical(sig.Results().At(n-1).Type(), types.Universe.Lookup("error").Type())
}

// IsContext reports whether t is context.Context.
func IsContext(t types.Type) bool { return isNamed(t, "context", "Context") }

func isNamed(t types.Type, pkgPath, name string) bool {
	n := named(t)
	return n != nil && n.Obj().Name() == name && n.Obj().Pkg() != nil && Normalize(n.Obj().Pkg().Path()) == pkgPath
}

// named returns the named type of t or *t, nil if it has none.
func named(t types.Type) *types.Named {
	if t == nil {
		return nil
	}
	t = types.Unalias(t)
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	n, _ := t.(*types.Named)
	return n
}

func typeName(t types.Type) string {
	if n := named(t); n != nil {
		return n.Obj().Name()
	}
	return ""
}

// Normalize returns an import path as rows spell it: without what precedes
// a vendor folder and without major versions ("/v2", ".v3").
func Normalize(importPath string) string {
	if i := strings.LastIndex(importPath, "/vendor/"); i >= 0 {
		importPath = importPath[i+len("/vendor/"):]
	}
	importPath = strings.TrimPrefix(importPath, "vendor/")
	if !strings.Contains(importPath, "/v") && !strings.Contains(importPath, ".v") {
		return importPath
	}
	parts := strings.Split(importPath, "/")
	kept := parts[:0]
	for i, part := range parts {
		if i > 0 && isMajor(part, 'v') {
			continue
		}
		if dot := strings.LastIndexByte(part, '.'); dot > 0 && parts[0] == "gopkg.in" && isMajor(part[dot+1:], 'v') {
			part = part[:dot]
		}
		kept = append(kept, part)
	}
	return strings.Join(kept, "/")
}

func isMajor(s string, v byte) bool {
	if len(s) < 2 || s[0] != v {
		return false
	}
	for i := 1; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// parse reads the table. A line "package PATH KIND" starts a section; every
// other line is "EFFECT RECEIVER NAME… [OPTION…]", with "." as the receiver of
// functions. "#" starts a comment.
func parse(text string) ([]*Row, error) {
	var rows []*Row
	var paths []string
	kind := ""
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		words, options, err := splitOptions(line)
		switch {
		case err != nil:
			return nil, fmt.Errorf("catalog.table:%d: %w", i+1, err)
		case len(words) == 0:
			continue
		case words[0] == "package":
			if len(words) < 3 {
				return nil, fmt.Errorf("catalog.table:%d: want package PATH… KIND", i+1)
			}
			paths, kind = words[1:len(words)-1], words[len(words)-1]
			continue
		case len(words) < 3 || len(paths) == 0:
			return nil, fmt.Errorf("catalog.table:%d: want EFFECT RECEIVER NAME… [OPTION…] under a package line", i+1)
		}
		effect, ok := effectNames[words[0]]
		if !ok {
			return nil, fmt.Errorf("catalog.table:%d: unknown effect %q", i+1, words[0])
		}
		for _, p := range paths {
			row := &Row{Effect: effect, Path: p, Names: words[2:], Dependency: kind, Line: i + 1}
			if words[1] != "." {
				row.Receiver = words[1]
			}
			for _, o := range options {
				if err := row.option(o); err != nil {
					return nil, fmt.Errorf("catalog.table:%d: %w", i+1, err)
				}
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func splitOptions(line string) (words, options []string, err error) {
	rest, in, found := strings.Cut(line, "[")
	if found {
		in, tail, closed := strings.Cut(in, "]")
		if !closed || strings.TrimSpace(tail) != "" {
			return nil, nil, fmt.Errorf("options want to be closed by ] at the end of the line")
		}
		for o := range strings.SplitSeq(in, ",") {
			options = append(options, strings.TrimSpace(o))
		}
	}
	return strings.Fields(rest), options, nil
}

func (r *Row) option(o string) error {
	key, value, _ := strings.Cut(o, "=")
	switch key {
	case "why":
		r.Why = value
	case "as":
		r.Dependency = value
	case "with":
		r.With = value
	case "queued":
		r.Queued = value
	case "polls":
		r.Polls = strings.Split(value, "|")
	case "old":
		r.Old = true
	case "limit":
		r.Limit = cmp.Or(value, Always)
	case "needs":
		r.Needs = value
	case "timed":
		r.Timed = true
	case "send":
		r.Send = true
	case "write":
		r.Write = true
	case "outside":
		if _, err := fmt.Sscan(value, &r.Outside); err != nil || r.Outside < 1 {
			return fmt.Errorf("outside=%s is no parameter; the first is 1", value)
		}
	case "attempts":
		if value == "endless" {
			r.Attempts = Endless
			return nil
		}
		if _, err := fmt.Sscan(value, &r.Attempts); err != nil {
			return fmt.Errorf("attempts=%s is no number", value)
		}
	default:
		if s, ok := shapeNames[key]; ok {
			r.Shape = s
			return nil
		}
		if d, ok := deadlineNames[key]; ok {
			r.Deadline = d
			return nil
		}
		return fmt.Errorf("unknown option %q", o)
	}
	return nil
}
