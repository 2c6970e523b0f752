// Package odd shadows, aliases and dots its way through Go.
package odd

import (
	"context"
	"iter"
	time "time"

	. "github.com/resilgo/resil/testdata/golden/odd/names"

	"github.com/resilgo/resil/testdata/golden/odd/internal/wire"
)

// Names that everybody takes for the language's own.
type (
	string = ID
	any    int
)

func len(any) any { return 0 }

const false, new = "byte", 1

// Dotted names types that come with a dot, and builtins that are none.
//
//resil:guard dotted
//resil:timeout 1s
type Dotted interface {
	//resil:read
	Look(ctx context.Context, id ID, call Call) (Context, Failure)
	//resil:write
	Store(ctx context.Context, string string, len any, true bool) Failure
}

// Wire is the interface of an internal package, by another name's other name.
//
//resil:guard wire
//resil:timeout 1s
//resil:write Send
type Wire = alias

type alias = wire.Conn

// Boxes embeds instances of generic interfaces.
//
//resil:guard boxes
//resil:read Take*
type Boxes interface {
	wire.Box[map[ID][]wire.Frame]
	TakeAll(ctx context.Context, since time.Time) (iter.Seq2[ID, *wire.Frame], Failure)
}

// Tree mentions itself.
//
//resil:guard tree
//resil:timeout 50ms
type Tree[Node Tree[Node, time], time interface{ ~int }] interface {
	//resil:read
	Child(ctx context.Context, at time) (Node, Failure)
	Walk(ctx context.Context, visit func(Node) (descend bool)) Failure
}
