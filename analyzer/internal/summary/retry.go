package summary

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"github.com/resilgo/resil/analyzer/internal/catalog"
)

// attempts returns how often a retry helper tries, as far as its arguments say:
// 0 if they do not, -1 if they do and not by a constant.
func (b *builder) attempts(c site, row *catalog.Row) int {
	if row.Effect != catalog.Retry {
		return 0
	}
	found := 0
	seen := make(map[ast.Node]bool)
	take := func(name string, e ast.Expr) {
		n, ok := b.number(e)
		switch {
		case !ok:
			found = -1
		case n <= 0: // no limit
		case strings.Contains(name, "Retries"):
			found = n + 1
		default:
			found = n
		}
	}
	var look func(n ast.Node)
	look = func(n ast.Node) {
		if n == nil || seen[n] {
			return
		}
		seen[n] = true
		ast.Inspect(n, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit:
				return false
			case *ast.Ident: // what was made before, or elsewhere
				v, ok := b.u.Info.Uses[n].(*types.Var)
				if !ok {
					break
				}
				set := b.settingsOf(v)
				if t := namedOf(element(v.Type())); len(set) == 0 && found == 0 && t != nil && t.Obj().Pkg() == c.fn.Pkg() {
					found = -1
				}
				for _, e := range set {
					look(e)
				}
			case *ast.KeyValueExpr: // wait.Backoff{Steps: 5}
				if id, ok := n.Key.(*ast.Ident); ok && id.Name == "Steps" {
					take(id.Name, n.Value)
				}
			case *ast.CallExpr:
				fn := b.funcOf(n.Fun)
				if fn == nil || !attemptOptions[fn.Name()] {
					return true
				}
				for _, a := range n.Args {
					if t, ok := underlying(b.typeOf(a)).(*types.Basic); ok && t.Info()&types.IsInteger != 0 && !isType(b.typeOf(a), "time", "Duration") {
						take(fn.Name(), a)
					}
				}
			}
			return true
		})
	}
	for _, e := range c.exprs {
		look(e)
	}
	return found
}

// attemptOptions are the options of retry helpers that state attempts, or
// retries after the first one.
var attemptOptions = map[string]bool{"Attempts": true, "WithMaxRetries": true, "WithMaxTries": true, "WithMaxAttempts": true}

// counts returns the numbers that a call of a function of the module passes
// beside a function: it may be a retry helper.
func (b *builder) counts(c site) []int {
	takesFunc := false
	for v := range c.sig.Params().Variables() {
		_, ok := underlying(v.Type()).(*types.Signature)
		takesFunc = takesFunc || ok
	}
	if !takesFunc {
		return nil
	}
	var out []int
	for i, e := range c.exprs {
		t, ok := underlying(b.typeOf(e)).(*types.Basic)
		if !ok || t.Info()&types.IsInteger == 0 || isType(b.typeOf(e), "time", "Duration") {
			continue
		}
		if n, ok := b.number(e); ok && n > 0 {
			if out == nil {
				out = make([]int, len(c.exprs))
			}
			out[i] = n
		}
	}
	return out
}

// enterLoop opens a loop.
func (b *builder) enterLoop(s ast.Stmt, body *ast.BlockStmt) {
	l := loop{node: s}
	l.retry, l.turns, l.of = b.retryLoop(s, body)
	b.fn.loops = append(b.fn.loops, l)
}

// retryLoop recognises a loop that tries again when an error came back: it
// counts or runs for ever, and leaves on success or goes on after a failure.
func (b *builder) retryLoop(s ast.Stmt, body *ast.BlockStmt) (retry bool, turns, of int) {
	switch s := s.(type) {
	case *ast.ForStmt:
		turns, of = b.turns(s)
	case *ast.RangeStmt:
		tv := b.u.Info.Types[s.X]
		basic, ok := underlying(tv.Type).(*types.Basic)
		if !ok || basic.Info()&types.IsInteger == 0 {
			return false, 0, 0 // over things: each is another call
		}
		turns, _ = b.number(s.X)
		of = b.paramIndex(s.X)
	}
	leaves, repeats := false, false
	for _, st := range body.List {
		ifs, ok := st.(*ast.IfStmt)
		if !ok {
			continue
		}
		success, failure := b.asksError(ifs.Cond)
		switch {
		case success && ends(ifs.Body, token.BREAK):
			leaves = true
		case failure && ends(ifs.Body, token.CONTINUE):
			repeats = true
		case failure:
			if els, ok := ifs.Else.(*ast.BlockStmt); ok && ends(els, token.BREAK) {
				leaves = true
			}
		}
	}
	if repeats && len(body.List) > 0 && !leaves {
		// "if err != nil { …; continue }; return": leaves at its end
		leaves = leavesAtEnd(body.List[len(body.List)-1])
	}
	return leaves, turns, of
}

// turns returns how often a loop that counts up runs, 0 if that is not known,
// and 1 + the index of the parameter that says it.
func (b *builder) turns(s *ast.ForStmt) (n, of int) {
	c, ok := s.Cond.(*ast.BinaryExpr)
	if !ok || c.Op != token.LSS && c.Op != token.LEQ {
		return 0, 0
	}
	n, known := b.number(c.Y)
	if !known {
		return 0, b.paramIndex(c.Y)
	}
	if init, ok := s.Init.(*ast.AssignStmt); ok && len(init.Rhs) == 1 {
		if from, ok := b.number(init.Rhs[0]); ok {
			n -= from
			if c.Op == token.LEQ {
				n++
			}
		}
	}
	return max(n, 0), 0
}

// paramIndex returns 1 + the index of the parameter of the function that e names.
func (b *builder) paramIndex(e ast.Expr) int {
	id, ok := ast.Unparen(e).(*ast.Ident)
	if !ok || b.fn.sig == nil {
		return 0
	}
	obj := b.u.Info.Uses[id]
	for i := range b.fn.sig.Params().Len() {
		if types.Object(b.fn.sig.Params().At(i)) == obj {
			return i + 1
		}
	}
	return 0
}

// asksError reports whether a condition holds only after a success, or only, and
// always, after a failure: err == nil, err == nil && status < 500; err != nil.
func (b *builder) asksError(cond ast.Expr) (success, failure bool) {
	e, ok := ast.Unparen(cond).(*ast.BinaryExpr)
	if !ok {
		return false, false
	}
	if e.Op == token.LAND {
		x, _ := b.asksError(e.X)
		y, _ := b.asksError(e.Y)
		return x || y, false
	}
	if !b.isError(e.X) || !b.u.Info.Types[e.Y].IsNil() {
		return false, false
	}
	return e.Op == token.EQL, e.Op == token.NEQ
}

func (b *builder) isError(e ast.Expr) bool {
	t := b.typeOf(e)
	return t != nil && types.Identical(t, types.Universe.Lookup("error").Type())
}

// ends reports whether a block ends in return or in a branch of this kind.
func ends(s *ast.BlockStmt, branch token.Token) bool {
	if len(s.List) == 0 {
		return false
	}
	switch last := s.List[len(s.List)-1].(type) {
	case *ast.ReturnStmt:
		return branch == token.BREAK
	case *ast.BranchStmt:
		return last.Tok == branch
	}
	return false
}

func leavesAtEnd(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.ReturnStmt:
		return true
	case *ast.BranchStmt:
		return s.Tok == token.BREAK
	}
	return false
}
