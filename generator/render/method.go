package render

import (
	"fmt"
	"go/types"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/resilgo/resil/generator/model"
	resil "github.com/resilgo/resil/runtime"
)

// method renders one method of a decorator.
type method struct {
	*decorator
	*model.Method

	handle          string // field of the *resil.Method
	ignore, failure string // functions of the constructor that tell errors apart; "" = none
	replay          string // method that makes a deferred call

	scope  scope    // of the method's body
	params []string // by index
	values []value  // the results but the one that is the verdict
}

// value is a result that the runtime carries for us.
type value struct {
	index int // of the result
	name  string
	typ   types.Type
}

// verdict returns the index of the result that says whether a call succeeded:
// the last error or the command.
func (m *method) verdict() int {
	if n := len(m.Errors); n > 0 {
		return m.Errors[n-1]
	}
	return m.Command
}

// outbox reports whether calls of the method may be deferred.
func (m *method) outbox() bool { return m.fallbackOf(resil.StrategyOutbox) != nil }

// fallbackOf returns the fallback with a strategy, nil if there is none.
func (m *method) fallbackOf(s resil.Strategy) *model.Fallback {
	for i := range m.Fallbacks {
		if m.Fallbacks[i].Spec.Strategy == s {
			return &m.Fallbacks[i]
		}
	}
	return nil
}

func (m *method) code() jen.Code {
	m.open()
	if !m.Guarded() {
		return m.plain()
	}
	code := jen.Null()
	code.Add(m.doc()).Add(m.header()).Block(m.body()...).Line()
	if m.outbox() {
		code.Line().Add(m.deferred())
	}
	return code
}

// open settles the names of the method.
func (m *method) open() {
	m.scope = make(scope)
	m.scope.reserve(m.receiver, "any", "byte", "error", "int", "nil", m.imports.names[runtimePath], m.imports.names["context"])
	for p := range m.TypeParams.TypeParams() {
		m.scope.reserve(p.Obj().Name())
	}
	for _, path := range methodImports(m.Method) {
		m.scope.reserve(m.imports.names[path])
	}
	if m.Guarded() {
		for _, r := range m.Results {
			m.scope.reserveIdents(m.peek(r.Type))
		}
		for _, fb := range m.Fallbacks {
			m.reserveFallback(fb)
		}
	}
	m.nameParams(m.scope)
	if !m.Guarded() {
		return
	}
	for i, r := range m.Results {
		if i == m.verdict() && m.Command < 0 {
			continue
		}
		m.values = append(m.values, value{i, m.scope.take(wishFor(r)...), r.Type})
	}
}

// peek returns the spelling of a type without noting that its packages are
// used.
func (m *method) peek(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string {
		if p.Path() == m.imports.self {
			return ""
		}
		return m.imports.names[p.Path()]
	})
}

// nameParams names the parameters: as the user did, unless the body needs the
// name for something else.
func (m *method) nameParams(taken scope) {
	taken = taken.with(nil)
	m.params = make([]string, len(m.Params))
	for i, p := range m.Params {
		if p.Name != "" && p.Name != "_" {
			m.params[i] = taken.take(p.Name, p.Name+"Arg")
		}
	}
	for i, p := range m.Params {
		if m.params[i] == "" {
			m.params[i] = taken.take(wishFor(p)...)
		}
	}
	if m.scope != nil {
		m.scope = m.scope.with(taken)
	}
}

// wishFor returns names that suit a parameter or result without one of its
// own, best first.
func wishFor(p model.Param) []string {
	if p.Name != "" && p.Name != "_" {
		return []string{p.Name, p.Name + "Result"}
	}
	return []string{nameForType(p.Type)}
}

// nameForType returns a name for something of a type.
func nameForType(t types.Type) string {
	switch t := t.(type) {
	case *types.Named:
		return nameForNamed(t.Obj())
	case *types.Alias:
		return nameForNamed(t.Obj())
	case *types.Pointer:
		return nameForType(t.Elem())
	case *types.Slice:
		if b, ok := t.Elem().Underlying().(*types.Basic); ok && b.Kind() == types.Byte {
			return "data"
		}
		return "list"
	case *types.Basic:
		switch {
		case t.Info()&types.IsString != 0:
			return "s"
		case t.Info()&types.IsBoolean != 0:
			return "ok"
		case t.Info()&types.IsNumeric != 0:
			return "n"
		}
	case *types.Signature:
		return "fn"
	case *types.Chan:
		return "ch"
	case *types.Map:
		return "m"
	}
	return "v"
}

