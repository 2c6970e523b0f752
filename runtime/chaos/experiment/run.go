package experiment

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Options tune a run. The zero value is good.
type Options struct {
	// Client sends the requests; nil = [http.DefaultClient].
	Client *http.Client
	// Getenv reads the configuration's environment variables; nil = none is
	// set, so that defaults count.
	Getenv func(string) string
	// Pace multiplies the pauses, for a system under test whose own waits are
	// shortened; 0 = 1.
	Pace float64
}

// Journal is what happened, in the Chaos Toolkit's words.
type Journal struct {
	Title        string       `json:"title"`
	Status       string       `json:"status"` // "completed", "failed" or "interrupted"
	Deviated     bool         `json:"deviated"`
	Start        time.Time    `json:"start"`
	End          time.Time    `json:"end"`
	SteadyStates SteadyStates `json:"steady_states"`
	Run          []Record     `json:"run"`
	Rollbacks    []Record     `json:"rollbacks"`
}

// SteadyStates are the two looks at the steady state; nil = not looked.
type SteadyStates struct {
	Before *Look `json:"before"`
	After  *Look `json:"after"`
}

// Look is one look at the steady state.
type Look struct {
	Met    bool     `json:"steady_state_met"`
	Probes []Record `json:"probes"`
}

// Record is one activity as it went.
type Record struct {
	Name         string    `json:"name"`
	Status       string    `json:"status"` // "succeeded" or "failed"
	Code         int       `json:"code"`   // HTTP status; 0 = no answer
	Body         string    `json:"body,omitempty"`
	Error        string    `json:"error,omitempty"`
	ToleranceMet *bool     `json:"tolerance_met,omitempty"`
	Start        time.Time `json:"start"`
	End          time.Time `json:"end"`
}

func (r Record) good() bool {
	return r.Status == "succeeded" && (r.ToleranceMet == nil || *r.ToleranceMet)
}

// Bounds of a run.
const (
	defaultTimeout = 30 * time.Second // of a request that states none
	rollbackTime   = 2 * time.Minute  // for all rollbacks after the context has ended
	maxBody        = 4 << 10          // bytes of an answer kept
)

// Run does what the experiment says: steady state, method, steady state, and
// rollbacks in any case. The error says why the experiment did not go as it
// should, nil when it completed without deviation; the journal is never nil.
func (e *Experiment) Run(ctx context.Context, o Options) (*Journal, error) {
	r := runner{options: o, settings: e.settings(o.Getenv)}
	j := &Journal{Title: e.Title, Status: "completed", Start: time.Now()}
	defer func() { j.End = time.Now() }()
	err := e.run(ctx, r, j)

	rollback, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTime)
	defer cancel()
	for _, a := range e.Rollbacks {
		record := r.do(rollback, a)
		j.Rollbacks = append(j.Rollbacks, record)
		if !record.good() {
			err = errors.Join(err, fmt.Errorf("rollback %q: %s", a.Name, record.why()))
		}
	}
	switch {
	case ctx.Err() != nil:
		j.Status = "interrupted"
		err = errors.Join(context.Cause(ctx), err)
	case err != nil:
		j.Status = "failed"
	}
	return j, err
}

func (e *Experiment) run(ctx context.Context, r runner, j *Journal) error {
	before, err := e.look(ctx, r)
	j.SteadyStates.Before = before
	if err != nil {
		return fmt.Errorf("the steady state is not met before the method: %w", err)
	}
	var errs []error
	for _, a := range e.Method {
		record := r.do(ctx, a)
		j.Run = append(j.Run, record)
		if !record.good() {
			j.Deviated = j.Deviated || a.Type == "probe"
			errs = append(errs, fmt.Errorf("%s %q: %s", a.Type, a.Name, record.why()))
		}
		if ctx.Err() != nil {
			return errors.Join(errs...)
		}
	}
	after, err := e.look(ctx, r)
	j.SteadyStates.After = after
	if err != nil {
		j.Deviated = true
		errs = append(errs, fmt.Errorf("the steady state is not met after the method: %w", err))
	}
	return errors.Join(errs...)
}

