package model

import (
	"fmt"
	"go/types"
	"strings"

	"github.com/resilgo/resil/generator/directive"
	resil "github.com/resilgo/resil/runtime"
)

// fallbacks resolves the fallback lines of every guarded method. A method's
// own lines replace the interface's.
func (s *scope) fallbacks() {
	defaults := linesOf(s.i.Directives, directive.VerbFallback)
	used := map[*directive.Directive]bool{}
	for _, m := range s.i.Methods {
		if !m.Guarded() {
			continue
		}
		lines, own := linesOf(m.Directives, directive.VerbFallback), true
		if len(lines) == 0 {
			lines, own = defaults, false
		}
		for _, d := range lines {
			f, no := s.fallback(m, d)
			if no != nil {
				s.passes(m, d, own, no)
				continue
			}
			used[d] = true
			m.Fallbacks = append(m.Fallbacks, f)
		}
	}
	s.unusedCalls(defaults, used)
	s.nameFallback()
}

func linesOf(lines []*directive.Directive, verb directive.Verb) []*directive.Directive {
	var out []*directive.Directive
	for _, d := range lines {
		if d.Verb == verb {
			out = append(out, d)
		}
	}
	return out
}

// unusedCalls complains of an interface's function that fits none of its
// methods: most likely its signature is wrong.
func (s *scope) unusedCalls(defaults []*directive.Directive, used map[*directive.Directive]bool) {
	for _, d := range defaults {
		f := d.Value.(directive.Fallback)
		if f.Call == nil || used[d] {
			continue
		}
		for _, m := range s.i.Methods {
			if m.Guarded() && linesOf(m.Directives, directive.VerbFallback) == nil {
				_, no := s.fallback(m, d)
				s.b.keyf(d, "call", "call=%s fits no method of %s: %s", f.Call, s.i.Name, no)
				break
			}
		}
	}
}

// fallback resolves one line for one method, or says why it cannot apply.
func (s *scope) fallback(m *Method, d *directive.Directive) (Fallback, *refusal) {
	stated := d.Value.(directive.Fallback)
	f := Fallback{Line: d, Spec: resil.Fallback{Strategy: stated.Strategy, TTL: stated.TTL, Max: stated.Max, Limit: stated.Limit}}
	var no *refusal
	switch {
	case stated.Method != "":
		f.Method, f.Spec.Name = stated.Method, "."+stated.Method
		no = s.fallbackMethod(m, stated.Method)
	case stated.Strategy == resil.StrategyCall:
		f.Spec.Name = stated.Call.String()
		declare := fmt.Sprintf("declare func %s%s", stated.Call.Name, strings.TrimPrefix(s.show(m.Signature), "func"))
		if f.Func, no = s.function(*stated.Call, declare); no == nil {
			f.Cause, no = s.standsIn(m, f.Func)
		}
	case stated.Strategy == resil.StrategyStale:
		no = s.stale(m, stated, &f)
	case stated.Strategy == resil.StrategyOutbox:
		no = s.outbox(m)
	}
	return f, no
}

// fallbackMethod adds a method to the interface that the constructor takes.
func (s *scope) fallbackMethod(m *Method, name string) *refusal {
	for _, known := range s.i.FallbackMethods {
		if known.Name != name {
			continue
		}
		if types.Identical(known.For.Signature, m.Signature) {
			return nil
		}
		return refusef("use another name", ".%s already stands in for %s, as %s", name, known.For.Name, s.show(known.For.Signature))
	}
	s.i.FallbackMethods = append(s.i.FallbackMethods, FallbackMethod{Name: name, For: m})
	return nil
}

func (s *scope) nameFallback() {
	if s.i.FallbackMethods == nil {
		s.i.FallbackType = ""
		return
	}
	s.b.reserve(s.i, s.i.FallbackType)
}

// function resolves the name of a function.
func (s *scope) function(ref directive.Ref, otherwise string) (*types.Func, *refusal) {
	obj, no := s.b.resolve(ref, s.file, otherwise)
	if no != nil {
		return nil, no
	}
	fn, ok := obj.(*types.Func)
	if !ok {
		what := "a variable or constant"
		if _, ok := obj.(*types.TypeName); ok {
			what = "a type"
		}
		return nil, refusef(otherwise, "%s is %s and not a function", ref, what)
	}
	return fn, nil
}

// standsIn checks the signature of a function that stands in for a method: its
// parameters, possibly the cause, and its results.
func (s *scope) standsIn(m *Method, fn *types.Func) (cause bool, no *refusal) {
	sig, no := s.instance(fn)
	switch {
	case no != nil:
		return false, no
	case types.Identical(sig, m.Signature):
		return false, nil
	case types.Identical(sig, withCause(m.Signature)):
		return true, nil
	}
	return false, refusef("want "+s.show(m.Signature)+", with an optional last parameter error", "%s is %s, which does not fit", fn.Name(), s.show(sig))
}

// instance returns the signature of a function; a generic one takes the
// interface's type parameters.
func (s *scope) instance(fn *types.Func) (*types.Signature, *refusal) {
	sig := fn.Type().(*types.Signature)
	n := sig.TypeParams().Len()
	if n == 0 {
		return sig, nil
	}
	if n != s.i.TypeParams.Len() {
		return nil, refusef("give it the same ones", "%s takes %d type arguments and %s has %d type parameters", fn.Name(), n, s.i.Name, s.i.TypeParams.Len())
	}
	args := make([]types.Type, n)
	for i := range args {
		args[i] = s.i.TypeParams.At(i)
	}
	inst, err := types.Instantiate(nil, sig, args, true)
	if err != nil {
		return nil, refusef("give it the same constraints", "%s does not take the type parameters of %s: %v", fn.Name(), s.i.Name, err)
	}
	return inst.(*types.Signature), nil
}

