// Package render turns the model of a source file into the bytes of its
// generated file: one decorator per guarded interface, whose methods are one
// call into the runtime each.
//
// Every identifier that is emitted comes out of a scope, so that no name of the
// user's, of an import or of ours can stand in the way of another. The same
// model always gives the same bytes.
package render
