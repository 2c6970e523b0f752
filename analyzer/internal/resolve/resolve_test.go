package resolve_test

import (
	"testing"

	"github.com/resilgo/resil/analyzer/internal/fixture"
)

func TestUnguarded(t *testing.T) { fixture.Dir(t, "testdata/unguarded", "unguarded") }
