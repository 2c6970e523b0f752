// Package scenario plays outages on the service with real servers behind it,
// while customers use it, and holds what became of every single request. The
// scenarios are this package's tests; the package itself is what they leave
// behind: a recording of each run, see [Recording].
package scenario

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/customers"
)

// Recording is one run of a scenario: what was done, and what happened per
// slice of time. Its file has one JSON object a line, the first of them Head.
type Recording struct {
	Head
	Rows []Row
}

// Head says what was done. Times are seconds since the start of the recording.
type Head struct {
	Name      string   `json:"scenario"`
	Down      []string `json:"dependencies"`        // what the fault was for
	Fault     string   `json:"fault"`               // refused, hanging, …
	Level     string   `json:"level"`               // that was specified
	Pace      string   `json:"pace"`                // quick: waits shortened; directives: as written
	Begin     float64  `json:"begin"`               // of the fault
	End       float64  `json:"end"`                 // of the fault
	Noticed   float64  `json:"noticed,omitempty"`   // the level was the specified one
	Recovered float64  `json:"recovered,omitempty"` // all well again, nothing left to deliver
	Slowest   float64  `json:"slowest"`             // answer, in seconds
	Note      string   `json:"note,omitempty"`      // what else happened
}

// Row is what happened in one slice of time.
type Row struct {
	At      float64        `json:"t"`               // beginning of the slice
	Level   string         `json:"level,omitempty"` // at its end; "" = nobody answered
	Waiting int            `json:"waiting,omitempty"`
	Answers map[string]int `json:"answers,omitempty"` // by verdict, of requests sent in the slice
	Median  float64        `json:"p50,omitempty"`     // seconds
	Slowest float64        `json:"max,omitempty"`     // seconds
}

// Slice is the length of time behind one row.
const Slice = 200 * time.Millisecond

// Sight is the state of the service at one moment.
type Sight struct {
	At      time.Time
	Level   string
	Waiting int // deferred writes
}

// NewRecording joins results and sights into rows from start to end.
func NewRecording(h Head, start, end time.Time, results []customers.Result, sights []Sight) Recording {
	r := Recording{Head: h, Rows: make([]Row, int(end.Sub(start)/Slice)+1)}
	took := make([][]float64, len(r.Rows))
	for i := range r.Rows {
		r.Rows[i].At = (time.Duration(i) * Slice).Seconds()
	}
	at := func(t time.Time) int { return min(max(int(t.Sub(start)/Slice), 0), len(r.Rows)-1) }
	for _, one := range results {
		row := &r.Rows[at(one.At)]
		if row.Answers == nil {
			row.Answers = map[string]int{}
		}
		row.Answers[one.Verdict.String()]++
		took[at(one.At)] = append(took[at(one.At)], one.Took.Seconds())
		r.Slowest = max(r.Slowest, milli(one.Took.Seconds()))
	}
	for _, s := range sights {
		r.Rows[at(s.At)].Level, r.Rows[at(s.At)].Waiting = s.Level, s.Waiting
	}
	for i, all := range took {
		if len(all) > 0 {
			slices.Sort(all)
			r.Rows[i].Median, r.Rows[i].Slowest = milli(all[len(all)/2]), milli(all[len(all)-1])
		}
	}
	return r
}

// milli rounds to a thousandth, so that recordings are short and readable.
func milli(s float64) float64 { return float64(int(s*1000+0.5)) / 1000 }

// Write writes the recording into a file of dir.
func (r Recording) Write(dir string) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // recordings are for everybody
		return err
	}
	file, err := os.Create(filepath.Join(dir, strings.ReplaceAll(r.Name, " ", "-")+".jsonl"))
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, file.Close()) }()
	lines := json.NewEncoder(file)
	if err := lines.Encode(r.Head); err != nil {
		return err
	}
	for _, row := range r.Rows {
		if err := lines.Encode(row); err != nil {
			return err
		}
	}
	return nil
}

// Read reads all recordings of a folder, sorted by file name.
func Read(dir string) ([]Recording, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	all := make([]Recording, 0, len(files))
	for _, file := range files {
		r, err := read(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, r)
	}
	return all, nil
}

func read(name string) (r Recording, err error) {
	file, err := os.Open(name)
	if err != nil {
		return r, err
	}
	defer file.Close() //nolint:errcheck // only read
	lines := json.NewDecoder(bufio.NewReader(file))
	if err := lines.Decode(&r.Head); err != nil {
		return r, err
	}
	for {
		var row Row
		switch err := lines.Decode(&row); {
		case err == io.EOF:
			return r, nil
		case err != nil:
			return r, err
		}
		r.Rows = append(r.Rows, row)
	}
}
