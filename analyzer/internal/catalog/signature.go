package catalog

import (
	"go/types"
	"slices"
	"strings"
)

// BySignature returns the row of a function that has none, if its signature
// alone is proof that it leaves the process: no validator, logger or container
// has one like it. foreign says that it is not the team's own; what the team
// wrote is followed instead, but for what is generated from a protocol. through
// is as in [Catalog.Lookup]. Nil if the signature proves nothing.
//
// Whether the clients of an unknown module bound their calls is unknown, too,
// but for those that are known to leave it to the context.
func (c *Catalog) BySignature(fn *types.Func, through types.Type, foreign bool) *Row {
	fn = fn.Origin()
	sig := fn.Signature()
	if sig.Recv() != nil {
		if r := stub(sig, through); r != nil {
			return r
		}
	}
	if !foreign || sig.Results().Len() == 0 || fn.Pkg() == nil {
		return nil
	}
	for _, is := range signatures {
		r := is(fn, sig)
		if r == nil {
			continue
		}
		p := fn.Pkg().Path()
		if isStandard(p) || isStandIn(p, fn) {
			return nil
		}
		if r.Dependency == "" {
			of := *r
			of.Dependency = c.dependencyOf(p)
			return &of
		}
		return r
	}
	return nil
}

// dependencyOf names the kind of dependency that a package is a client of.
func (c *Catalog) dependencyOf(importPath string) string {
	for _, r := range c.rowsFor(Normalize(importPath)) {
		if r.Effect == Call {
			return r.Dependency
		}
	}
	return moduleKind(importPath)
}

// The rows of what is known by its signature. One without a dependency has that
// of its module.
var (
	grpcStub    = &Row{Effect: Call, Dependency: "grpc"}
	connectStub = &Row{Effect: Call, Dependency: "connect"}
	twirpStub   = &Row{Effect: Call, Dependency: "twirp"}

	// Most methods of Google's generated clients have a timeout of their own, by
	// options that no type shows.
	google     = &Row{Effect: Call, Deadline: ByClient, Dependency: "google"}
	kubernetes = &Row{Effect: Call, Dependency: "kubernetes"}
	watch      = &Row{Effect: Counted, Dependency: "kubernetes", Why: "subscription"}
	query      = &Row{Effect: Call, Dependency: "sql"}
	dial       = &Row{Effect: Call, Deadline: ByClient, Dependency: "net"}
	request    = &Row{Effect: Call, Deadline: ByClient, Dependency: "http"}
	client     = &Row{Effect: Call, Deadline: ByClient}
)

// stub recognises the methods of stubs that are generated from a protocol,
// which may be the team's own.
func stub(sig *types.Signature, through types.Type) *Row {
	if isGRPCStub(sig) {
		return grpcStub
	}
	n := named(through)
	if n == nil || n.Obj().Pkg() == nil {
		return nil
	}
	name := n.Obj().Name()
	if strings.HasSuffix(name, "Client") && isConnectStub(sig) {
		return connectStub
	}
	if types.IsInterface(n) && holds(sig.Params(), IsContext) && n.Obj().Pkg().Scope().Lookup("New"+name+"ProtobufClient") != nil {
		return twirpStub
	}
	return nil
}

var signatures = []func(*types.Func, *types.Signature) *Row{
	ofGoogle, ofKubernetes, ofAWS, ofOptions, ofSQL, ofDial, ofHTTP,
}

// ofGoogle: the last parameter is ...gax.CallOption; or the next element of an
// iterator that fetches pages, as its method PageInfo tells. Methods that list
// return iterators and no error.
func ofGoogle(fn *types.Func, sig *types.Signature) *Row {
	if sig.Recv() == nil || !lastIsError(sig) {
		return nil
	}
	if startsWithContext(sig) && isNamed(variadic(sig), "github.com/googleapis/gax-go", "CallOption") {
		return google
	}
	if fn.Name() == "Next" && sig.Params().Len() == 0 {
		obj, _, _ := types.LookupFieldOrMethod(sig.Recv().Type(), true, fn.Pkg(), "PageInfo")
		if info, ok := obj.(*types.Func); ok && info.Signature().Results().Len() == 1 &&
			isNamed(info.Signature().Results().At(0).Type(), "google.golang.org/api/iterator", "PageInfo") {
			return google
		}
	}
	return nil
}

