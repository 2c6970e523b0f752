package house_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// noEntryPoints are exported functions that need no example of their own, by
// package, with the reason.
var noEntryPoints = map[string][]string{
	"runtime": {
		// What generated code calls, or asks, besides the call itself.
		"CallHedgedWith", "CallStreamWith", "DefaultActions", "MergeActions", "TieResponse", "TieRows",
		// Enumerations and the spelling of their values.
		"Levels", "Outcomes", "ParseAction", "ParseCriticality", "ParseLevel", "ValidName",
		// For the authors of transports, tracers and injectors; the sub-packages' own examples show them at work.
		"ReportFault", "RequestFrom", "WithRequest", "WithTracer", "WithLogger",
		// Take what chaos.New and outbox.Open return, and stand in their examples.
		"WithInjector", "WithOutbox",
	},
	"runtime/chaos":            {"WithMark"},
	"runtime/chaos/experiment": {"Parse"}, // of generated files; its package documentation shows the command
	"runtime/config":           {"Apply", "Load", "Problems", "Schema"},
	"runtime/outbox":           {"WithKey"}, // of another store's entries
	"runtime/admin":            {"Serve"},   // listens
	// Conform and Prove take a test, which examples have none of.
	"runtime/resiltest": {"Conform", "Prove", "Answer", "Deaf", "Delay", "Goexit", "Hang", "NewGate", "Panic"},
	"runtime/share":     {"Redis"}, // needs a server
	"runtime/sqlguard":  {"Unwrap"},
	"runtime/httpguard": {"Health", "Shed"},
	"runtime/grpcguard": {"Health"},
	"runtime/tracing":   {"GenAI", "HTTP", "RPC", "WithAttributes", "WithErrorText"},
}

// TestEveryEntryPointHasARunnableExample holds that documentation shows how to
// begin with each part of the runtime: its exported functions, but for those
// above, are used in an example whose output is checked.
func TestEveryEntryPointHasARunnableExample(t *testing.T) {
	folders := map[string]bool{}
	for _, file := range files(t, ".go") {
		if folder := path.Dir(file); folder == "runtime" || strings.HasPrefix(folder, "runtime/") && !strings.Contains(folder, "/internal") {
			folders[folder] = true
		}
	}
	if len(folders) < 10 {
		t.Fatalf("only %d packages found", len(folders))
	}
	for folder := range folders {
		exported, shown := functions(t, folder)
		skipped := noEntryPoints[folder]
		for _, name := range skipped {
			if !slices.Contains(exported, name) {
				t.Errorf("%s has no function %s: it needs no excuse", folder, name)
			}
		}
		for _, name := range exported {
			if !shown[name] && !slices.Contains(skipped, name) {
				t.Errorf("%s.%s is used in no example with output", folder, name)
			}
		}
	}
}

// functions returns a package's exported functions and those that its runnable
// examples call.
func functions(t *testing.T, folder string) (exported []string, shown map[string]bool) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	shown = map[string]bool{}
	files := token.NewFileSet()
	var name string
	var tests []*ast.File
	for _, p := range paths {
		file, err := parser.ParseFile(files, p, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(p, "_test.go") {
			tests = append(tests, file)
			continue
		}
		name = file.Name.Name
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.IsExported() && !slices.Contains(exported, f.Name.Name) {
				exported = append(exported, f.Name.Name)
			}
		}
	}
	for _, example := range doc.Examples(tests...) {
		if example.Output == "" && !example.EmptyOutput {
			continue
		}
		ast.Inspect(example.Code, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == name {
					shown[s.Sel.Name] = true
				}
			}
			return true
		})
	}
	return exported, shown
}
