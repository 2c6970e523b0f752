package render

import (
	"fmt"
	"go/types"
	"path/filepath"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/resilgo/resil/generator/model"
	resil "github.com/resilgo/resil/runtime"
)

// decorator renders one guarded interface.
type decorator struct {
	*file
	*model.Interface

	receiver string
	next     string // field: the client
	fallback string // field: the XFallback; "" = none
	methods  []*method
	matchers []matcher // functions that the constructor defines for //resil:errors
}

func (f *file) decorator(i *model.Interface) *decorator {
	d := &decorator{file: f, Interface: i}
	// Fields and methods of a struct share their names.
	members, params := make(scope), make(scope)
	for p := range i.TypeParams.TypeParams() {
		params.reserve(p.Obj().Name())
	}
	for _, m := range i.Methods {
		members.reserve(m.Name)
		for _, p := range m.Params {
			params.reserve(p.Name)
		}
	}
	d.receiver = params.take("g", "gd", "guarded")
	d.next = members.take("next", "client")
	if len(i.FallbackMethods) > 0 {
		d.fallback = members.take("fallback", "fallbacks")
	}
	for _, m := range i.Methods {
		mm := &method{decorator: d, Method: m}
		if m.Guarded() {
			mm.handle = members.take(lowerFirst(m.Name), lowerFirst(m.Name)+"Method")
		}
		if mm.outbox() {
			mm.replay = members.take("replay"+upperFirst(m.Name), "replayDeferred"+upperFirst(m.Name))
		}
		d.methods = append(d.methods, mm)
	}
	return d
}

func (d *decorator) code() jen.Code {
	code := jen.Null()
	if d.fallback != "" {
		code.Line().Add(d.fallbackType())
	}
	code.Line().Add(d.structType())
	code.Line().Add(d.assertion())
	code.Line().Add(d.constructor())
	for _, m := range d.methods {
		code.Line().Add(m.code())
	}
	return code
}

// typeParams returns the declaration of the type parameters, "[K comparable, V any]",
// and their use, "[K, V]"; both are "" when the interface is not generic.
func (d *decorator) typeParams() (declared, used string) {
	if d.TypeParams.Len() == 0 {
		return "", ""
	}
	var decls, uses []string
	for p := range d.TypeParams.TypeParams() {
		decls = append(decls, p.Obj().Name()+" "+d.constraint(p.Constraint()))
		uses = append(uses, p.Obj().Name())
	}
	return "[" + strings.Join(decls, ", ") + "]", "[" + strings.Join(uses, ", ") + "]"
}

// constraint returns a type constraint. The interface that the compiler puts
// around ~T or A | B is left out again.
func (d *decorator) constraint(t types.Type) string { return d.typ(t) }

func (d *decorator) structType() jen.Code {
	declared, _ := d.typeParams()
	items := []jen.Code{jen.Id(d.next).Id(d.typ(d.Type))}
	if d.fallback != "" {
		_, used := d.typeParams()
		items = append(items, jen.Id(d.fallback).Id(d.FallbackType+used))
	}
	first := true
	for _, m := range d.methods {
		if m.Guarded() {
			field := jen.Null()
			if first {
				field.Line()
				first = false
			}
			items = append(items, field.Id(m.handle).Op("*").Add(d.rt("Method")))
		}
	}
	return comment(fmt.Sprintf("%s guards %s as dependency %q.", d.Decorator, d.Name, d.Dependency), deprecation(d.Doc)).
		Type().Id(d.Decorator + declared).Struct(items...).Line()
}

// assertion makes a changed interface fail to compile until it is generated
// for again. Of a generic one, a function that is never called says so for all
// type arguments.
func (d *decorator) assertion() jen.Code {
	declared, used := d.typeParams()
	says := jen.Var().Id("_").Id(d.typ(d.Type)).Op("=").
		Parens(jen.Op("*").Id(d.Decorator + used)).Parens(jen.Nil())
	if declared == "" {
		return says.Line()
	}
	return jen.Func().Id("_" + declared).Params().Block(says).Line()
}

func (d *decorator) fallbackType() jen.Code {
	declared, _ := d.typeParams()
	var methods []jen.Code
	for _, fm := range d.FallbackMethods {
		m := &method{decorator: d, Method: fm.For}
		m.nameParams(nil)
		methods = append(methods, comment(fmt.Sprintf("%s stands in for %s.", fm.Name, fm.For.Name)).Id(fm.Name).Add(m.signature()))
	}
	return comment(fmt.Sprintf("%s stands in for %s while dependency %q cannot answer.", d.FallbackType, d.Name, d.Dependency)).
		Type().Id(d.FallbackType + declared).Interface(methods...).Line()
}

