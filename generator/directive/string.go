package directive

import (
	"strconv"
	"strings"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// String returns the directive in canonical form: keys in the order of the
// reference, durations without zero units. Parsing it gives the same Value.
func (d *Directive) String() string {
	line := Prefix + string(d.Verb)
	if s, ok := d.Value.(interface{ String() string }); ok {
		if args := s.String(); args != "" {
			line += " " + args
		}
	}
	return line
}

// String returns the arguments of the line in canonical form.
func (g Guard) String() string {
	w := writer{g.Name}
	if g.Criticality != 0 {
		w.key("criticality", g.Criticality.String())
	}
	if g.Down != 0 {
		w.key("down", g.Down.String())
	}
	return w.String()
}

// String returns the arguments of the line in canonical form.
func (b Breaker) String() string {
	var w writer
	w.count("failures", b.Failures)
	w.share("ratio", b.Ratio)
	w.count("min", b.Min)
	w.duration("window", b.Window)
	w.duration("slow", b.Slow)
	w.share("slowratio", b.SlowRatio)
	w.duration("open", b.Open)
	if b.Probes != 0 {
		w.key("probes", strconv.Itoa(b.Good)+"/"+strconv.Itoa(b.Probes))
	}
	return w.String()
}

// String returns the arguments of the line in canonical form.
func (t Timeout) String() string {
	w := writer{Duration(t.Attempt)}
	w.duration("total", t.Total)
	return w.String()
}

// String returns the arguments of the line in canonical form.
func (r Retry) String() string {
	var w writer
	w.count("attempts", r.Attempts)
	if r.Base != 0 || r.Max != 0 {
		w.key("backoff", Duration(r.Base)+".."+Duration(r.Max))
	}
	w.share("budget", r.Budget)
	return w.String()
}

// String returns the arguments of the line in canonical form.
func (b Bulkhead) String() string {
	var w writer
	w.count("max", b.Max)
	w.duration("wait", b.Wait)
	return w.String()
}

// String returns the arguments of the line in canonical form.
func (r Rate) String() string {
	per := "/s"
	switch r.Per {
	case time.Minute:
		per = "/m"
	case time.Hour:
		per = "/h"
	}
	w := writer{strconv.Itoa(r.N) + per}
	w.count("burst", r.Burst)
	return w.String()
}

// String returns the arguments of the line in canonical form.
func (h Hedge) String() string {
	var w writer
	w.duration("after", h.After)
	w.count("max", h.Max)
	return w.String()
}

// String returns the arguments of the line in canonical form.
func (e Errors) String() string {
	var w writer
	w.refs("ignore", e.Ignore)
	w.refs("failure", e.Failure)
	return w.String()
}

// String returns the arguments of the line in canonical form.
func (f Fallback) String() string {
	var w writer
	switch f.Strategy {
	case resil.StrategyStale:
		w.duration("stale", f.TTL)
		w.count("max", f.Max)
		if f.Key != nil {
			w.key("key", f.Key.String())
		}
		if f.Shared {
			w = append(w, "shared")
		}
	default:
		w = append(w, f.What())
	}
	w.count("limit", f.Limit)
	return w.String()
}

// String returns the arguments of the line in canonical form.
func (d Degrade) String() string {
	var w writer
	for _, l := range resil.Levels() {
		if a := d.Levels.At(l); a != 0 {
			w.key(l.String(), a.String())
		}
	}
	return w.String()
}

// String returns the arguments of the line in canonical form.
func (m Mark) String() string {
	var w writer
	texts := make([]string, len(m.Patterns))
	for i, p := range m.Patterns {
		texts[i] = p.Text
	}
	if len(texts) > 0 {
		w = append(w, strings.Join(texts, ","))
	}
	if m.Reason != "" {
		w = append(w, m.Reason)
	}
	return w.String()
}

// String returns the arguments of the line in canonical form.
func (g Guarded) String() string { return g.Reason }

// String returns the arguments of the line in canonical form.
func (o Outbound) String() string { return o.Name }

// writer collects arguments; what is not stated is left out.
type writer []string

func (w *writer) key(key, value string) { *w = append(*w, key+"="+value) }

func (w *writer) count(key string, n int) {
	if n != 0 {
		w.key(key, strconv.Itoa(n))
	}
}

func (w *writer) share(key string, f float64) {
	if f != 0 {
		w.key(key, strconv.FormatFloat(f, 'f', -1, 64))
	}
}

func (w *writer) duration(key string, d time.Duration) {
	if d != 0 {
		w.key(key, Duration(d))
	}
}

func (w *writer) refs(key string, refs []Ref) {
	texts := make([]string, len(refs))
	for i, r := range refs {
		texts[i] = r.String()
	}
	if len(texts) > 0 {
		w.key(key, strings.Join(texts, ","))
	}
}

func (w writer) String() string { return strings.Join(w, " ") }
