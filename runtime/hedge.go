package resil

import "context"

func CallHedged[T any](ctx context.Context, m *Method, do func(context.Context) (T, error)) (T, error) {
	return invoke(ctx, m, do, nil)
}
func CallHedgedWith[T any](ctx context.Context, m *Method, do func(context.Context) (T, error), with With[T]) (T, error) {
	return invoke(ctx, m, do, &with)
}
func DoHedged[T any](ctx context.Context, d *Dependency, fn func(context.Context) (T, error)) (T, error) {
	return invoke(ctx, d.op.method.Load(), fn, nil)
}
func CallStream[T any](ctx context.Context, m *Method, do func(context.Context) (T, error), tie func(T, context.CancelFunc) T) (T, error) {
	return invoke(ctx, m, do, nil)
}
func CallStreamWith[T any](ctx context.Context, m *Method, do func(context.Context) (T, error), tie func(T, context.CancelFunc) T, with With[T]) (T, error) {
	return invoke(ctx, m, do, &with)
}
