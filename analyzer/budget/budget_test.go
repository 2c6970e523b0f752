package budget_test

import (
	"testing"

	"github.com/resilgo/resil/analyzer/internal/fixture"
)

func TestFindings(t *testing.T) { fixture.Dir(t, "testdata", "budget") }
