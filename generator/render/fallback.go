package render

import (
	"fmt"
	"go/types"

	"github.com/dave/jennifer/jen"

	"github.com/resilgo/resil/generator/model"
	resil "github.com/resilgo/resil/runtime"
)

// fallbackImports returns the standard packages that a fallback needs.
func fallbackImports(fb model.Fallback) []string {
	var paths []string
	switch fb.Spec.Strategy {
	case resil.StrategyOutbox:
		paths = append(paths, "encoding/json")
	case resil.StrategyStale:
		for _, c := range fb.Copies {
			if path := cloners[c.How]; path != "" {
				paths = append(paths, path)
			}
		}
	case resil.StrategyCall, resil.StrategyZero: // the user's code, or none
	}
	return paths
}

// reserveFallback keeps the names that a fallback's code mentions from the
// method's parameters.
func (m *method) reserveFallback(fb model.Fallback) {
	for _, fn := range []*types.Func{fb.Func, fb.Key} {
		if fn == nil {
			continue
		}
		m.scope.reserve(fn.Name())
		if p := fn.Pkg(); p != nil && p.Path() != m.imports.self {
			m.scope.reserve(m.imports.names[p.Path()])
		}
	}
	if fb.Spec.Strategy == resil.StrategyOutbox {
		m.scope.reserve("string")
	}
	if fb.Spec.Strategy == resil.StrategyStale && fb.Key == nil {
		for _, p := range m.Params {
			m.scope.reserveIdents(m.peek(p.Type))
		}
	}
}

// with returns what the runtime needs for fallbacks, nil if there are none
// that it cannot do by itself.
func (m *method) with(carried, err string) jen.Code {
	if len(m.Fallbacks) == 0 {
		return nil
	}
	var fs fields
	if f := m.fallbackFunc(carried, err); f != nil {
		fs.add("Fallback", f)
	}
	if stale := m.fallbackOf(resil.StrategyStale); stale != nil {
		fs.add("Key", m.key(stale))
		if c := m.copies(carried, stale); c != nil {
			fs.add("Copy", c)
		}
	}
	if m.outbox() {
		fs.add("Outbox", m.encode())
	}
	return m.rt("With").Index(jen.Id(carried)).Add(lines("{", "}", ",", fs))
}

// fallbackFunc returns the function that makes the n-th fallback call.
func (m *method) fallbackFunc(carried, err string) jen.Code {
	var calls []*model.Fallback
	causes := false
	for i := range m.Fallbacks {
		if fb := &m.Fallbacks[i]; fb.Spec.Strategy == resil.StrategyCall {
			calls = append(calls, fb)
			causes = causes || fb.Cause
		}
	}
	if len(calls) == 0 {
		return nil
	}
	n, cause := "_", "_"
	if len(calls) > 1 {
		n = m.scope.take("n")
	}
	if causes {
		cause = m.scope.take("cause")
	}
	ctx := m.ctx()
	if ctx == "" {
		ctx = "_"
	}
	var body []jen.Code
	for i, fb := range calls {
		attempt := m.attempt(carried, err, m.fallbackCall(fb, cause))
		if i < len(calls)-1 {
			body = append(body, jen.If(jen.Id(n).Op("==").Lit(i)).Block(attempt...))
		} else {
			body = append(body, attempt...)
		}
	}
	return jen.Func().
		Params(jen.Id(ctx).Add(m.std("context", "Context")), jen.Id(n).Int(), jen.Id(cause).Error()).
		Params(jen.Id(carried), jen.Error()).Block(body...)
}

// fallbackCall returns the call of the user's function or of the generated
// fallback interface.
func (m *method) fallbackCall(fb *model.Fallback, cause string) jen.Code {
	if fb.Func == nil {
		return jen.Id(m.receiver).Dot(m.decorator.fallback).Dot(fb.Method).Call(m.args()...)
	}
	_, used := m.typeParams()
	if fb.Func.Signature().TypeParams().Len() == 0 {
		used = ""
	}
	args := m.args()
	if fb.Cause {
		args = nil
		for _, name := range m.params { // a variadic parameter is handed on as the slice it is
			args = append(args, jen.Id(name))
		}
		args = append(args, jen.Id(cause))
	}
	return jen.Id(m.object(fb.Func) + used).Call(args...)
}

// key returns the function that says which stale answer belongs to a call. That
// of a generic decorator is of a type of its own, so that what differs in type
// arguments only shares no answers.
func (m *method) key(fb *model.Fallback) jen.Code {
	fn := jen.Func().Params().Id("any")
	generic := m.TypeParams.Len() > 0
	var items, values []jen.Code
	if fb.Key != nil {
		_, used := m.typeParams()
		if fb.Key.Signature().TypeParams().Len() == 0 {
			used = ""
		}
		items = append(items, jen.Id("of").Id("any"))
		values = append(values, jen.Id(m.object(fb.Key)+used).Call(m.args()...))
	} else {
		for i, p := range m.Params {
			if i != m.Context {
				items = append(items, jen.Id(m.params[i]).Id(m.typ(p.Type)))
				values = append(values, jen.Id(m.params[i]))
			}
		}
	}
	switch {
	case generic || len(items) > 1:
		key := m.scope.take("key")
		return fn.Block(
			jen.Type().Id(key).Struct(items...),
			jen.Return(jen.Id(key).Values(values...)),
		)
	case len(items) == 0:
		return fn.Block(jen.Return(jen.Struct().Values()))
	default:
		return fn.Block(jen.Return(values[0]))
	}
}

