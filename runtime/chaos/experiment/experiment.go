// Package experiment runs Chaos Toolkit experiments whose activities speak
// HTTP, such as those that `resilgen experiments` writes, without Python: in a
// Go test, or on a game day.
//
// It differs from the Chaos Toolkit where that one lets a failure pass as
// success: a steady state that is not met before the method fails the
// experiment, and so does an action that is answered with status 400 or above.
// Rollbacks always run, also after the context has ended.
package experiment

import (
	_ "embed" // the schema
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Schema is the JSON Schema (2020-12) of the experiments that this package
// runs: the part of the Chaos Toolkit's format that has the provider "http".
//
//go:embed experiment.schema.json
var Schema []byte

// Experiment is a Chaos Toolkit experiment. It is safe for concurrent use once
// parsed.
type Experiment struct {
	Version       string           `json:"version,omitempty"`
	Title         string           `json:"title"`
	Description   string           `json:"description"`
	Tags          []string         `json:"tags,omitempty"`
	Configuration map[string]Value `json:"configuration,omitempty"`
	SteadyState   *SteadyState     `json:"steady-state-hypothesis,omitempty"`
	Method        []Activity       `json:"method"`
	Rollbacks     []Activity       `json:"rollbacks,omitempty"`
}

// Value is a setting: a plain string, or one taken from the environment.
type Value struct {
	Plain   string
	Env     string // name of the variable; "" = Plain counts
	Default string // when the variable is not set or empty
}

// UnmarshalJSON reads a string or {"type": "env", "key": …, "default": …}.
func (v *Value) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, &v.Plain); err == nil {
		return nil
	}
	var env struct{ Type, Key, Default string }
	if err := strict(data, &env); err != nil || env.Type != "env" || env.Key == "" {
		return errors.New(`a configuration value is a string or {"type": "env", "key": NAME, "default": TEXT}`)
	}
	v.Env, v.Default = env.Key, env.Default
	return nil
}

// SteadyState is what must hold before and after the method.
type SteadyState struct {
	Title  string     `json:"title"`
	Probes []Activity `json:"probes"`
}

// Activity is an action, which changes something, or a probe, which looks.
type Activity struct {
	Type      string     `json:"type"`
	Name      string     `json:"name"`
	Provider  Provider   `json:"provider"`
	Tolerance *Tolerance `json:"tolerance,omitempty"`
	Pauses    Pauses     `json:"pauses,omitzero"`
}

// Pauses are waits around an activity, in seconds.
type Pauses struct {
	Before float64 `json:"before,omitempty"`
	After  float64 `json:"after,omitempty"`
}

// Provider is the HTTP request of an activity.
type Provider struct {
	Type      string            `json:"type"`
	URL       string            `json:"url"`
	Method    string            `json:"method,omitempty"`
	Headers   map[string]string `json:"headers,omitempty"`
	Arguments map[string]any    `json:"arguments,omitempty"`
	Timeout   float64           `json:"timeout,omitempty"` // seconds; 0 = 30
}

// Tolerance is what a probe must find: a status, or a pattern in the body.
type Tolerance struct {
	Status  int
	Pattern *regexp.Regexp
}

// UnmarshalJSON reads a status or {"type": "regex", "target": "body", "pattern": …}.
func (t *Tolerance) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, &t.Status); err == nil {
		return nil
	}
	var r struct{ Type, Target, Pattern string }
	if err := strict(data, &r); err != nil || r.Type != "regex" || r.Target != "body" {
		return errors.New(`a tolerance is a status such as 200 or {"type": "regex", "target": "body", "pattern": TEXT}`)
	}
	pattern, err := regexp.Compile(r.Pattern)
	if err != nil {
		return fmt.Errorf("tolerance: %w", err)
	}
	t.Pattern = pattern
	return nil
}

// Parse reads an experiment. It refuses what the runner would not do as
// written, and names everything that is wrong.
func Parse(data []byte) (*Experiment, error) {
	var e Experiment
	if err := strict(data, &e); err != nil {
		return nil, fmt.Errorf("experiment: %w", err)
	}
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("experiment: "+format, args...)) }
	if e.Title == "" || e.Description == "" {
		wrong("title and description must not be empty")
	}
	if e.Method == nil {
		wrong("method is missing; it may be an empty list")
	}
	if e.SteadyState != nil {
		for _, p := range e.SteadyState.Probes {
			if p.Type != "probe" || p.Tolerance == nil {
				wrong("%q in the steady state must be a probe with a tolerance", p.Name)
			}
		}
	}
	for _, a := range e.activities() {
		a.check(wrong)
	}
	return &e, errors.Join(errs...)
}

func (e *Experiment) activities() []Activity {
	all := slices.Concat(e.Method, e.Rollbacks)
	if e.SteadyState != nil {
		all = append(all, e.SteadyState.Probes...)
	}
	return all
}

func (a Activity) check(wrong func(string, ...any)) {
	if a.Name == "" {
		wrong("an activity has no name")
	}
	if a.Type != "action" && a.Type != "probe" {
		wrong("%q has type %q; want action or probe", a.Name, a.Type)
	}
	if a.Type == "action" && a.Tolerance != nil {
		wrong("%q is an action; only probes have a tolerance", a.Name)
	}
	if a.Provider.Type != "http" || a.Provider.URL == "" {
		wrong("%q needs a provider of type http with a url", a.Name)
	}
	if a.Provider.Timeout < 0 || a.Pauses.Before < 0 || a.Pauses.After < 0 {
		wrong("%q waits a negative time", a.Name)
	}
	// The Chaos Toolkit sends arguments as a form unless the header is spelled
	// exactly like this.
	if a.Provider.Method == http.MethodPost && len(a.Provider.Arguments) > 0 && a.Provider.Headers["Content-Type"] != "application/json" {
		wrong(`%q posts arguments; want the header "Content-Type": "application/json"`, a.Name)
	}
}

// strict decodes one JSON value with known fields only.
func strict(data []byte, into any) error {
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more than one JSON value")
	}
	return nil
}

// seconds turns a number of the format into a duration.
func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
