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
		m.argsType = m.names.take(lowerFirst(m.Decorator) + upperFirst(m.Name) + "Args")
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

// key returns the function that says which stale answer belongs to a call.
func (m *method) key(fb *model.Fallback) jen.Code {
	fn := jen.Func().Params().Id("any")
	if fb.Key != nil {
		_, used := m.typeParams()
		if fb.Key.Signature().TypeParams().Len() == 0 {
			used = ""
		}
		return fn.Block(jen.Return(jen.Id(m.object(fb.Key) + used).Call(m.args()...)))
	}
	var names []string
	var items []jen.Code
	for i, p := range m.Params {
		if i != m.Context {
			names = append(names, m.params[i])
			items = append(items, jen.Id(m.params[i]).Id(m.typ(p.Type)))
		}
	}
	switch len(names) {
	case 0:
		return fn.Block(jen.Return(jen.Struct().Values()))
	case 1:
		return fn.Block(jen.Return(jen.Id(names[0])))
	}
	key := m.scope.take("key")
	var values []jen.Code
	for _, name := range names {
		values = append(values, jen.Id(name))
	}
	return fn.Block(
		jen.Type().Id(key).Struct(items...),
		jen.Return(jen.Id(key).Values(values...)),
	)
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

// argFields returns the fields that hold the arguments of a deferred call, by
// the index of the parameter.
func (m *method) argFields() map[int]string {
	taken := make(scope)
	names := make(map[int]string)
	for i, p := range m.Params {
		if i != m.Context {
			wish := wishFor(p)[0]
			names[i] = taken.take(upperFirst(wish), "Arg"+upperFirst(wish))
		}
	}
	return names
}

// encode returns the function that encodes the arguments.
func (m *method) encode() jen.Code {
	_, used := m.typeParams()
	names := m.argFields()
	var fs fields
	for i := range m.Params {
		if name, ok := names[i]; ok {
			fs.add(name, jen.Id(m.params[i]))
		}
	}
	return jen.Func().Params().Params(jen.Index().Byte(), jen.Error()).Block(
		jen.Return(m.std("encoding/json", "Marshal").Call(jen.Id(m.argsType + used).Values(fs...))),
	)
}

// deferred returns the type that holds the arguments of a deferred call and
// the method that makes it.
func (m *method) deferred() jen.Code {
	declared, used := m.typeParams()
	names, tags := m.argFields(), make(scope)
	var items []jen.Code
	for i, p := range m.Params {
		if name, ok := names[i]; ok {
			tag := tags.take(lowerFirst(name), name)
			items = append(items, jen.Id(name).Id(m.typ(p.Type)).Tag(map[string]string{"json": tag}))
		}
	}
	holder := comment(fmt.Sprintf("%s are the arguments of a deferred call of %s.", m.argsType, m.Name)).
		Type().Id(m.argsType + declared).Struct(items...).Line()

	local := make(scope)
	local.reserve(m.receiver, m.argsType, m.imports.names["encoding/json"], "nil")
	ctx, payload, args, err := local.take("ctx"), local.take("payload"), local.take("args"), local.take("err")
	var handed []jen.Code
	for i := range m.Params {
		switch name, ok := names[i]; {
		case !ok:
			handed = append(handed, jen.Id(ctx))
		case m.Variadic && i == len(m.Params)-1:
			handed = append(handed, jen.Id(args).Dot(name).Op("..."))
		default:
			handed = append(handed, jen.Id(args).Dot(name))
		}
	}
	call := jen.Id(m.receiver).Dot(m.next).Dot(m.Name).Call(handed...)
	ctxName := ctx
	if m.Context < 0 {
		ctxName = "_"
	}
	replay := comment(fmt.Sprintf("%s makes a call of %s that was deferred.", m.replay, m.Name)).
		Func().Params(jen.Id(m.receiver).Op("*").Id(m.Decorator+used)).Id(m.replay).
		Params(jen.Id(ctxName).Add(m.std("context", "Context")), jen.Id(payload).Index().Byte()).Error().
		Block(
			jen.Var().Id(args).Id(m.argsType+used),
			jen.If(
				jen.Id(err).Op(":=").Add(m.std("encoding/json", "Unmarshal")).Call(jen.Id(payload), jen.Op("&").Id(args)),
				jen.Id(err).Op("!=").Nil(),
			).Block(jen.Return(jen.Id(err))),
			m.returnError(call),
		).Line()
	return jen.Add(holder).Line().Add(replay)
}

// returnError returns a statement that returns a call's verdict only.
func (m *method) returnError(call *jen.Statement) jen.Code {
	if m.Command >= 0 {
		return jen.Return(call.Dot("Err").Call())
	}
	return jen.Return(call)
}
