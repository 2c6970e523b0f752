package house_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestQuickstartWorksAsPasted runs the README's quickstart in an empty folder,
// as a new user does, and compares what the program prints.
func TestQuickstartWorksAsPasted(t *testing.T) {
	var script, want string
	for _, b := range parseDocument("README.md", read(t, "README.md")).blocks {
		switch {
		case b.info == "quickstart" && b.lang == "sh":
			script += b.text
		case b.info == "quickstart" && b.lang == "text":
			want += b.text
		}
	}
	if script == "" || want == "" {
		t.Fatal("README.md has no quickstart blocks, sh and text")
	}
	command := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
	command.Dir = t.TempDir()
	command.Env = append(os.Environ(), "RESIL="+absRoot(t))
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, &stdout, &stderr)
	}
	if got := stdout.String(); !strings.HasSuffix(got, want) {
		t.Errorf("the program printed\n%s\nREADME.md says\n%s\nerrors:\n%s", got, want, &stderr)
	}
}
