package accuracy

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/resilgo/resil/benchmarks/internal/fetched"
)

var large = flag.Bool("large", false, "run resilvet over the standard library and modules of Kubernetes and Prometheus")

// TestLargeModules holds that resilvet does not break on code that it was not
// written for:
//
//	go -C benchmarks test ./accuracy -run TestLargeModules -large
func TestLargeModules(t *testing.T) {
	if !*large {
		t.Skip("takes minutes and hundreds of megabytes of modules; asked for by -large")
	}
	work := t.TempDir()
	resilvet := build(t, work)
	for _, module := range []string{
		"k8s.io/client-go@v0.37.2", "k8s.io/apiserver@v0.37.2", "github.com/prometheus/prometheus@v0.316.0",
	} {
		t.Run(module, func(t *testing.T) {
			dir := filepath.Join(work, filepath.Base(module))
			if err := fetched.Module(module, dir); err != nil {
				t.Fatal(err)
			}
			survives(t, resilvet, dir)
		})
	}
	t.Run("standard library", func(t *testing.T) {
		goroot, err := exec.Command("go", "env", "GOROOT").Output()
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(work, "std")
		if err := os.CopyFS(dir, os.DirFS(filepath.Join(strings.TrimSpace(string(goroot)), "src"))); err != nil {
			t.Fatal(err)
		}
		// By its own name it would not be code that anybody may change.
		mod := filepath.Join(dir, "go.mod")
		content, err := os.ReadFile(mod)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(mod, bytes.Replace(content, []byte("module std"), []byte("module example.com/std"), 1), 0o644); err != nil {
			t.Fatal(err)
		}
		survives(t, resilvet, dir)
	})
}

// survives runs resilvet in dir. Code that does not type-check there is said
// so; a crash is something else.
func survives(t *testing.T, resilvet, dir string) {
	t.Helper()
	cmd := exec.Command(resilvet, "./...")
	cmd.Dir = dir
	cmd.Env = append(fetched.Environ(), "RESILVET_CACHE=off")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 3 && exit.ExitCode() != 1) {
		t.Errorf("%v\n%s", err, out)
	}
	for _, word := range []string{"internal error", "goroutine "} {
		if i := bytes.Index(out, []byte(word)); i >= 0 {
			t.Errorf("resilvet broke:\n%s", out[i:min(len(out), i+4000)])
		}
	}
	if len(out) == 0 {
		t.Error("nothing was looked at")
	}
}
