package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Find returns the name of the configuration file that holds for dir: the
// nearest one from dir upwards to the first folder with a go.mod. Empty if there
// is none.
func Find(dir string) string {
	root := ModuleRoot(dir)
	for {
		name := filepath.Join(dir, Filename)
		if _, err := os.Stat(name); err == nil {
			return name
		}
		parent := filepath.Dir(dir)
		if dir == root || dir == parent {
			return ""
		}
		dir = parent
	}
}

// ModuleRoot returns the nearest folder from dir upwards that holds a go.mod;
// empty if there is none.
func ModuleRoot(dir string) string {
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// Read reads and checks a file. The error lists all mistakes, one to a line, as
// file:line:col: message.
func Read(filename string, rules []string) (Config, error) {
	data, err := os.ReadFile(filename)
	if err != nil {
		// The name stands in the message once is enough.
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return Config{}, fmt.Errorf("%s: %w", filename, err)
	}
	return Parse(filename, data, rules)
}

// Parse is Read for content at hand.
func Parse(filename string, data []byte, rules []string) (c Config, err error) {
	// The YAML library has panicked on malformed input before; a configuration
	// must never take the linter down.
	defer func() {
		if r := recover(); r != nil {
			c, err = Config{}, fmt.Errorf("%s: not readable as YAML: %v", filename, r)
		}
	}()
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return Config{}, located(filename, err)
	}
	if empty(file) {
		return Config{}, nil
	}
	var errs []error
	for _, doc := range file.Docs {
		for _, key := range unknown(doc.Body, reflect.TypeFor[Config]()) {
			errs = append(errs, fmt.Errorf("%s:%s: unknown field %q", filename, lineCol(key), key.Value))
		}
	}
	strict := []yaml.DecodeOption{yaml.Strict()}
	if len(errs) > 0 {
		strict = nil // it would stop at the first of them
	}
	if err := yaml.UnmarshalWithOptions(data, &c, strict...); err != nil {
		return Config{}, errors.Join(append(errs, located(filename, err))...)
	}
	for _, p := range c.Check(rules) {
		errs = append(errs, fmt.Errorf("%s:%s: %s", filename, position(file, p.Path), p.Message))
	}
	return c, errors.Join(errs...)
}

// unknown returns the keys of a node that no field of t takes.
func unknown(node ast.Node, t reflect.Type) []*token.Token {
	var out []*token.Token
	switch n := node.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			out = append(out, unknown(v, t)...)
		}
	case *ast.MappingValueNode:
		if t.Kind() != reflect.Struct || n.Key.IsMergeKey() {
			break
		}
		key := n.Key.GetToken()
		for f := range t.Fields() {
			if f.Tag.Get("yaml") == key.Value {
				return unknown(n.Value, f.Type)
			}
		}
		out = append(out, key)
	case *ast.SequenceNode:
		if t.Kind() != reflect.Slice {
			break
		}
		for _, v := range n.Values {
			out = append(out, unknown(v, t.Elem())...)
		}
	case *ast.AnchorNode:
		return unknown(n.Value, t)
	}
	return out
}

func empty(file *ast.File) bool {
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType {
			return false
		}
	}
	return true
}

// located puts the place of a YAML error in front of its message.
func located(filename string, err error) error {
	var y yaml.Error
	if !errors.As(err, &y) {
		return fmt.Errorf("%s: %w", filename, err)
	}
	return fmt.Errorf("%s:%s: %s", filename, lineCol(y.GetToken()), y.GetMessage())
}

// position returns line:col of the value at the path, or of the nearest value
// around it if the file does not hold one.
func position(file *ast.File, at string) string {
	for at != "" {
		if p, err := yaml.PathString("$." + at); err == nil {
			if node, err := p.FilterFile(file); err == nil && node != nil {
				return lineCol(start(node).GetToken())
			}
		}
		at = at[:max(strings.LastIndexAny(at, ".["), 0)]
	}
	return "1:1"
}

// start returns the node where a reader sees the value begin; the token of a
// mapping is its first colon.
func start(node ast.Node) ast.Node {
	switch n := node.(type) {
	case *ast.MappingNode:
		if len(n.Values) > 0 {
			return n.Values[0].Key
		}
	case *ast.MappingValueNode:
		return n.Key
	}
	return node
}

func lineCol(t *token.Token) string {
	if t == nil || t.Position == nil {
		return "1:1"
	}
	return fmt.Sprintf("%d:%d", t.Position.Line, t.Position.Column)
}
