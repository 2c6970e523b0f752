// Package rows is a module of its own that checks the catalogue against the
// real modules it speaks of: a row whose function does not exist fails. It is
// apart from the root module because it requires all of them.
package rows
