package retail_test

import (
	"os/exec"
	"testing"
)

// TestEveryFallbackAndActionIsExercised holds that the tests of the guards are
// those of the directives and leave nothing out.
func TestEveryFallbackAndActionIsExercised(t *testing.T) {
	command := exec.CommandContext(t.Context(), "go", "tool", "resilgen", "tests", "-check", "-coverage", "./...")
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("%s: %v; run go generate in examples/retail\n%s", command, err, out)
	}
}
