// Package nodeadline defines the rule nodeadline.
//
// # Analyzer nodeadline
//
// nodeadline: finds outbound calls that nothing bounds in time
//
// A call without a deadline waits as long as the other side likes. A breaker
// does not help: a call that never returns never fails.
//
//	resp, err := http.Get(url) // nothing bounds this call in time
//
// Give the call a context with a deadline, the client a timeout, or the guard
// one:
//
//	//resil:timeout 2s
//
// A timeout that the client, an option of the call, its transport or an
// interceptor states counts, one for connecting alone does not. So does one that
// the client has by default, such as go-redis's ReadTimeout, unless it is made
// with a setting that takes it away; docs/resilvet.md lists them.
//
// A context that comes in as a parameter counts as bounded when any caller in
// the module bounds it. Where the context, or the settings of the client, come
// from outside the module the call is left alone; so are contexts of incoming
// requests, which servers may bound.
package nodeadline
