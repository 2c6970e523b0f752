// Package script runs the scripts in testdata/script, which try the commands of
// this module end to end.
//
// A script is a txtar archive: lines of commands, then the files that they find
// in their working directory. A line is a program with its arguments, or one of
//
//	env NAME=VALUE        set a variable
//	cd DIR                change the working directory
//	gomod PATH            write a go.mod that can import this module, from the checkout
//	replace OLD NEW FILE  replace a text that FILE holds
//	cp FILE FILE          copy; stdout and stderr are files, too
//	rm FILE...            remove
//	code N                the last program ended with exit code N
//	stdout REGEXP         its standard output matches (multi-line mode)
//	stderr REGEXP         its standard error matches
//	grep REGEXP FILE      the file matches
//	cmp FILE FILE         the files are the same; with -update the second is written
//	exists FILE...        the files exist
//
// "!" in front of a program wants it to fail, "?" lets it; without, it must
// succeed. In front of an assertion "!" turns it round. Arguments are split at
// blanks outside single quotes; $NAME is expanded, with $WORK for the script's
// folder, $REPO for the checkout and $BIN for the folder of the commands.
package script

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write the files that scripts compare with")

// Main is TestMain for a package with scripts; commands are the names of
// folders in cmd. They are built, not played by the test binary: under the race
// detector that takes a hundred times as long to start as the commands do, and
// the go command starts resilvet hundreds of times.
func Main(m *testing.M, commands ...string) {
	bin, err := os.MkdirTemp("", "script")
	if err == nil {
		err = build(bin, commands)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binDir = bin
	code := m.Run()
	_ = os.RemoveAll(bin) // a leftover in the temporary folder does no harm
	os.Exit(code)
}

// binDir holds the commands.
var binDir string

// Command returns the path of one of the commands that Main was given.
func Command(name string) string { return filepath.Join(binDir, name) }

func build(bin string, commands []string) error {
	for _, name := range commands {
		c := exec.Command("go", "build", "-o", filepath.Join(bin, name), "github.com/resilgo/resil/cmd/"+name) //nolint:noctx // TestMain has no context
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("go build %s: %w\n%s", name, err, out)
		}
	}
	return nil
}

// Run runs the scripts that match the pattern, each as a parallel subtest.
func Run(t *testing.T, pattern string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no script matches %s", pattern)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			runFile(t, file)
		})
	}
}

// state is a script under way.
type state struct {
	t       *testing.T
	archive *txtar.Archive
	work    string // holds the archive's files
	dir     string // current directory
	env     []string
	ran     bool // a program has run
	code    int
	stdout  string
	stderr  string
	updated bool
}

func runFile(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	work, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		name := filepath.Join(work, f.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := &state{t: t, archive: archive, work: work, dir: work}
	s.env = append(os.Environ(),
		"WORK="+work, "REPO="+repository(t), "BIN="+binDir,
		"PATH="+binDir+string(filepath.ListSeparator)+os.Getenv("PATH"),
		"GOWORK=off", "GITHUB_ACTIONS=", "GOFLAGS=-mod=mod",
		"RESILVET_CACHE="+filepath.Join(t.TempDir(), "cache"))
	for i, line := range strings.Split(string(archive.Comment), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := s.line(line); err != nil {
			t.Errorf("%s:%d: %s: %v\n[exit code %d]\n[stdout]\n%s[stderr]\n%s", file, i+1, line, err, s.code, s.stdout, s.stderr)
			break
		}
	}
	if s.updated {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// repository returns the root of this checkout.
func repository(t *testing.T) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("not in a module")
		}
		dir = parent
	}
}

func (s *state) line(line string) error {
	want := ""
	if first, rest, ok := strings.Cut(line, " "); ok && (first == "!" || first == "?") {
		want, line = first, strings.TrimSpace(rest)
	}
	args, err := s.split(line)
	if err != nil {
		return err
	}
	builtin, ok := builtins[args[0]]
	if !ok {
		return s.program(want, args)
	}
	err = builtin(s, args[1:])
	if want == "!" {
		var failed assertion
		switch {
		case err == nil:
			return errors.New("holds, but must not")
		case errors.As(err, &failed):
			return nil
		}
	}
	return err
}

// split splits a line into words at blanks outside single quotes, and expands
// variables outside of them.
func (s *state) split(line string) ([]string, error) {
	var words []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		word := ""
		for line != "" && line[0] != ' ' && line[0] != '\t' {
			if line[0] == '\'' {
				quoted, rest, ok := strings.Cut(line[1:], "'")
				if !ok {
					return nil, errors.New("a quote is not closed")
				}
				word, line = word+quoted, rest
				continue
			}
			n := strings.IndexAny(line, " \t'")
			if n < 0 {
				n = len(line)
			}
			word, line = word+os.Expand(line[:n], s.getenv), line[n:]
		}
		words = append(words, word)
	}
	return words, nil
}

