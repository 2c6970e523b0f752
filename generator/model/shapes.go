package model

import (
	"go/types"
)

var (
	errorType  = types.Universe.Lookup("error").Type()
	errorIface = errorType.Underlying().(*types.Interface)
)

// maxDepth bounds how deep a type is looked into. Types may be recursive, also
// in ways that never repeat (a generic type that wraps its parameter); nobody
// writes a wire type deeper than this.
const maxDepth = 20

// isNamed reports whether t is the type path.name, through aliases.
func isNamed(t types.Type, path, name string) bool {
	named, ok := types.Unalias(t).(*types.Named)
	if !ok {
		return false
	}
	obj := named.Obj()
	return obj.Name() == name && obj.Pkg() != nil && obj.Pkg().Path() == path
}

// isPointerTo reports whether t is *path.name.
func isPointerTo(t types.Type, path, name string) bool {
	p, ok := types.Unalias(t).(*types.Pointer)
	return ok && isNamed(p.Elem(), path, name)
}

// methodOf returns the signature of a method that can be called on a t, nil if
// it has none.
func methodOf(t types.Type, name string) *types.Signature {
	obj, _, _ := types.LookupFieldOrMethod(t, false, nil, name)
	f, ok := obj.(*types.Func)
	if !ok {
		return nil
	}
	return f.Type().(*types.Signature)
}

// hasErr reports whether a result carries an error in Err() error. A context
// has one that tells nothing of the call.
func hasErr(t types.Type) bool {
	sig := methodOf(t, "Err")
	return sig != nil && sig.Params().Len() == 0 && sig.Results().Len() == 1 &&
		types.Identical(sig.Results().At(0).Type(), errorType) && !isNamed(t, "context", "Context")
}

// isCommand reports whether t is a pointer to a named type that carries its
// error in Err() and takes another in SetErr: a new one can say a rejection.
func isCommand(t types.Type) bool {
	p, ok := types.Unalias(t).(*types.Pointer)
	if !ok {
		return false
	}
	if _, ok := types.Unalias(p.Elem()).(*types.Named); !ok || !hasErr(t) {
		return false
	}
	sig := methodOf(t, "SetErr")
	return sig != nil && sig.Results().Len() == 0 && sig.Params().Len() == 1 && !sig.Variadic() &&
		types.Identical(sig.Params().At(0).Type(), errorType)
}

// mentionsInvalid reports whether a type that did not resolve is part of t.
func mentionsInvalid(t types.Type, depth int) bool {
	if depth > maxDepth {
		return false
	}
	deeper := func(t types.Type) bool { return mentionsInvalid(t, depth+1) }
	switch t := types.Unalias(t).(type) {
	case *types.Basic:
		return t.Kind() == types.Invalid
	case *types.Named:
		for arg := range t.TypeArgs().Types() {
			if deeper(arg) {
				return true
			}
		}
	case *types.Pointer:
		return deeper(t.Elem())
	case *types.Slice:
		return deeper(t.Elem())
	case *types.Array:
		return deeper(t.Elem())
	case *types.Chan:
		return deeper(t.Elem())
	case *types.Map:
		return deeper(t.Key()) || deeper(t.Elem())
	case *types.Signature:
		for v := range t.Params().Variables() {
			if deeper(v.Type()) {
				return true
			}
		}
		for v := range t.Results().Variables() {
			if deeper(v.Type()) {
				return true
			}
		}
	case *types.Struct:
		for f := range t.Fields() {
			if deeper(f.Type()) {
				return true
			}
		}
	}
	return false
}

// outlives reports whether a result goes on after the call that returned it,
// so that the end of the call must not be the end of its context.
func outlives(t types.Type) (Stream, bool) {
	switch {
	case isNamed(t, "io", "ReadCloser"):
		return Stream{Tie: TieReadCloser, What: "io.ReadCloser"}, true
	case isPointerTo(t, "net/http", "Response"):
		return Stream{Tie: TieResponse, What: "*http.Response"}, true
	case isPointerTo(t, "database/sql", "Rows"):
		return Stream{Tie: TieRows, What: "*sql.Rows"}, true
	case isNamed(t, "context", "Context") || types.Identical(t, errorType):
		return Stream{}, false
	}
	what := lives(t, 0)
	return Stream{What: what}, what != ""
}

