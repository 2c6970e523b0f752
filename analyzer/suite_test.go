package analyzer_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/analysis"

	"github.com/resilgo/resil/analyzer"
)

func TestSuiteIsValid(t *testing.T) {
	suite := analyzer.Suite()
	if err := analysis.Validate(suite); err != nil {
		t.Fatal(err)
	}
	if err := analysis.Validate([]*analysis.Analyzer{analyzer.Analyzer}); err != nil {
		t.Fatal(err)
	}
	for _, a := range suite {
		if a.URL == "" {
			t.Errorf("rule %s has no URL", a.Name)
		}
		if summary, rest, _ := strings.Cut(a.Doc, "\n"); !strings.HasPrefix(summary, "finds ") || strings.HasSuffix(summary, ".") || len(strings.TrimSpace(rest)) < 100 {
			t.Errorf("documentation of rule %s: want a summary \"finds …\" without a full stop, and what it means; got %q", a.Name, a.Doc)
		}
	}
}

// TestEveryRuleFolderIsInTheSuite finds a rule that was written and forgotten.
func TestEveryRuleFolderIsInTheSuite(t *testing.T) {
	docs, err := filepath.Glob("*/doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, doc := range docs {
		content, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(content), "# Analyzer ") {
			folders = append(folders, filepath.Dir(doc))
		}
	}
	names := analyzer.RuleNames()
	slices.Sort(names)
	if !slices.Equal(folders, names) {
		t.Errorf("folders with a rule are %v, the suite has %v", folders, names)
	}
}
