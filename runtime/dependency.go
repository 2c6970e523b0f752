package resil

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
)

// Policy is one policy of a dependency that is guarded without an interface:
// [Breaker], [Timeout], [Retry], [Bulkhead], [Rate], [Hedge], [Criticality],
// [Errors], [DownAt], [Kind], [Operation], [Idempotent], [Actions] and, for
// [DoWith], [Fallback].
type Policy interface{ policy(*doSpec) }

// doSpec collects the policies given to [System.Dependency].
type doSpec struct {
	guard  GuardSpec
	method MethodSpec
	stated Actions
}

// Errors classifies the client's errors.
type Errors struct {
	Ignore  func(error) bool // the dependency answered: success for the breaker, no retry, no fallback
	Failure func(error) bool // counts as a failure even where the defaults say it is an answer
}

// DownAt is the level that the system enters while the dependency is down.
type DownAt Level

// Operation names what [Do] runs, as generated code names methods; "do" when
// not given. Operations of one dependency have method policies of their own.
type Operation string

// Idempotent marks an operation of Kind Write as one that may be repeated.
type Idempotent bool

func (b Breaker) policy(s *doSpec)     { s.guard.Breaker = &b }
func (b Bulkhead) policy(s *doSpec)    { s.guard.Bulkhead = &b }
func (r Rate) policy(s *doSpec)        { s.guard.Rate = &r }
func (c Criticality) policy(s *doSpec) { s.guard.Criticality = c }
func (p DownAt) policy(s *doSpec)      { s.guard.Down = Level(p) }
func (t Timeout) policy(s *doSpec)     { s.method.Timeout = t }
func (r Retry) policy(s *doSpec)       { s.method.Retry = &r }
func (h Hedge) policy(s *doSpec)       { s.method.Hedge = &h }
func (k Kind) policy(s *doSpec)        { s.method.Kind = k }
func (p Idempotent) policy(s *doSpec)  { s.method.Idempotent = bool(p) }
func (p Operation) policy(s *doSpec)   { s.method.Name = string(p) }
func (a Actions) policy(s *doSpec)     { s.stated = a }
func (f Fallback) policy(s *doSpec)    { s.method.Fallbacks = append(s.method.Fallbacks, f) }
func (p Errors) policy(s *doSpec)      { s.method.Ignore, s.method.Failure = p.Ignore, p.Failure }

// Dependency is a dependency guarded without an interface: the handle that
// [Do] takes.
type Dependency struct {
	dep *dependency
	op  *operation
}

// operation is what one or more handles run. Its method changes when a later
// handle states policies that earlier ones left open.
type operation struct{ method atomic.Pointer[Method] }

// doInterface is the interface under which operations of [Do] are registered.
const (
	doInterface      = "resil.Do"
	defaultOperation = "do"
)