func (s *state) getenv(name string) string {
	for _, kv := range slices.Backward(s.env) {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	return ""
}

func (s *state) program(want string, args []string) error {
	path := args[0]
	if own := filepath.Join(binDir, path); !strings.Contains(path, "/") {
		if _, err := os.Stat(own); err == nil {
			path = own
		}
	}
	cmd := exec.CommandContext(s.t.Context(), path, args[1:]...)
	cmd.Dir = s.dir
	cmd.Env = append(slices.Clone(s.env), "PWD="+s.dir)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	s.ran, s.stdout, s.stderr = true, stdout.String(), stderr.String()
	s.code = cmd.ProcessState.ExitCode()
	var exit *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &exit):
		return err
	case want == "" && s.code != 0:
		return errors.New("failed")
	case want == "!" && s.code == 0:
		return errors.New("succeeded, but must fail")
	}
	return nil
}

// assertion is the failure of something that "!" can turn round.
type assertion string

func (a assertion) Error() string { return string(a) }

var builtins = map[string]func(*state, []string) error{
	"env": func(s *state, args []string) error {
		s.env = append(s.env, args...)
		return nil
	},
	"cd": func(s *state, args []string) error {
		s.dir = s.path(args[0])
		_, err := os.Stat(s.dir)
		return err
	},
	"gomod":   (*state).gomod,
	"replace": (*state).replace,
	"cp": func(s *state, args []string) error {
		content, err := s.read(args[0])
		if err != nil {
			return err
		}
		return os.WriteFile(s.path(args[1]), []byte(content), 0o644)
	},
	"rm": func(s *state, args []string) error {
		for _, name := range args {
			if err := os.RemoveAll(s.path(name)); err != nil {
				return err
			}
		}
		return nil
	},
	"code": func(s *state, args []string) error {
		n, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		if s.code != n {
			return assertion(fmt.Sprintf("exit code is %d", s.code))
		}
		return nil
	},
	"stdout": func(s *state, args []string) error { return match(args[0], s.stdout) },
	"stderr": func(s *state, args []string) error { return match(args[0], s.stderr) },
	"grep": func(s *state, args []string) error {
		content, err := s.read(args[1])
		if err != nil {
			return err
		}
		return match(args[0], content)
	},
	"cmp": (*state).cmp,
	"exists": func(s *state, args []string) error {
		for _, name := range args {
			if _, err := os.Stat(s.path(name)); err != nil {
				return assertion(err.Error())
			}
		}
		return nil
	},
}

func match(pattern, text string) error {
	re, err := regexp.Compile("(?m)" + pattern)
	if err != nil {
		return err
	}
	if !re.MatchString(text) {
		return assertion("no match in:\n" + text)
	}
	return nil
}

func (s *state) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.dir, name)
}

// read returns the content of a file, or what the last program printed.
func (s *state) read(name string) (string, error) {
	switch name {
	case "stdout":
		return s.stdout, nil
	case "stderr":
		return s.stderr, nil
	}
	content, err := os.ReadFile(s.path(name))
	return string(content), err
}

func (s *state) cmp(args []string) error {
	got, err := s.read(args[0])
	if err != nil {
		return err
	}
	got = strings.ReplaceAll(got, s.work, "$WORK")
	want, err := s.read(args[1])
	if err != nil && !*update {
		return err
	}
	if got == strings.ReplaceAll(want, s.work, "$WORK") {
		return nil
	}
	if *update {
		rel, err := filepath.Rel(s.work, s.path(args[1]))
		if err != nil {
			return err
		}
		i := slices.IndexFunc(s.archive.Files, func(f txtar.File) bool { return f.Name == filepath.ToSlash(rel) })
		if i < 0 {
			return fmt.Errorf("%s is no file of the script", rel)
		}
		s.archive.Files[i].Data = []byte(got)
		s.updated = true
		return nil
	}
	return assertion(fmt.Sprintf("differs; got:\n%s\nwant:\n%s", got, want))
}

func (s *state) replace(args []string) error {
	content, err := s.read(args[2])
	if err != nil {
		return err
	}
	if !strings.Contains(content, args[0]) {
		return fmt.Errorf("%s does not hold %q", args[2], args[0])
	}
	return os.WriteFile(s.path(args[2]), []byte(strings.ReplaceAll(content, args[0], args[1])), 0o644)
}

// gomod writes a go.mod of the given module that takes this module from the
// checkout, at the versions of dependencies that the checkout uses.
func (s *state) gomod(args []string) error {
	repo := s.getenv("REPO")
	own, err := os.ReadFile(filepath.Join(repo, "go.mod"))
	if err != nil {
		return err
	}
	const module = "github.com/resilgo/resil"
	text := strings.Replace(string(own), "module "+module, "module "+args[0], 1)
	text += fmt.Sprintf("\nrequire %s v0.0.0\n\nreplace %s => %s\n", module, module, repo)
	if err := os.WriteFile(s.path("go.mod"), []byte(text), 0o644); err != nil {
		return err
	}
	sums, err := os.ReadFile(filepath.Join(repo, "go.sum"))
	if err != nil {
		return err
	}
	return os.WriteFile(s.path("go.sum"), sums, 0o644)
}
