package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// forced is an override by hand as JSON has it.
type forced struct {
	To     string    `json:"to"`
	Reason string    `json:"reason"`
	Until  time.Time `json:"until"`
}

// row is one dependency as the page shows it.
type row struct {
	Name        string             `json:"name"`
	Breaker     resil.BreakerState `json:"breaker"`
	Up          bool               `json:"up"`
	Disabled    bool               `json:"disabled"`
	Criticality resil.Criticality  `json:"criticality"`
	Outbox      *int               `json:"outbox"` // null without one
	Expected    *time.Time         `json:"expected"`
	Forced      *forced            `json:"forced"`
	numbers
}

// update is one event of the stream: the system as a whole, and what changed of
// dependencies and history since the last one.
type update struct {
	At           time.Time   `json:"at"`
	Level        resil.Level `json:"level"`
	Since        time.Time   `json:"since"`
	Reason       string      `json:"reason"`
	Score        float64     `json:"score"`
	Disabled     bool        `json:"disabled"`
	Control      bool        `json:"control"`
	Forced       *forced     `json:"forced"`
	Expected     *time.Time  `json:"expected"`
	Levels       []change    `json:"levels"` // of the last hour
	Dependencies []row       `json:"dependencies"`
	Changes      []change    `json:"changes"`
}

// state is what all viewers of one second share.
type state struct {
	system update // without dependencies and changes
	rows   []row
}

// feed computes the state once a second while somebody watches.
type feed struct {
	handler *handler

	mu       sync.Mutex
	viewers  int           // guarded by mu
	samples  []sample      // oldest first, at most window; guarded by mu
	current  *state        // guarded by mu
	next     chan struct{} // closed when current is replaced; guarded by mu
	stopTick func()        // ends the ticking goroutine; guarded by mu
}

func newFeed(h *handler) *feed { return &feed{handler: h, next: make(chan struct{})} }

// tick is the period of the stream.
const tick = time.Second

// join starts the ticking with the first viewer.
func (f *feed) join() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.viewers++
	if f.viewers > 1 {
		return
	}
	f.samples, f.current = nil, nil
	f.step()
	done := make(chan struct{})
	f.stopTick = func() { close(done) }
	go func() {
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				f.mu.Lock()
				f.step()
				f.mu.Unlock()
			}
		}
	}()
}

// leave stops the ticking with the last viewer.
func (f *feed) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.viewers--
	if f.viewers == 0 {
		f.stopTick()
	}
}

// step takes a sample, computes the state and wakes the viewers. It requires mu.
func (f *feed) step() {
	now := time.Now()
	metrics := f.handler.sys.Metrics()
	taken := take(now, metrics)
	f.samples = append(f.samples, taken)
	if len(f.samples) > window {
		f.samples = f.samples[1:]
	}
	f.current = f.handler.state(now, metrics, taken.since(f.samples[0]))
	close(f.next)
	f.next = make(chan struct{})
}

// look returns the current state and a channel closed when there is a newer.
func (f *feed) look() (*state, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.current, f.next
}

// state joins status, counters and history into what the page shows.
func (h *handler) state(now time.Time, metrics resil.Snapshot, activity map[string]numbers) *state {
	status := h.sys.Status()
	depth := make(map[string]int)
	for _, d := range metrics.Dependencies {
		if d.HasOutbox {
			depth[d.Name] = d.OutboxDepth
		}
	}
	s := &state{system: update{
		At: now, Level: status.Level, Since: status.Since, Reason: status.Reason, Score: status.Score,
		Disabled: status.Disabled, Control: h.config.Authorize != nil, Forced: asForced(status.Forced),
		Expected: asTime(status.Expected), Levels: h.history.levels(now.Add(-time.Hour)),
	}}
	for _, d := range status.Dependencies {
		r := row{
			Name: d.Name, Breaker: d.Breaker, Up: d.Up, Disabled: d.Disabled, Criticality: d.Criticality,
			Expected: asTime(d.Expected), Forced: asForced(d.Forced), numbers: activity[d.Name],
		}
		if n, ok := depth[d.Name]; ok {
			r.Outbox = &n
		}
		s.rows = append(s.rows, r)
	}
	return s
}

func asForced(f *resil.Forced) *forced {
	if f == nil {
		return nil
	}
	return &forced{To: f.To, Reason: f.Reason, Until: f.Until}
}

func asTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// serve streams updates: everything at first, then what changed.
func (f *feed) serve(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	f.join()
	defer f.leave()
	sent := make(map[string]row)
	var sequence uint64
	for {
		current, newer := f.look()
		u := current.system
		u.Dependencies = changed(sent, current.rows)
		u.Changes = f.handler.history.since(sequence)
		if n := len(u.Changes); n > 0 {
			sequence = u.Changes[n-1].Sequence
		}
		if err := send(w, control, u); err != nil {
			return // the viewer left
		}
		select {
		case <-r.Context().Done():
			return
		case <-newer:
		}
	}
}

// changed returns the rows that differ from what was sent, and notes them as
// sent; never nil.
func changed(sent map[string]row, rows []row) []row {
	found := []row{}
	for _, r := range rows {
		if old, ok := sent[r.Name]; !ok || !reflect.DeepEqual(old, r) {
			sent[r.Name] = r
			found = append(found, r)
		}
	}
	return found
}

// writeDeadline bounds the write of one event, so that a viewer that reads
// nothing holds no goroutine for ever.
const writeDeadline = 10 * time.Second

func send(w http.ResponseWriter, control *http.ResponseController, u update) error {
	body, err := json.Marshal(u)
	if err != nil {
		return err
	}
	// Not every ResponseWriter has deadlines; without one the server's own hold.
	_ = control.SetWriteDeadline(time.Now().Add(writeDeadline))
	if _, err := fmt.Fprintf(w, "event: update\ndata: %s\n\n", body); err != nil {
		return err
	}
	return control.Flush()
}
