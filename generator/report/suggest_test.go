package report

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"

	"github.com/resilgo/resil/generator/directive"
	"github.com/resilgo/resil/generator/model"
)

// cacheText is a client with commands, of the shape of go-redis.
const cacheText = `package cache

import "context"

type Cmd struct{ err error }

func (c *Cmd) Err() error { return c.err }
func (c *Cmd) SetErr(err error) { c.err = err }

type Client struct{}

func (*Client) Get(ctx context.Context, key string) *Cmd { return nil }
func (*Client) Flush(ctx context.Context, opts ...func()) *Cmd { return nil }

type Pricer interface {
	GetPrice(ctx context.Context) (int, error)
}
`

// suggested returns suggestions for calls of database/sql and of a made-up
// cache client, and what imports them.
func suggested(t *testing.T, calls []Call) (text string, imp types.Importer) {
	t.Helper()
	fset := token.NewFileSet()
	std := importer.ForCompiler(fset, "source", nil)
	file, err := parser.ParseFile(fset, "cache.go", cacheText, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	conf := types.Config{Importer: std}
	cache, err := conf.Check("example.com/cache", fset, []*ast.File{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	both := importFunc(func(path string) (*types.Package, error) {
		if path == cache.Path() {
			return cache, nil
		}
		return std.Import(path)
	})
	return string(Suggest(calls, func(path string) *types.Package {
		if path == "" || strings.Contains(path, "unknown") {
			return nil
		}
		pkg, err := both(path)
		if err != nil {
			t.Fatal(err)
		}
		return pkg
	})), both
}

type importFunc func(path string) (*types.Package, error)

func (f importFunc) Import(path string) (*types.Package, error) { return f(path) }

func TestSuggestions(t *testing.T) {
	text, _ := suggested(t, []Call{
		{"a.go:1", "example.com/shop", "(*database/sql.DB).QueryContext", "sql"},
		{"a.go:2", "example.com/shop", "(*database/sql.DB).PingContext", "sql"},
		{"a.go:3", "example.com/shop", "(*database/sql.DB).ExecContext", "sql"},
		{"b.go:4", "example.com/shop", "(*database/sql.DB).QueryRowContext", "sql"},
		{"b.go:5", "example.com/other", "(*example.com/cache.Client).Get", "Redis 7"},
		{"b.go:6", "example.com/other", "(*example.com/cache.Client).Flush", "Redis 7"},
		{"b.go:7", "example.com/shop", "net/http.Get", "http"},
		{"b.go:8", "example.com/shop", "(example.com/cache.Pricer).GetPrice", "grpc"},
		{"b.go:9", "example.com/rows", "(*database/sql.DB).QueryRowContext", "sql"},
		{"b.go:10", "example.com/shop", "(*example.com/unknown.Client).Do", "-"},
	})
	golden(t, "suggest.txt", []byte(text))
}

// TestSuggestedInterfacesAreGuards pastes what is suggested into a package.
func TestSuggestedInterfacesAreGuards(t *testing.T) {
	text, imp := suggested(t, []Call{
		{"a.go:1", "example.com/shop", "(*database/sql.DB).QueryContext", "sql"},
		{"a.go:2", "example.com/shop", "(*database/sql.DB).PingContext", "sql"},
		{"a.go:3", "example.com/shop", "(*database/sql.DB).QueryRowContext", "sql"},
	})
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "shop.go", "package shop\n\n"+text, parser.ParseComments)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	info := &types.Info{Defs: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: imp}
	pkg, err := conf.Check("example.com/shop", fset, []*ast.File{file}, info)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	r := model.Build(model.Input{Fset: fset, Files: []*ast.File{file}, Pkg: pkg, Info: info})
	for _, p := range r.Problems {
		t.Errorf("%s\n%s", directive.Format(fset, p), text)
	}
	if len(r.Package.Files) != 1 || r.Package.Files[0].Interfaces[0].Health == nil {
		t.Errorf("no guard with a probe in\n%s", text)
	}
}
