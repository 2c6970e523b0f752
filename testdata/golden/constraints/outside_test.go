package constraints_test

import (
	"context"

	"github.com/resilgo/resil/testdata/golden/constraints"
)

//resil:guard outside
//resil:timeout 1s
type outside interface {
	run(ctx context.Context, s *constraints.GuardedStore) error
}
