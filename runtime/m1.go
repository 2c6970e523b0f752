package resil

import (
	"context"
	"time"
)

type System struct {
	config   Config
	tracer   Tracer
	injector Injector
	store    Store
}
type Dependency struct{ method *Method }
type Guard struct {
	sys  *System
	spec GuardSpec
}
type Method struct {
	guard *Guard
	spec  MethodSpec
}
type Knob struct{ values [5]float64 }

// CheckOption tunes one health check.
type CheckOption interface{ check(*HealthConfig) }

func (c HealthConfig) check(h *HealthConfig) { *h = c }

func New(config Config, options ...Option) (*System, error) {
	s := &System{config: config}
	for _, o := range options {
		o.apply(s)
	}
	return s, nil
}
func (s *System) Start(ctx context.Context) error                          { return nil }
func (s *System) Close(ctx context.Context) error                          { return nil }
func (s *System) Guard(spec GuardSpec) *Guard                              { return &Guard{sys: s, spec: spec} }
func (g *Guard) Method(spec MethodSpec) *Method                            { return &Method{guard: g, spec: spec} }
func (g *Guard) Health(probe func(context.Context) error)                  {}
func (m *Method) Replay(f func(ctx context.Context, payload []byte) error) {}
func (s *System) Dependency(name string, policies ...Policy) *Dependency {
	return &Dependency{method: s.Guard(GuardSpec{Dependency: name}).Method(MethodSpec{Name: "do"})}
}
func (d *Dependency) Force(open bool, ttl time.Duration, reason string) error { return nil }
func (s *System) Force(level Level, ttl time.Duration, reason string) error   { return nil }
func (s *System) Level() Level                                                { return Optimal }
func (s *System) Status() Status                                              { return Status{Level: Optimal} }
func (s *System) OnLevel(f func(Transition)) (stop func())                    { return func() {} }
func (s *System) Subscribe(f func(Change)) (stop func())                      { return func() {} }
func (s *System) Metrics() Snapshot                                           { return Snapshot{Level: Optimal} }
func (s *System) Reload(o Overrides) error                                    { return nil }
func (s *System) AddCheck(dependency string, check func(context.Context) error, options ...CheckOption) error {
	return nil
}
func (s *System) Knob(name string, values [5]float64) *Knob { return &Knob{values} }
func (k *Knob) Value() float64                              { return k.values[0] }

func Call[T any](ctx context.Context, m *Method, do func(context.Context) (T, error)) (T, error) {
	return do(ctx)
}
func CallWith[T any](ctx context.Context, m *Method, do func(context.Context) (T, error), with With[T]) (T, error) {
	v, err := do(ctx)
	if err != nil && with.Fallback != nil && ctx.Err() == nil {
		return with.Fallback(ctx, 0, err)
	}
	return v, err
}
func CallHedged[T any](ctx context.Context, m *Method, do func(context.Context) (T, error)) (T, error) {
	return Call(ctx, m, do)
}
func CallHedgedWith[T any](ctx context.Context, m *Method, do func(context.Context) (T, error), with With[T]) (T, error) {
	return CallWith(ctx, m, do, with)
}
func CallStream[T any](ctx context.Context, m *Method, do func(context.Context) (T, error), tie func(T, context.CancelFunc) T) (T, error) {
	return Call(ctx, m, do)
}
func CallStreamWith[T any](ctx context.Context, m *Method, do func(context.Context) (T, error), tie func(T, context.CancelFunc) T, with With[T]) (T, error) {
	return CallWith(ctx, m, do, with)
}
func Do[T any](ctx context.Context, d *Dependency, fn func(context.Context) (T, error)) (T, error) {
	return Call(ctx, d.method, fn)
}
func DoHedged[T any](ctx context.Context, d *Dependency, fn func(context.Context) (T, error)) (T, error) {
	return CallHedged(ctx, d.method, fn)
}
