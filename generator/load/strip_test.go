package load

import (
	"bytes"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// TestWithoutBodiesKeepsDeclarations compares what the parser finds in the
// standard library with and without bodies.
func TestWithoutBodiesKeepsDeclarations(t *testing.T) {
	total, left := 0, 0
	for _, pkg := range []string{"bufio", "cmp", "context", "encoding/json", "go/types", "iter", "net/http", "reflect", "runtime", "sync/atomic", "text/template/parse"} {
		files, err := filepath.Glob(filepath.Join(build.Default.GOROOT, "src", pkg, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no files of %s: %v", pkg, err)
		}
		for _, name := range files {
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			stripped := withoutBodies(src)
			sameDeclarations(t, name, src, stripped)
			total += len(src)
			left += len(bytes.Join(bytes.Fields(stripped), nil))
		}
	}
	if left > total*3/5 {
		t.Errorf("%d of %d bytes are left: bodies are not found", left, total)
	}
}

func FuzzWithoutBodies(f *testing.F) {
	for _, src := range []string{
		"package p\nfunc f() { if x { y() } }\ntype T struct{ a int }\n",
		"package p\nfunc f() struct{ a int } { return struct{ a int }{1} }\nfunc g()\nvar x = T{1}\n",
		"package p\nfunc (r T[K]) f(a interface{ m() }) (b func() struct{}) {\n\t_ = '{'; _ = \"}\\\"\"; _ = `}`\n\t// }\n\t/* } */\n}\nconst c = 1\n",
		"package p\nvar f = func() int { return 1 }\nvar g =\nfunc() int { return 1 }()\nfunc h[T interface\n{ ~int }](x T) { { } }\n",
		"package p\nfunc f() {\nfunc g() {}\n",
		"package p; func f() {}; func g() { x() }\n/* a\n*/ func h() {}\n",
	} {
		f.Add([]byte(src))
	}
	f.Fuzz(func(t *testing.T, src []byte) { sameDeclarations(t, "a.go", src, withoutBodies(src)) })
}

// sameDeclarations holds that both texts declare the same at the same places,
// bodies aside.
func sameDeclarations(t *testing.T, name string, src, stripped []byte) {
	t.Helper()
	if len(stripped) != len(src) {
		t.Fatalf("%s: %d bytes, want %d", name, len(stripped), len(src))
	}
	want, err := declarations(src)
	if err != nil {
		return // there is nothing to keep
	}
	got, err := declarations(stripped)
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, stripped)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s declares other things without bodies:\n%s", name, stripped)
	}
}

// declarations parses a file and empties the bodies of its functions.
func declarations(src []byte) ([]ast.Decl, error) {
	f, err := parser.ParseFile(token.NewFileSet(), "", src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if body, ok := n.(*ast.BlockStmt); ok && body != nil {
			body.List = nil
			return false
		}
		return true
	})
	return f.Decls, nil
}
