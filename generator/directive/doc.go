// Package directive is the one grammar of //resil: comments. The generator and
// the analyzer read source through it, so that both see the same directives
// and complain in the same words.
//
// [Parse] finds every directive of a file and binds it to what it speaks of: an
// interface, one of its methods, a function or a line. What merely looks like a
// directive is a [Problem], because a directive that is silently ignored is a
// call that nobody protects. Values come out as the runtime's own policy types
// and were checked by the runtime's own validation.
//
// The grammar knows no types: whether a name exists, whether a type is an
// interface and whether a policy can apply to a method is for package model.
//
// [Verbs] describes the whole grammar as data. The parser, `resilgen help` and
// docs/directives.md all come from it.
package directive
