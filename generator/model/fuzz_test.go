package model

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/tools/txtar"

	"github.com/resilgo/resil/generator/directive"
)

// FuzzBuild feeds whole source files, valid or not. Building must not panic
// whatever go/types makes of them, and messages must be fit for a terminal.
func FuzzBuild(f *testing.F) {
	archives, err := filepath.Glob("testdata/rules/*.txtar")
	if err != nil || len(archives) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range archives {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if strings.HasSuffix(file.Name, ".go") {
				f.Add(string(file.Data))
			}
		}
	}
	for _, src := range hostile {
		f.Add(src)
	}
	// Without imports: type-checking the standard library again and again
	// would leave no time for anything else.
	f.Fuzz(func(t *testing.T, src string) { buildAnything(t, src) })
}

// hostile are sources that are legal or nearly so and that nobody writes.
var hostile = []string{
	"package p\n\n//resil:guard x\ntype A interface{ A }\n",
	"package p\n\n//resil:guard x\ntype A interface{ B }\ntype B interface{ A }\n",
	"package p\n\n//resil:guard x\ntype A = A\n",
	"package p\n\n//resil:guard x\ntype A = interface{ M() error; m() A }\n",
	"package p\n\n//resil:guard x\n//resil:fallback stale=1m shared\ntype A[T interface{ Clone() T }] interface{ M() (T, error) }\n",
	"package p\n\n//resil:guard x\n//resil:fallback outbox\ntype A interface{ M(T) error }\ntype T struct{ *T; F map[T2]T3[T] }\ntype T2 struct{}\ntype T3[P any] struct{ N *T3[T3[P]] }\n",
	"package p\n\n//resil:guard x\n//resil:retry attempts=2\n//resil:read *\ntype A interface{ M(T[int]) error }\ntype T[P any] struct{ N *T[T[P]]; C chan P }\n",
	"package p\n\n//resil:guard x\ntype A interface{ M() (_ error, error); M(); N(int, ...string) (a, b error) }\n",
	"package p\n\n//resil:guard x\ntype A interface{ M(struct{ interface{ error } }) (func() error, [3]chan<- error, error) }\n",
	"package p\n\n//resil:guard x\ntype A interface{ _() error; init() error; main() error }\n",
	"package p\n\nfunc f[T any]() {\n\t//resil:guard x\n\ttype A interface{ M() T }\n}\n",
	"package p\n\n//resil:guard x\ntype A B.C\n",
	"package p\n\n//resil:guard x\ntype A func\n",
	"package p\n\n//resil:guard x\ntype A interface{ M() error\n",
	"package p\n\n//resil:guard x\n//resil:errors ignore=A,p.A,int,error,nil,iota,init\n//resil:fallback call=init\ntype A interface{ M() error }\nfunc init() {}\n",
	"package p\n\nimport . \"fmt\"\nimport _ \"fmt\"\nimport A \"fmt\"\n\n//resil:guard x\n//resil:errors ignore=fmt.X,A.Y,Stringer\ntype A interface{ Stringer; M() error }\n",
	"package p; import \"C\"\n\n//resil:guard x\ntype A interface{ M(C.int) error }\n",
}

func TestHostileSourcesDoNotPanic(t *testing.T) {
	for _, src := range hostile {
		t.Run(src, func(t *testing.T) { buildAnything(t, src) })
	}
}

func buildAnything(t *testing.T, src string) {
	fset := token.NewFileSet()
	file, _ := parser.ParseFile(fset, "a.go", src, parser.ParseComments|parser.SkipObjectResolution)
	if file == nil || file.Name == nil {
		return
	}
	info := &types.Info{Defs: map[*ast.Ident]types.Object{}, Implicits: map[ast.Node]types.Object{}}
	conf := types.Config{Importer: nothing{}, IgnoreFuncBodies: true, FakeImportC: true, Error: func(error) {}}
	pkg, _ := conf.Check("p", fset, []*ast.File{file}, info)
	r := Build(Input{Fset: fset, Files: []*ast.File{file}, Pkg: pkg, Info: info})
	_, problems := Merge([]*Package{r.Package})
	for _, p := range append(append(problems, r.Problems...), r.Notes...) {
		text := directive.Format(fset, p)
		if strings.ContainsFunc(text, func(c rune) bool { return unicode.Is(unicode.Cc, c) || unicode.Is(unicode.Cf, c) }) {
			t.Errorf("message %q holds control characters\n%s", text, src)
		}
	}
}

// nothing is an importer for which every package is missing.
type nothing struct{}

func (nothing) Import(path string) (*types.Package, error) {
	p := types.NewPackage(path, "missing")
	p.MarkComplete()
	return p, nil
}
