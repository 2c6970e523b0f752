package model

import (
	"go/types"
	"reflect"
)

// immutable are types that hold references nobody can write through.
var immutable = [][2]string{
	{"time", "Time"}, {"net/netip", "Addr"}, {"net/netip", "Prefix"}, {"net/netip", "AddrPort"}, {"unique", "Handle"},
}

// copyOf decides how a result is copied so that what is kept shares no memory
// with what callers hold. With why, there is
// is no way.
func copyOf(t types.Type) (how CopyHow, why string) {
	if why = references(t, 0); why == "" {
		return CopyPlain, ""
	}
	if copies(t, "Clone") {
		return CopyClone, ""
	}
	if copies(t, "DeepCopy") {
		return CopyDeepCopy, ""
	}
	if isTypeParam(t) {
		return CopyPlain, why
	}
	switch u := t.Underlying().(type) {
	case *types.Slice:
		if inner := references(u.Elem(), 0); inner != "" {
			return CopyPlain, "its elements hold " + inner
		}
		return CopySlice, ""
	case *types.Map:
		if inner := references(u.Elem(), 0); inner != "" {
			return CopyPlain, "its values hold " + inner
		}
		if inner := references(u.Key(), 0); inner != "" {
			return CopyPlain, "its keys hold " + inner
		}
		return CopyMap, ""
	case *types.Pointer:
		if inner := references(u.Elem(), 0); inner != "" {
			return CopyPlain, "it points to " + inner
		}
		return CopyPointer, ""
	}
	return CopyPlain, "it holds " + why
}

// copies reports whether t has a method of this name that takes nothing and
// returns a t.
func copies(t types.Type, name string) bool {
	sig := methodOf(t, name)
	return sig != nil && sig.Params().Len() == 0 && sig.Results().Len() == 1 && types.Identical(sig.Results().At(0).Type(), t)
}

// references names what of t refers to memory that a plain copy would share,
// "" if nothing does.
func references(t types.Type, depth int) string {
	if depth > maxDepth {
		return "something nested too deeply"
	}
	for _, i := range immutable {
		if isNamed(t, i[0], i[1]) {
			return ""
		}
	}
	if isTypeParam(t) {
		return "a type parameter, which may be anything"
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		if u.Kind() == types.UnsafePointer {
			return "an unsafe pointer"
		}
		return ""
	case *types.Array:
		return references(u.Elem(), depth+1)
	case *types.Struct:
		for f := range u.Fields() {
			if why := references(f.Type(), depth+1); why != "" {
				return "the field " + f.Name() + ", " + why
			}
		}
		return ""
	case *types.Pointer:
		return "a pointer"
	case *types.Slice:
		return "a slice"
	case *types.Map:
		return "a map"
	case *types.Chan:
		return "a channel"
	case *types.Signature:
		return "a function"
	default:
		return "an interface value"
	}
}

// encodable says why a parameter does not survive being written as JSON and
// read back into the same type, "" if it does.
func encodable(t types.Type) string { return (&encoder{seen: map[types.Type]bool{}}).check(t, 0) }

// encoder walks a type once; a type that contains itself is fine.
type encoder struct{ seen map[types.Type]bool }

func (e *encoder) check(t types.Type, depth int) string {
	if e.seen[t] {
		return ""
	}
	if depth > maxDepth {
		return "it is nested too deeply"
	}
	e.seen[t] = true
	if isTypeParam(t) {
		return "a type parameter may be anything"
	}
	if encodesItself(t, "JSON") || encodesItself(t, "Text") {
		return ""
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		switch {
		case u.Info()&types.IsComplex != 0:
			return "JSON has no complex numbers"
		case u.Kind() == types.UnsafePointer, u.Kind() == types.Uintptr:
			return "it is an address"
		}
		return ""
	case *types.Pointer:
		return e.check(u.Elem(), depth+1)
	case *types.Slice:
		return e.check(u.Elem(), depth+1)
	case *types.Array:
		return e.check(u.Elem(), depth+1)
	case *types.Map:
		key, ok := u.Key().Underlying().(*types.Basic)
		if !encodesItself(u.Key(), "Text") && (!ok || key.Info()&(types.IsString|types.IsInteger) == 0) {
			return "the keys of a map must be strings or whole numbers"
		}
		return e.check(u.Elem(), depth+1)
	case *types.Struct:
		return e.fields(u, depth)
	case *types.Chan:
		return "a channel has no content"
	case *types.Signature:
		return "a function has no content"
	default:
		return "what an interface holds is not known when it is read back"
	}
}

func (e *encoder) fields(st *types.Struct, depth int) string {
	for i := range st.NumFields() {
		f := st.Field(i)
		switch tag := reflect.StructTag(st.Tag(i)).Get("json"); {
		case tag == "-":
			return "the field " + f.Name() + " is left out by its tag"
		case !f.Exported() && !f.Embedded():
			return "the field " + f.Name() + " is not exported"
		}
		if why := e.check(f.Type(), depth+1); why != "" {
			return "field " + f.Name() + ": " + why
		}
	}
	return ""
}

// encodesItself reports whether values of t have MarshalX, and variables of t
// UnmarshalX.
func encodesItself(t types.Type, form string) bool {
	if types.IsInterface(t) {
		return false // nothing tells which type to make when reading back
	}
	pointer := t
	if _, ok := t.Underlying().(*types.Pointer); !ok {
		pointer = types.NewPointer(t)
	}
	return methodOf(t, "Marshal"+form) != nil && methodOf(pointer, "Unmarshal"+form) != nil
}
