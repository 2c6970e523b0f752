package outbox

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"syscall"
	"testing"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/internal/logtest"
)

// TestFailedWriteStopsTheStore puts a file that cannot be written under the
// store at random moments: from the first error on nothing is accepted, and what had been
// accepted is there at the next Open.
func TestFailedWriteStopsTheStore(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close() //nolint:errcheck // read only
	for round := range 30 {
		dir := folder(t)
		var file *os.File
		var s *Store
		log := &logtest.Asking{T: t, Ask: func() { s.Stats() }}
		s, err = open(dir, Config{Logger: slog.New(log)}.WithDefaults(), func(name string, flag int, perm os.FileMode) (*os.File, error) {
			f, err := openFile(name, flag, perm)
			file = f
			return f, err
		})
		if err != nil {
			t.Fatal(err)
		}
		stop := make(chan struct{})
		go func() {
			defer close(stop)
			for s.Stats().Entries <= round {
			}
			if err := syscall.Dup3(int(null.Fd()), int(file.Fd()), 0); err != nil {
				t.Error(err)
			}
		}()
		var acked []string
		var failed error
		for i := 0; failed == nil; i++ {
			p := fmt.Sprint(i)
			if failed = s.Put(t.Context(), resil.Entry{Origin: resil.Origin{Dependency: "db", Method: "Save"}, Payload: []byte(p)}); failed == nil {
				acked = append(acked, p)
			}
		}
		<-stop
		if !errors.Is(failed, ErrBroken) {
			t.Fatalf("round %d: %v, want ErrBroken", round, failed)
		}
		if err := s.Put(t.Context(), resil.Entry{Origin: resil.Origin{Dependency: "db", Method: "Save"}}); !errors.Is(err, ErrBroken) {
			t.Errorf("round %d: Put after a failure: %v", round, err)
		}
		if log.Asked != 1 {
			t.Errorf("round %d: %d log lines of the failure, want one", round, log.Asked)
		}
		if s.Stats().Err == nil {
			t.Errorf("round %d: stats say nothing of the failure", round)
		}
		_ = s.Close(t.Context()) // what is in its file's place has no lock to give back

		again := mustOpen(t, dir, Config{})
		r := &receiver{}
		startWith(t, again, r, always)
		waitFor(t, func() bool { return again.Depth()["db"] == 0 })
		got := r.all()
		if len(got) < len(acked) || !slices.Equal(got[:len(acked)], acked) {
			t.Fatalf("round %d: acknowledged %q, delivered %q", round, acked, got)
		}
	}
}
