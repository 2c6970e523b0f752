package summary

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/resilgo/resil/analyzer/internal/catalog"
)

// This file is about functions that ask a two-step breaker for their callers:
//
//	func (c *Client) enter() (func(error), error) { return c.breaker.Allow() }

// admits returns the guard that a function of the module asks for its callers,
// "" if there is none.
func (b *builder) admits(fn *types.Func) string {
	if fn.Pkg() == b.u.Pkg {
		return b.admitters[fn]
	}
	if names := b.factsOf(fn.Pkg().Path()).admits; names != nil {
		return names[b.id(fn)]
	}
	return ""
}

// admitsBySignature reports whether a method can only be that of a two-step
// breaker, or of an interface over one: it admits, and wants to know the end.
func admitsBySignature(sig *types.Signature) bool {
	if sig.Params().Len() > 0 || sig.Results().Len() != 2 || !tells(sig) {
		return false
	}
	done, ok := sig.Results().At(0).Type().Underlying().(*types.Signature)
	if !ok || done.Params().Len() != 1 || done.Results().Len() > 0 {
		return false
	}
	t := done.Params().At(0).Type()
	return isBool(t) || types.Identical(t, types.Universe.Lookup("error").Type())
}

// findAdmitters finds the functions of the package that leave what a breaker
// admitted to their callers.
func (b *builder) findAdmitters() {
	if !slices.ContainsFunc(b.u.Pkg.Imports(), func(p *types.Package) bool {
		return b.cat.Admits(p.Path()) || b.inModule(p) && b.factsOf(p.Path()).admits != nil
	}) {
		return
	}
	b.admitters = make(map[*types.Func]string)
	for news := true; news; { // helpers of helpers
		news = false
		for _, f := range b.u.Files {
			for _, d := range f.Decls {
				d, ok := d.(*ast.FuncDecl)
				if !ok || d.Body == nil || d.Type.Results == nil {
					continue
				}
				fn, ok := b.u.Info.Defs[d.Name].(*types.Func)
				if !ok || b.admitters[fn] != "" {
					continue
				}
				if g := b.admission(fn, d); g != "" {
					b.admitters[fn], news = g, true
				}
			}
		}
	}
}

// admission returns the guard that a function asks and does not answer to: it
// returns the answer, or keeps it.
func (b *builder) admission(fn *types.Func, d *ast.FuncDecl) string {
	guard := ""
	answers := make(map[types.Object]bool)
	ended := false
	var returned []ast.Expr
	ast.Inspect(d.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.AssignStmt:
			if len(n.Rhs) == 1 && b.asks(n.Rhs[0]) != "" {
				for _, l := range n.Lhs {
					if id, ok := l.(*ast.Ident); ok && !b.isError(id) {
						answers[b.objectOf(id)] = true
					}
				}
			}
		case *ast.CallExpr:
			if g := b.asks(n); g != "" {
				guard = g
			}
			sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr)
			ended = ended || ok && ending[sel.Sel.Name]
		case *ast.ReturnStmt:
			returned = append(returned, n.Results...)
		}
		return true
	})
	switch {
	case guard == "":
	case slices.ContainsFunc(returned, func(e ast.Expr) bool { return b.asks(e) != "" || b.handsOn(e, answers, ended) }):
		return guard
	case !ended && (len(answers) == 0 || b.keeps(d.Body, answers)) && tells(fn.Signature()):
		return guard
	}
	return ""
}

// asks returns the guard that a call asks for admission.
func (b *builder) asks(e ast.Expr) string {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok {
		return ""
	}
	fn := b.funcOf(uninstantiated(call.Fun))
	if fn == nil || fn.Pkg() == nil {
		return ""
	}
	if b.inModule(fn.Pkg()) {
		return b.admits(fn.Origin())
	}
	if r := b.row(fn, nil); r != nil && r.Effect == catalog.Region {
		return r.Dependency
	}
	return ""
}

// handsOn reports whether a result is the answer, or a function that gives it. A
// mere yes is worth nothing once the breaker was told the end.
func (b *builder) handsOn(e ast.Expr, answers map[types.Object]bool, ended bool) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		return answers[b.u.Info.Uses[e]] && (!ended || !isBool(b.typeOf(e)))
	case *ast.FuncLit:
		return b.mentions(e, answers)
	}
	return false
}

// keeps reports whether an answer is put away in something that outlives the
// function.
func (b *builder) keeps(body ast.Node, answers map[types.Object]bool) bool {
	kept := false
	ast.Inspect(body, func(n ast.Node) bool {
		a, ok := n.(*ast.AssignStmt)
		if !ok || a.Tok != token.ASSIGN {
			return !kept
		}
		for i, l := range a.Lhs {
			if _, local := l.(*ast.Ident); !local && i < len(a.Rhs) && b.mentions(a.Rhs[i], answers) {
				kept = true
			}
		}
		return !kept
	})
	return kept
}

func (b *builder) mentions(n ast.Node, objs map[types.Object]bool) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || ok && objs[b.u.Info.Uses[id]]
		return !found
	})
	return found
}

// tells reports whether a function's last result says whether the guard admitted
// its caller.
func tells(sig *types.Signature) bool {
	results := sig.Results()
	t := results.At(results.Len() - 1).Type()
	return types.Identical(t, types.Universe.Lookup("error").Type()) || isBool(t)
}

func isBool(t types.Type) bool { return types.Identical(t, types.Typ[types.Bool]) }
