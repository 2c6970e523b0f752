package admin

import (
	"net/http"
	"slices"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// guardView is one dependency with the policies in force, spelled as directives
// spell them, so that what is read here can be found in the source.
type guardView struct {
	Name        string            `json:"name"`
	Criticality resil.Criticality `json:"criticality"`
	Down        resil.Level       `json:"down"`
	Policies    []policyView      `json:"policies"` // shared by all methods
	Guards      []interfaceView   `json:"guards"`
}

// interfaceView is one guard of a dependency.
type interfaceView struct {
	Interface string       `json:"interface"`
	Source    string       `json:"source"` // "file.go:line" of the guard directive
	Methods   []methodView `json:"methods"`
}

type methodView struct {
	Name       string            `json:"name"`
	Kind       string            `json:"kind"`
	Idempotent bool              `json:"idempotent,omitempty"`
	Essential  bool              `json:"essential,omitempty"`
	Health     bool              `json:"health,omitempty"`
	Policies   []policyView      `json:"policies"`
	Levels     map[string]string `json:"levels"` // action per level
	Now        string            `json:"now"`    // what a call gets at this moment
}

// policyView is a policy in force, with the source of each of its values.
type policyView struct {
	Name   string      `json:"name"`
	Values []valueView `json:"values"`
}

type valueView struct {
	Value  string `json:"value"`           // as a directive spells it
	Source string `json:"source"`          // "default", "directive", "code" or "override"
	Place  string `json:"place,omitempty"` // "file.go:line" of the guard that states it
}

func (h *handler) inventory(w http.ResponseWriter, _ *http.Request) {
	views := []guardView{}
	s := h.sys.Status()
	for _, d := range s.Dependencies {
		views = append(views, viewGuard(s, d))
	}
	writeJSON(w, views)
}

func viewGuard(s resil.Status, d resil.DependencyStatus) guardView {
	v := guardView{Name: d.Name, Criticality: d.Criticality, Down: d.Down, Policies: sharedPolicies(d), Guards: []interfaceView{}}
	for _, g := range d.Stated {
		of := interfaceView{Interface: g.Guard.Interface, Source: g.Guard.Position, Methods: []methodView{}}
		for _, m := range g.Methods {
			of.Methods = append(of.Methods, viewMethod(s, d, g, m))
		}
		v.Guards = append(v.Guards, of)
	}
	return v
}

func viewMethod(s resil.Status, d resil.DependencyStatus, g resil.GuardStated, m resil.MethodStated) methodView {
	f := m.InForce
	v := methodView{
		Name: f.Name, Kind: f.Kind.String(), Idempotent: f.Idempotent, Essential: f.Essential, Health: f.Health,
		Policies: methodPolicies(d, g, m), Levels: map[string]string{}, Now: now(s, d, f),
	}
	for _, l := range resil.Levels() {
		v.Levels[l.String()] = f.Levels.At(l).String()
	}
	return v
}

// now says what a call of m gets at this moment: the level's action, unless the
// breaker says no to it.
func now(s resil.Status, d resil.DependencyStatus, m resil.MethodSpec) string {
	action := m.Levels.At(s.Level)
	if d.Disabled {
		action = resil.ActCall
	}
	refused := action <= resil.ActStale && d.Breaker == resil.BreakerOpen && !d.Disabled
	switch {
	case refused && len(m.Fallbacks) > 0:
		return resil.ActFallback.String()
	case refused:
		return "open"
	}
	return action.String()
}

// nowByKind says what calls of d's methods get at this moment.
type nowByKind struct {
	Reads  []string `json:"reads"`  // and unmarked methods: each answer once, the best first; never nil
	Writes []string `json:"writes"` // likewise
}

// allNow leaves out essential methods: they are called at any level, and what
// matters is what the others get.
func allNow(s resil.Status, d resil.DependencyStatus) nowByKind {
	v := nowByKind{[]string{}, []string{}}
	for _, g := range d.Stated {
		for i := range g.Methods {
			m := g.Methods[i].InForce
			kind := &v.Reads
			if m.Kind == resil.Write {
				kind = &v.Writes
			}
			if what := now(s, d, m); !m.Essential && !slices.Contains(*kind, what) {
				*kind = append(*kind, what)
			}
		}
	}
	for _, all := range [][]string{v.Reads, v.Writes} {
		slices.SortFunc(all, func(a, b string) int { return slices.Index(answers, a) - slices.Index(answers, b) })
	}
	return v
}

// answers are what now may say, the best first.
var answers = []string{
	resil.ActCall.String(), resil.ActOnce.String(), resil.ActStale.String(), resil.ActFallback.String(), "open", resil.ActShed.String(),
}

// latest is the newest change of a dependency's breaker or health.
func (h *handler) latest(name string) *change {
	var found *change
	for _, c := range h.history.since(0) {
		if c.Dependency == name && c.Kind != resil.ChangeForced {
			found = &c
		}
	}
	return found
}

// explain answers why the level holds and, with ?dependency=NAME and
// &method=NAME, what is in force there and what its callers get now.
func (h *handler) explain(w http.ResponseWriter, r *http.Request) {
	s := h.sys.Status()
	name, method := r.FormValue("dependency"), r.FormValue("method")
	if name == "" {
		h.explainLevel(w, s)
		return
	}
	for _, d := range s.Dependencies {
		if d.Name != name {
			continue
		}
		view := viewGuard(s, d)
		if method != "" && !view.only(method) {
			http.Error(w, "there is no guarded method of that name", http.StatusNotFound)
			return
		}
		writeJSON(w, struct {
			guardView
			State  state       `json:"state"`
			Level  resil.Level `json:"level"`
			Latest *change     `json:"latest"` // change of its breaker or health; null if none is remembered
		}{view, h.stateOf(d), s.Level, h.latest(name)})
		return
	}
	http.Error(w, "there is no dependency of that name", http.StatusNotFound)
}

// only keeps the methods of a name and reports whether there are any.
func (v *guardView) only(method string) bool {
	var guards []interfaceView
	for _, g := range v.Guards {
		var methods []methodView
		for _, m := range g.Methods {
			if m.Name == method {
				methods = append(methods, m)
			}
		}
		if g.Methods = methods; methods != nil {
			guards = append(guards, g)
		}
	}
	v.Guards = guards
	return guards != nil
}

// state is how a dependency is.
type state struct {
	Name       string             `json:"name"`
	Up         bool               `json:"up"`
	Breaker    resil.BreakerState `json:"breaker"`
	OpenUntil  *time.Time         `json:"openUntil"`  // when a probe may pass; null unless open
	CheckError string             `json:"checkError"` // class of the last health check's error; "" = good, or none
	Expected   *time.Time         `json:"expected"`   // back up, by the length of past outages; null if unknown
	Forced     *forced            `json:"forced"`
	Disabled   bool               `json:"disabled"`
}

func (h *handler) stateOf(d resil.DependencyStatus) state {
	return state{
		Name: d.Name, Up: d.Up, Breaker: d.Breaker, OpenUntil: asTime(d.OpenUntil), CheckError: d.CheckError,
		Expected: asTime(d.Expected), Forced: h.asForced(aboutBreaker+d.Name, d.Forced), Disabled: d.Disabled,
	}
}

func (h *handler) explainLevel(w http.ResponseWriter, s resil.Status) {
	answer := struct {
		Level    resil.Level `json:"level"`
		Since    time.Time   `json:"since"`
		Reason   string      `json:"reason"`
		Cause    resil.Cause `json:"cause"`
		Expected *time.Time  `json:"expected"`
		Sick     []sick      `json:"sick"`
	}{s.Level, s.Since, s.Reason, s.Cause, asTime(s.Expected), []sick{}}
	for _, d := range s.Dependencies {
		if !d.Up || d.Breaker != resil.BreakerClosed || d.Forced != nil {
			answer.Sick = append(answer.Sick, sick{h.stateOf(d), d.Criticality, d.Down, h.latest(d.Name)})
		}
	}
	writeJSON(w, answer)
}

// sick is a dependency that is not well, and why.
type sick struct {
	state
	Criticality resil.Criticality `json:"criticality"`
	Down        resil.Level       `json:"down"`
	Latest      *change           `json:"latest"`
}

// status answers with the state of the system, without policies.
func (h *handler) status(w http.ResponseWriter, _ *http.Request) {
	s := h.look(time.Now(), h.sys.Metrics(), nil)
	type dependency struct {
		state
		Criticality resil.Criticality `json:"criticality"`
		Outbox      *int              `json:"outbox"`
	}
	answer := struct {
		overall
		Dependencies []dependency `json:"dependencies"`
	}{s.overall, []dependency{}}
	for _, r := range s.rows {
		answer.Dependencies = append(answer.Dependencies, dependency{r.state, r.Criticality, r.Outbox})
	}
	writeJSON(w, answer)
}
