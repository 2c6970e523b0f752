// Package directive defines the rule directive.
//
// # Analyzer directive
//
// directive: finds directives that are malformed, contradict or do not add up
//
// A directive that is silently ignored is a call without protection. So anything
// that looks like one and is not is an error: unknown verbs and options, values
// out of range, doubled or contradicting lines, a directive where none belongs,
// and near misses in spelling.
//
//	// resil:guard prices      not a directive: no space after the slashes
//	//resil:timeout 2 s        not a duration
//	//resil:retry attempts=10  with timeout 2s and total=5s: 2 attempts fit
//
// resilgen reports the same problems, in the same words, when it is run; this
// rule finds them where it was not.
package directive
