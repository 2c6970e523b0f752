// Package embedded holds interfaces made of others.
package embedded

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"

	"github.com/resilgo/resil/testdata/golden/embedded/mail"
)

// Reader reads.
type Reader interface {
	// Read reads one.
	Read(ctx context.Context, id int) (string, error)
}

// Writer writes.
type Writer interface {
	Reader
	Write(ctx context.Context, id int, text string) error
	io.Closer
}

// Client is all of it.
//
//resil:guard db
//resil:timeout 1s
//resil:read Read,Query*
//resil:write W*,Exec*
//resil:retry attempts=2
type Client interface {
	Writer
	driver.QueryerContext
	driver.ExecerContext
	interface {
		// Anonymous is declared in place.
		Anonymous(context.Context) error
	}
}

// Session is someone else's interface by another name.
//
//resil:guard db
//resil:plain Rollback the driver does it at once
type Session = driver.Tx

// Format is what nobody would guard, but may.
//
//resil:guard fmt
//resil:plain Format it formats
type Format interface {
	fmt.Formatter
	Check(ctx context.Context) error
}

// Mail keeps the words of who declared its methods.
//
// Deprecated: letters are out of fashion.
//
//resil:guard mail
//resil:timeout 1s
type Mail interface {
	mail.Sender
}
