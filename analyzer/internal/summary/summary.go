// Package summary says, in plain data, what a package does that matters for
// outbound calls: which functions make which calls, what runs inside which
// guard, and how clients, functions and contexts flow between variables. A
// summary is made in one pass over a type-checked package, without SSA; package
// resolve joins the summaries of a module and judges.
package summary

// Package is the summary of one package. It holds no pointers into syntax or
// types, encodes deterministically with gob, and is immutable once made.
type Package struct {
	Path   string
	Module string // path of its module, "" if unknown
	Main   bool   // a command: nothing can import it
	Dir    string // its folder, "" if unknown
	Files  []File
	// Imports are the packages of the module that it imports, sorted.
	Imports []string

	Vars   []string // by Var-1: the global name, "" for a local variable
	Rigid  []Var    // local variables of contexts, structs and pointers to structs: they hold no function
	Funcs  []Func   // in source order, literals after the function that holds them
	Flows  []Flow
	Values []Binding
	Stores []Store
	Types  []Type   // method tables: types of this package, and foreign ones that become interfaces here
	Ifaces []Iface  // interfaces of this package that have methods
	Guards []Guard  // interfaces with a guard directive
	Fresh  []Fresh  // breakers made
	Handed []Handed // values handed over as a named interface
	Folds  []Fold   // variables that are wrapped in place
}

// Fold is a variable or field that is replaced by what is made of it: how
// middleware is chained, and how a client is put behind its guard in place.
//
//	for _, wrap := range wrappers { client = wrap(client) }
//	for i, client := range clients { clients[i] = guard(client) }
//	next := call; call = func() error { return breaker.Run(next) }
//	s.prices = NewGuardedPrices(sys, s.prices)
//	return &clients{prices: &guarded{next: c.prices}}
type Fold struct {
	Func int32 // index in Funcs
	Op   int32 // the call, index in its Ops; -1 = none
	Var  Var
	Made Var // what is made of it

	Past   Var  // a name that it had before, which is still what it was; 0 = none
	Option bool // Func is a literal: who makes the thing passes it, or does not
}

// Empty reports whether nothing in the package can matter to an importer.
func (p *Package) Empty() bool {
	return p == nil || len(p.Imports) == 0 && len(p.Funcs) == 0 && len(p.Guards) == 0 && len(p.Flows) == 0 && len(p.Values) == 0 && len(p.Ifaces) == 0
}

// File is a source file.
type File struct {
	Name      string // as the file set gives it
	Test      bool
	Helper    bool // there for tests, without being a test file
	Generated bool // by any tool
	Resil     bool // by resilgen
	Tagged    bool // a build tag decides whether it is there

	Accepted []Span // what //resil:guarded speaks of
}

// Span is a part of a file: the bytes [From, To).
type Span struct{ From, To int32 }

// Pos is a place in a file of the package.
type Pos struct {
	File        int32 // index in Package.Files
	Line, Col   int32 // in the file as parsed
	Offset, End int32 // bytes

	// What a //line comment makes of it; zero without one.
	As            string
	LineAs, ColAs int32
}

// Var is a variable that clients, functions, interfaces or contexts flow
// through; 0 is none. Containers are one variable with what they hold. Fields,
// package variables and the values of named function and slice types have
// global names and are shared between packages:
//
//	F pkg.Type.field    G pkg.name    V pkg.Type
//
// What comes out of something that is not followed, such as a sync.Map, by a
// type assertion may be any object of that foreign type, most likely one that
// the same function makes and stores:
//
//	A pkg.Type extent
type Var int32

