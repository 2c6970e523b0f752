package house_test

import (
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// Go blocks of documents compile. A block with a package clause is a file: the
// files of a document that name one package are one, resilgen writes the
// decorators of their guards, and all of it has to compile.
//
// What stands without a package clause, declarations or statements, is a
// fragment. It is type-checked by itself; imports need not be written, and names
// that the text around it speaks of may be undeclared. What it says of packages
// has to be true: a function that does not exist, or exists otherwise, is an
// error. A block that is to be read only says so: ```go illustration.

// qualifiers are the imports that a fragment may use without writing them.
var qualifiers = map[string]string{
	"aws": "github.com/aws/aws-sdk-go-v2/aws", "context": "context", "errors": "errors", "fmt": "fmt",
	"gobreaker": "github.com/sony/gobreaker/v2", "http": "net/http", "io": "io", "log": "log", "openai": "github.com/openai/openai-go/v3",
	"option": "github.com/openai/openai-go/v3/option", "os": "os", "otel": "go.opentelemetry.io/otel", "pgx": "github.com/jackc/pgx/v5",
	"prometheus": "github.com/prometheus/client_golang/prometheus", "promhttp": "github.com/prometheus/client_golang/prometheus/promhttp",
	"redis": "github.com/redis/go-redis/v9", "s3": "github.com/aws/aws-sdk-go-v2/service/s3", "slog": "log/slog", "sql": "database/sql",
	"strings": "strings", "sync": "sync", "synctest": "testing/synctest", "testing": "testing", "time": "time",

	"resil": module + "/runtime", "admin": module + "/runtime/admin", "chaos": module + "/runtime/chaos", "config": module + "/runtime/config",
	"httpguard": module + "/runtime/httpguard", "metrics": module + "/runtime/metrics", "outbox": module + "/runtime/outbox",
	"resiltest": module + "/runtime/resiltest", "sqlguard": module + "/runtime/sqlguard", "tracing": module + "/runtime/tracing",
	"grpcguard": module + "/runtime/grpcguard", "share": module + "/runtime/share",
}

// prelude declares what every fragment may take for granted, wherever it does
// not declare the name itself.
var prelude = map[string]string{
	"ctx": "context.Context", "sys": "*resil.System", "err": "error", "t": "*testing.T",
}

// tolerated are the compiler's complaints about a fragment that do not matter to
// its reader.
var tolerated = regexp.MustCompile(`declared and not used|imported and not used|is not used|missing return|too many return values|missing function body|^undefined: \w+$`)

// example is one file made of one block.
type example struct {
	block    block
	fragment bool
	name     string // of the file, relative to the temporary module
}

func TestGoBlocksCompile(t *testing.T) {
	dir := t.TempDir()
	var examples []example
	for i, doc := range documents(t) {
		if strings.HasPrefix(doc.file, "docs/rules/") {
			continue // made of the analyzers' comments, which show wrong code on purpose
		}
		examples = append(examples, writeBlocks(t, dir, fmt.Sprintf("doc%d", i), doc)...)
	}
	if len(examples) == 0 {
		t.Fatal("no document holds a Go block")
	}
	writeModule(t, dir)
	generate(t, dir)
	checkBlocks(t, dir, examples)
}

// Folders of the temporary module.
const (
	wholeFiles = "files"
	fragments  = "fragments"
)

// writeBlocks writes the document's Go blocks below name: files into a folder
// for each package clause, fragments into one each.
func writeBlocks(tb testing.TB, dir, name string, doc document) []example {
	tb.Helper()
	var examples []example
	for _, b := range doc.blocks {
		if b.lang != "go" || b.info == "illustration" {
			continue
		}
		e := example{block: b}
		source := b.text
		suffix := ".go"
		if strings.Contains(source, "*testing.T)") {
			suffix = "_test.go"
		}
		if file, err := parser.ParseFile(token.NewFileSet(), "", source, parser.PackageClauseOnly); err == nil {
			pkg := strings.TrimSuffix(file.Name.Name, "_test")
			e.name = filepath.Join(wholeFiles, name, pkg, fmt.Sprintf("line%d%s", b.line, suffix))
		} else if source, err = wrap(b.text); err == nil {
			e.fragment = true
			e.name = filepath.Join(fragments, name, fmt.Sprintf("line%d", b.line), "fragment"+suffix)
		} else {
			tb.Errorf("%s:%d: %v", b.file, b.line, err)
			continue
		}
		writeFile(tb, filepath.Join(dir, e.name), source)
		examples = append(examples, e)
	}
	return examples
}

// wrap makes a file of a fragment: of declarations as they are, of statements
// inside a function.
func wrap(fragment string) (string, error) {
	const pkg = "fragment"
	file, err := parser.ParseFile(token.NewFileSet(), "", "package "+pkg+"\n"+fragment, parser.ParseComments)
	body := fragment
	if err != nil {
		body = "func _() {\n" + fragment + "\n}\n"
		statements, inFunc := parser.ParseFile(token.NewFileSet(), "", "package "+pkg+"\n"+body, 0)
		if inFunc != nil {
			return "", fmt.Errorf("neither declarations (%w) nor statements (%w)", err, inFunc)
		}
		file = statements
	}
	declared, used := names(file)
	if body != fragment {
		var params []string
		for name, typ := range prelude {
			if used[name] && !declared[name] {
				params = append(params, name+" "+typ)
				qualifier, _, _ := strings.Cut(strings.TrimPrefix(typ, "*"), ".")
				used[qualifier] = true
			}
		}
		slices.Sort(params)
		body = "func _(" + strings.Join(params, ", ") + ") {\n" + fragment + "\n}\n"
	}
	var imports []string
	for name, path := range qualifiers {
		if used[name] && !declared[name] && !imported(file, path) {
			imports = append(imports, fmt.Sprintf("import %s %q\n", name, path))
		}
	}
	slices.Sort(imports)
	source, err := format.Source([]byte("package " + pkg + "\n\n" + strings.Join(imports, "") + "\n" + body))
	return string(source), err
}

// names returns the identifiers that a file declares somewhere and those it
// uses other than as fields.
func names(file *ast.File) (declared, used map[string]bool) {
	declared, used = make(map[string]bool), make(map[string]bool)
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			ast.Inspect(n.X, func(x ast.Node) bool {
				if id, ok := x.(*ast.Ident); ok {
					used[id.Name] = true
				}
				return true
			})
		case *ast.Ident:
			used[n.Name] = true
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, left := range n.Lhs {
					if id, ok := left.(*ast.Ident); ok {
						declared[id.Name] = true
					}
				}
			}
		case *ast.ValueSpec:
			for _, id := range n.Names {
				declared[id.Name] = true
			}
		}
		return true
	})
	return declared, used
}