func nameForNamed(o *types.TypeName) string {
	switch {
	case o.Name() == "Context" && o.Pkg() != nil && o.Pkg().Path() == "context":
		return "ctx"
	case o.Pkg() == nil && o.Name() == "error":
		return "err"
	case !o.Exported():
		return o.Name() + "Value"
	default:
		return lowerFirst(o.Name())
	}
}

// signature returns the parameters and results.
func (m *method) signature() jen.Code {
	var params []jen.Code
	for i := 0; i < len(m.Params); {
		t, names := m.paramType(i), []jen.Code{jen.Id(m.params[i])}
		for i++; i < len(m.Params) && m.paramType(i) == t; i++ {
			names = append(names, jen.Id(m.params[i]))
		}
		params = append(params, jen.List(names...).Id(t))
	}
	code := jen.Params(params...)
	switch len(m.Results) {
	case 0:
	case 1:
		code.Id(m.typ(m.Results[0].Type))
	default:
		var results []jen.Code
		for _, r := range m.Results {
			results = append(results, jen.Id(m.typ(r.Type)))
		}
		code.Params(results...)
	}
	return code
}

// paramType returns the type of a parameter as a declaration has it.
func (m *method) paramType(i int) string {
	t := m.Params[i].Type
	if m.Variadic && i == len(m.Params)-1 {
		return "..." + m.typ(t.(*types.Slice).Elem())
	}
	return m.typ(t)
}

// header returns the method's declaration up to its body.
func (m *method) header() jen.Code {
	_, used := m.typeParams()
	return jen.Func().Params(jen.Id(m.receiver).Op("*").Id(m.Decorator + used)).Id(m.Name).Add(m.signature())
}

// doc returns the method's comment: the user's, the policies and what was
// passed over.
func (m *method) doc() *jen.Statement {
	what := "Policies, outermost first: "
	if m.Doc == "" {
		what = m.Name + " calls the client under these policies, outermost first: "
	}
	paragraphs := []string{what + strings.Join(Policies(m.Interface, m.Method), ", ") + "."}
	if m.Degrade != nil {
		var levels []string
		for i, a := range m.Levels {
			levels = append(levels, fmt.Sprintf("%s %s", resil.Level(i+1), a))
		}
		paragraphs = append(paragraphs, "By level: "+strings.Join(levels, ", ")+".")
	}
	for _, p := range m.Passed {
		paragraphs = append(paragraphs, fmt.Sprintf("Not applied here: %s (%s).", p.Line.Verb, p.Reason))
	}
	return docComment(m.Doc, paragraphs...)
}

// plain returns a method that forwards.
func (m *method) plain() jen.Code {
	what := "Forwarded untouched: "
	if m.Doc == "" {
		what = m.Name + " is forwarded untouched: "
	}
	var body jen.Code = m.clientCall()
	if len(m.Results) > 0 {
		body = jen.Return(body)
	}
	return docComment(m.Doc, what+strings.TrimSuffix(m.PlainReason, ".")+".").
		Add(m.header()).Block(body).Line()
}

// args returns the arguments that hand the parameters on.
func (m *method) args() []jen.Code {
	var list []jen.Code
	for i, name := range m.params {
		arg := jen.Id(name)
		if m.Variadic && i == len(m.params)-1 {
			arg.Op("...")
		}
		list = append(list, arg)
	}
	return list
}

// clientCall returns the call of the raw client.
func (m *method) clientCall() *jen.Statement {
	return jen.Id(m.receiver).Dot(m.next).Dot(m.Name).Call(m.args()...)
}

// ctx returns the name of the context, "" if the method has none.
func (m *method) ctx() string {
	if m.Context < 0 {
		return ""
	}
	return m.params[m.Context]
}

// closureCtx returns the context parameter of a closure that makes the call.
func (m *method) closureCtx() jen.Code {
	ctx := m.std("context", "Context")
	if m.Context < 0 {
		return ctx
	}
	return jen.Id(m.ctx()).Add(ctx)
}

// carried returns the type that the runtime carries: struct{} for none, the
// result itself for one, and for several the local type that define declares.
func (m *method) carried() (typ string, define []jen.Code) {
	switch len(m.values) {
	case 0:
		return "struct{}", nil
	case 1:
		return m.typ(m.values[0].typ), nil
	}
	name := m.scope.take("results")
	var items []jen.Code
	for _, v := range m.values {
		items = append(items, jen.Id(v.name).Id(m.typ(v.typ)))
	}
	return name, []jen.Code{jen.Type().Id(name).Struct(items...)}
}

