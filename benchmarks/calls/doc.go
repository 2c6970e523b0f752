// Package calls holds the calls that `make bench` measures: one client method
// that does nothing, guarded by resil, by its peers and by hand.
package calls
