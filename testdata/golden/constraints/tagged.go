//go:build integration

package constraints

import "context"

//resil:guard tagged
//resil:timeout 1s
type Tagged interface {
	Run(ctx context.Context) error
}
