package house_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// root is the top folder of the repository, as seen from this package.
const root = "../.."

const module = "github.com/resilgo/resil"

// absRoot returns the top folder as an absolute path.
func absRoot(tb testing.TB) string {
	tb.Helper()
	dir, err := filepath.Abs(root)
	if err != nil {
		tb.Fatal(err)
	}
	return dir
}

// run runs a command in dir and returns its standard output.
func run(tb testing.TB, dir, name string, args ...string) string {
	tb.Helper()
	command := exec.CommandContext(tb.Context(), name, args...)
	command.Dir = dir
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		tb.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// lines splits text into its non-empty lines.
func lines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
}

// files returns the repository's files whose path ends with one of suffixes,
// relative to the root: tracked ones, and new ones that are not ignored.
func files(tb testing.TB, suffixes ...string) []string {
	tb.Helper()
	var found []string
	for _, name := range lines(run(tb, root, "git", "ls-files", "--cached", "--others", "--exclude-standard")) {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			continue // removed, but not yet committed so
		}
		for _, suffix := range suffixes {
			if strings.HasSuffix(name, suffix) {
				found = append(found, name)
				break
			}
		}
	}
	return found
}

func read(tb testing.TB, name string) string {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// TestNothingBuiltIsTracked holds that what a command built, and any other file
// too large to review, stays out of the repository.
func TestNothingBuiltIsTracked(t *testing.T) {
	const most = 1 << 20
	for _, name := range lines(run(t, root, "git", "ls-files")) {
		info, err := os.Lstat(filepath.Join(root, name))
		if err != nil {
			continue // removed, but not yet committed so
		}
		if info.Size() > most {
			t.Errorf("%s has %d bytes; keep files below %d, and what is built in .gitignore", name, info.Size(), most)
		}
	}
}