// withCause returns a method's signature with a last parameter error. What was
// variadic then no longer is.
func withCause(sig *types.Signature) *types.Signature {
	var params []*types.Var
	for v := range sig.Params().Variables() {
		params = append(params, v)
	}
	params = append(params, types.NewParam(0, nil, "cause", errorType))
	return types.NewSignatureType(nil, nil, nil, types.NewTuple(params...), sig.Results(), false)
}

// show prints a signature as the package itself would write it.
func (s *scope) show(sig *types.Signature) string {
	return types.TypeString(sig, s.qualify)
}

func (s *scope) qualify(p *types.Package) string {
	if p == s.b.pkg {
		return ""
	}
	return p.Name()
}

// stale checks that answers can be kept: told apart by a key and copied.
func (s *scope) stale(m *Method, stated directive.Fallback, f *Fallback) *refusal {
	switch {
	case m.Kind == resil.Write:
		return &refusal{"it is marked write, and an old answer would hide that nothing was written", "use outbox or call="}
	case m.Command >= 0:
		return &refusal{"its result is the command that ran, which cannot be kept", "use call="}
	case len(m.Results) == len(m.Errors):
		return &refusal{"it has no answer to keep", "use call= or outbox"}
	}
	for i, r := range m.Results {
		if types.Identical(r.Type, errorType) {
			continue
		}
		how, why := copyOf(r.Type)
		if why != "" {
			return refusef("give it a Clone method, or use call=", "its result %s cannot be copied: %s", s.typeName(r.Type), why)
		}
		f.Copies = append(f.Copies, Copy{Result: i, How: how})
	}
	if stated.Key == nil {
		return s.sharedKey(m)
	}
	fn, no := s.function(*stated.Key, "declare func "+stated.Key.Name+s.keyParams(m)+" string")
	if no != nil {
		return no
	}
	f.Key = fn
	return s.key(m, fn)
}

// sharedKey checks that the arguments themselves can be the key.
func (s *scope) sharedKey(m *Method) *refusal {
	for i, p := range m.Params {
		if i == m.Context {
			continue
		}
		if _, basic := p.Type.Underlying().(*types.Basic); !basic || isTypeParam(p.Type) {
			return refusef("write key=Func instead of shared, "+s.wantKey(m), "its parameter %s is neither a scalar nor a string", s.paramName(p))
		}
	}
	return nil
}

// key checks the signature of a key function.
func (s *scope) key(m *Method, fn *types.Func) *refusal {
	sig, no := s.instance(fn)
	if no != nil {
		return no
	}
	same := types.Identical(sig.Params(), m.Signature.Params()) && sig.Variadic() == m.Signature.Variadic()
	if !same || sig.Results().Len() != 1 {
		return refusef(s.wantKey(m), "%s is %s, which does not fit", fn.Name(), s.show(sig))
	}
	result := sig.Results().At(0).Type()
	if !types.Comparable(result) || mayPanic(result) {
		return refusef(s.wantKey(m), "%s returns %s, which need not be comparable", fn.Name(), s.typeName(result))
	}
	return nil
}

// mayPanic reports whether comparing two values of a comparable type can fail
// at run time: what an interface holds need not be comparable.
func mayPanic(t types.Type) bool {
	if isTypeParam(t) {
		return false // its type argument is comparable
	}
	switch u := t.Underlying().(type) {
	case *types.Interface:
		return true
	case *types.Array:
		return mayPanic(u.Elem())
	case *types.Struct:
		for f := range u.Fields() {
			if mayPanic(f.Type()) {
				return true
			}
		}
	}
	return false
}

// wantKey is the remedy for a wrong key function.
func (s *scope) wantKey(m *Method) string {
	return "want func" + s.keyParams(m) + " string, or any comparable result"
}

// keyParams prints the parameters of a method's key function.
func (s *scope) keyParams(m *Method) string {
	sig := types.NewSignatureType(nil, nil, nil, m.Signature.Params(), nil, m.Signature.Variadic())
	return strings.TrimPrefix(s.show(sig), "func")
}

// outbox checks that a call can be stored and made later.
func (s *scope) outbox(m *Method) *refusal {
	switch {
	case m.Kind == resil.Read:
		return &refusal{"it is marked read, and nobody waits for a read made later", "use stale= or call="}
	case len(m.Results) != 1 || len(m.Errors) != 1:
		return &refusal{"it has results beyond error, which a call made later cannot return", "use call="}
	case s.i.TypeParams.Len() > 0:
		return refusef("guard an interface without type parameters that embeds it", "%s is generic, and a call made later would not know its type arguments", s.i.Name)
	}
	for i, p := range m.Params {
		if i == m.Context {
			continue
		}
		if why := encodable(p.Type); why != "" {
			return refusef("take plain data", "its parameter %s cannot be stored as JSON: %s", s.paramName(p), why)
		}
	}
	return nil
}

func isTypeParam(t types.Type) bool {
	_, ok := types.Unalias(t).(*types.TypeParam)
	return ok
}

func (s *scope) typeName(t types.Type) string { return types.TypeString(t, s.qualify) }

// paramName names a parameter in a message.
func (s *scope) paramName(p Param) string {
	if p.Name == "" || p.Name == "_" {
		return "of type " + s.typeName(p.Type)
	}
	return p.Name + " " + s.typeName(p.Type)
}
