package report

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/resilgo/resil/generator/directive"
	"github.com/resilgo/resil/generator/model"
	resil "github.com/resilgo/resil/runtime"
)

// Runbook returns a Markdown document with a section per dependency: what
// happens while it is down, what callers get, how to see it and what to do.
func Runbook(in Input) []byte {
	var b bytes.Buffer
	lines(&b, "# Runbook", "", "Written by `resilgen runbook` from the directives in the source. One section per dependency.", "")
	lines(&b, "| dependency | criticality | level while down | probe |", "|---|---|---|---|")
	deps := in.dependencies()
	for _, d := range deps {
		lines(&b, fmt.Sprintf("| [%s](#%s) | %s | %s | %s |", d.Name, anchor(d.Name), d.criticality(), d.down(), d.probe()))
	}
	for _, d := range deps {
		lines(&b, "", "## "+d.Name, "")
		d.runbook(&b)
	}
	return b.Bytes()
}

// anchor is how Markdown renderers link a heading.
func anchor(heading string) string { return strings.ReplaceAll(heading, ".", "") }

func (d *dependency) probe() string {
	var names []string
	for _, i := range d.Interfaces {
		if i.Health != nil {
			names = append(names, qualified(i)+"."+i.Health.Name)
		}
	}
	if names == nil {
		return "none: calls tell"
	}
	return strings.Join(names, ", ")
}

func (d *dependency) runbook(b *bytes.Buffer) {
	lines(b, fmt.Sprintf("Criticality **%s**. While it is down the system is at level **%s** or worse.", d.criticality(), d.down()), "")
	lines(b, "Guards:", "")
	for _, i := range d.Interfaces {
		lines(b, fmt.Sprintf("- `%s` at %s", qualified(i), d.in.place(i.Guard.Pos)))
	}
	lines(b, "", "### When it counts as down", "", d.whenDown(), "")
	if d.healthChecked() {
		lines(b, "It is also down after three failed health checks in a row, until two good ones. Checks run every 5 s.", "")
	} else {
		lines(b, "There is no health check: while no real call may pass, one call per open period goes through as a probe.", "")
	}
	lines(b, "### What callers get meanwhile", "", fmt.Sprintf("| method | kind | breaker open | at level %s |", d.down()), "|---|---|---|---|")
	d.guarded(func(i *model.Interface, m *model.Method) {
		lines(b, fmt.Sprintf("| `%s.%s` | %s | %s | %s |", i.Name, m.Name, kind(m), whenOpen(m), atLevel(m, d.down())))
	})
	lines(b, "", "### How to see it", "",
		"- State: `resil_breaker_state"+d.selector()+"`, `resil_dependency_up"+d.selector()+"`",
		"- Who is hurt: `sum by (method, outcome) (rate(resil_calls_total"+d.selector()+"[5m]))`",
		"- Admin page and `GET /api/status` of any instance; `GET /api/history` tells since when and why.",
		"")
	lines(b, "### What to do", "",
		"1. Look at "+d.Name+" itself first. The guards recover on their own within "+directive.Duration(d.breaker().Open)+" (±10 %) of its return; nothing needs a restart.",
		"2. To keep calls away while you repair it: `POST /api/force/breaker` with `{\"dependency\": \""+d.Name+"\", \"state\": \"open\", \"ttl\": \"15m\", \"reason\": \"…\"}`. What is forced always expires.",
		"3. If the guard is wrong and the dependency is fine: the same with `\"state\": \"closed\"`, or change its policy in the overrides file under `dependencies: {"+d.Name+": …}`, which is loaded live.")
	if d.any(hasOutbox) {
		lines(b, "4. Deferred writes are replayed in order when it is back. Watch `resil_outbox_depth"+d.selector()+"` go to 0; if it does not, see the log for the write that is refused.")
	}
}

// whenDown describes the breaker in words.
func (d *dependency) whenDown() string {
	b := d.breaker()
	var trips []string
	if b.Failures > 0 {
		trips = append(trips, fmt.Sprintf("%d failures in a row", b.Failures))
	}
	if b.Ratio > 0 {
		trips = append(trips, fmt.Sprintf("%v %% failures of at least %d calls within %s", percent(b.Ratio), b.Min, directive.Duration(b.Window)))
	}
	if b.Slow > 0 {
		trips = append(trips, fmt.Sprintf("%v %% of at least %d calls within %s slower than %s", percent(b.SlowRatio), b.Min, directive.Duration(b.Window), directive.Duration(b.Slow)))
	}
	return fmt.Sprintf("Its breaker opens after %s, stays open for %s (±10 %%) and closes when %d of %d probes succeed. It is down until then.",
		strings.Join(trips, ", or "), directive.Duration(b.Open), b.Good, b.Probes)
}

func percent(share float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", share*100), ".0") }

// whenOpen says what a caller gets from an open breaker.
func whenOpen(m *model.Method) string {
	if len(m.Fallbacks) == 0 {
		return "`ErrOpen` at once"
	}
	return fallbackChain(m)
}

func fallbackChain(m *model.Method) string {
	var names []string
	for _, f := range m.Fallbacks {
		names = append(names, f.Line.Value.(directive.Fallback).What())
	}
	return "fallback " + strings.Join(names, ", then ")
}

// atLevel says what a caller gets at a level.
func atLevel(m *model.Method, l resil.Level) string {
	switch m.Levels.At(l) {
	case resil.ActShed:
		return "`ErrShed`"
	case resil.ActFallback:
		return fallbackChain(m)
	case resil.ActStale:
		return "the cached answer, else a call"
	case resil.ActOnce:
		return "one attempt"
	default:
		return "a call"
	}
}