// look asks all probes of the steady state.
func (e *Experiment) look(ctx context.Context, r runner) (*Look, error) {
	l := &Look{Met: true}
	if e.SteadyState == nil {
		return l, nil
	}
	var errs []error
	for _, p := range e.SteadyState.Probes {
		record := r.do(ctx, p)
		l.Probes = append(l.Probes, record)
		if !record.good() {
			l.Met = false
			errs = append(errs, fmt.Errorf("probe %q: %s", p.Name, record.why()))
		}
	}
	return l, errors.Join(errs...)
}

// settings returns the configuration with the environment looked up.
func (e *Experiment) settings(getenv func(string) string) *strings.Replacer {
	var pairs []string
	for name, v := range e.Configuration {
		text := v.Plain
		if v.Env != "" {
			text = v.Default
			if getenv != nil && getenv(v.Env) != "" {
				text = getenv(v.Env)
			}
		}
		pairs = append(pairs, "${"+name+"}", text)
	}
	return strings.NewReplacer(pairs...)
}

type runner struct {
	options  Options
	settings *strings.Replacer
}

// do runs one activity with its pauses.
func (r runner) do(ctx context.Context, a Activity) Record {
	record := Record{Name: a.Name, Status: "succeeded"}
	r.pause(ctx, a.Pauses.Before)
	record.Start = time.Now()
	code, body, err := r.request(ctx, a.Provider)
	record.End, record.Code, record.Body = time.Now(), code, body
	switch {
	case err != nil:
		record.Status, record.Error = "failed", err.Error()
	case a.Type == "action" && code >= http.StatusBadRequest:
		record.Status, record.Error = "failed", fmt.Sprintf("answered %d: %s", code, strings.TrimSpace(body))
	case a.Tolerance != nil:
		met := a.Tolerance.met(code, body)
		record.ToleranceMet = &met
	}
	r.pause(ctx, a.Pauses.After)
	return record
}

func (t *Tolerance) met(code int, body string) bool {
	if t.Pattern != nil {
		return t.Pattern.MatchString(body)
	}
	return code == t.Status
}

// why says what was wrong with an activity.
func (r Record) why() string {
	if r.Error != "" {
		return r.Error
	}
	return fmt.Sprintf("answered %d %q, which is not tolerated", r.Code, strings.TrimSpace(r.Body))
}

func (r runner) request(ctx context.Context, p Provider) (code int, body string, err error) {
	timeout := defaultTimeout
	if p.Timeout > 0 {
		timeout = seconds(p.Timeout)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var payload io.Reader = http.NoBody
	if len(p.Arguments) > 0 {
		encoded, err := json.Marshal(r.resolve(p.Arguments))
		if err != nil {
			return 0, "", err
		}
		payload = bytes.NewReader(encoded)
	}
	method := p.Method
	if method == "" {
		method = http.MethodGet
	}
	request, err := http.NewRequestWithContext(ctx, method, r.settings.Replace(p.URL), payload)
	if err != nil {
		return 0, "", err
	}
	for name, value := range p.Headers {
		request.Header.Set(name, r.settings.Replace(value))
	}
	client := r.options.Client
	if client == nil {
		client = http.DefaultClient
	}
	//resil:guarded an experiment must meet the service as it is, its failures included
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	return response.StatusCode, string(answer), err
}

// resolve returns arguments with the settings put into their texts.
func (r runner) resolve(v any) any {
	switch v := v.(type) {
	case string:
		return r.settings.Replace(v)
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = r.resolve(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = r.resolve(e)
		}
		return out
	default:
		return v
	}
}

// pause waits for a number of seconds, or until ctx ends.
func (r runner) pause(ctx context.Context, s float64) {
	d := seconds(s)
	if r.options.Pace > 0 {
		d = seconds(s * r.options.Pace)
	}
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
