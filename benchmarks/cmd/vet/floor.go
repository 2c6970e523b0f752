package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"
)

// floor does the least that an analyzer of types can do: it lists the packages
// with their export data, parses and type-checks those of the module against
// it, and visits every call.
func floor(patterns []string) error {
	cmd := exec.Command("go", append([]string{"list", "-deps", "-export", "-json=ImportPath,Dir,Export,GoFiles,ImportMap,Module"}, patterns...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	type listed struct {
		ImportPath, Dir, Export string
		GoFiles                 []string
		ImportMap               map[string]string
		Module                  struct{ Main bool }
	}
	var own []listed
	exports := make(map[string]string)
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		exports[p.ImportPath] = p.Export
		if p.Module.Main {
			own = append(own, p)
		}
	}
	fset := token.NewFileSet()
	shared := &sharedImporter{from: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })}
	var calls sync.Map
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, p := range own {
		group.Go(func() error {
			var files []*ast.File
			for _, name := range p.GoFiles {
				f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
				if err != nil {
					return err
				}
				files = append(files, f)
			}
			info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{}, Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Instances: map[*ast.Ident]types.Instance{}}
			conf := types.Config{Importer: shared, Sizes: types.SizesFor("gc", runtime.GOARCH)}
			if _, err := conf.Check(p.ImportPath, fset, files, info); err != nil {
				return err
			}
			n := 0
			for _, f := range files {
				ast.Inspect(f, func(node ast.Node) bool {
					if call, ok := node.(*ast.CallExpr); ok {
						if sel, ok := call.Fun.(*ast.SelectorExpr); ok && info.Uses[sel.Sel] != nil {
							n++
						}
					}
					return true
				})
			}
			calls.Store(p.ImportPath, n)
			return nil
		})
	}
	return group.Wait()
}

// sharedImporter lets packages that are checked at the same time share what
// they import.
type sharedImporter struct {
	mu   sync.Mutex
	from types.Importer
}

func (s *sharedImporter) Import(path string) (*types.Package, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.from.Import(path)
}
