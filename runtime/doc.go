// Package resil is the runtime under the decorators that resilgen writes, and
// under [Do] for code without an interface.
//
// A [System] holds the dependencies of one process, their circuit breakers and
// limits, and the [Level] that follows from them. A guarded call passes its
// policies in this order, outermost first:
//
//	level action → fallback → total timeout → retry → hedge → breaker → rate
//	→ attempt timeout → bulkhead → chaos → the client
//
// Everything exported is safe for concurrent use unless its documentation says
// otherwise. No user code ever runs under a lock of this package.
package resil