// ofKubernetes: the typed client of a resource, a custom one, too. The server's
// side and what is cached take pointers, or no context.
func ofKubernetes(fn *types.Func, sig *types.Signature) *Row {
	if sig.Recv() == nil || !startsWithContext(sig) || !lastIsError(sig) {
		return nil
	}
	for v := range sig.Params().Variables() {
		n, ok := types.Unalias(v.Type()).(*types.Named)
		if !ok || !strings.HasSuffix(n.Obj().Name(), "Options") || !isNamed(n, "k8s.io/apimachinery/pkg/apis/meta", n.Obj().Name()) {
			continue
		}
		if fn.Name() == "Watch" {
			return watch
		}
		return kubernetes
	}
	return nil
}

// ofAWS: (ctx, *XInput, ...func(*Options)) (*XOutput, error), an operation as
// the second AWS SDK and what imitates it spell it. Presigners have options of
// another name, constructors no input.
func ofAWS(fn *types.Func, sig *types.Signature) *Row {
	p, r := sig.Params(), sig.Results()
	if sig.Recv() == nil || p.Len() != 3 || r.Len() != 2 || !startsWithContext(sig) || !lastIsError(sig) || strings.HasPrefix(fn.Name(), "Presign") {
		return nil
	}
	input, isInput := strings.CutSuffix(pointee(p.At(1).Type()), "Input")
	output, isOutput := strings.CutSuffix(pointee(r.At(0).Type()), "Output")
	option, ok := under[*types.Signature](variadic(sig))
	if isInput && isOutput && input == output && ok && option.Params().Len() == 1 && pointee(option.Params().At(0).Type()) == "Options" {
		return client
	}
	return nil
}

// ofOptions: options of a single request, as generators of clients name them.
func ofOptions(fn *types.Func, sig *types.Signature) *Row {
	last := variadic(sig)
	if last == nil || sig.Recv() == nil || builds(fn) {
		return nil
	}
	n := named(last)
	option, isFunc := under[*types.Signature](last)
	switch {
	case isFunc && takes(option, "github.com/go-openapi/runtime", "ClientOperation"): // go-swagger
		if lastIsError(sig) {
			return client
		}
	case !startsWithContext(sig):
	case isFunc && takes(option, "net/http", "Request"): // oapi-codegen
		if lastIsError(sig) {
			return client
		}
	case n != nil && n.Obj().Name() == "RequestOption" && n.Obj().Pkg() != nil && types.IsInterface(n) && ofGenerator(n.Obj().Pkg()): // Stainless, Fern
		if lastIsError(sig) || strings.HasSuffix(fn.Name(), "Streaming") || strings.HasSuffix(fn.Name(), "AutoPaging") {
			return client
		}
	}
	return nil
}

// ofGenerator reports whether a package is where generated clients keep the
// options of their requests.
func ofGenerator(pkg *types.Package) bool {
	last := pkg.Path()[strings.LastIndexByte(pkg.Path(), '/')+1:]
	return last == "option" || last == "requestconfig" || last == "core"
}

// ofSQL: what only a database answers with.
func ofSQL(fn *types.Func, sig *types.Signature) *Row {
	r, name := sig.Results(), fn.Name()
	first := r.At(0).Type()
	is := func(n string) bool { return isNamed(first, "database/sql", n) }
	answer := false
	switch r.Len() {
	case 1:
		answer = is("Row") && strings.HasPrefix(name, "QueryRow")
	case 2:
		answer = lastIsError(sig) && (is("Rows") || is("Result") ||
			is("Tx") && strings.HasPrefix(name, "Begin") || is("Stmt") && strings.HasPrefix(name, "Prepare"))
	}
	if !answer || hasFunc(sig) || holds(sig.Params(), func(t types.Type) bool {
		return isNamed(t, "database/sql", "Rows") || isNamed(t, "database/sql", "Result") || isNamed(t, "database/sql/driver", "Result")
	}) {
		return nil
	}
	return query
}