// Func is a function body: of a declaration, a literal, a method value (as if
// written as a literal), or of the package's variable initialisers.
type Func struct {
	ID    string // unique in the program: types.Func.FullName of the origin, "…$1" for literals
	Name  string // for people: "(*Store).Load"; literals have that of the function that holds them
	Pos   Pos    // of the name, or of the literal
	Outer int32  // index of the function that holds the literal, -1 = none

	Exported bool   // a function or method that other packages can name
	Method   string // name of the method, "" for other functions
	Entry    bool   // main, init, tests aside: called from outside whatever the module does
	Handler  bool   // has the signature of an HTTP handler: servers call it
	Served   bool   // a method of a gRPC service
	Helper   bool   // takes or returns something of package testing, or is a method of what holds such
	Config   bool   // a function value that is part of a foreign thing's settings
	Guarded  string // reason of //resil:guarded
	Outbound string // name of //resil:outbound
	Admits   string // the guard that it asks for its caller: a two-step breaker
	Recv     Var
	Params   []Var // by parameter; what is not followed is 0
	Results  []Var // by result
	Decides  bool  // it does this or that as something outside the code says: a setting, a flag, a request
	Invoker  int32 // 1 + index of the parameter that is a gRPC invoker or streamer, 0 = none
	Ops      []Op
}

// OpKind is what an Op does.
type OpKind uint8

// The kinds of Op.
const (
	Outbound  OpKind = iota + 1 // a catalogued call
	Static                      // a call of a function of the module
	Interface                   // a call of an interface's method
	Dynamic                     // a call of a function value
	Extern                      // a call of a foreign function that takes functions
)

// Op is one call in a function's body.
type Op struct {
	Kind    OpKind
	Pos     Pos    // of the method's name
	Callee  string // Static: Func.ID; Dynamic: ""; else the full name of the function
	Shown   string // the function for people: "(*http.Client).Do"; Static: ""
	Method  string // Interface: the method's name, Sends for what is sent on a channel
	Iface   string // Interface: name of the interface type, "pkg.Name"; "" for a send
	Recv    Var    // receiver, or the function value
	Args    []Var  // by parameter; what is not followed is 0
	Results []Var  // Interface and Dynamic, by result
	Context Var    // the context argument

	Row      Row    // Outbound; Interface if it leaves the process unless implemented in the module; Extern
	Region   string // name of the guard that admitted it here: a two-step breaker or a directive
	Go       bool   // on a goroutine that nobody waits for in this function
	Deferred bool   // called when the function returns
	Pool     bool   // Dynamic: what Recv holds beside functions is no function
	Home     int32  // 1 + index of the function that waits for it, if it is not this one
	Decided  bool   // only if something outside the code says so
	Retry    bool   // in a hand-written retry loop
	Middle   bool   // a RoundTripper calls the next one
	Write    bool   // with its arguments, certainly not idempotent
	Keyed    bool   // the function sets an idempotency key
	Reader   bool   // passes a reader made outside the innermost function literal or retry loop
	ReaderUp uint8  // how many functions further out it was made
	Attempts int    // Extern: stated attempts of a retry helper, 0 = nothing is said, -1 = something not constant
	Turns    int    // attempts of the hand-written retry loops around it, 0 = unknown
	Counts   []int  // Static: by parameter, the numbers passed beside a function; nil without

	Named   string // Extern, of a guard: the constant name it is given, such as that of a command
	Alike   bool   // Static: its second and third argument are the same thing
	TurnsOf int    // 1 + index of the parameter that bounds the retry loop, 0 = none does
	Swaps   []Swap // what could be called instead of the receiver
}

// Swap is a guarded thing in scope that has the method that a call calls.
type Swap struct {
	Start, End int32  // of the receiver as written, in bytes
	Expr       string // what to write instead
	Var        Var    // what it holds, 0 if that is not followed
	Type       string // its type, "pkg.Name": a guarded interface or a decorator
	From       string // the type of the receiver
}

// Row is what the catalogue says of a call.
type Row struct {
	Effect     uint8 // catalog.Effect
	Deadline   uint8 // catalog.Deadline
	Limit      string
	Needs      string
	Dependency string
	Why        string
	Attempts   int
	Timed      bool
	Write      bool
	Outside    int
	Stream     bool // an RPC that returns a stream, which interceptors treat by itself
}

// Flow says that what Src holds, Dst may hold.
type Flow struct{ Dst, Src Var }

// ValueKind is the kind of a Value.
type ValueKind uint8

// The kinds of values.
const (
	FuncValue    ValueKind = iota + 1 // Name is a Func.ID
	TypeValue                         // Name is the type of a value made in the module
	ObjectValue                       // a foreign thing: a client, a transport, a policy
	ContextValue                      // a context
)

