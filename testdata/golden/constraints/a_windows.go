package constraints

import "context"

//resil:guard store
//resil:timeout 1s
type Store interface {
	Drive(ctx context.Context, letter rune) error
}