// ofDial: a function Dial… that takes an address and returns a connection. Dials
// of listeners in memory take none.
func ofDial(fn *types.Func, sig *types.Signature) *Row {
	r := sig.Results()
	if !strings.HasPrefix(fn.Name(), "Dial") || r.Len() != 2 || !lastIsError(sig) || !isNamed(r.At(0).Type(), "net", "Conn") {
		return nil
	}
	if !holds(sig.Params(), func(t types.Type) bool { return types.Identical(t, types.Typ[types.String]) }) {
		return nil
	}
	return dial
}

// ofHTTP: the answer to an HTTP request comes back beside an error, raw or as
// what carries it, and nothing that goes in holds one. What takes functions may
// leave the request to them.
func ofHTTP(fn *types.Func, sig *types.Signature) *Row {
	p, r, name := sig.Params(), sig.Results(), fn.Name()
	i := index(r, isHTTPAnswer)
	if i < 0 || r.Len() < 2 || !lastIsError(sig) || hasFunc(sig) || builds(fn) || name == "RoundTrip" || holds(p, isHTTPAnswer) {
		return nil
	}
	receiver := ""
	if sig.Recv() != nil {
		receiver = typeName(sig.Recv().Type())
	}
	switch {
	case startsWithContext(sig) && holds(p, func(t types.Type) bool { return isNamed(t, "net/http", "Client") || isNamed(t, "net/http", "Request") }):
		return request // ctxhttp
	case startsWithContext(sig):
		return client // go-github, godo, oapi-codegen, Speakeasy
	case receiver == "":
		return nil
	case p.Len() == 1 && isNamed(p.At(0).Type(), "net/http", "Request"):
		if name == "Do" && isNamed(r.At(i).Type(), "net/http", "Response") {
			return request
		}
	case p.Len() == 0:
		if name == "Execute" && strings.HasSuffix(receiver, "Request") {
			return client // OpenAPI generator
		}
	case i == 1 && r.Len() == 3:
		return client // the decoded answer before it
	}
	return nil
}

// isHTTPAnswer reports whether t is a *http.Response or a "…Response" of some
// module that holds one.
func isHTTPAnswer(t types.Type) bool {
	n := named(t)
	if n == nil || n.Obj().Pkg() == nil {
		return false
	}
	if n.Obj().Pkg().Path() == "net/http" {
		return n.Obj().Name() == "Response"
	}
	st, ok := n.Underlying().(*types.Struct)
	if !ok || !strings.HasSuffix(n.Obj().Name(), "Response") {
		return false
	}
	for f := range st.Fields() {
		if pointee(f.Type()) == "Response" && isNamed(f.Type(), "net/http", "Response") {
			return true
		}
	}
	return false
}

// builds reports whether a function's name says that it only makes or reads
// something.
func builds(fn *types.Func) bool {
	for _, prefix := range []string{"Build", "Parse", "Decode", "Read", "With", "Presign"} {
		if strings.HasPrefix(fn.Name(), prefix) {
			return true
		}
	}
	return holds(fn.Signature().Results(), func(t types.Type) bool { return isNamed(t, "net/http", "Request") })
}

// hasFunc reports whether a parameter is a function, options aside.
func hasFunc(sig *types.Signature) bool {
	return holds(sig.Params(), func(t types.Type) bool {
		_, ok := under[*types.Signature](t)
		return ok // options are a slice
	})
}

// takes reports whether a function's last parameter is a pointer to the type.
func takes(sig *types.Signature, pkgPath, name string) bool {
	n := sig.Params().Len()
	return n > 0 && isNamed(sig.Params().At(n-1).Type(), pkgPath, name)
}

func startsWithContext(sig *types.Signature) bool {
	return sig.Params().Len() > 0 && IsContext(sig.Params().At(0).Type())
}

// variadic returns the element type of the last parameter, nil if it is one value.
func variadic(sig *types.Signature) types.Type {
	if !sig.Variadic() {
		return nil
	}
	if s, ok := types.Unalias(sig.Params().At(sig.Params().Len() - 1).Type()).(*types.Slice); ok {
		return s.Elem()
	}
	return nil
}

// index returns the place of the first type in t that is one, -1 if there is none.
func index(t *types.Tuple, is func(types.Type) bool) int {
	for i := range t.Len() {
		if is(t.At(i).Type()) {
			return i
		}
	}
	return -1
}

func holds(t *types.Tuple, is func(types.Type) bool) bool { return index(t, is) >= 0 }

