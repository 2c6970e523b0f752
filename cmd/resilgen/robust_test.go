package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// resilgen returns the path of the command: this test binary by another name.
func resilgen(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "resilgen")
	if err := os.WriteFile(path, content, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// module writes a module with n packages, each with two guards, and returns
// its folder.
func module(t *testing.T, dir string, n int) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	mod := read(t, filepath.Join(root, "go.mod"))
	const path = "github.com/resilgo/resil"
	mod = strings.Replace(mod, "module "+path, "module example.com/robust", 1)
	write(t, filepath.Join(dir, "go.mod"), mod+fmt.Sprintf("\nrequire %s v0.0.0\n\nreplace %s => %s\n", path, path, root))
	write(t, filepath.Join(dir, "go.sum"), read(t, filepath.Join(root, "go.sum")))
	for i := range n {
		name := fmt.Sprintf("p%d", i)
		var b strings.Builder
		fmt.Fprintf(&b, "package %s\n\nimport \"context\"\n", name)
		for _, guard := range []string{"A", "B"} {
			fmt.Fprintf(&b, "\n//resil:guard %s\n//resil:timeout 1s\ntype %s interface {\n", name, guard)
			for m := range 10 {
				fmt.Fprintf(&b, "\t// Do%d does.\n\tDo%d(ctx context.Context, id string) (string, error)\n", m, m)
			}
			b.WriteString("}\n")
		}
		write(t, filepath.Join(dir, name, "client.go"), b.String())
	}
	return dir
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// generated returns the generated files below dir, and reports everything that
// is neither source nor generated.
func generated(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, path) // path is below dir
		switch {
		case err != nil || e.IsDir():
			return err
		case strings.HasSuffix(path, "_resil.go"):
			files[rel] = read(t, path)
		case e.Name() != "client.go" && e.Name() != "go.mod" && e.Name() != "go.sum":
			t.Errorf("left behind: %s", rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func execution(ctx context.Context, bin, dir string, env ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, bin, "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "RESILGEN_CACHE=off", "GOFLAGS=-mod=mod", "PWD="+dir)
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

func mustRun(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func equal(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d generated files, want %d", what, len(got), len(want))
	}
	for name, content := range want {
		if got[name] != content {
			t.Errorf("%s: %s differs", what, name)
		}
	}
}

// TestSameBytesEverywhere generates the same module in different folders, time
// zones, locales and with different numbers of processors.
func TestSameBytesEverywhere(t *testing.T) {
	bin := resilgen(t)
	first := module(t, filepath.Join(t.TempDir(), "one"), 3)
	mustRun(t, execution(t.Context(), bin, first))
	want := generated(t, first)
	for i, env := range [][]string{
		{"TZ=Pacific/Kiritimati", "GOMAXPROCS=1"},
		{"LC_ALL=tr_TR.UTF-8", "USER=somebody", "GOMAXPROCS=7"},
	} {
		dir := module(t, filepath.Join(t.TempDir(), "a longer path", fmt.Sprint(i)), 3)
		mustRun(t, execution(t.Context(), bin, dir, env...))
		equal(t, strings.Join(env, " "), generated(t, dir), want)
	}
}

// TestConcurrentRunsLeaveWholeFiles runs the command many times at once.
func TestConcurrentRunsLeaveWholeFiles(t *testing.T) {
	bin := resilgen(t)
	dir := module(t, t.TempDir(), 4)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if out, err := execution(t.Context(), bin, dir).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	group.Wait()
	got := generated(t, dir)
	mustRun(t, execution(t.Context(), bin, dir))
	equal(t, "after concurrent runs", got, generated(t, dir))
	if len(got) != 4 {
		t.Errorf("%d files, want 4", len(got))
	}
}

// TestKilledRunLeavesWholeFilesAndTheNextHeals kills the command with SIGKILL
// after longer and longer times: whenever that is, each file is the old one or
// the new one. The next run makes all of them new and leaves nothing else.
func TestKilledRunLeavesWholeFilesAndTheNextHeals(t *testing.T) {
	bin := resilgen(t)
	dir := module(t, t.TempDir(), 12)
	start := time.Now()
	mustRun(t, execution(t.Context(), bin, dir))
	took := time.Since(start)
	want := generated(t, dir)
	old := "// Code generated by resilgen from client.go. DO NOT EDIT.\n\npackage "
	const kills = 12
	for i := range kills {
		for name := range want {
			write(t, filepath.Join(dir, name), old+filepath.Dir(name)+"\n")
		}
		// Most of the time goes into loading; the last third is where it writes.
		ctx, cancel := context.WithTimeout(t.Context(), took/2+took*time.Duration(i)/kills)
		_ = execution(ctx, bin, dir).Run() // killed, or just done
		cancel()
		for name, content := range want {
			got := read(t, filepath.Join(dir, name))
			if got != content && got != old+filepath.Dir(name)+"\n" {
				t.Fatalf("kill %d: %s is neither old nor new:\n%s", i, name, got)
			}
		}
	}
	mustRun(t, execution(t.Context(), bin, dir))
	equal(t, "after the kills", generated(t, dir), want)
}

// TestClosedOutputIsAnError holds that a report that nobody can read is not
// reported as done.
func TestClosedOutputIsAnError(t *testing.T) {
	bin := resilgen(t)
	dir := module(t, t.TempDir(), 1)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full on this system")
	}
	defer func() { _ = full.Close() }() // nothing was written
	cmd := execution(t.Context(), bin, dir)
	cmd.Stdout = full
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 2 {
		t.Errorf("exit %v, stderr %s; want 2", err, stderr.String())
	}
}
