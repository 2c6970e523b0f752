package house_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Shell blocks are those of language sh. The quickstart's and the guide's are run; the others
// must be valid shell, and what they call must exist: targets of make, folders
// given to the go command, verbs and flags of our own commands.

// commands are what documents may call besides what checkCommand looks into.
var commands = []string{
	"apt-get", "cat", "cd", "chmod", "cp", "curl", "export", "git", "golangci-lint", "jq", "kill", "mkdir", "mv", "pre-commit", "promtool", "psql", "python3", "chaos", "redis-cli", "rm", "sleep", "tools/tool", "./custom-gcl", "bash",
}

func TestShellBlocksCallWhatExists(t *testing.T) {
	bin := ourCommands(t)
	checked := 0
	for _, doc := range documents(t) {
		for _, b := range doc.blocks {
			if b.lang != "sh" {
				continue
			}
			checked++
			if out, err := exec.Command("bash", "-n", "-c", b.text).CombinedOutput(); err != nil {
				t.Errorf("%s:%d: not shell: %s", b.file, b.line, out)
			}
			if b.info == "quickstart" || b.info == "guide" {
				continue
			}
			for _, words := range callsIn(b.text) {
				if complaint := checkCommand(t, bin, words); complaint != "" {
					t.Errorf("%s: shell block at line %d: %s: %s", b.file, b.line, strings.Join(words, " "), complaint)
				}
			}
		}
	}
	if checked == 0 {
		t.Error("no document holds a shell block")
	}
}

// ourCommands builds the module's commands and returns their folder.
func ourCommands(tb testing.TB) string {
	tb.Helper()
	bin := tb.TempDir()
	run(tb, root, "go", "build", "-o", bin+"/", "./cmd/...")
	return bin
}

var (
	heredoc    = regexp.MustCompile(`<<-?\s*['"]?(\w+)['"]?`)
	comment    = regexp.MustCompile(`(^|\s)#.*$`)
	assignment = regexp.MustCompile(`^\w+=\S*$`)
	separator  = regexp.MustCompile(`\s*(?:&&|\|\||[|;&])\s*`)
)

// callsIn splits a script into its commands' words, well enough for documents:
// quoted strings are taken out, here-documents and comments left out.
func callsIn(script string) [][]string {
	var calls [][]string
	var until string
	script = strings.ReplaceAll(script, "\\\n", " ")
	for scanner := bufio.NewScanner(strings.NewReader(script)); scanner.Scan(); {
		line := scanner.Text()
		if until != "" {
			if strings.TrimSpace(line) == until {
				until = ""
			}
			continue
		}
		if m := heredoc.FindStringSubmatch(line); m != nil {
			until = m[1]
		}
		line = comment.ReplaceAllString(quoted.ReplaceAllString(line, "QUOTED"), "")
		for _, call := range separator.Split(line, -1) {
			words := strings.Fields(call)
			for len(words) > 0 && assignment.MatchString(words[0]) {
				words = words[1:]
			}
			if len(words) > 0 {
				calls = append(calls, words)
			}
		}
	}
	return calls
}

var quoted = regexp.MustCompile(`'[^']*'|"[^"]*"|\$\([^)]*\)`)

// checkCommand returns what is wrong with a call, "" for nothing.
func checkCommand(tb testing.TB, bin string, words []string) string {
	tb.Helper()
	switch name := words[0]; {
	case name == "make":
		for _, target := range words[1:] {
			if !strings.Contains(target, "=") && !strings.Contains("\n"+read(tb, "Makefile"), "\n"+target+":") {
				return "the Makefile has no target " + target
			}
		}
	case name == "go" && len(words) > 2 && words[1] == "tool":
		return checkCommand(tb, bin, words[2:])
	case name == "go":
		return checkGo(words[1:])
	case name == "resilgen" || name == "resilvet":
		return checkOurs(tb, filepath.Join(bin, name), words[1:])
	case !slices.Contains(commands, name):
		return "tools/house knows no such command; is it a command of this repository?"
	}
	return ""
}

// checkGo looks whether the folders that the go command is given exist; those
// of the reader's own module are written ./... or ./internal/...
func checkGo(words []string) string {
	dir := root
	for i, word := range words {
		if i > 0 && words[i-1] == "-C" {
			dir = filepath.Join(root, word)
		}
		path, isPath := strings.CutPrefix(word, "./")
		if !isPath || path == "..." || strings.HasPrefix(path, "internal/") {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, strings.TrimSuffix(path, "/..."))); err != nil {
			return "no folder " + word
		}
	}
	return ""
}

// checkOurs looks up verbs and flags in the command's own help.
func checkOurs(tb testing.TB, command string, words []string) string {
	tb.Helper()
	help, err := exec.CommandContext(tb.Context(), command, "-help").CombinedOutput()
	if len(help) == 0 {
		tb.Fatalf("%s -help prints nothing: %v", command, err)
	}
	text := string(help)
	if len(words) > 0 && regexp.MustCompile(`^[a-z]+$`).MatchString(words[0]) {
		if !regexp.MustCompile(`(?m)^\s*(resilgen )?` + words[0] + `\b`).MatchString(text) {
			return "no verb " + words[0]
		}
		verb, err := exec.CommandContext(tb.Context(), command, words[0], "-help").CombinedOutput()
		if len(verb) == 0 {
			tb.Fatalf("%s %s -help prints nothing: %v", command, words[0], err)
		}
		text += string(verb)
	}
	for _, word := range words {
		flag, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if strings.HasPrefix(word, "-") && !regexp.MustCompile(`(^|[\s,\[])--?(\[no-\])?`+regexp.QuoteMeta(flag)+`\b`).MatchString(text) {
			return "no flag -" + flag
		}
	}
	return ""
}

func TestShellIsTakenApart(t *testing.T) {
	script := "A=1 make demo ARGS=-serve # why\ncat > x <<'EOF'\nnot a command\nEOF\ngo run . && resilvet -sarif out.sarif \\\n  ./... | jq '.a | .b'\n"
	want := []string{"make demo ARGS=-serve", "cat > x <<QUOTED", "go run .", "resilvet -sarif out.sarif ./...", "jq QUOTED"}
	var got []string
	for _, words := range callsIn(script) {
		got = append(got, strings.Join(words, " "))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