func imported(file *ast.File, path string) bool {
	return slices.ContainsFunc(file.Imports, func(spec *ast.ImportSpec) bool {
		return spec.Path.Value == strconv.Quote(path)
	})
}

// writeModule makes dir a module with the requirements of the reference service,
// which has all the clients that documents speak of.
func writeModule(tb testing.TB, dir string) {
	tb.Helper()
	const service = "examples/retail"
	writeFile(tb, filepath.Join(dir, "go.mod"), read(tb, service+"/go.mod"))
	writeFile(tb, filepath.Join(dir, "go.sum"), read(tb, service+"/go.sum"))
	args := []string{"mod", "edit", "-module=docs.test"}
	for _, replace := range parseGoMod(tb, service).Replace {
		args = append(args, "-replace="+replace.Old.Path+"="+filepath.Join(absRoot(tb), service, replace.New.Path))
	}
	run(tb, dir, "go", args...)
}

// generate runs this repository's resilgen over the whole files in dir.
func generate(tb testing.TB, dir string) {
	tb.Helper()
	if _, err := os.Stat(filepath.Join(dir, wholeFiles)); err != nil {
		return // no document shows a whole file
	}
	resilgen := filepath.Join(tb.TempDir(), "resilgen")
	run(tb, root, "go", "build", "-o", resilgen, "./cmd/resilgen")
	run(tb, dir, resilgen, "./"+wholeFiles+"/...")
}

func checkBlocks(tb testing.TB, dir string, examples []example) {
	tb.Helper()
	loaded, err := packages.Load(&packages.Config{
		Context: tb.Context(),
		Mode:    packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedDeps | packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesInfo,
		Dir:     dir,
		Env:     append(os.Environ(), "GOFLAGS=-mod=mod"),
		Tests:   true,
	}, "./...")
	if err != nil {
		tb.Fatal(err)
	}
	told := make(map[string]bool)
	for _, pkg := range loaded {
		for _, problem := range pkg.Errors {
			e := blockOf(dir, problem, examples)
			text := fmt.Sprintf("%s: Go block at line %d: %s", e.block.file, e.block.line, problem.Msg)
			if e.name == "" {
				text = problem.Error()
			}
			if !told[text] && (!e.fragment || !tolerated.MatchString(problem.Msg)) {
				told[text] = true
				tb.Error(text)
			}
		}
	}
}

// blockOf finds the block that a problem stands in, an empty one when it stands
// in none of them.
func blockOf(dir string, problem packages.Error, examples []example) example {
	for _, e := range examples {
		if strings.HasPrefix(problem.Pos, filepath.Join(dir, e.name)+":") {
			return e
		}
	}
	return example{}
}

func writeFile(tb testing.TB, name, text string) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
}
