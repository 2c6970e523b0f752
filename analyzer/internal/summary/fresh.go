package summary

import (
	"go/ast"
	"go/types"

	"github.com/resilgo/resil/analyzer/internal/catalog"
)

// fresh is a breaker made in the current function.
type fresh struct {
	Fresh
	obj  types.Object // the local variable that holds it, nil if there is none
	call ast.Node
	loop int32
}

// noteFresh notes that a breaker is made here.
func (b *builder) noteFresh(c site, row *catalog.Row) {
	f := fresh{call: c.node, Fresh: Fresh{Func: b.fn.index, Pos: b.pos(c.name), Name: c.fn.Origin().FullName(), Guard: row.Dependency}}
	if n := len(b.fn.loops); n > 0 {
		f.loop = b.fn.loops[n-1].id
	}
	b.fn.fresh = append(b.fn.fresh, f)
}

func (b *builder) useFresh(site) {}
