package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/resilgo/resil/cmd/internal/script"
)

func TestMain(m *testing.M) { script.Main(m, "resilvet", "resilgen") }

func TestScripts(t *testing.T) {
	script.Run(t, "../../testdata/script/resilvet_*.txtar")
}

// TestStart holds what a start allocates before main. go vet starts a vet tool
// for each package of the import closure, five hundred times for a service of
// some size: regular expressions, templates and tables are made when they are
// first wanted.
func TestStart(t *testing.T) {
	const most = 64 << 10 // bytes; it was 230 KiB, a third of the time of a start
	cmd := exec.Command(script.Command("resilvet"), "-flags")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var trace bytes.Buffer
	cmd.Stderr = &trace
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	sum, report := 0, trace.String()
	for lines := bufio.NewScanner(&trace); lines.Scan(); {
		pkg, rest, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "init "), " @")
		var at, clock float64
		var n int
		if _, err := fmt.Sscanf(rest, "%f ms, %f ms clock, %d bytes", &at, &clock, &n); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		if strings.HasPrefix(pkg, "github.com/resilgo/resil/") {
			sum += n
		}
	}
	if sum == 0 || sum > most {
		t.Errorf("packages of this module allocate %d bytes before main, want at most %d\n%s", sum, most, report)
	}
}
