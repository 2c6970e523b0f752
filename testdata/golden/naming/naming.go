// Package naming holds names that stand in the way of each other.
package naming

import (
	"context"
	html "html/template"
	"text/template"
	"time"

	resilience "errors"
)

// ErrGone is an answer.
var ErrGone = resilience.New("gone")

// errors is no package here.
const errors = "not a package"

// WorstCase uses names that the generated code would like for itself.
//
//resil:guard worst
//resil:timeout 1s
//resil:errors ignore=ErrGone
type WorstCase interface {
	//resil:read
	//resil:fallback call=fallback
	Shadow(context context.Context, resil string, g int, err bool, cause time.Time, nil string) (results int, error string, _ error)

	//resil:read
	Time(ctx context.Context, time time.Time, string string) (time.Time, error)

	Unnamed(context.Context, string, int, *template.Template, html.HTML, []byte, func(), map[string]int, ...string) (int, error)

	Blank(_ context.Context, _ string, _, s string) error

	// Next and Fallback are fields of the decorator, too.
	Next(ctx context.Context) (bool, error)
	Fallback(ctx context.Context) error
	Type(ctx context.Context) error
	Range(ctx context.Context, func_ string) error
	HTTPGet(ctx context.Context) error
	next(ctx context.Context) error
	price(ctx context.Context) error
	Price(ctx context.Context) error
}

func fallback(context.Context, string, int, bool, time.Time, string) (int, string, error) {
	return 7, "seven", nil
}

//resil:guard worst
type sys interface {
	guard(sys context.Context, next, guard string) error
}
