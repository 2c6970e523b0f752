// Package standin replaces the four servers that the shop needs by small ones
// in the same process: a SQLite file, miniredis, gofakes3 and a stub of the
// OpenAI API. Each has a [Switch] to take it down and bring it back, so that
// outages can be played on any machine.
package standin

import (
	"context"
	"sync"
)

// Fault is what is wrong with a stand-in.
type Fault string

// The faults.
const (
	None    Fault = "none"    // it works
	Refuse  Fault = "refuse"  // connections are refused and open ones cut
	Hang    Fault = "hang"    // connections are taken and nothing answers
	Restart Fault = "restart" // open connections are cut once, new ones work
)

// Faults lists all faults.
func Faults() []Fault { return []Fault{None, Refuse, Hang, Restart} }

// Switch turns the faults of one stand-in on and off. The zero Switch is not
// usable. It is safe for concurrent use.
type Switch struct {
	mu      sync.Mutex
	fault   Fault
	changed chan struct{} // closed and replaced at each change
}

func newSwitch() *Switch { return &Switch{fault: None, changed: make(chan struct{})} }

// Set turns a fault on; [None] ends it. [Restart] lasts for an instant.
func (s *Switch) Set(f Fault) {
	s.set(f)
	if f == Restart {
		s.set(None)
	}
}

func (s *Switch) set(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
	close(s.changed)
	s.changed = make(chan struct{})
}

// Fault returns what is wrong now.
func (s *Switch) Fault() Fault {
	f, _ := s.now()
	return f
}

// now returns the fault and a channel that is closed when it changes.
func (s *Switch) now() (Fault, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault, s.changed
}

// pass waits while the stand-in hangs and returns how it goes on then: None or
// Refuse, or the context's error.
func (s *Switch) pass(ctx context.Context) (Fault, error) {
	for {
		f, changed := s.now()
		if f != Hang {
			return f, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return f, context.Cause(ctx)
		}
	}
}

// Server is one running stand-in.
type Server struct {
	URL    string // how the shop's client finds it
	Switch *Switch

	close []func() error // run in reverse order
}

// Close stops the server. What clients wait for fails.
func (s *Server) Close() error {
	var first error
	for i := len(s.close) - 1; i >= 0; i-- {
		if err := s.close[i](); err != nil && first == nil {
			first = err
		}
	}
	return first
}
