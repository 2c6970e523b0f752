// Package model turns type-checked source with //resil: directives into plain
// data: which interfaces are guarded, what each method looks like and which
// policies are in force for it, where each came from and what was passed over
// and why. Everything that is wrong comes out as problems, all at once.
//
// The generator renders the model, its reports print it and the analyzer
// compares with it. Building reads types and syntax only: it runs nothing,
// reads no file and keeps no state.
package model
