package httpguard

import "runtime"

// room is how much stack a request is given to begin with, in bytes: what
// handlers and the clients behind their guards use of it, most of the time.
const room = 16 << 10

// makeRoom grows the goroutine's stack, if need be, in one step. A server's
// goroutine that waited for its next request has a small one, for the garbage
// collector shrinks what is not in use; it doubles on the way down to the
// client, and each time all frames above are copied, those of middleware and
// guards among them. Here there are few.
//
// It is the frame that does it: at entry, before anything is written.
//
//go:noinline
func makeRoom(use bool) {
	if !use {
		return
	}
	var frame [room]byte
	runtime.KeepAlive(&frame)
}
