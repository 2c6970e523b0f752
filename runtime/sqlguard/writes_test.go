package sqlguard_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/sqlguard"
)

// A service that only writes has nothing but writes to find out with that its
// database is back.
func TestWritesAloneRecover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		db, sys := open(t, f, sqlguard.Config{Criticality: resil.Critical})
		f.fails(func(string) error { return errors.New("broken pipe") })
		for range 2 * resil.DefaultFailures {
			_, _ = db.ExecContext(t.Context(), "INSERT")
		}
		if sys.Level() != resil.Minimal {
			t.Fatalf("level = %v", sys.Level())
		}
		if _, err := db.ExecContext(t.Context(), "INSERT"); err == nil {
			t.Error("a write at minimal")
		}
		f.fails(nil)
		for range 120 {
			time.Sleep(time.Second)
			_, _ = db.ExecContext(t.Context(), "INSERT")
		}
		if sys.Level() != resil.Optimal {
			t.Errorf("still %v after two minutes", sys.Level())
		}
		_ = db.Close()
	})
}
