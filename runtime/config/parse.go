package config

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	resil "github.com/resilgo/resil/runtime"
)

const (
	maxSize = 128 << 10 // bytes of a file
	// maxFlow bounds nested brackets, in which the YAML parser is quadratic.
	// The deepest sensible file nests five.
	maxFlow = 32
)

// Load reads the overrides in a file. See [Parse].
func Load(path string) (resil.Overrides, error) {
	data, err := read(path)
	if err != nil {
		return resil.Overrides{}, err
	}
	return Parse(path, data)
}

// read reads at most a little more than maxSize.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // read only
	buf := make([]byte, maxSize+1)
	n := 0
	for n < len(buf) {
		k, err := f.Read(buf[n:])
		n += k
		if k == 0 || err != nil {
			break
		}
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", path)
	}
	return buf[:n], nil
}

// Parse reads overrides from YAML; name stands for it in messages. An empty
// file overrides nothing. The error lists every problem, each a [*Problem].
func Parse(name string, data []byte) (resil.Overrides, error) {
	doc, err := parse(name, data)
	if err != nil {
		return resil.Overrides{}, err
	}
	return doc.overrides, nil
}

// document is overrides with the places of their names.
type document struct {
	overrides resil.Overrides
	decoder   *decoder
}

func parse(name string, data []byte) (document, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // some editors begin a file with it
	d := &decoder{
		file:    name,
		lines:   strings.Split(string(data), "\n"),
		anchors: map[string]ast.Node{},
		places:  map[place]*token.Token{},
		top:     true,
	}
	var o resil.Overrides
	if body := d.parse(data); body != nil {
		ast.Walk(d, body)
		decodeObject(d, overridesFields, body, &o)
	}
	return document{o, d}, d.err()
}

// err returns the problems so far, in order, nil if there are none.
func (d *decoder) err() error {
	if len(d.problems) == 0 {
		return nil
	}
	d.problems.sort()
	return d.problems
}

// decoder walks one YAML document and collects its problems.
type decoder struct {
	file     string
	lines    []string
	anchors  map[string]ast.Node
	places   map[place]*token.Token
	within   string // the dependency whose methods are decoded
	top      bool   // whether keys are those of the file itself
	problems problems
}

// place is where a dependency (with no dependency around it) or a method of a
// dependency is named.
type place struct{ dependency, name string }

// Visit remembers the anchors of a document.
func (d *decoder) Visit(n ast.Node) ast.Visitor {
	if a, ok := n.(*ast.AnchorNode); ok {
		d.anchors[a.Name.GetToken().Value] = a.Value
	}
	return d
}

// parse returns the document, nil if there is none or it is broken.
func (d *decoder) parse(data []byte) (body ast.Node) {
	defer func() {
		if v := recover(); v != nil { // the parser has panicked on malformed tags before
			d.at(1, 1, "not YAML: %v", v)
			body = nil
		}
	}()
	switch {
	case len(data) > maxSize:
		d.at(1, 1, "larger than %d KiB", maxSize>>10)
		return nil
	case flowDepth(data) > maxFlow:
		d.at(1, 1, "brackets nest deeper than %d", maxFlow)
		return nil
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		var syntax yaml.Error
		if errors.As(err, &syntax) && syntax.GetToken() != nil {
			d.problem(syntax.GetToken(), "%s", syntax.GetMessage())
		} else {
			d.at(1, 1, "not YAML: %v", err)
		}
		return nil
	}
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case body != nil:
			d.bad(doc.Body, "a second document; want one")
		default:
			body = doc.Body
		}
	}
	return body
}

// flowDepth returns how deep brackets nest at most, quotes and comments not
// looked at.
func flowDepth(data []byte) int {
	depth, deepest := 0, 0
	for _, c := range data {
		switch c {
		case '[', '{':
			depth++
			deepest = max(deepest, depth)
		case ']', '}':
			depth = max(0, depth-1)
		}
	}
	return deepest
}

func (d *decoder) at(line, column int, format string, args ...any) {
	p := &Problem{File: d.file, Line: max(line, 1), Column: max(column, 1), Message: visible(fmt.Errorf(format, args...).Error())}
	if p.Line <= len(d.lines) {
		p.Source = strings.TrimRight(d.lines[p.Line-1], "\r")
		if len(p.Source) > 200 {
			p.Source = ""
		}
	}
	d.problems = append(d.problems, p)
}

func (d *decoder) problem(t *token.Token, format string, args ...any) {
	d.at(t.Position.Line, t.Position.Column, format, args...)
}

// bad reports a problem where n begins.
func (d *decoder) bad(n ast.Node, format string, args ...any) {
	d.problem(first(n), format, args...)
}

// first returns the token where n begins; that of a mapping is its colon.
func first(n ast.Node) *token.Token {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return n.Values[0].Key.GetToken()
		}
	case *ast.MappingValueNode:
		return n.Key.GetToken()
	}
	return n.GetToken()
}

// resolve follows anchors and aliases to the value. It returns nil, and has
// reported it, for an unknown alias.
func (d *decoder) resolve(n ast.Node) ast.Node {
	for range 8 {
		switch v := n.(type) {
		case *ast.AnchorNode:
			n = v.Value
		case *ast.AliasNode:
			value, ok := d.anchors[v.Value.GetToken().Value]
			if !ok {
				d.bad(n, "unknown alias *%s", v.Value.GetToken().Value)
				return nil
			}
			n = value
		default:
			return n
		}
	}
	d.bad(n, "aliases in a circle")
	return nil
}

// entries returns the entries of a mapping. It returns nil, and has reported
// it, when n is something else.
func (d *decoder) entries(n ast.Node) []*ast.MappingValueNode {
	switch n := d.resolve(n).(type) {
	case nil:
		return nil
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	default:
		d.bad(n, "%s; want a mapping, \"key: value\"", kindOf(n))
		return nil
	}
}

// scalar returns the text of a plain value. It reports false, and has reported
// it, when n is something else.
func (d *decoder) scalar(n ast.Node, want string) (text string, value ast.Node, ok bool) {
	v := d.resolve(n)
	switch s := v.(type) {
	case nil:
		return "", nil, false
	case *ast.StringNode:
		return s.Value, v, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return v.GetToken().Value, v, true
	case *ast.NullNode:
		d.bad(v, "no value; want %s", want)
	default:
		d.bad(v, "%s; want %s", kindOf(v), want)
	}
	return "", nil, false
}

func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.NullNode:
		return "no value"
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.TagNode:
		return "a tag"
	case *ast.IntegerNode:
		return "a number"
	default:
		return "a " + strings.ToLower(n.Type().String())
	}
}

// integer decodes a whole number in decimal.
func (d *decoder) integer(n ast.Node) (int, bool) {
	text, v, ok := d.scalar(n, "a whole number")
	if !ok {
		return 0, false
	}
	i, err := strconv.Atoi(strings.ReplaceAll(text, "_", ""))
	if err != nil {
		d.bad(v, "%q is not a whole number", text)
		return 0, false
	}
	return i, true
}

func (d *decoder) float(n ast.Node) (float64, bool) {
	text, v, ok := d.scalar(n, "a number")
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) {
		d.bad(v, "%q is not a number", text)
		return 0, false
	}
	return f, true
}

func (d *decoder) boolean(n ast.Node) (value, ok bool) {
	text, v, ok := d.scalar(n, "true or false")
	if !ok {
		return false, false
	}
	if _, isBool := v.(*ast.BoolNode); !isBool {
		d.bad(v, "%q is neither true nor false", text)
		return false, false
	}
	return strings.EqualFold(text, "true"), true
}
