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
			f, reason, remedy := s.fallback(m, d)
			if reason != "" {
				s.passes(m, d, own, reason, remedy)
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
		fn, message := s.function(*f.Call)
		for _, m := range s.i.Methods {
			if !m.Guarded() || linesOf(m.Directives, directive.VerbFallback) != nil {
				continue
			}
			if fn != nil {
				_, message = s.standsIn(m, fn)
			}
			s.b.problemf(f.Call.Pos, f.Call.End(), "%s fits no method of %s: %s", f.Call, s.i.Name, message)
			break
		}
	}
}

// fallback resolves one line for one method. With a reason it cannot apply.
func (s *scope) fallback(m *Method, d *directive.Directive) (f Fallback, reason, remedy string) {
	stated := d.Value.(directive.Fallback)
	f = Fallback{Line: d, Spec: resil.Fallback{Strategy: stated.Strategy, TTL: stated.TTL, Max: stated.Max, Limit: stated.Limit}}
	switch stated.Strategy {
	case resil.StrategyCall:
		if stated.Call == nil {
			f.Method, f.Spec.Name = stated.Method, "."+stated.Method
			reason, remedy = s.fallbackMethod(m, stated.Method)
			return f, reason, remedy
		}
		f.Spec.Name = stated.Call.String()
		fn, message := s.function(*stated.Call)
		if fn == nil {
			return f, message, "name a function, or write call=.Method"
		}
		f.Func = fn
		f.Cause, message = s.standsIn(m, fn)
		return f, message, "change its signature, or name another function"
	case resil.StrategyStale:
		reason, remedy = s.stale(m, stated, &f)
	case resil.StrategyOutbox:
		reason, remedy = outbox(m)
	}
	return f, reason, remedy
}

// fallbackMethod adds a method to the interface that the constructor takes.
func (s *scope) fallbackMethod(m *Method, name string) (reason, remedy string) {
	for _, known := range s.i.FallbackMethods {
		if known.Name != name {
			continue
		}
		if types.Identical(known.For.Signature, m.Signature) {
			return "", ""
		}
		return fmt.Sprintf(".%s already stands in for %s, as %s", name, known.For.Name, s.show(known.For.Signature)), "use another name"
	}
	s.i.FallbackMethods = append(s.i.FallbackMethods, FallbackMethod{Name: name, For: m})
	return "", ""
}

func (s *scope) nameFallback() {
	if s.i.FallbackMethods == nil {
		s.i.FallbackType = ""
		return
	}
	s.b.reserve(s.i, s.i.FallbackType)
}

// function resolves the name of a function.
func (s *scope) function(ref directive.Ref) (*types.Func, string) {
	obj, message := s.b.resolve(ref, s.file)
	switch obj := obj.(type) {
	case nil:
		return nil, message
	case *types.Func:
		return obj, ""
	case *types.TypeName:
		return nil, fmt.Sprintf("%s is a type and not a function", ref)
	default:
		return nil, fmt.Sprintf("%s is a variable or constant and not a function", ref)
	}
}

// standsIn checks the signature of a function that stands in for a method: its
// parameters, possibly the cause, and its results.
func (s *scope) standsIn(m *Method, fn *types.Func) (cause bool, wrong string) {
	sig, wrong := s.instance(fn)
	if wrong != "" {
		return false, wrong
	}
	if types.Identical(sig, m.Signature) {
		return false, ""
	}
	if types.Identical(sig, withCause(m.Signature)) {
		return true, ""
	}
	return false, fmt.Sprintf("%s is %s; %s wants %s, with an optional last parameter error", fn.Name(), s.show(sig), m.Name, s.show(m.Signature))
}

