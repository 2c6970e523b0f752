//go:build linux

package store_test

import (
	"testing"

	"github.com/resilgo/resil/examples/retail/internal/realtest"
	"github.com/resilgo/resil/examples/retail/internal/store"
)

func TestPostgres(t *testing.T) {
	if testing.Short() {
		t.Skip("starts PostgreSQL")
	}
	s, err := store.OpenPostgres(realtest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	testStore(t, s)
}
