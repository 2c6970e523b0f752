package render

import (
	"slices"

	"github.com/dave/jennifer/jen"

	"github.com/resilgo/resil/generator/directive"
	"github.com/resilgo/resil/generator/model"
)

// matcher is what one //resil:errors line became in the constructor. Methods
// that share the line share it.
type matcher struct {
	lines           []*directive.Directive
	ignore, failure string // local functions; "" = none
}

// matchersFor returns the definitions of the functions that tell the errors of
// a method apart, unless an earlier method has brought them.
func (d *decorator) matchersFor(m *method, names scope) []jen.Code {
	if m.Errs == nil {
		return nil
	}
	for _, known := range d.matchers {
		if slices.Equal(known.lines, m.Errs.Lines) {
			m.ignore, m.failure = known.ignore, known.failure
			return nil
		}
	}
	var defs []jen.Code
	define := func(name string, errs []model.ErrorMatch) string {
		if len(errs) == 0 {
			return ""
		}
		name = names.take(name, lowerFirst(m.Name)+upperFirst(name))
		defs = append(defs, jen.Id(name).Op(":=").Add(d.matcher(errs)))
		return name
	}
	m.ignore = define("isAnswer", m.Errs.Value.Ignore)
	m.failure = define("isFailure", m.Errs.Value.Failure)
	d.matchers = append(d.matchers, matcher{m.Errs.Lines, m.ignore, m.failure})
	return defs
}

// matcher returns a function that reports whether an error is one of these.
func (d *decorator) matcher(errs []model.ErrorMatch) jen.Code {
	local := make(scope).with(d.names)
	err := local.take("err")
	var targets, tests []jen.Code
	target := func(pointer string, e model.ErrorMatch) {
		name := local.take(lowerFirst(e.Object.Name()), lowerFirst(e.Object.Name())+"Error")
		targets = append(targets, jen.Var().Id(name).Id(pointer+d.object(e.Object)))
		tests = append(tests, d.std("errors", "As").Call(jen.Id(err), jen.Op("&").Id(name)))
	}
	for _, e := range errs {
		if !e.Value && !e.Pointer {
			tests = append(tests, d.std("errors", "Is").Call(jen.Id(err), jen.Id(d.object(e.Object))))
			continue
		}
		if e.Pointer {
			target("*", e)
		}
		if e.Value {
			target("", e)
		}
	}
	condition := jen.Null()
	for i, t := range tests {
		if i > 0 {
			condition.Op("||")
			if len(tests) > 2 {
				condition.Line()
			}
		}
		condition.Add(t)
	}
	return jen.Func().Params(jen.Id(err).Error()).Bool().Block(append(targets, jen.Return(condition))...)
}
