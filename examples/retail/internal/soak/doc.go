// Package soak runs the service through hours of random trouble on virtual
// time and holds what must hold whatever happens. Its dependencies are kept in
// memory; weather, made from a seed, says how each of them does at every
// moment. The seed also makes what customers ask for and all jitter, so a run
// that failed runs again exactly as it did.
//
// All of it is this package's tests; see TestSoak.
package soak
