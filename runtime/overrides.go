package resil

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Overrides change policies of a running system; package config reads them
// from YAML. Everything not stated keeps what code and directives say.
type Overrides struct {
	Disabled     bool // kill switch: all policies off, fallbacks kept
	Dependencies map[string]DependencyOverride
}

// DependencyOverride overrides one dependency. Method policies given here are
// defaults for its methods that have such a policy or can have one; Methods
// wins over them.
type DependencyOverride struct {
	Disabled    bool        // policies of this dependency off, fallbacks kept
	Criticality Criticality // 0 = not stated
	Down        Level       // 0 = not stated
	Breaker     *Breaker    // fields not stated keep their value
	Bulkhead    *Bulkhead   // the shared one
	Rate        *Rate       // the shared one
	Timeout     *Timeout
	Retry       *Retry
	Hedge       *Hedge
	Methods     map[string]MethodOverride
}

// MethodOverride overrides one method.
type MethodOverride struct {
	Timeout  *Timeout
	Retry    *Retry
	Bulkhead *Bulkhead
	Rate     *Rate
	Hedge    *Hedge
	Levels   Actions // 0 = not stated
}

// Reload puts o in place of the overrides in force. Counters, breaker states
// and queues survive. When o names an unknown dependency or method, or holds a
// value that cannot work, alone or together with others, Reload returns all
// such errors and nothing changes. Before Start names are not looked up: guards
// may still come; Start does it then.
func (s *System) Reload(o Overrides) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	errs := []error{o.validate()}
	if s.started {
		errs = append(errs, o.unknown(s))
	}
	errs = append(errs, s.conflicts(o))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("resil: %w", err)
	}
	s.overrides = o
	for _, d := range *s.deps.Load() {
		d.configure()
	}
	s.events.push(Change{Kind: ChangeReloaded, To: o.summary(), At: time.Now()})
	return nil
}

func (o Overrides) summary() string {
	if o.Disabled {
		return "policies off"
	}
	return fmt.Sprintf("%d dependencies overridden", len(o.Dependencies))
}

// validate returns what is wrong with o whatever the guards say.
func (o Overrides) validate() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(o.Dependencies)) {
		d := o.Dependencies[name]
		err := GuardSpec{Dependency: name, Position: "override", Criticality: d.Criticality, Down: d.Down, Breaker: d.Breaker, Bulkhead: d.Bulkhead, Rate: d.Rate}.validate()
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// unknown returns an error for every name that no guard has. Requires s.mu.
func (o Overrides) unknown(s *System) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(o.Dependencies)) {
		d := s.find(name)
		if d == nil {
			errs = append(errs, fmt.Errorf("override of unknown dependency %q", name))
			continue
		}
		for _, method := range slices.Sorted(maps.Keys(o.Dependencies[name].Methods)) {
			switch {
			case slices.ContainsFunc(d.methods, func(m *Method) bool { return m.spec.Name == method }):
			case !d.spec.Lazy:
				errs = append(errs, fmt.Errorf("override of unknown method %q of dependency %q", method, name))
			default:
				// Its values are all that can be judged before it is met.
				met := &Method{spec: MethodSpec{Name: method, Idempotent: true}}
				if o.Dependencies[name].Methods[method].Retry != nil {
					met.spec.Retry = &Retry{Attempts: 2} // what the override may leave to the guard
				}
				if err := met.effective(o.Dependencies[name]).validate(); err != nil {
					errs = append(errs, fmt.Errorf("dependency %q: %s: %w", name, method, err))
				}
			}
		}
	}
	return errors.Join(errs...)
}

// conflicts returns what cannot work together under o. Requires s.mu.
func (s *System) conflicts(o Overrides) error {
	var errs []error
	for _, d := range *s.deps.Load() {
		errs = append(errs, d.conflicts(o.Dependencies[d.name]))
	}
	return errors.Join(errs...)
}

// conflicts returns what cannot work together in d under o. Requires sys.mu.
func (d *dependency) conflicts(o DependencyOverride) error {
	var p problems
	for _, m := range d.methods {
		e := m.effective(o)
		m.cannot(&p, o.Methods[m.spec.Name])
		if err := e.validate(); err != nil {
			p.add("%s: %w", m.spec.Name, err)
		}
		if e.Levels != m.spec.Levels {
			if _, falls := MergeActions(m.spec.Levels, o.Methods[m.spec.Name].Levels); falls != 0 {
				p.add("%s: the action at %s is milder than at a better level", m.spec.Name, falls)
			}
		}
	}
	if b := d.stated(o).Breaker; b != nil {
		p.include(b.Validate())
	}
	merged, longest := d.effective(o)
	var r Rate
	if merged.Rate != nil {
		r = *merged.Rate
	}
	p.include(merged.Breaker.Fits(longest, r))
	if err := p.join(); err != nil {
		return fmt.Errorf("dependency %q: %w", d.name, err)
	}
	return nil
}

// cannot adds the overrides that m cannot follow, and would ignore in silence.
func (m *Method) cannot(p *problems, o MethodOverride) {
	if o.Timeout != nil && m.spec.NoContext {
		p.add("%s: it takes no context, so a timeout cannot reach it", m.spec.Name)
	}
	if o.Retry != nil && m.spec.Kind != Read && !m.spec.Idempotent {
		p.add("%s: it is marked neither read nor idempotent, so it is not retried", m.spec.Name)
	}
	if o.Hedge != nil && m.spec.Hedge == nil {
		p.add("%s: it is not generated with a hedge; state one in its directives", m.spec.Name)
	}
	for i, a := range o.Levels {
		switch {
		case a == ActFallback && len(m.spec.Fallbacks) == 0:
			p.add("%s: %s=fallback, but it has no fallback; state one in its directives, or shed it", m.spec.Name, Level(i+1))
		case a == ActStale && !slices.ContainsFunc(m.spec.Fallbacks, func(f Fallback) bool { return f.Strategy == StrategyStale }):
			p.add("%s: %s=stale, but it keeps no answers; state stale= in its directives, or call it", m.spec.Name, Level(i+1))
		}
	}
}
