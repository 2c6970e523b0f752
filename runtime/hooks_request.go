package resil

import "context"

// Request is what a server knows of the request under a context.
type Request struct {
	Level       Level       // of the system when the request came
	Criticality Criticality // of the request; 0 = not stated
}

type requestKey struct{}

// WithRequest returns a context that carries what a server knows of a request.
// The middleware of httpguard and grpcguard sets it; their clients pass the
// criticality and the remaining time on to the next service.
func WithRequest(ctx context.Context, r Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// RequestFrom returns what WithRequest put into ctx, and whether anything was.
func RequestFrom(ctx context.Context) (Request, bool) {
	r, ok := ctx.Value(requestKey{}).(Request)
	return r, ok
}
