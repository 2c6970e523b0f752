package driver

import (
	"errors"
	"go/scanner"
	"go/token"
	"go/types"
)

// Describe returns the text of a problem as "file:line:col: message" if it has a
// place, with the file as shown returns it.
func Describe(err error, shown func(filename string) string) string {
	var pos token.Position
	var message string
	var typeError types.Error
	var syntaxError *scanner.Error
	switch {
	case errors.As(err, &typeError):
		pos, message = typeError.Fset.Position(typeError.Pos), typeError.Msg
	case errors.As(err, &syntaxError):
		pos, message = syntaxError.Pos, syntaxError.Msg
	default:
		return err.Error()
	}
	pos.Filename = shown(pos.Filename)
	return pos.String() + ": " + message
}
