// Package names declares what others import with a dot.
package names

// ID names a thing.
type ID string

// Context is not the one that everybody knows.
type Context struct{ Depth int }

// Call is what the runtime calls a function.
type Call func(ID) Context

// Failure is the error of the language, whatever error means elsewhere.
type Failure = error