// pointee returns the name of the type that t points to, "" if it is no pointer.
func pointee(t types.Type) string {
	if _, ok := types.Unalias(t).(*types.Pointer); !ok {
		return ""
	}
	return typeName(t)
}

func under[T types.Type](t types.Type) (T, bool) {
	if t == nil {
		var none T
		return none, false
	}
	u, ok := types.Unalias(t).Underlying().(T)
	return u, ok
}

// isGRPCStub reports whether sig is that of a method of a generated gRPC stub.
func isGRPCStub(sig *types.Signature) bool {
	return sig.Params().Len() >= 2 && startsWithContext(sig) && isNamed(variadic(sig), "google.golang.org/grpc", "CallOption")
}

// isConnectStub reports whether sig is that of a method of a generated Connect
// client. Handlers look alike, but for their receiver.
func isConnectStub(sig *types.Signature) bool {
	for v := range sig.Params().Variables() {
		if isNamed(v.Type(), "connectrpc.com/connect", "Request") {
			return true
		}
	}
	for v := range sig.Results().Variables() {
		if isNamed(v.Type(), "connectrpc.com/connect", "BidiStreamForClient") || isNamed(v.Type(), "connectrpc.com/connect", "ClientStreamForClient") {
			return true
		}
	}
	return false
}

// isStandard reports whether a package is one of the standard library.
func isStandard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

// isStandIn reports whether a function is there for tests, or to do nothing: such
// look like clients and answer by themselves.
func isStandIn(importPath string, fn *types.Func) bool {
	for part := range strings.SplitSeq(importPath, "/") {
		switch {
		case strings.HasPrefix(part, "fake"), strings.HasPrefix(part, "mock"), strings.HasSuffix(part, "mock"), strings.HasSuffix(part, "mocks"),
			strings.HasPrefix(part, "test"), strings.HasSuffix(part, "test"), strings.HasSuffix(part, "testing"):
			return true
		}
	}
	name := fn.Name()
	if recv := fn.Signature().Recv(); recv != nil {
		name = typeName(recv.Type())
	}
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"fake", "mock", "stub", "nop", "noop", "inmem", "memory"}, func(p string) bool { return strings.HasPrefix(name, p) })
}

// moduleKind names a kind of dependency after its module: what is left of the
// repository's name without what says that it is a client in Go; the owner, or
// the host, if that is nothing.
func moduleKind(importPath string) string {
	parts := strings.Split(Normalize(importPath), "/")
	hosted := parts[0] == "github.com" || parts[0] == "gitlab.com" || parts[0] == "bitbucket.org" || parts[0] == "gopkg.in"
	candidates := []string{}
	if hosted {
		if len(parts) > 2 {
			candidates = append(candidates, parts[2])
		}
		if len(parts) > 1 {
			candidates = append(candidates, parts[1])
		}
	} else {
		if len(parts) > 1 {
			candidates = append(candidates, parts[1])
		}
		host := strings.Split(parts[0], ".")
		candidates = append(candidates, host[max(0, len(host)-2)])
	}
	for _, c := range candidates {
		words := strings.FieldsFunc(strings.ToLower(c), func(r rune) bool { return r == '-' || r == '_' || r == '.' })
		words = slices.DeleteFunc(words, func(w string) bool {
			return slices.Contains([]string{"go", "golang", "sdk", "client", "clients", "api", "apis", "x", "pkg", "the", "rest", "http", "lib", "for"}, w) || isMajor(w, 'v')
		})
		if len(words) > 0 {
			return strings.Join(words, "-")
		}
	}
	return parts[0]
}

// IsStream reports whether a method of a stub for RPCs opens a stream.
func IsStream(sig *types.Signature) bool {
	if sig.Results().Len() == 0 {
		return false
	}
	t := sig.Results().At(0).Type()
	if n := named(t); n != nil && strings.HasSuffix(n.Obj().Name(), "StreamForClient") {
		return isNamed(t, "connectrpc.com/connect", n.Obj().Name())
	}
	stream, ok := t.Underlying().(*types.Interface)
	if !ok {
		return false
	}
	obj, _, _ := types.LookupFieldOrMethod(stream, false, nil, "CloseSend")
	return obj != nil && isGRPCStub(sig)
}
