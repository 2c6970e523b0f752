package httpguard

import (
	"testing"
	"unsafe"
)

// On a new goroutine the stack moves when room is made, and no more while that
// much is used.
func TestRoomIsMadeOnce(t *testing.T) {
	done := make(chan [3]bool)
	go func() {
		var here byte
		at := func() uintptr { return uintptr(unsafe.Pointer(&here)) } //nolint:gosec // only compared
		before := at()
		makeRoom(false)
		made := at()
		deeper(60)
		used := at()
		makeRoom(false)
		done <- [3]bool{before != made, made == used, used == at()}
	}()
	if got := <-done; got != [3]bool{true, true, true} {
		t.Errorf("moved to make room, stayed while it was used, stayed when there was room: %v", got)
	}
}

// deeper uses some 200 bytes of stack per step.
//
//go:noinline
func deeper(steps int) (sum byte) {
	var frame [200]byte
	if steps > 0 {
		frame[steps] = deeper(steps - 1)
	}
	for _, b := range frame {
		sum += b
	}
	return sum + 1
}
