package unguarded_test

import (
	"testing"

	"github.com/resilgo/resil/analyzer/internal/fixture"
)

func TestFindings(t *testing.T) { fixture.Dir(t, "testdata", "unguarded") }

// TestCases holds what is promised of resolution and guards, one shape a file.
func TestCases(t *testing.T) { fixture.Dir(t, "testdata/cases", "unguarded") }
