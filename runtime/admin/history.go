package admin

import (
	"sync"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// maxHistory bounds the changes kept; older ones are dropped.
const maxHistory = 1000

// change is a [resil.Change] as JSON has it.
type change struct {
	Sequence   uint64           `json:"sequence"`
	Kind       resil.ChangeKind `json:"kind"`
	Dependency string           `json:"dependency,omitempty"`
	From       string           `json:"from,omitempty"`
	To         string           `json:"to,omitempty"`
	Reason     string           `json:"reason,omitempty"`
	At         time.Time        `json:"at"`
}

// history keeps the latest changes of a system.
type history struct {
	mu   sync.Mutex
	last uint64   // sequence of the newest change; guarded by mu
	ring []change // oldest first; guarded by mu
}

func newHistory() *history { return &history{} }

func (h *history) add(c resil.Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	if len(h.ring) == maxHistory {
		h.ring = append(h.ring[:0], h.ring[1:]...)
	}
	h.ring = append(h.ring, change{
		Sequence: h.last, Kind: c.Kind, Dependency: c.Dependency,
		From: c.From, To: c.To, Reason: c.Reason, At: c.At,
	})
}

// since returns the changes after sequence, oldest first; never nil.
func (h *history) since(sequence uint64) []change {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, c := range h.ring {
		if c.Sequence > sequence {
			return append([]change{}, h.ring[i:]...)
		}
	}
	return []change{}
}

// levels returns the changes of the level since a moment, oldest first; never
// nil.
func (h *history) levels(since time.Time) []change {
	h.mu.Lock()
	defer h.mu.Unlock()
	found := []change{}
	for _, c := range h.ring {
		if c.Kind == resil.ChangeLevel && c.At.After(since) {
			found = append(found, c)
		}
	}
	return found
}
