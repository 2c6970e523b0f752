package admin

import (
	"slices"
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
	began time.Time

	mu   sync.Mutex
	last uint64   // sequence of the newest change; guarded by mu
	ring []change // oldest first; guarded by mu
}

func newHistory() *history { return &history{began: time.Now()} }

func (h *history) add(c resil.Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	if len(h.ring) >= 2*maxHistory {
		h.ring = slices.Delete(h.ring, 0, maxHistory)
	}
	h.ring = append(h.ring, change{
		Sequence: h.last, Kind: c.Kind, Dependency: c.Dependency,
		From: c.From, To: c.To, Reason: c.Reason, At: c.At,
	})
}

// since returns the changes after sequence, oldest first and at most
// maxHistory; never nil.
func (h *history) since(sequence uint64) []change {
	h.mu.Lock()
	defer h.mu.Unlock()
	ring := h.ring[max(0, len(h.ring)-maxHistory):]
	i, _ := slices.BinarySearchFunc(ring, sequence+1, func(c change, s uint64) int {
		switch {
		case c.Sequence < s:
			return -1
		case c.Sequence > s:
			return 1
		}
		return 0
	})
	return append([]change{}, ring[i:]...)
}