// Value is something that flows.
type Value struct {
	Kind ValueKind
	Name string // function or type

	// Objects.
	ID    string   // where it is made
	In    []Var    // what it is made of: one part that guards is enough
	Part  []Var    // likewise, but a part guards only if all that it may hold does
	Guard string   // it has this guard inside
	Set   []string // fields and options stated
	Made  Pos
	Send  *Row // it is a channel: what is sent on it is a call

	// Contexts. Limited ones have an ID, and in In those that they derive from.
	Bound   Bound
	Seconds float64 // Limited: the limit, 0 = unknown
}

// Sends is the Method of an op that sends on a channel.
const Sends = "<-"

// Told is the name of an object that stands for an injector whose faults come
// from outside the code.
const Told = "faults told"

// Bound tells how a context ends.
type Bound uint8

// The bounds.
const (
	Endless Bound = iota + 1 // context.Background and what derives from it
	Limited                  // has a deadline
	Foreign                  // comes from outside the module
)

// Binding says that Var may hold Value.
type Binding struct {
	Var   Var
	Value Value
}

// Store says that Src becomes part of every object that Base holds.
type Store struct {
	Base, Src Var
	Field     string // or the name of the method; with its value, if constant
	Type      string // of the struct, "pkg.Name", if Base is a parameter: it is what the caller has no other name for
}

// Type is the method table of a named type.
type Type struct {
	Name    string // "pkg.Name"
	Foreign bool
	File    int32    // index in Files, -1 for foreign types
	Methods []Method // sorted by name
	Fields  []Field  // module types: fields of interface type
}

// Field is a field of interface type.
type Field struct {
	Name  string
	Iface string
}

// Method is an entry of a method table.
type Method struct {
	Name   string
	Sig    uint64 // hash of the types of its parameters and results
	Func   string // Func.ID, for a method written in the module
	Via    string // promoted through an embedded interface: global name of the field
	Callee string // full name of a foreign method
	Row    Row    // of a foreign method
}

// Iface is an interface type of the package.
type Iface struct {
	Name    string
	Methods []Method // Name and Sig
}

// Guard is an interface with a guard directive.
type Guard struct {
	Iface       string // "pkg.Name"
	Aliased     string // the type behind it, if it is an alias; else Iface
	Decorator   string // "pkg.GuardedName"
	Constructor string // "pkg.NewGuardedName"
	Dependency  string
	Methods     []GuardMethod
}

// Handed is the place where a value of a concrete type becomes an interface.
type Handed struct {
	Func   int32 // index in Funcs
	Pos    Pos
	Dst    Var
	Type   string // "pkg.Name"
	Iface  string
	Callee string // Func.ID or full name of the function it is an argument of, "" = none
}

// GuardMethod is a method of a guarded interface.
type GuardMethod struct {
	Name       string
	Plain      bool
	Health     bool    // the probe
	Write      bool    // marked write
	Idempotent bool    // marked read or idempotent
	Attempts   int     // of its retry, 1 = none
	Seconds    float64 // worst case, 0 = unbounded
	Attempt    float64 // timeout of one attempt in seconds, 0 = none
	Total      float64 // total timeout in seconds, 0 = none
	Fallbacks  []Fallback
}

// Fallback is a function that stands in for a dependency.
type Fallback struct {
	Func   string // Func.ID; "" = Method
	Method string // of what the decorator's constructor is given as fallback
	Pos    Pos    // of the directive
}

// Fresh is a breaker made in a function.
type Fresh struct {
	Func  int32 // index in Funcs
	Pos   Pos
	Name  string // of the constructor, for people
	Full  string // its full name
	Used  bool   // it runs something in the function that makes it, by itself or in a literal
	Kept  bool   // it may outlive the call of the function
	Loops bool   // the function uses it in a loop that it was not made in
	Held  bool   // it is inside a thing of the module that is made here
	Lives bool   // the function stays for as long as the program does, or is what a command runs

	Returned bool   // the function returns it to its caller, who has another one each time
	Via      string // Func.ID of the function that made it, if it does so; "" = it is made here
}