// lives names what makes a value of type t outlive a call, "" if nothing does.
func lives(t types.Type, depth int) string {
	if depth > 3 { // deep enough for a slice of pointers to structs with a body
		return ""
	}
	name := types.TypeString(t, (*types.Package).Name)
	switch u := t.Underlying().(type) {
	case *types.Chan:
		return "a channel"
	case *types.Signature:
		return "a function or iterator"
	case *types.Slice:
		return lives(u.Elem(), depth+1)
	case *types.Array:
		return lives(u.Elem(), depth+1)
	case *types.Map:
		return lives(u.Elem(), depth+1)
	}
	if _, ok := t.(*types.TypeParam); ok {
		return ""
	}
	for _, method := range []string{"Close", "CloseSend", "Recv", "RecvMsg", "Rollback", "Next"} {
		sig := methodOf(t, method)
		if sig != nil && onlyContext(sig) && (method != "Next" || advances(sig)) {
			return name
		}
	}
	if st := structOf(t); st != nil && depth < 2 {
		for f := range st.Fields() {
			if f.Exported() && !f.Embedded() && isBody(f.Type()) {
				return name + " with its " + f.Name()
			}
		}
	}
	return ""
}

// onlyContext reports whether a method takes nothing, or only a context.
func onlyContext(sig *types.Signature) bool {
	n := sig.Params().Len()
	return n == 0 || n == 1 && isNamed(sig.Params().At(0).Type(), "context", "Context")
}

// advances reports whether a Next method steps through answers, which the
// links of a list do not.
func advances(sig *types.Signature) bool {
	for v := range sig.Results().Variables() {
		if types.Identical(v.Type(), errorType) || types.Identical(v.Type(), types.Typ[types.Bool]) {
			return true
		}
	}
	return false
}

// structOf returns the struct that t is or points to.
func structOf(t types.Type) *types.Struct {
	if p, ok := t.Underlying().(*types.Pointer); ok {
		t = p.Elem()
	}
	st, _ := t.Underlying().(*types.Struct)
	return st
}

// isBody reports whether a field is something to read from and then close, or
// to receive from.
func isBody(t types.Type) bool {
	if _, ok := t.Underlying().(*types.Chan); ok {
		return true
	}
	return types.IsInterface(t) && isReader(t) && methodOf(t, "Close") != nil
}

// isReader reports whether reading from t uses it up.
func isReader(t types.Type) bool {
	sig := methodOf(t, "Read")
	if sig == nil || sig.Params().Len() != 1 || sig.Results().Len() != 2 {
		return false
	}
	slice, ok := sig.Params().At(0).Type().Underlying().(*types.Slice)
	return ok && types.Identical(slice.Elem(), types.Typ[types.Byte])
}

// usedUp names the parameter that cannot be sent twice, "" if all can.
func (m *Method) usedUp() string {
	for i, p := range m.Params {
		if i == m.Context {
			continue
		}
		last := m.Variadic && i == len(m.Params)-1
		if last && isOption(p.Type.(*types.Slice).Elem()) {
			continue
		}
		if what := consumed(p.Type, 0, false); what != "" {
			name := p.Name
			if name == "" || name == "_" {
				name = "of type " + types.TypeString(p.Type, (*types.Package).Name)
			}
			return "parameter " + name + " is " + what + " and cannot be sent twice"
		}
	}
	return ""
}

// isOption recognises the function of a variadic option such as the AWS SDK's
// func(*s3.Options): it configures, and may run again.
func isOption(t types.Type) bool {
	sig, ok := t.Underlying().(*types.Signature)
	if !ok || sig.Params().Len() != 1 || sig.Results().Len() > 0 {
		return false
	}
	_, pointer := sig.Params().At(0).Type().Underlying().(*types.Pointer)
	return pointer
}

// consumed names what a value of type t is when a call uses it up.
func consumed(t types.Type, depth int, inStruct bool) string {
	if depth > 3 {
		return ""
	}
	switch u := t.Underlying().(type) {
	case *types.Chan:
		return "a channel"
	case *types.Signature:
		if !inStruct {
			return "a function"
		}
		return "" // a callback among settings
	case *types.Slice:
		return consumed(u.Elem(), depth+1, inStruct)
	case *types.Array:
		return consumed(u.Elem(), depth+1, inStruct)
	case *types.Map:
		return consumed(u.Elem(), depth+1, inStruct)
	}
	if _, ok := t.(*types.TypeParam); !ok && isReader(t) {
		return "a reader"
	}
	if st := structOf(t); st != nil && depth < 2 {
		for f := range st.Fields() {
			if !f.Exported() {
				continue
			}
			if what := consumed(f.Type(), depth+2, true); what != "" {
				return "a struct whose " + f.Name() + " is " + what
			}
		}
	}
	return ""
}