// Dependency returns the handle of a dependency, with the policies of one
// operation. Policies not given are inherited from other guards and handles of
// the same name; given again they must be the same. What cannot work is an
// error from Start, and a panic after it. Handles are meant to be kept.
func (s *System) Dependency(name string, policies ...Policy) *Dependency {
	spec := newDoSpec(name)
	for _, p := range policies {
		p.policy(&spec)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(policies) == 0 && ValidName(name) {
		d := s.dependency(name)
		return &Dependency{dep: d, op: d.operation(defaultOperation)}
	}
	d, err := s.handle(spec)
	s.trouble(err)
	return d
}

// operation returns the operation of a name. It may have no method yet: a
// handle that only forces a breaker must not look like something that is
// called. Requires sys.mu.
func (d *dependency) operation(name string) *operation {
	op := d.operations[name]
	if op == nil {
		op = new(operation)
		if d.operations == nil {
			d.operations = map[string]*operation{}
		}
		d.operations[name] = op
	}
	return op
}

// current returns the method that the handle runs now.
func (d *Dependency) current() *Method {
	if m := d.op.method.Load(); m != nil {
		return m
	}
	s := d.dep.sys
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.handle(newDoSpec(d.dep.name))
	s.trouble(err)
	return d.op.method.Load()
}

func newDoSpec(name string) doSpec {
	return doSpec{
		guard:  GuardSpec{Dependency: name, Interface: doInterface, Position: "handle " + strconv.Quote(name)},
		method: MethodSpec{Name: defaultOperation},
	}
}

// handle does what Dependency does. Requires mu.
func (s *System) handle(spec doSpec) (*Dependency, error) {
	d := s.dependency(spec.guard.Dependency)
	g := d.guard(doInterface)
	var err error
	if g == nil {
		g, err = s.guard(spec.guard)
	} else {
		err = g.complete(spec.guard)
	}
	op := d.operation(spec.method.Name)
	m := op.method.Load()
	if m == nil {
		m, e := g.method(spec.finish())
		op.method.Store(m)
		return &Dependency{dep: d, op: op}, errors.Join(err, e)
	}
	merged, e := spec.complete(m.spec)
	if e == nil && !sameMethod(m.spec, merged) {
		old := func(o *Method) bool { return o == m }
		g.methods, d.methods = slices.DeleteFunc(g.methods, old), slices.DeleteFunc(d.methods, old)
		m, e = g.method(merged)
		d.configure() // without the old one
		op.method.Store(m)
	}
	return &Dependency{dep: d, op: op}, errors.Join(err, e)
}

// finish returns the method's spec: a retry or hedge that is stated for an
// unmarked operation is its author's word that it may be repeated.
func (s doSpec) finish() MethodSpec {
	m := s.method
	if m.Kind == Unmarked && (m.Retry != nil || m.Hedge != nil) {
		m.Idempotent = true
	}
	m.Levels, _ = MergeActions(DefaultActions(m.Kind, m.Essential, m.Fallbacks), s.stated)
	return m
}

// complete returns the spec of an operation registered as old, with what s adds.
func (s doSpec) complete(old MethodSpec) (MethodSpec, error) {
	var p problems
	merged := old
	inherit(&p, "kind", &merged.Kind, s.method.Kind)
	inherit(&p, "idempotent", &merged.Idempotent, s.method.Idempotent)
	inherit(&p, "timeout", &merged.Timeout.Attempt, s.method.Timeout.Attempt)
	inherit(&p, "total", &merged.Timeout.Total, s.method.Timeout.Total)
	inheritPointer(&p, "retry", &merged.Retry, s.method.Retry)
	inheritPointer(&p, "hedge", &merged.Hedge, s.method.Hedge)
	if s.method.Ignore != nil {
		merged.Ignore = s.method.Ignore
	}
	if s.method.Failure != nil {
		merged.Failure = s.method.Failure
	}
	if len(s.method.Fallbacks) > 0 {
		if len(merged.Fallbacks) > 0 && !slices.Equal(merged.Fallbacks, s.method.Fallbacks) {
			p.add("fallbacks differ from those stated before")
		}
		merged.Fallbacks = s.method.Fallbacks
	}
	done := doSpec{method: merged, stated: s.stated}.finish()
	if s.stated == (Actions{}) && merged.Kind == old.Kind && len(merged.Fallbacks) == len(old.Fallbacks) {
		done.Levels = old.Levels
	}
	return done, s.in(p)
}

func (s doSpec) in(p problems) error {
	if err := p.join(); err != nil {
		return fmt.Errorf("dependency %q, operation %q: %w", s.guard.Dependency, s.method.Name, err)
	}
	return nil
}

// inherit sets *have to stated, if that is stated and the other is not; two
// different values are a problem.
func inherit[T comparable](p *problems, key string, have *T, stated T) {
	var zero T
	switch {
	case stated == zero || stated == *have:
	case *have == zero:
		*have = stated
	default:
		p.add("%s=%v contradicts %s=%v", key, stated, key, *have)
	}
}

func inheritPointer[T comparable](p *problems, key string, have **T, stated *T) {
	switch {
	case stated == nil:
	case *have == nil:
		*have = stated
	case **have != *stated:
		p.add("%s %+v contradicts %+v", key, *stated, **have)
	}
}