// straight reports whether the client's results are just what a closure
// returns: one value, then the error.
func (m *method) straight() bool {
	return m.Command < 0 && len(m.values) == 1 && m.verdict() == 1
}

// body returns the statements of a guarded method.
func (m *method) body() []jen.Code {
	carried, body := m.carried()
	err := m.scope.take("err")
	entry, args := "Call", []jen.Code{m.callCtx(), jen.Id(m.receiver).Dot(m.handle), m.closure(carried, err)}
	switch {
	case m.tied():
		entry, args = "CallStream", append(args, m.tie(carried))
	case m.Hedge != nil:
		entry = "CallHedged"
	}
	if with := m.with(carried, err); with != nil {
		entry, args = entry+"With", append(args, with)
	}
	call := m.rt(entry).Call(args...)
	return append(body, m.unpack(err, call)...)
}

func (m *method) callCtx() jen.Code {
	if m.Context < 0 {
		return m.std("context", "Background").Call()
	}
	return jen.Id(m.ctx())
}

// closure returns the function that calls the client once.
func (m *method) closure(carried, err string) jen.Code {
	return jen.Func().Params(m.closureCtx()).Params(jen.Id(carried), jen.Error()).
		Block(m.attempt(carried, err, m.clientCall())...)
}

// attempt returns statements that make a call with the method's results and
// return what the runtime carries and the error.
func (m *method) attempt(carried, err string, call jen.Code) []jen.Code {
	switch {
	case m.straight():
		return []jen.Code{jen.Return(call)}
	case m.Command < 0 && len(m.Results) == 1:
		return []jen.Code{jen.Return(jen.Struct().Values(), call)}
	}
	var verdict jen.Code = jen.Id(err)
	left := make([]jen.Code, len(m.Results))
	if m.Command < 0 {
		left[m.verdict()] = jen.Id(err)
	}
	for _, v := range m.values {
		left[v.index] = jen.Id(v.name)
		if v.index == m.Command {
			verdict = jen.Id(v.name).Dot("Err").Call()
		}
	}
	return []jen.Code{
		jen.List(left...).Op(":=").Add(call),
		jen.Return(m.pack(carried), verdict),
	}
}

// pack returns the values as one, of the type that the runtime carries.
func (m *method) pack(carried string) jen.Code {
	switch len(m.values) {
	case 0:
		return jen.Struct().Values()
	case 1:
		return jen.Id(m.values[0].name)
	}
	var fs fields
	for _, v := range m.values {
		fs.add(v.name, jen.Id(v.name))
	}
	return jen.Id(carried).Values(fs...)
}

// unpack returns the statements that make the call into the runtime and return
// the method's results.
func (m *method) unpack(err string, call jen.Code) []jen.Code {
	if m.straight() {
		return []jen.Code{jen.Return(call)}
	}
	results := make([]jen.Code, len(m.Results))
	if m.Command < 0 {
		results[m.verdict()] = jen.Id(err)
	}
	var left *jen.Statement
	command := ""
	switch len(m.values) {
	case 0:
		left = jen.Id("_")
	case 1:
		v := m.values[0]
		left = jen.Id(v.name)
		results[v.index] = left.Clone()
		command = v.name
	default:
		all := m.scope.take("all")
		left = jen.Id(all)
		for _, v := range m.values {
			results[v.index] = jen.Id(all).Dot(v.name)
			if v.index == m.Command {
				command = all + "." + v.name
			}
		}
	}
	body := []jen.Code{jen.List(left, jen.Id(err)).Op(":=").Add(call)}
	if m.Command >= 0 {
		body = append(body, m.report(command, err)...)
	}
	return append(body, jen.Return(results...))
}

// report returns the statements that put an error into a command. A call that
// was refused has no command yet, nor has a zero answer.
func (m *method) report(command, err string) []jen.Code {
	pointer := types.Unalias(m.Results[m.Command].Type).(*types.Pointer)
	made := jen.If(jen.Id(command).Op("==").Nil()).Block(
		jen.Id(command).Op("=").Op("&").Id(m.typ(pointer.Elem())).Values(),
	)
	set := jen.Id(command).Dot("SetErr").Call(jen.Id(err))
	failed := jen.If(jen.Id(err).Op("!=").Nil())
	if m.fallbackOf(resil.StrategyZero) != nil {
		return []jen.Code{made, failed.Block(set)}
	}
	return []jen.Code{failed.Block(made, set)}
}
