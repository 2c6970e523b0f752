package house_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestLinksResolve(t *testing.T) {
	docs := documents(t)
	byFile := make(map[string]document, len(docs))
	for _, doc := range docs {
		byFile[doc.file] = doc
	}
	for _, doc := range docs {
		for line, targets := range doc.links {
			for _, target := range targets {
				if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
					continue
				}
				file, anchor, _ := strings.Cut(target, "#")
				if file == "" {
					file = doc.file
				} else {
					file = path.Join(path.Dir(doc.file), file)
				}
				if _, err := os.Stat(filepath.Join(root, file)); err != nil {
					t.Errorf("%s:%d: link to %s, which does not exist", doc.file, line, target)
					continue
				}
				if to, ok := byFile[file]; ok && anchor != "" && !to.anchors[anchor] {
					t.Errorf("%s:%d: link to %s: the document has no such heading", doc.file, line, target)
				}
			}
		}
	}
}

// TestEveryPageIsReachable walks the links from README.md.
func TestEveryPageIsReachable(t *testing.T) {
	byFile := make(map[string]document)
	for _, doc := range documents(t) {
		byFile[doc.file] = doc
	}
	seen := map[string]bool{}
	var visit func(file string)
	visit = func(file string) {
		doc, ok := byFile[file]
		if !ok || seen[file] {
			return
		}
		seen[file] = true
		for _, targets := range doc.links {
			for _, target := range targets {
				name, _, _ := strings.Cut(target, "#")
				visit(path.Join(path.Dir(file), name))
			}
		}
	}
	visit("README.md")
	for file := range byFile {
		if strings.HasPrefix(file, "docs/") && !seen[file] {
			t.Errorf("%s: no link leads there from README.md", file)
		}
	}
}

// A path of somebody's machine means nothing to a reader.
var machinePath = regexp.MustCompile(`(^|[^\w/.])/(work|root)/[\w.]`)

func TestNoPathOfAMachine(t *testing.T) {
	for _, file := range files(t, "") {
		text := read(t, file)
		if strings.ContainsRune(text, 0) {
			continue // not text
		}
		for i, line := range strings.Split(text, "\n") {
			if machinePath.MatchString(line) {
				t.Errorf("%s:%d: names a path of a machine: %s", file, i+1, strings.TrimSpace(line))
			}
		}
	}
}

func TestMachinePathsAreRecognised(t *testing.T) {
	for text, want := range map[string]bool{
		"see /" + "root/x.go":   true,
		"file:/" + "work/x":     true,
		"https://go.dev/home/x": false,
		"in examples/work/x":    false,
		"GET /work":             false,
	} {
		if got := machinePath.MatchString(text); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

// TestDecisionsAreListed compares docs/adr with its table of contents.
func TestDecisionsAreListed(t *testing.T) {
	const index = "docs/adr/README.md"
	listed := make(map[string]bool)
	for _, targets := range parseDocument(index, read(t, index)).links {
		for _, target := range targets {
			listed[path.Join("docs/adr", target)] = true
		}
	}
	for _, file := range files(t, ".md") {
		if strings.HasPrefix(file, "docs/adr/") && file != index && !listed[file] {
			t.Errorf("%s does not list %s", index, file)
		}
	}
}
