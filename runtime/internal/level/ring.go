package level

// ring keeps the last max values pushed.
type ring[T any] struct {
	max    int
	start  int // of the oldest, once full
	values []T
}

func (r *ring[T]) push(v T) {
	if len(r.values) < r.max {
		r.values = append(r.values, v)
		return
	}
	r.values[r.start] = v
	r.start = (r.start + 1) % r.max
}

// all returns a copy, oldest first.
func (r *ring[T]) all() []T {
	return append(append([]T(nil), r.values[r.start:]...), r.values[:r.start]...)
}
