package admin

import (
	"fmt"
	"net/http"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// guardView is one dependency with the policies in force, spelled as directives
// spell them, so that what is read here can be found in the source.
type guardView struct {
	Name        string            `json:"name"`
	Source      string            `json:"source,omitempty"` // "file.go:line" of the guard directive
	Interface   string            `json:"interface,omitempty"`
	Criticality resil.Criticality `json:"criticality"`
	Down        resil.Level       `json:"down"`
	Policies    map[string]string `json:"policies"`
	Methods     []methodView      `json:"methods"`
}

type methodView struct {
	Name       string            `json:"name"`
	Kind       string            `json:"kind"`
	Idempotent bool              `json:"idempotent,omitempty"`
	Essential  bool              `json:"essential,omitempty"`
	Health     bool              `json:"health,omitempty"`
	Policies   map[string]string `json:"policies"`
	Fallbacks  []string          `json:"fallbacks"`
	Levels     map[string]string `json:"levels"` // action per level
}

func (h *handler) inventory(w http.ResponseWriter, _ *http.Request) {
	views := []guardView{}
	for _, d := range h.sys.Status().Dependencies {
		views = append(views, viewGuard(d))
	}
	writeJSON(w, http.StatusOK, "application/json", views)
}

func viewGuard(d resil.DependencyStatus) guardView {
	v := guardView{
		Name: d.Name, Source: d.Limits.Position, Interface: d.Limits.Interface,
		Criticality: d.Criticality, Down: d.Down, Policies: map[string]string{}, Methods: []methodView{},
	}
	if b := d.Limits.Breaker; b != nil {
		v.Policies["breaker"] = breakerText(*b)
	}
	addLimits(v.Policies, d.Limits.Bulkhead, d.Limits.Rate)
	for _, m := range d.Methods {
		v.Methods = append(v.Methods, viewMethod(m))
	}
	return v
}

func viewMethod(m resil.MethodSpec) methodView {
	v := methodView{
		Name: m.Name, Kind: m.Kind.String(), Idempotent: m.Idempotent, Essential: m.Essential, Health: m.Health,
		Policies: map[string]string{}, Fallbacks: []string{}, Levels: map[string]string{},
	}
	if m.Timeout.Attempt > 0 {
		v.Policies["timeout"] = m.Timeout.Attempt.String()
	}
	if m.Timeout.Total > 0 {
		v.Policies["total"] = m.Timeout.Total.String()
	}
	if r := m.Retry; r != nil {
		v.Policies["retry"] = fmt.Sprintf("attempts=%d backoff=%s..%s budget=%v", r.Attempts, r.Base, r.Max, r.Budget)
	}
	if hedge := m.Hedge; hedge != nil {
		v.Policies["hedge"] = fmt.Sprintf("after=%s max=%d", hedge.After, hedge.Max)
	}
	addLimits(v.Policies, m.Bulkhead, m.Rate)
	for _, f := range m.Fallbacks {
		v.Fallbacks = append(v.Fallbacks, fallbackText(f))
	}
	for _, l := range resil.Levels() {
		v.Levels[l.String()] = m.Levels.At(l).String()
	}
	return v
}

func addLimits(policies map[string]string, b *resil.Bulkhead, r *resil.Rate) {
	if b != nil {
		policies["bulkhead"] = fmt.Sprintf("max=%d wait=%s", b.Max, b.Wait)
	}
	if r != nil {
		per := map[time.Duration]string{time.Second: "s", time.Minute: "m", time.Hour: "h"}[r.Per]
		policies["rate"] = fmt.Sprintf("%d/%s burst=%d", r.N, per, r.Burst)
	}
}

func breakerText(b resil.Breaker) string {
	text := ""
	if b.Failures > 0 {
		text += fmt.Sprintf("failures=%d ", b.Failures)
	}
	if b.Ratio > 0 {
		text += fmt.Sprintf("ratio=%v ", b.Ratio)
	}
	if b.Slow > 0 {
		text += fmt.Sprintf("slow=%s slowratio=%v ", b.Slow, b.SlowRatio)
	}
	if b.Ratio > 0 || b.Slow > 0 {
		text += fmt.Sprintf("min=%d window=%s ", b.Min, b.Window)
	}
	return text + fmt.Sprintf("open=%s probes=%d/%d", b.Open, b.Good, b.Probes)
}

func fallbackText(f resil.Fallback) string {
	switch f.Strategy {
	case resil.StrategyCall:
		return fmt.Sprintf("call=%s limit=%d", f.Name, f.Limit)
	case resil.StrategyStale:
		return fmt.Sprintf("stale=%s max=%d limit=%d", f.TTL, f.Max, f.Limit)
	default:
		return fmt.Sprintf("%s limit=%d", f.Strategy, f.Limit)
	}
}

// status answers with the state of the system, without policies.
func (h *handler) status(w http.ResponseWriter, _ *http.Request) {
	s := h.state(time.Now(), h.sys.Metrics(), nil)
	type dependency struct {
		Name        string             `json:"name"`
		Up          bool               `json:"up"`
		Breaker     resil.BreakerState `json:"breaker"`
		Criticality resil.Criticality  `json:"criticality"`
		Outbox      *int               `json:"outbox"`
		Expected    *time.Time         `json:"expected"`
		Forced      *forced            `json:"forced"`
		Disabled    bool               `json:"disabled"`
	}
	answer := struct {
		Level        resil.Level  `json:"level"`
		Since        time.Time    `json:"since"`
		Reason       string       `json:"reason"`
		Score        float64      `json:"score"`
		Disabled     bool         `json:"disabled"`
		Forced       *forced      `json:"forced"`
		Expected     *time.Time   `json:"expected"`
		Dependencies []dependency `json:"dependencies"`
	}{
		s.system.Level, s.system.Since, s.system.Reason, s.system.Score, s.system.Disabled,
		s.system.Forced, s.system.Expected,
		[]dependency{},
	}
	for _, r := range s.rows {
		answer.Dependencies = append(answer.Dependencies, dependency{
			r.Name, r.Up, r.Breaker, r.Criticality, r.Outbox, r.Expected, r.Forced, r.Disabled,
		})
	}
	writeJSON(w, http.StatusOK, "application/json", answer)
}
