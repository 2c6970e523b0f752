package constraints

import "context"

//resil:guard inside
//resil:timeout 1s
type inside interface {
	run(ctx context.Context, s Store) error
}
