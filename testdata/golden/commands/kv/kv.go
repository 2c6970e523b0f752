// Package kv is shaped like a Redis client: commands carry their errors.
package kv

import "errors"

// Nil says that there is no such key.
var Nil = errors.New("kv: nil")

type base struct{ err error }

func (b *base) Err() error       { return b.err }
func (b *base) SetErr(err error) { b.err = err }

// StringCmd is a command with a string.
type StringCmd struct {
	base
	val string
}

// NewString returns an executed command.
func NewString(val string, err error) *StringCmd { return &StringCmd{base{err}, val} }

// Val returns the value.
func (c *StringCmd) Val() string { return c.val }

// Cmd is a command with a typed value.
type Cmd[T any] struct {
	base
	val T
}

// New returns an executed command.
func New[T any](val T, err error) *Cmd[T] { return &Cmd[T]{base{err}, val} }

// Val returns the value.
func (c *Cmd[T]) Val() T { return c.val }