func (d *decorator) constructor() jen.Code {
	declared, used := d.typeParams()
	names := make(scope).with(d.names)
	sys, next := names.take("sys"), names.take("next")
	params := []jen.Code{jen.Id(sys).Op("*").Add(d.rt("System")), jen.Id(next).Id(d.typ(d.Type))}
	inits := fields{}
	inits.add(d.next, jen.Id(next))
	doc := fmt.Sprintf("%s returns next behind the guards of dependency %q of sys.", d.Constructor, d.Dependency)
	if d.fallback != "" {
		fallback := names.take("fallback")
		params = append(params, jen.Id(fallback).Id(d.FallbackType+used))
		inits.add(d.fallback, jen.Id(fallback))
		doc += " The fallback answers while the dependency cannot."
	}
	guard := names.take("guard")
	var body []jen.Code
	for _, m := range d.methods {
		body = append(body, d.matchersFor(m, names)...)
	}
	body = append(body, jen.Id(guard).Op(":=").Id(sys).Dot("Guard").Call(d.guardSpec()))
	if d.Health != nil {
		body = append(body, jen.Id(guard).Dot("Health").Call(d.healthProbe(next, names)))
	}
	for _, m := range d.methods {
		if m.Guarded() {
			inits.add(m.handle, jen.Id(guard).Dot("Method").Call(m.spec()))
		}
	}
	value := jen.Op("&").Id(d.Decorator + used).Add(lines("{", "}", ",", inits))
	body = append(body, d.finish(value, names)...)
	return comment(doc, deprecation(d.Doc)).
		Func().Id(d.Constructor + declared).Params(params...).Op("*").Id(d.Decorator + used).Block(body...).Line()
}

// finish returns the end of the constructor: the decorator, after telling the
// runtime how deferred calls are made.
func (d *decorator) finish(value jen.Code, names scope) []jen.Code {
	var replays []jen.Code
	self := ""
	for _, m := range d.methods {
		if m.outbox() {
			if self == "" {
				self = names.take(d.receiver, "decorator")
			}
			replays = append(replays, jen.Id(self).Dot(m.handle).Dot("Replay").Call(jen.Id(self).Dot(m.replay)))
		}
	}
	if replays == nil {
		return []jen.Code{jen.Return(value)}
	}
	code := append([]jen.Code{jen.Id(self).Op(":=").Add(value)}, replays...)
	return append(code, jen.Return(jen.Id(self)))
}

func (d *decorator) guardSpec() jen.Code {
	pos := d.fset.PositionFor(d.Guard.Pos, false)
	var fs fields
	fs.text("Dependency", d.Dependency)
	fs.text("Interface", d.pkg.Path+"."+d.Name)
	fs.text("Position", fmt.Sprintf("%s:%d", filepath.Base(pos.Filename), pos.Line))
	if d.Criticality != 0 {
		fs.add("Criticality", d.rt(upperFirst(d.Criticality.String())))
	}
	if d.Down != 0 {
		fs.add("Down", d.level(d.Down))
	}
	if d.Breaker != nil {
		fs.add("Breaker", d.breaker(d.Breaker.Value))
	}
	if d.Bulkhead != nil {
		fs.add("Bulkhead", d.bulkhead(d.Bulkhead.Value))
	}
	if d.Rate != nil {
		fs.add("Rate", d.rate(d.Rate.Value))
	}
	return d.block("GuardSpec", fs)
}

// healthProbe returns the function that probes the raw client.
func (d *decorator) healthProbe(next string, names scope) jen.Code {
	m := &method{decorator: d, Method: d.Health}
	call := jen.Id(next).Dot(m.Name)
	if len(m.Params) == 1 && len(m.Results) == 1 && m.Command < 0 && !m.Variadic {
		return call
	}
	local := make(scope).with(names)
	ctx := local.take("ctx")
	body := jen.Return(call.Clone().Call(jen.Id(ctx)).Dot("Err").Call())
	if m.Command < 0 {
		err := local.take("err")
		var left []jen.Code
		for i := range m.Results {
			if i == m.verdict() {
				left = append(left, jen.Id(err))
			} else {
				left = append(left, jen.Id("_"))
			}
		}
		body = jen.List(left...).Op(":=").Add(call.Clone().Call(jen.Id(ctx))).Line().Return(jen.Id(err))
	}
	return jen.Func().Params(jen.Id(ctx).Add(d.std("context", "Context"))).Error().Block(body)
}

// spec returns the description of a method for the runtime.
func (m *method) spec() jen.Code {
	var fs fields
	fs.text("Name", m.Name)
	if m.Kind != resil.Unmarked {
		fs.add("Kind", m.rt(upperFirst(m.Kind.String())))
	}
	fs.flag("Idempotent", m.Idempotent)
	fs.flag("Essential", m.Essential)
	fs.flag("NoContext", m.Context < 0)
	fs.flag("Health", m.Health)
	if m.Timeout != nil {
		fs.add("Timeout", m.timeout(m.Timeout.Value))
	}
	if m.Retry != nil {
		fs.add("Retry", m.retry(m.Retry.Value))
	}
	if m.Bulkhead != nil {
		fs.add("Bulkhead", m.bulkhead(m.Bulkhead.Value))
	}
	if m.Rate != nil {
		fs.add("Rate", m.rate(m.Rate.Value))
	}
	if m.Hedge != nil {
		fs.add("Hedge", m.hedge(m.Hedge.Value))
	}
	if m.ignore != "" {
		fs.add("Ignore", jen.Id(m.ignore))
	}
	if m.failure != "" {
		fs.add("Failure", jen.Id(m.failure))
	}
	if len(m.Fallbacks) > 0 {
		var list []jen.Code
		for _, fb := range m.Fallbacks {
			list = append(list, m.file.fallback(fb.Spec))
		}
		fs.add("Fallbacks", jen.Index().Add(m.rt("Fallback")).Values(list...))
	}
	fs.add("Levels", m.actions(m.Levels))
	fs.flag("Streams", len(m.Streams) > 0)
	return m.block("MethodSpec", fs)
}
