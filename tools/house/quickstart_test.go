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
	script, want := quickstart(t)
	if got, errors := paste(t, script); !strings.HasSuffix(got, want) {
		t.Errorf("the program printed\n%s\nREADME.md says\n%s\nerrors:\n%s", got, want, errors)
	}
}

// TestChaosGuideWorksAsPasted goes on where the quickstart ends with what
// docs/chaos.md says to do.
func TestChaosGuideWorksAsPasted(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a module's tests")
	}
	script, _ := quickstart(t)
	steps := 0
	for _, b := range parseDocument("docs/chaos.md", read(t, "docs/chaos.md")).blocks {
		if b.info == "guide" && b.lang == "sh" {
			script += b.text
			steps++
		}
	}
	if steps != 3 {
		t.Errorf("docs/chaos.md has %d steps, want 3", steps)
	}
	if got, errors := paste(t, script); strings.Count(got, "ok  \texample.com/shop") != steps {
		t.Errorf("the tests printed\n%s\nerrors:\n%s", got, errors)
	}
}

// quickstart returns the README's quickstart and what it says the program
// prints.
func quickstart(t *testing.T) (script, want string) {
	t.Helper()
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
	return script, want
}

// paste runs a script in an empty folder, as a new user does.
func paste(t *testing.T, script string) (stdout, stderr string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
	command.Dir = t.TempDir()
	command.Env = append(os.Environ(), "RESIL="+absRoot(t))
	var out, errors bytes.Buffer
	command.Stdout, command.Stderr = &out, &errors
	if err := command.Run(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, &out, &errors)
	}
	return out.String(), errors.String()
}
