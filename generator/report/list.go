package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/resilgo/resil/generator/directive"
	"github.com/resilgo/resil/generator/model"
	resil "github.com/resilgo/resil/runtime"
)

// List returns the table of `resilgen list`: every dependency and method, its
// policies, its action per level, what was passed over and why.
func List(in Input) []byte {
	var b bytes.Buffer
	for n, d := range in.dependencies() {
		if n > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s: %s, while down %s; %s\n", d.Name, d.criticality(), d.down(), strings.Join(d.shared(), "; "))
		var table bytes.Buffer
		w := tabwriter.NewWriter(&table, 0, 4, 2, ' ', 0)
		for _, i := range d.Interfaces {
			fmt.Fprintf(w, "  %s (%s)\n", qualified(i), in.place(i.Guard.Pos))
			for _, m := range i.Methods {
				listMethod(w, d, m)
			}
		}
		_ = w.Flush() // into memory
		for line := range bytes.Lines(table.Bytes()) {
			b.Write(append(bytes.TrimRight(line, " \n"), '\n')) // no blanks for cells that are empty
		}
	}
	return b.Bytes()
}

func listMethod(w *tabwriter.Writer, d *dependency, m *model.Method) {
	if !m.Guarded() {
		fmt.Fprintf(w, "    %s\tplain\t\t%s\n", m.Name, oneLine(m.PlainReason))
		return
	}
	fmt.Fprintf(w, "    %s\t%s\t%s\t%s\n", m.Name, kind(m), levels(m.Levels), strings.Join(ownPolicies(d, m), "; "))
	for _, p := range m.Passed {
		fmt.Fprintf(w, "    \t\t\tpassed over: %s (%s)\n", strings.TrimPrefix(p.Line.Text, directive.Prefix), p.Reason)
	}
}

// oneLine makes free text fit for a cell of a table.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// shared describes what all methods of the dependency share.
func (d *dependency) shared() []string {
	out := []string{d.breakerSettings().text()}
	if d.Rate != nil {
		out = append(out, rateSettings("rate", d.Rate).text())
	}
	if d.Bulkhead != nil {
		out = append(out, bulkheadSettings("bulkhead", d.Bulkhead).text())
	}
	return out
}

// ownPolicies describes a method's policies without the shared ones, which
// stand above all methods.
func ownPolicies(d *dependency, m *model.Method) []string {
	var out []string
	for _, p := range d.policies(m) {
		if p.name != "breaker" && !strings.HasSuffix(p.name, "(shared)") {
			out = append(out, p.text())
		}
	}
	return out
}

// levels shortens the five actions to their runs: "call until limited, then
// shed" reads better than five words.
func levels(a resil.Actions) string {
	var out []string
	for _, l := range resil.Levels() {
		if l == resil.Optimal || a.At(l) != a.At(l-1) {
			out = append(out, fmt.Sprintf("%s from %s", a.At(l), l))
		}
	}
	if len(out) == 1 {
		return a.At(resil.Optimal).String() + " always"
	}
	return strings.TrimSuffix(out[0], " from optimal") + ", " + strings.Join(out[1:], ", ")
}

// The types of `resilgen list -json`. Durations are Go duration strings; what
// is not in force is left out.
type (
	listJSON struct {
		Dependencies []dependencyJSON `json:"dependencies"`
		Methods      []methodJSON     `json:"methods"` // of all interfaces, by dependency
	}
	dependencyJSON struct {
		Name        string          `json:"name"`
		Criticality string          `json:"criticality"`
		Down        string          `json:"down"`
		Breaker     breakerJSON     `json:"breaker"`
		Bulkhead    *bulkheadJSON   `json:"bulkhead,omitempty"`
		Rate        *rateJSON       `json:"rate,omitempty"`
		Interfaces  []interfaceJSON `json:"interfaces"`
	}
	breakerJSON struct {
		Failures  int     `json:"failures,omitempty"`
		Ratio     float64 `json:"ratio,omitempty"`
		Min       int     `json:"min,omitempty"`
		Window    string  `json:"window,omitempty"`
		Slow      string  `json:"slow,omitempty"`
		SlowRatio float64 `json:"slowratio,omitempty"`
		Open      string  `json:"open"`
		Good      int     `json:"good"`
		Probes    int     `json:"probes"`
	}
	bulkheadJSON struct {
		Max  int    `json:"max"`
		Wait string `json:"wait"`
	}
	rateJSON struct {
		N     int    `json:"n"`
		Per   string `json:"per"`
		Burst int    `json:"burst"`
	}
	interfaceJSON struct {
		Package     string `json:"package"`
		Name        string `json:"name"`
		Position    string `json:"position"`
		Decorator   string `json:"decorator"`
		Constructor string `json:"constructor"`
	}
	methodJSON struct {
		Dependency string            `json:"dependency"`
		Package    string            `json:"package"`
		Interface  string            `json:"interface"`
		Method     string            `json:"method"`
		Plain      string            `json:"plain,omitempty"` // why it is forwarded untouched
		Kind       string            `json:"kind,omitempty"`
		Idempotent bool              `json:"idempotent,omitempty"`
		Essential  bool              `json:"essential,omitempty"`
		Health     bool              `json:"health,omitempty"`
		Policies   *policiesJSON     `json:"policies,omitempty"`
		Levels     map[string]string `json:"levels,omitempty"` // level → action
		WorstCase  string            `json:"worstCase,omitempty"`
		PassedOver []passedJSON      `json:"passedOver,omitempty"`
	}
	policiesJSON struct {
		Timeout   string         `json:"timeout,omitempty"`
		Total     string         `json:"total,omitempty"`
		Retry     *retryJSON     `json:"retry,omitempty"`
		Hedge     *hedgeJSON     `json:"hedge,omitempty"`
		Bulkhead  *bulkheadJSON  `json:"bulkhead,omitempty"` // of its own
		Rate      *rateJSON      `json:"rate,omitempty"`     // of its own
		Errors    *errorsJSON    `json:"errors,omitempty"`
		Fallbacks []fallbackJSON `json:"fallbacks,omitempty"`
	}
	retryJSON struct {
		Attempts int     `json:"attempts"`
		Backoff  string  `json:"backoff"`
		Budget   float64 `json:"budget"`
	}
	hedgeJSON struct {
		After string `json:"after"`
		Max   int    `json:"max"`
	}
	errorsJSON struct {
		Ignore  []string `json:"ignore,omitempty"`
		Failure []string `json:"failure,omitempty"`
	}
	fallbackJSON struct {
		Strategy string `json:"strategy"`
		Name     string `json:"name,omitempty"`
		TTL      string `json:"ttl,omitempty"`
		Max      int    `json:"max,omitempty"`
		Limit    int    `json:"limit"`
	}
	passedJSON struct {
		Directive string `json:"directive"`
		Reason    string `json:"reason"`
	}
)

