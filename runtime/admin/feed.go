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
	By     string    `json:"by"` // who ordered it here; "" when it was ordered elsewhere
	Until  time.Time `json:"until"`
}

// row is one dependency as the page shows it.
type row struct {
	state
	Criticality resil.Criticality `json:"criticality"`
	Down        resil.Level       `json:"down"`   // the level while it is down
	Outbox      *int              `json:"outbox"` // null without one
	Now         nowByKind         `json:"now"`
	numbers
}

// overall is the system as a whole.
type overall struct {
	Level    resil.Level `json:"level"`
	Since    time.Time   `json:"since"`
	Reason   string      `json:"reason"` // cause in English
	Cause    resil.Cause `json:"cause"`
	Score    float64     `json:"score"`
	Disabled bool        `json:"disabled"`
	Killed   *forced     `json:"killed"`
	Forced   *forced     `json:"forced"`
	Expected *time.Time  `json:"expected"` // Optimal again, by the length of past outages; null if unknown
	RetryAt  *time.Time  `json:"retryAt"`  // expected, else the next probe; null if unknown
	Started  bool        `json:"started"`
	Chaos    *chaos      `json:"chaos"` // faults injected on purpose; null while there are none
}

// chaos is fault injection under way.
type chaos struct {
	Reason   string    `json:"reason"`
	By       string    `json:"by"` // as of what is forced
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until"`
	Injected uint64    `json:"injected"` // calls hit, over all faults, since the process began
	Faults   []fault   `json:"faults"`
}

// fault is one fault that calls may meet.
type fault struct {
	Kind       string `json:"kind"`
	Dependency string `json:"dependency"` // name or pattern; "" = all
	Method     string `json:"method"`     // likewise
	Injected   uint64 `json:"injected"`
}

func (h *handler) asChaos(s *resil.InjectorStatus) *chaos {
	if s == nil || !s.Enabled {
		return nil
	}
	d := h.deeds.tell(aboutChaos, s.Reason)
	c := &chaos{Reason: d.reason, By: d.by, Since: s.Since, Until: s.Until, Faults: []fault{}}
	for _, f := range s.Faults {
		c.Injected += f.Injected
		c.Faults = append(c.Faults, fault(f))
	}
	return c
}

// update is one event of the stream: the system as a whole, and what changed of
// dependencies and history since the last one.
type update struct {
	At        time.Time `json:"at"`
	Following time.Time `json:"following"` // since when changes are remembered
	overall
	Controls     []string `json:"controls"` // what may be asked for with credentials
	Dependencies []row    `json:"dependencies"`
	Changes      []change `json:"changes"`
}

// view is what all viewers of one second share.
type view struct {
	at time.Time
	overall
	rows []row
}

// feed computes the view once a second while somebody watches.
type feed struct {
	handler *handler

	mu       sync.Mutex
	viewers  int           // guarded by mu
	samples  []sample      // oldest first, at most window; guarded by mu
	current  *view         // guarded by mu
	next     chan struct{} // closed when current is replaced; guarded by mu
	stopTick func()        // ends the ticking goroutine; guarded by mu
}

func newFeed(h *handler) *feed { return &feed{handler: h, next: make(chan struct{})} }

const (
	tick       = time.Second // the period of the stream
	maxViewers = 100         // at once: each holds a goroutine and a connection
)

// join starts the ticking with the first viewer. It reports false when there
// are too many.
func (f *feed) join() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.viewers >= maxViewers {
		return false
	}
	f.viewers++
	if f.viewers > 1 {
		return true
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
	return true
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

// step takes a sample, computes the view and wakes the viewers. It requires mu.
func (f *feed) step() {
	now := time.Now()
	metrics := f.handler.sys.Metrics()
	taken := take(now, metrics)
	f.samples = append(f.samples, taken)
	if len(f.samples) > window {
		f.samples = f.samples[1:]
	}
	f.current = f.handler.look(now, metrics, taken.since(f.samples[0]))
	close(f.next)
	f.next = make(chan struct{})
}

// look returns the current view and a channel closed when there is a newer.
func (f *feed) look() (*view, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.current, f.next
}

// look joins status and counters into what the page shows.
func (h *handler) look(now time.Time, metrics resil.Snapshot, activity map[string]numbers) *view {
	s := h.sys.Status()
	depth := make(map[string]int)
	for _, d := range metrics.Dependencies {
		if d.HasOutbox {
			depth[d.Name] = d.OutboxDepth
		}
	}
	v := &view{at: now, overall: overall{
		Level: s.Level, Since: s.Since, Reason: s.Reason, Cause: s.Cause, Score: s.Score, Started: s.Started && !s.Closed,
		Disabled: s.Disabled, Killed: h.asForced(aboutKill, s.Killed), Forced: h.asForced(aboutLevel, s.Forced), Expected: asTime(s.Expected), Chaos: h.asChaos(s.Chaos),
	}}
	if s.Level != resil.Optimal {
		v.RetryAt = asTime(h.sys.RetryAt())
	}
	for _, d := range s.Dependencies {
		r := row{state: h.stateOf(d), Criticality: d.Criticality, Down: d.Down, Now: allNow(s, d), numbers: activity[d.Name]}
		if n, ok := depth[d.Name]; ok {
			r.Outbox = &n
		}
		v.rows = append(v.rows, r)
	}
	return v
}

func (h *handler) asForced(subject string, f *resil.Forced) *forced {
	if f == nil {
		return nil
	}
	d := h.deeds.tell(subject, f.Reason)
	return &forced{To: f.To, Reason: d.reason, By: d.by, Until: f.Until}
}

// asTime is an estimate as JSON has it, in whole seconds: its last digits would
// make every second look like news.
func asTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.Round(time.Second)
	return &t
}

// serve streams updates: everything at first, then what changed.
func (f *feed) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead {
		return // there is no body to stream
	}
	if !f.join() {
		w.Header().Set("Retry-After", "10")
		http.Error(w, "too many viewers", http.StatusServiceUnavailable)
		return
	}
	defer f.leave()
	control := http.NewResponseController(w)
	sent := make(map[string]row)
	var sequence uint64
	for {
		current, newer := f.look()
		u := update{
			At: current.at, Following: f.handler.history.began, overall: current.overall, Controls: f.handler.controls,
			Dependencies: changed(sent, current.rows), Changes: f.handler.history.since(sequence),
		}
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