// instance returns the signature of a function; a generic one takes the
// interface's type parameters.
func (s *scope) instance(fn *types.Func) (*types.Signature, string) {
	sig := fn.Type().(*types.Signature)
	n := sig.TypeParams().Len()
	if n == 0 {
		return sig, ""
	}
	if n != s.i.TypeParams.Len() {
		return nil, fmt.Sprintf("%s has %d type parameters and %s has %d; want the same ones", fn.Name(), n, s.i.Name, s.i.TypeParams.Len())
	}
	args := make([]types.Type, n)
	for i := range args {
		args[i] = s.i.TypeParams.At(i)
	}
	inst, err := types.Instantiate(nil, sig, args, true)
	if err != nil {
		return nil, fmt.Sprintf("%s does not take the type parameters of %s: %v", fn.Name(), s.i.Name, err)
	}
	return inst.(*types.Signature), ""
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
func (s *scope) stale(m *Method, stated directive.Fallback, f *Fallback) (reason, remedy string) {
	if m.Kind == resil.Write {
		return "it is marked write, and an old answer would hide that nothing was written", "use outbox or call="
	}
	if m.Command >= 0 {
		return "its result is the command that ran, which cannot be kept", "use call="
	}
	for i, r := range m.Results {
		if types.Identical(r.Type, errorType) {
			continue
		}
		how, why := copyOf(r.Type, s.i.Object.Pkg())
		if why != "" {
			return fmt.Sprintf("its result %s cannot be copied: %s", types.TypeString(r.Type, s.qualify), why), "give it a Clone method, or use call="
		}
		f.Copies = append(f.Copies, Copy{Result: i, How: how})
	}
	if len(f.Copies) == 0 {
		return "it has no answer to keep", "use call= or outbox"
	}
	if stated.Key == nil {
		return s.sharedKey(m)
	}
	fn, message := s.function(*stated.Key)
	if fn == nil {
		return message, "name a function"
	}
	f.Key = fn
	return s.key(m, fn)
}

// sharedKey checks that the arguments themselves can be the key.
func (s *scope) sharedKey(m *Method) (reason, remedy string) {
	for i, p := range m.Params {
		if i == m.Context {
			continue
		}
		if _, basic := p.Type.Underlying().(*types.Basic); !basic || isTypeParam(p.Type) {
			return fmt.Sprintf("its parameter %s %s is neither a scalar nor a string", nameOr(p.Name, "of type"), types.TypeString(p.Type, s.qualify)),
				"write key=Func with a " + s.keySignature(m)
		}
	}
	return "", ""
}

func nameOr(name, otherwise string) string {
	if name == "" || name == "_" {
		return otherwise
	}
	return name
}

func isTypeParam(t types.Type) bool {
	_, ok := types.Unalias(t).(*types.TypeParam)
	return ok
}

// key checks the signature of a key function.
func (s *scope) key(m *Method, fn *types.Func) (reason, remedy string) {
	sig, wrong := s.instance(fn)
	if wrong != "" {
		return wrong, "name another function"
	}
	same := types.Identical(sig.Params(), m.Signature.Params()) && sig.Variadic() == m.Signature.Variadic()
	if !same || sig.Results().Len() != 1 {
		return fmt.Sprintf("%s is %s; %s wants a %s", fn.Name(), s.show(sig), m.Name, s.keySignature(m)), "change its signature"
	}
	result := sig.Results().At(0).Type()
	if !types.Comparable(result) || types.IsInterface(result) && !isTypeParam(result) {
		return fmt.Sprintf("%s returns %s, which need not be comparable; %s wants a %s", fn.Name(), types.TypeString(result, s.qualify), m.Name, s.keySignature(m)), "return a string or a struct of scalars"
	}
	return "", ""
}

func (s *scope) keySignature(m *Method) string {
	sig := types.NewSignatureType(nil, nil, nil, m.Signature.Params(), types.NewTuple(types.NewParam(0, nil, "", types.Typ[types.String])), m.Signature.Variadic())
	return strings.TrimSpace(s.show(sig)) + ", or any other comparable result"
}

// outbox checks that a call can be stored and made later.
func outbox(m *Method) (reason, remedy string) {
	if m.Kind == resil.Read {
		return "it is marked read, and nobody waits for a read made later", "use stale= or call="
	}
	if len(m.Results) != len(m.Errors) || len(m.Errors) != 1 {
		return "it has results beyond error, which a call made later cannot return", "use call="
	}
	for i, p := range m.Params {
		if i == m.Context {
			continue
		}
		if why := encodable(p.Type); why != "" {
			return fmt.Sprintf("its parameter %s cannot be stored as JSON: %s", nameOr(p.Name, "of type "+p.Type.String()), why), "take plain data"
		}
	}
	return "", ""
}