// ListJSON returns the output of `resilgen list -json`.
func ListJSON(in Input) ([]byte, error) {
	out := listJSON{Dependencies: []dependencyJSON{}, Methods: []methodJSON{}}
	for _, d := range in.dependencies() {
		b := d.breaker()
		dep := dependencyJSON{
			Name: d.Name, Criticality: d.criticality().String(), Down: d.down().String(),
			Breaker: breakerJSON{
				Failures: b.Failures, Ratio: b.Ratio, Min: b.Min, Window: optional(b.Window), Slow: optional(b.Slow), SlowRatio: b.SlowRatio,
				Open: directive.Duration(b.Open), Good: b.Good, Probes: b.Probes,
			},
			Bulkhead: bulkheadOf(d.Bulkhead), Rate: rateOf(d.Rate),
		}
		for _, i := range d.Interfaces {
			iface := interfaceJSON{
				Package: i.Object.Pkg().Path(), Name: i.Name, Position: in.place(i.Guard.Pos),
				Decorator: i.Decorator, Constructor: i.Constructor,
			}
			for _, m := range i.Methods {
				out.Methods = append(out.Methods, methodOf(i, m))
			}
			dep.Interfaces = append(dep.Interfaces, iface)
		}
		out.Dependencies = append(out.Dependencies, dep)
	}
	return indented(out)
}

// indented encodes v as people read it: indented, with < and > as they are.
func indented(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return b.Bytes(), err
}

func optional(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return directive.Duration(d)
}

func bulkheadOf(s *model.Setting[resil.Bulkhead]) *bulkheadJSON {
	if s == nil {
		return nil
	}
	return &bulkheadJSON{Max: s.Value.Max, Wait: directive.Duration(s.Value.Wait)}
}

func rateOf(s *model.Setting[resil.Rate]) *rateJSON {
	if s == nil {
		return nil
	}
	r := s.Value.WithDefaults()
	return &rateJSON{N: r.N, Per: directive.Duration(r.Per), Burst: r.Burst}
}

func methodOf(i *model.Interface, m *model.Method) methodJSON {
	out := methodJSON{
		Dependency: i.Dependency, Package: i.Object.Pkg().Path(), Interface: i.Name, Method: m.Name,
		Plain: m.PlainReason, Health: m.Health,
	}
	if !m.Guarded() {
		return out
	}
	out.Kind, out.Idempotent, out.Essential = m.Kind.String(), m.Idempotent, m.Essential
	out.Policies, out.WorstCase = policiesOf(m), optional(m.WorstCase)
	out.Levels = map[string]string{} // sorted when encoded
	for _, l := range resil.Levels() {
		out.Levels[l.String()] = m.Levels.At(l).String()
	}
	for _, p := range m.Passed {
		out.PassedOver = append(out.PassedOver, passedJSON{p.Line.Text, p.Reason})
	}
	return out
}

func policiesOf(m *model.Method) *policiesJSON {
	out := &policiesJSON{Bulkhead: bulkheadOf(m.Bulkhead), Rate: rateOf(m.Rate)}
	if m.Timeout != nil {
		out.Timeout, out.Total = optional(m.Timeout.Value.Attempt), optional(m.Timeout.Value.Total)
	}
	if m.Retry != nil {
		r := m.Retry.Value.WithDefaults()
		out.Retry = &retryJSON{r.Attempts, directive.Duration(r.Base) + ".." + directive.Duration(r.Max), r.Budget}
	}
	if m.Hedge != nil {
		h := m.Hedge.Value.WithDefaults()
		out.Hedge = &hedgeJSON{directive.Duration(h.After), h.Max}
	}
	if m.Errs != nil {
		out.Errors = &errorsJSON{refNames(m.Errs.Value.Ignore), refNames(m.Errs.Value.Failure)}
	}
	for _, f := range m.Fallbacks {
		spec := f.Spec.WithDefaults()
		out.Fallbacks = append(out.Fallbacks, fallbackJSON{spec.Strategy.String(), spec.Name, optional(spec.TTL), spec.Max, spec.Limit})
	}
	return out
}

func refNames(matches []model.ErrorMatch) []string {
	var names []string
	for _, m := range matches {
		names = append(names, m.Ref.String())
	}
	return names
}
