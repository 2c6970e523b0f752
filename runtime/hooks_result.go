package resil

import "context"

// ResultInjector is an [Injector] that changes results too.
type ResultInjector interface {
	Injector
	// InjectResult is called with the result of an attempt whose client
	// returned no error. What it returns takes the result's place if it is of
	// the same type.
	InjectResult(ctx context.Context, dependency, method string, result any) any
}

// injectResult returns v, or what i puts in its place.
func injectResult[T any](ctx context.Context, i Injector, dependency, method string, v T) T {
	r, ok := i.(ResultInjector)
	if !ok {
		return v
	}
	if changed, ok := r.InjectResult(ctx, dependency, method, v).(T); ok {
		return changed
	}
	return v
}
