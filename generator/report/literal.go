package report

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// literal returns a specification as Go, a line per field that is not zero.
func (w *testWriter) literal(spec any) string {
	v := reflect.ValueOf(spec)
	var b strings.Builder
	b.WriteString(w.typeName(v.Type()) + "{\n")
	for n := range v.NumField() {
		if !v.Field(n).IsZero() {
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
