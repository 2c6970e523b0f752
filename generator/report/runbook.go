package report

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/resilgo/resil/generator/directive"
	"github.com/resilgo/resil/generator/model"
	resil "github.com/resilgo/resil/runtime"
)

// Runbook returns a Markdown document for whoever is called at night: a section
// per level and one per dependency, each with what callers get, how to see it
// and the commands to run.
func Runbook(in Input) []byte {
	var b bytes.Buffer
	deps := in.dependencies()
	lines(&b, "# Runbook", "",
		"Written by `resilgen runbook` from the directives in the source. Commands are for a shell with the address of the admin handler of one instance, and a token that it accepts:", "",
		"    ADMIN=http://127.0.0.1:8081", "    TOKEN=…", "",
		"Begin with what the instance says itself: the rule behind its level, which dependencies are down, and why.", "",
		"```sh", `curl -sS "$ADMIN/api/explain"`, "```", "")
	lines(&b, "| dependency | criticality | level while down | probe |", "|---|---|---|---|")
	for _, d := range deps {
		lines(&b, fmt.Sprintf("| [%s](#%s) | %s | [%s](#level-%s) | %s |", d.Name, anchor(d.Name), d.criticality(), d.down(), d.down(), d.probe()))
	}
	lines(&b, "", "## What each method does at each level", "")
	matrix(&b, deps)
	for _, l := range resil.Levels() {
		levelRunbook(&b, l, deps)
	}
	for _, d := range deps {
		lines(&b, "", "## "+d.Name, "")
		d.runbook(&b)
	}
	return b.Bytes()
}

// matrix shows the action of every guarded method at every level.
func matrix(b *bytes.Buffer, deps []*dependency) {
	lines(b, "| method | of | optimal | degraded | limited | minimal | emergency |", "|---|---|---|---|---|---|---|")
	for _, d := range deps {
		d.guarded(func(i *model.Interface, m *model.Method) {
			row := fmt.Sprintf("| `%s` | %s |", d.method(i, m), d.Name)
			for _, l := range resil.Levels() {
				row += " " + m.Levels.At(l).String() + " |"
			}
			lines(b, row)
		})
	}
	lines(b, "", "`call` = as always · `once` = no retry, no hedge · `stale` = the stored answer if there is one, else call · `fallback` = what stands in, never the client · `shed` = refused with `ErrShed`")
}

// meanings are what the levels mean to a user of the service.
var meanings = map[resil.Level]string{
	resil.Optimal:   "All services are up.",
	resil.Degraded:  "Everything works, some of it slower or from a cache.",
	resil.Limited:   "Some features are off.",
	resil.Minimal:   "Read-only: writes are kept for later or refused.",
	resil.Emergency: "Status page and essential calls only.",
}

// levelRunbook is the section of one level.
func levelRunbook(b *bytes.Buffer, l resil.Level, deps []*dependency) {
	lines(b, "", "## Level "+l.String(), "", meanings[l], "")
	if l == resil.Optimal {
		lines(b, "Nothing to do. A dependency whose level while down is optimal may be down all the same: see `GET /api/explain`.")
		return
	}
	var enters []string
	for _, d := range deps {
		if d.down() == l {
			enters = append(enters, fmt.Sprintf("[%s](#%s)", d.Name, anchor(d.Name)))
		}
	}
	if enters != nil {
		lines(b, "- Entered while one of these is down: "+strings.Join(enters, ", ")+".")
	}
	switch l {
	case resil.Minimal:
		lines(b, "- Entered while three dependencies or two critical ones are down and the health score is below 50, unless configured otherwise.")
	case resil.Emergency:
		lines(b, "- Entered while three dependencies or two critical ones are down, a critical one among them, and the health score is below 30, unless configured otherwise.",
			"- `/readyz` answers 503, so that no traffic is routed here.")
	case resil.Optimal, resil.Degraded, resil.Limited: // by their dependencies alone
	}
	if changes := changesAt(deps, l); changes != nil {
		lines(b, "- From here on: "+strings.Join(changes, ", ")+".")
	}
	lines(b, "- It ends by itself, 10 s after the better level holds; up to 40 s while it keeps changing.", "",
		"To go here by hand, as a drill or because you know more than the rules, and to let the rules decide again:", "",
		"```sh",
		control("force/level", `{"level": "`+l.String()+`", "ttl": "15m", "reason": "drill"}`),
		control("force/level", `{"level": ""}`),
		"```")
}

