package directive

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/directives.md")

func TestReferenceIsFresh(t *testing.T) {
	const path = "../../docs/directives.md"
	if *update {
		if err := os.WriteFile(path, []byte(Reference()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != Reference() {
		t.Errorf("%s is not what the grammar says; run go test ./generator/directive -run Reference -update", path)
	}
}

func TestHelpNamesEveryKey(t *testing.T) {
	for _, doc := range Verbs() {
		t.Run(string(doc.Verb), func(t *testing.T) {
			text, err := Help(string(doc.Verb))
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range doc.Keys {
				if !strings.Contains(text, k.head()) || !strings.Contains(text, k.Example) {
					t.Errorf("no %s or no example %s in\n%s", k.head(), k.Example, text)
				}
			}
			for n, line := range strings.Split(text, "\n") {
				if n > 0 && len([]rune(line)) > 100 { // the first shows the whole syntax
					t.Errorf("line too wide: %s", line)
				}
			}
		})
	}
}

// TestExamplesOfKeysParse puts each key's example into a line of its verb.
func TestExamplesOfKeysParse(t *testing.T) {
	complete := map[Verb]string{ // what a line needs besides the key
		VerbGuard: "x", VerbTimeout: "1s", VerbRetry: "attempts=2", VerbBulkhead: "max=2", VerbRate: "5/s", VerbHedge: "after=1s",
	}
	needs := map[string]string{"min": "ratio=0.5", "slowratio": "slow=1s", "max": "stale=1m shared", "key": "stale=1m", "shared": "stale=1m", "limit": "zero", "stale": "shared"}
	for _, doc := range Verbs() {
		for _, k := range doc.Keys {
			line := Prefix + string(doc.Verb) + " " + k.Example
			if rest := complete[doc.Verb]; rest != "" && k.Word == "" && !strings.HasPrefix(rest, k.Key+"=") {
				line += " " + rest
			}
			if doc.Verb == VerbBreaker || doc.Verb == VerbFallback {
				line += " " + needs[k.Key+k.Word]
			}
			if doc.Verb == VerbPlain && k.Word == "METHODS" {
				line += " reason"
			}
			t.Run(line, func(t *testing.T) {
				src := onInterfaceSource(line)
				if doc.where() == "on a function, or on or right above a line of code" {
					src = "package p\n\n" + line + "\nfunc f() {}\n"
				}
				if _, problems := parseSource(t, src); problems != nil && doc.Verb != VerbPlain {
					t.Error(problems)
				}
			})
		}
	}
}

func TestHelpOfUnknownVerb(t *testing.T) {
	_, err := Help("braeker")
	if err == nil || err.Error() != "unknown directive braeker; did you mean breaker?" {
		t.Errorf("got %v", err)
	}
	if text, err := Help("//resil:guard"); err != nil || !strings.HasPrefix(text, "//resil:guard NAME") {
		t.Errorf("help of a verb with its prefix: %v %s", err, text)
	}
	if text, err := Help(""); err != nil || !strings.Contains(text, "outbound") {
		t.Errorf("help of everything: %v %s", err, text)
	}
}
