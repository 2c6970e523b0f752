package directive

import (
	"fmt"
	"go/ast"
	"go/token"
)

// binding is what a comment speaks of, or why it speaks of nothing.
type binding struct {
	target Target
	what   string // without a declared target: "a struct", "the package clause"; "" = detached
	remedy string // what to do instead; "" = put it where the verb belongs
	line   Target // the line as such; zero Kind when it holds no code
}

// index knows, line by line, what a comment there would speak of. Lines are
// those of the file itself, so that //line comments change nothing.
type index struct {
	fset    *token.FileSet
	targets map[int][]Target  // declarations by the line they start on, outermost first
	other   map[int]string    // what else starts on a line and can have no policy
	code    map[int]token.Pos // the first code of each line, be it the end of something
	starts  map[int]token.Pos // the first thing that starts on each line
}

func newIndex(fset *token.FileSet, file *ast.File) *index {
	x := &index{fset: fset, targets: map[int][]Target{}, other: map[int]string{}, code: map[int]token.Pos{}, starts: map[int]token.Pos{}}
	x.noteCode(file)
	x.note(file.Package, "the package clause")
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			x.declare(Target{Kind: OnFunc, Name: decl.Name.Name, Pos: decl.Name.Pos(), Func: decl}, decl.Pos())
			if decl.Body != nil {
				x.nested(decl.Body)
			}
		case *ast.GenDecl:
			x.genDecl(decl)
		}
	}
	return x
}

func (x *index) lineOf(pos token.Pos) int { return x.fset.PositionFor(pos, false).Line }

func (x *index) note(pos token.Pos, what string) {
	if line := x.lineOf(pos); x.other[line] == "" {
		x.other[line] = what
	}
}

// declare makes t the target of comments at the line of start and, for a
// declaration spread over lines, at that of its name.
func (x *index) declare(t Target, start token.Pos) {
	t.Line = x.lineOf(start)
	x.targets[t.Line] = append(x.targets[t.Line], t)
	if named := x.lineOf(t.Pos); named != t.Line {
		x.targets[named] = append(x.targets[named], t)
	}
}

func (x *index) genDecl(decl *ast.GenDecl) {
	grouped := decl.Lparen.IsValid()
	switch {
	case decl.Tok == token.IMPORT:
		x.note(decl.Pos(), "an import")
	case decl.Tok != token.TYPE:
		x.note(decl.Pos(), "a variable or constant")
	case grouped:
		x.note(decl.Pos(), "a group of types, which no directive can speak of at once")
	}
	for _, spec := range decl.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			start := spec.Pos()
			if !grouped {
				start = decl.Pos()
			}
			x.typeSpec(spec, start)
		case *ast.ImportSpec:
			x.note(spec.Pos(), "an import")
		case *ast.ValueSpec:
			x.note(spec.Pos(), "a variable or constant")
			x.nested(spec)
		}
	}
}

// embedded is what no directive can speak of, but a name can reach.
const embedded = "an embedded interface"

// typeSpec indexes a type declaration of the file. What only types can tell,
// such as whether B in "type A B" is an interface, is left open.
func (x *index) typeSpec(spec *ast.TypeSpec, start token.Pos) {
	switch typ := ast.Unparen(spec.Type).(type) {
	case *ast.InterfaceType:
		x.declare(Target{Kind: OnInterface, Name: spec.Name.Name, Pos: spec.Name.Pos(), Type: spec}, start)
		for _, field := range typ.Methods.List {
			if len(field.Names) == 0 {
				x.note(field.Pos(), embedded)
				continue
			}
			name := field.Names[0]
			x.declare(Target{Kind: OnMethod, Name: spec.Name.Name + "." + name.Name, Pos: name.Pos(), Type: spec, Method: field}, name.Pos())
			x.nested(field.Type)
		}
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr, *ast.IndexListExpr:
		x.declare(Target{Kind: OnInterface, Name: spec.Name.Name, Pos: spec.Name.Pos(), Type: spec}, start)
	case *ast.StructType:
		x.note(start, "a struct")
		x.nested(typ)
	default:
		x.note(start, "a type that is no interface")
		x.nested(typ)
	}
}

// nested notes types and fields inside something that is no declaration of
// the file: what they are must be said in words.
func (x *index) nested(root ast.Node) {
	ast.Inspect(root, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.TypeSpec:
			x.note(n.Pos(), "a local type")
		case *ast.GenDecl:
			if n.Tok == token.TYPE {
				x.note(n.Pos(), "a local type")
			}
		case *ast.InterfaceType:
			for _, field := range n.Methods.List {
				x.note(field.Pos(), "a method of an unnamed interface")
			}
		case *ast.StructType:
			for _, field := range n.Fields.List {
				x.note(field.Pos(), "a struct field")
			}
		}
		return true
	})
}

// noteCode records where each line's code starts.
func (x *index) noteCode(file *ast.File) {
	mark := func(lines map[int]token.Pos, pos token.Pos) {
		if !pos.IsValid() {
			return
		}
		line := x.lineOf(pos)
		if old, ok := lines[line]; !ok || pos < old {
			lines[line] = pos
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n.(type) {
		case nil, *ast.CommentGroup, *ast.Comment:
			return false
		case *ast.File:
			mark(x.code, n.Pos())
			mark(x.starts, n.Pos())
			return true
		}
		mark(x.code, n.Pos())
		mark(x.starts, n.Pos())
		mark(x.code, n.End()-1)
		return true
	})
}

// target finds what a comment speaks of: code before it on its line, else the
// line right below its group.
func (x *index) target(group *ast.CommentGroup, d ast.Directive) binding {
	line, code := x.lineOf(d.Slash), x.code
	if at, ok := code[line]; !ok || at > d.Slash {
		line, code = x.lineOf(group.End()-1)+1, x.starts // nothing is right above a closing brace
	}
	b := binding{what: x.other[line]}
	if at, ok := code[line]; ok {
		b.line = Target{Kind: OnLine, Pos: at, Line: line}
	}
	found := x.targets[line]
	switch {
	case len(found) > 1 && found[0].Kind == OnMethod:
		b.what, b.remedy = "a line with several methods, any of which it could mean", "give each a line of its own"
	case len(found) > 0:
		b.target = found[0]
	case b.what == "" && b.line.Kind != 0:
		b.what = "a line of code"
	}
	if b.what == embedded {
		b.remedy = "name the methods above the interface, as in //resil:read Get,List, or declare them again with lines of their own"
	}
	return b
}

// describe names the target in messages.
func (t Target) describe() string {
	if t.Kind == OnLine {
		return fmt.Sprintf("line %d", t.Line)
	}
	return t.Name
}