// changesAt lists the methods whose action becomes stricter at a level.
func changesAt(deps []*dependency, l resil.Level) []string {
	var changes []string
	for _, d := range deps {
		d.guarded(func(i *model.Interface, m *model.Method) {
			if now := m.Levels.At(l); now != m.Levels.At(l-1) {
				changes = append(changes, fmt.Sprintf("`%s` %s", d.method(i, m), now))
			}
		})
	}
	return changes
}

// control is the command for one order to the admin handler.
func control(path, body string) string {
	return `curl -sS -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -d '` + body + `' "$ADMIN/api/` + path + `"`
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
	lines(b, fmt.Sprintf("Criticality **%s**. %s", d.criticality(), d.whileDown()), "")
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
		lines(b, fmt.Sprintf("| `%s` | %s | %s | %s |", d.method(i, m), kind(m), whenOpen(m), atLevel(m, d.down())))
	})
	if plain := d.plain(); plain != nil {
		lines(b, "", "Not guarded, so always a call: "+strings.Join(plain, "; ")+".")
	}
	lines(b, "", "### How to see it", "",
		"Why it is down, what its callers get now, and every policy in force with the source of each value; then when it changed:", "",
		"```sh",
		`curl -sS "$ADMIN/api/explain?dependency=`+d.Name+`"`,
		`curl -sS "$ADMIN/api/history"`,
		"```", "",
		"In Prometheus `resil_breaker_state"+d.selector()+"` and `resil_dependency_up"+d.selector()+"` tell its state, `sum by (method, outcome) (rate(resil_calls_total"+d.selector()+"[5m]))` who is hurt.",
		"")
	lines(b, "### What to do", "",
		"Look at "+d.Name+" itself first. The guards recover on their own within "+directive.Duration(d.breaker().Open)+" (±10 %) of its return; nothing needs a restart.", "",
		"To keep calls away while you repair it, and to let them through again:", "",
		"```sh",
		control("force/breaker", `{"dependency": "`+d.Name+`", "state": "open", "ttl": "15m", "reason": "repair"}`),
		control("force/breaker", `{"dependency": "`+d.Name+`", "state": ""}`),
		"```", "",
		"If the guard is wrong and the dependency is fine: let calls pass whatever the breaker says, or make the breaker as new.", "",
		"```sh",
		control("force/breaker", `{"dependency": "`+d.Name+`", "state": "closed", "ttl": "15m", "reason": "the guard is wrong"}`),
		control("reset", `{"dependency": "`+d.Name+`", "reason": "repaired"}`),
		"```", "",
		"Its policies can be changed in the overrides file under `dependencies: {"+d.Name+": …}`, which is loaded live.")
	if d.any(hasOutbox) {
		lines(b, "", "Deferred writes are replayed in order when it is back. Watch `resil_outbox_depth"+d.selector()+"` go to 0; if it does not, see the log for the write that is refused.")
	}
}

// whileDown says at which level the system is while the dependency is down.
func (d *dependency) whileDown() string {
	if d.down() == resil.Optimal {
		return "That it is down does not change the level by itself."
	}
	return fmt.Sprintf("While it is down the system is at level **%s**%s.", d.down(), orWorse(d.down()))
}

// orWorse is what to say behind a level that others are behind.
func orWorse(l resil.Level) string {
	if l == resil.Emergency {
		return ""
	}
	return " or worse"
}

// plain lists the methods that are forwarded untouched, each with the reason.
func (d *dependency) plain() (out []string) {
	for _, i := range d.Interfaces {
		for _, m := range i.Methods {
			if !m.Guarded() {
				out = append(out, fmt.Sprintf("`%s` (%s)", d.method(i, m), inMarkdown(oneLine(m.PlainReason))))
			}
		}
	}
	return out
}

var markup = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile("[\\\\`*_\\[\\]<>#|~&]")
})

// inMarkdown makes free text read as it was written: what could be markup or
// HTML is none.
func inMarkdown(s string) string { return markup().ReplaceAllString(s, `\$0`) }

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
