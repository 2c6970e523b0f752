package demo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Prepare does with the service's source what every build of it does: it
// generates the guards and looks for outbound calls without one. The current
// folder must be the module's.
func Prepare(ctx context.Context, w io.Writer) error {
	const module = "module github.com/resilgo/resil/examples/retail\n"
	text, err := os.ReadFile("go.mod")
	if err != nil || !bytes.HasPrefix(text, []byte(module)) {
		return fmt.Errorf("the source is not here: run this in examples/retail, or with -prepare=false")
	}
	s := newScreen(w)
	s.line("%s", s.paint(bold, "First the guards"))
	s.line("")
	for _, step := range []struct{ what, command string }{
		{"guards are generated", "go tool resilgen ./..."},
		{"no outbound call is without one", "go tool resilvet ./..."},
	} {
		start := time.Now()
		words := strings.Fields(step.command)
		command := exec.CommandContext(ctx, words[0], words[1:]...)
		if out, err := command.CombinedOutput(); err != nil {
			s.line("%s", bytes.TrimSpace(out))
			return fmt.Errorf("%s: %w", step.command, err)
		}
		s.line("   %s %-33s %s", s.paint(green, "✓"), step.what, s.paint(dim, step.command+", "+span(time.Since(start))))
	}
	s.line("")
	return nil
}
