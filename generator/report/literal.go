package report

import (
	"fmt"
	"go/types"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/resilgo/resil/generator/model"
	resil "github.com/resilgo/resil/runtime"
)

// literal returns a specification as Go, a line per field that is not zero.
func (w *testWriter) literal(spec any) string {
	v := reflect.ValueOf(spec)
	var b strings.Builder
	b.WriteString(w.typeName(v.Type()) + "{\n")
	for n := range v.NumField() {
		if f := v.Field(n); !f.IsZero() && (f.Kind() != reflect.Slice || f.Len() > 0) {
			fmt.Fprintf(&b, "%s: %s,\n", v.Type().Field(n).Name, w.value(v.Field(n)))
		}
	}
	return b.String() + "}"
}

func (w *testWriter) typeName(t reflect.Type) string { return w.Resil() + "." + t.Name() }

// value returns a part of a specification as Go.
func (w *testWriter) value(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return w.duration(x)
	case resil.Kind, resil.Criticality, resil.Level:
		return w.Resil() + "." + title(fmt.Sprint(x))
	case resil.Action:
		return w.Resil() + ".Act" + title(x.String())
	case resil.Strategy:
		return w.Resil() + ".Strategy" + title(x.String())
	}
	switch v.Kind() {
	case reflect.Pointer:
		return "&" + w.value(v.Elem())
	case reflect.Struct:
		var fields []string
		for n := range v.NumField() {
			if !v.Field(n).IsZero() {
				fields = append(fields, v.Type().Field(n).Name+": "+w.value(v.Field(n)))
			}
		}
		return w.typeName(v.Type()) + "{" + strings.Join(fields, ", ") + "}"
	case reflect.Slice, reflect.Array:
		var items []string
		for n := range v.Len() {
			items = append(items, w.value(v.Index(n)))
		}
		if v.Kind() == reflect.Slice {
			elem := w.typeName(v.Type().Elem())
			for n := range items {
				if fields, ok := strings.CutPrefix(items[n], elem+"{"); ok {
					items[n] = "{" + fields // as gofmt -s has it
				}
			}
			if len(items) > 1 && v.Type().Elem().Kind() == reflect.Struct {
				return "[]" + elem + "{\n" + strings.Join(items, ",\n") + ",\n}"
			}
			return "[]" + elem + "{" + strings.Join(items, ", ") + "}"
		}
		return w.typeName(v.Type()) + "{" + strings.Join(items, ", ") + "}"
	default:
		return fmt.Sprintf("%#v", v.Interface())
	}
}

// call returns statements that call a method with zero arguments and return its
// error.
func (w *testWriter) call(m *model.Method, sig *types.Signature) string {
	var args []string
	for n := range sig.Params().Len() {
		switch {
		case n == m.Context:
			args = append(args, w.Local("ctx"))
		case sig.Variadic() && n == sig.Params().Len()-1:
		default:
			args = append(args, w.zero(sig.Params().At(n).Type()))
		}
	}
	call := fmt.Sprintf("%s.%s(%s)", w.Local("guard"), m.Name, strings.Join(args, ", "))
	result, has := w.Local("err"), ""
	at := m.Command
	if len(m.Errors) > 0 {
		at = m.Errors[len(m.Errors)-1]
	} else {
		result, has = w.Local("command"), ".Err()"
	}
	if len(m.Results) == 1 {
		return "return " + call + has
	}
	names := slices.Repeat([]string{"_"}, len(m.Results))
	names[at] = result
	return strings.Join(names, ", ") + " := " + call + "\nreturn " + result + has
}

// New returns Go that makes a pointer to a zero value.
func (w *testWriter) New(typ string) string {
	if !w.isDeclared("new") {
		return "new(" + typ + ")"
	}
	return "func() *" + typ + " { var v " + typ + "; return &v }()"
}

// zero returns the zero value of a type as Go, also where the package gives
// another meaning to the words that Go has for it.
func (w *testWriter) zero(t types.Type) string {
	if literal := w.literalZero(t); !w.isDeclared(literal) {
		return literal
	}
	return "func() (zero " + w.typeString(t) + ") { return }()"
}

func (w *testWriter) literalZero(t types.Type) string {
	switch u := t.Underlying().(type) {
	case *types.Basic:
		switch {
		case u.Info()&types.IsString != 0:
			return `""`
		case u.Info()&types.IsBoolean != 0:
			return "false"
		case u.Info()&types.IsNumeric != 0:
			return "0"
		}
		return "nil"
	case *types.Struct, *types.Array:
		return w.typeString(t) + "{}"
	default:
		return "nil"
	}
}

// duration returns Go for a duration.
func (w *testWriter) duration(d time.Duration) string {
	for _, unit := range []struct {
		d    time.Duration
		name string
	}{{time.Hour, "Hour"}, {time.Minute, "Minute"}, {time.Second, "Second"}, {time.Millisecond, "Millisecond"}, {time.Microsecond, "Microsecond"}} {
		if d == unit.d {
			return w.Time() + "." + unit.name
		}
		if d%unit.d == 0 {
			return fmt.Sprintf("%d * %s.%s", d/unit.d, w.Time(), unit.name)
		}
	}
	return fmt.Sprintf("%d * %s.Nanosecond", d, w.Time())
}

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