// copies returns the function that copies an answer in and out of the cache,
// nil when assignment does.
func (m *method) copies(carried string, fb *model.Fallback) jen.Code {
	how := make(map[int]model.CopyHow)
	for _, c := range fb.Copies {
		if c.How != model.CopyPlain {
			how[c.Result] = c.How
		}
	}
	if len(how) == 0 {
		return nil
	}
	if len(m.values) == 1 {
		if path := cloners[fb.Copies[0].How]; path != "" {
			return m.std(path, "Clone").Index(jen.Id(carried))
		}
	}
	all := m.scope.take("answer")
	fn := jen.Func().Params(jen.Id(all).Id(carried)).Id(carried)
	var body []jen.Code
	for _, v := range m.values {
		if h, ok := how[v.index]; ok {
			place := all
			if len(m.values) > 1 {
				place += "." + v.name
			}
			body = append(body, m.copyOf(h, place, v.typ))
		}
	}
	body = append(body, jen.Return(jen.Id(all)))
	return fn.Block(body...)
}

// cloners are the standard packages whose Clone copies a value.
var cloners = map[model.CopyHow]string{model.CopySlice: "slices", model.CopyMap: "maps"}

// copyOf returns the statement that makes a value its own copy.
func (m *method) copyOf(how model.CopyHow, place string, t types.Type) jen.Code {
	self := jen.Id(place)
	switch how {
	case model.CopySlice, model.CopyMap:
		return self.Clone().Op("=").Add(m.std(cloners[how], "Clone").Call(self))
	case model.CopyPointer:
		c := m.scope.take("c")
		return jen.If(self.Clone().Op("!=").Nil()).Block(
			jen.Id(c).Op(":=").Op("*").Add(self.Clone()),
			self.Clone().Op("=").Op("&").Id(c),
		)
	default:
		name := "Clone"
		if how == model.CopyDeepCopy {
			name = "DeepCopy"
		}
		set := self.Clone().Op("=").Add(self.Clone().Dot(name).Call())
		switch t.Underlying().(type) {
		case *types.Pointer, *types.Interface:
			return jen.If(self.Clone().Op("!=").Nil()).Block(set)
		default:
			return set
		}
	}
}

// argument is a parameter of a deferred call.
type argument struct {
	param int
	field string // that holds it when it is decoded
	key   string // under which it is encoded
}

// arguments returns what a deferred call keeps: all parameters but the context.
func (m *method) arguments() []argument {
	fields, keys := make(scope), make(scope)
	var list []argument
	for i, p := range m.Params {
		if i != m.Context {
			wish := wishFor(p)[0]
			field := fields.take(upperFirst(wish), "Arg"+upperFirst(wish))
			list = append(list, argument{i, field, keys.take(lowerFirst(field), field)})
		}
	}
	return list
}

// encode returns the function that encodes the arguments.
func (m *method) encode() jen.Code {
	var pairs []jen.Code
	for _, a := range m.arguments() {
		pairs = append(pairs, jen.Lit(a.key).Op(":").Id(m.params[a.param]))
	}
	return jen.Func().Params().Params(jen.Index().Byte(), jen.Error()).Block(
		jen.Return(m.std("encoding/json", "Marshal").Call(jen.Map(jen.String()).Id("any").Values(pairs...))),
	)
}

// deferred returns the method that makes a deferred call. What it decodes the
// arguments into is local to it, because a name in the package might be taken,
// also by what is generated for another file.
func (m *method) deferred() jen.Code {
	_, used := m.typeParams()
	local := make(scope)
	local.reserve(m.receiver, m.imports.names["encoding/json"], "byte", "error", "nil")
	for _, p := range m.Params {
		local.reserveIdents(m.peek(p.Type))
	}
	ctx, payload, err := local.take("ctx"), local.take("payload"), local.take("err")
	typ, args := local.take("arguments"), local.take("args")

	handed := make([]jen.Code, len(m.Params))
	if m.Context >= 0 {
		handed[m.Context] = jen.Id(ctx)
	}
	var items []jen.Code
	for _, a := range m.arguments() {
		items = append(items, jen.Id(a.field).Id(m.typ(m.Params[a.param].Type)).Tag(map[string]string{"json": a.key}))
		value := jen.Id(args).Dot(a.field)
		if m.Variadic && a.param == len(m.Params)-1 {
			value.Op("...")
		}
		handed[a.param] = value
	}
	call := jen.Id(m.receiver).Dot(m.next).Dot(m.Name).Call(handed...)
	ctxName := ctx
	if m.Context < 0 {
		ctxName = "_"
	}
	return comment(fmt.Sprintf("%s makes a call of %s that was deferred.", m.replay, m.Name)).
		Func().Params(jen.Id(m.receiver).Op("*").Id(m.Decorator+used)).Id(m.replay).
		Params(jen.Id(ctxName).Add(m.std("context", "Context")), jen.Id(payload).Index().Byte()).Error().
		Block(
			jen.Type().Id(typ).Struct(items...),
			jen.Var().Id(args).Id(typ),
			jen.If(
				jen.Id(err).Op(":=").Add(m.std("encoding/json", "Unmarshal")).Call(jen.Id(payload), jen.Op("&").Id(args)),
				jen.Id(err).Op("!=").Nil(),
			).Block(jen.Return(jen.Id(err))),
			m.returnError(call),
		).Line()
}

// returnError returns a statement that returns a call's verdict only.
func (m *method) returnError(call *jen.Statement) jen.Code {
	if m.Command >= 0 {
		return jen.Return(call.Dot("Err").Call())
	}
	return jen.Return(call)
}
