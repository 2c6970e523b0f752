package summary

import (
	"slices"

	"github.com/resilgo/resil/analyzer/internal/guards"
	"github.com/resilgo/resil/generator/model"
	resil "github.com/resilgo/resil/runtime"
)

// guards adds the interfaces with a guard directive, as the generator sees them.
func (b *builder) guards() {
	g := guards.Of(b.u)
	if g == nil {
		return
	}
	for _, f := range g.Model.Files {
		at := int32(slices.IndexFunc(b.out.Files, func(x File) bool { return x.Name == f.Name }))
		for _, i := range f.Interfaces {
			b.out.Guards = append(b.out.Guards, b.guard(i, at))
		}
	}
}

func (b *builder) guard(i *model.Interface, file int32) Guard {
	g := Guard{
		Iface: b.u.Path + "." + i.Name, Decorator: b.u.Path + "." + i.Decorator,
		Constructor: b.u.Path + "." + i.Constructor, Dependency: i.Dependency,
	}
	// The model may rest on a type-check of its own: only names are kept.
	if n := namedOf(i.Object.Type()); n != nil {
		g.Aliased = typeName(n)
	}
	for _, m := range i.Methods {
		gm := GuardMethod{Name: m.Name, Plain: !m.Guarded(), Health: m.Health, Write: m.Kind == resil.Write, Idempotent: m.Retryable(), Attempts: 1}
		if m.Retry != nil && m.Retry.Value.Attempts > 0 && m.Retryable() {
			gm.Attempts = m.Retry.Value.Attempts
		}
		if m.Timeout != nil {
			gm.Attempt = m.Timeout.Value.Attempt.Seconds()
			if gm.Attempt == 0 {
				gm.Attempt = m.Timeout.Value.Total.Seconds()
			}
			gm.Total = m.Timeout.Value.Total.Seconds()
		}
		gm.Seconds = m.WorstCase.Seconds()
		for _, f := range m.Fallbacks {
			if f.Func == nil && f.Method == "" {
				continue
			}
			id := ""
			if f.Func != nil {
				id = FuncID(f.Func)
			}
			pos := b.u.Fset.PositionFor(f.Line.Pos, false)
			gm.Fallbacks = append(gm.Fallbacks, Fallback{
				Func: id, Method: f.Method,
				Pos: Pos{File: file, Line: int32(pos.Line), Col: int32(pos.Column), Offset: int32(pos.Offset), End: int32(pos.Offset) + int32(f.Line.End-f.Line.Pos)},
			})
		}
		g.Methods = append(g.Methods, gm)
	}
	return g
}
