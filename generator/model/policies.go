package model

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/resilgo/resil/generator/directive"
	resil "github.com/resilgo/resil/runtime"
)

// settle decides which policies are in force for each method.
func (s *scope) settle() {
	guarded := 0
	for _, m := range s.i.Methods {
		if !m.Guarded() {
			continue
		}
		guarded++
		if n := len(m.Errors); n > 1 {
			s.notef(m, " returns %d errors, of which the last one says whether a call failed; the others are handed on", n)
		}
		s.timeout(m)
		s.retry(m)
		s.hedge(m)
		s.errors(m)
		m.Bulkhead = setting(m.Directives, directive.VerbBulkhead, func(v directive.Bulkhead) resil.Bulkhead { return v.Bulkhead })
		m.Rate = setting(m.Directives, directive.VerbRate, func(v directive.Rate) resil.Rate { return v.Rate })
	}
	if guarded == 0 {
		s.b.linef(s.i.Guard, "%s has no method to guard: %s; guard an interface with calls that can fail", s.i.Name, s.whyNone())
	}
	s.fallbacks()
	for _, m := range s.i.Methods {
		if m.Guarded() {
			s.levels(m)
			s.addUp(m)
		}
	}
	s.tell()
}

// remark is a note on a method. Its text goes on after the method's name.
type remark struct {
	m    *Method
	text string
}

func (s *scope) notef(m *Method, format string, v ...any) {
	s.remarks = append(s.remarks, remark{m, fmt.Sprintf(format, v...)})
}

// few is up to how many methods of other packages are told of one by one.
const few = 4

// tell makes notes of the remarks. What is true of many methods that other
// packages declare is said once: redis.Cmdable has five hundred.
func (s *scope) tell() {
	same := map[string][]string{} // names of the methods of other packages by what is said of them
	for _, r := range s.remarks {
		if s.b.fields[r.m.Pos] == nil {
			same[r.text] = append(same[r.text], r.m.Name)
		}
	}
	told := map[string]bool{}
	for _, r := range s.remarks {
		names := same[r.text]
		if s.b.fields[r.m.Pos] != nil || len(names) <= few {
			s.b.notef(s.place(r.m), "%s.%s%s", s.i.Name, r.m.Name, r.text)
			continue
		}
		if !told[r.text] {
			told[r.text] = true
			text := r.text
			if rest, ok := strings.CutPrefix(text, " has "); ok {
				text = " have " + rest
			}
			s.b.notef(s.place(r.m), "%s: %s and %d more%s", s.i.Name, strings.Join(names[:3], ", "), len(names)-3, text)
		}
	}
}

// whyNone says why an interface has no guarded method.
func (s *scope) whyNone() string {
	if len(s.i.Methods) == 0 {
		return "it has no methods"
	}
	var why []string
	for _, m := range s.i.Methods {
		if len(why) == 3 {
			why = append(why, "…")
			break
		}
		why = append(why, m.Name+": "+m.PlainReason)
	}
	return strings.Join(why, ", ")
}

// inForce returns the line of a verb that speaks of a method and whether it is
// the method's own.
func (s *scope) inForce(m *Method, verb directive.Verb) (line *directive.Directive, own bool) {
	if d := m.own(verb); d != nil {
		return d, true
	}
	return lineOf(s.i.Directives, verb), false
}

// passes lets a line pass over a method that it cannot apply to: an error if
// the author wrote it there, else a note.
func (s *scope) passes(m *Method, line *directive.Directive, own bool, no *refusal) {
	if own {
		s.b.keyf(line, mainKey(line), "%s on %s.%s cannot apply: %s", verbOf(line), s.i.Name, m.Name, no)
		return
	}
	m.Passed = append(m.Passed, Passed{Line: line, Reason: no.reason})
	s.notef(m, ": %s does not apply: %s", verbOf(line), no.reason)
}

// mainKey returns the key of a fallback line that its problems are about.
func mainKey(d *directive.Directive) string {
	f, ok := d.Value.(directive.Fallback)
	switch {
	case ok && f.Strategy == resil.StrategyCall:
		return "call"
	case ok && f.Strategy == resil.StrategyStale:
		return "stale"
	case ok:
		return ""
	}
	return "whole line"
}

// verbOf names a line in a message: fallbacks by what they do.
func verbOf(d *directive.Directive) string {
	if f, ok := d.Value.(directive.Fallback); ok {
		return "fallback " + f.What()
	}
	return string(d.Verb)
}

func (s *scope) timeout(m *Method) {
	line, own := s.inForce(m, directive.VerbTimeout)
	no := unbounded(m)
	switch {
	case line == nil && no != nil:
		s.notef(m, " has no timeout, and none could apply: %s", no.reason)
		return
	case line == nil:
		s.notef(m, " has no timeout; add //resil:timeout DURATION")
		return
	case no != nil:
		s.passes(m, line, own, no)
		return
	}
	m.Timeout = &Setting[resil.Timeout]{Value: line.Value.(directive.Timeout).Timeout, Lines: []*directive.Directive{line}}
}

// unbounded says why no timeout can apply to m, nil if one can.
func unbounded(m *Method) *refusal {
	if m.Context < 0 {
		return &refusal{"no context parameter", "add one, or remove the line"}
	}
	for _, r := range m.Streams {
		if r.Tie == TieNone {
			return &refusal{"its result, " + r.What + ", outlives the call", "remove the line and bound what the result does"}
		}
	}
	return nil
}

func (s *scope) retry(m *Method) {
	line, own := s.inForce(m, directive.VerbRetry)
	if line == nil {
		return
	}
	retry := line.Value.(directive.Retry).Retry
	if retry.Attempts > 1 { // 1 switches retries off, which applies everywhere
		if no := unrepeatable(m); no != nil {
			s.passes(m, line, own, no)
			return
		}
	}
	m.Retry = &Setting[resil.Retry]{Value: retry, Lines: []*directive.Directive{line}}
}

// unrepeatable says why a call of m must not be made twice, nil if it may.
func unrepeatable(m *Method) *refusal {
	if used := m.usedUp(); used != "" {
		return &refusal{used, "take something that can be read again, such as []byte, or remove the line"}
	}
	if !m.Retryable() {
		return &refusal{"not marked read or idempotent", "mark it //resil:read or //resil:idempotent if that is true, or remove the line"}
	}
	return nil
}

func (s *scope) hedge(m *Method) {
	line, own := s.inForce(m, directive.VerbHedge)
	if line == nil {
		return
	}
	no := unrepeatable(m)
	switch {
	case m.Context < 0:
		no = &refusal{"no context parameter", "add one, or remove the line"}
	case no == nil && len(m.Streams) > 0:
		no = &refusal{"its result, " + m.Streams[0].What + ", outlives the call, and those of the losers would leak", "remove the line"}
	}
	if no != nil {
		s.passes(m, line, own, no)
		return
	}
	m.Hedge = &Setting[resil.Hedge]{Value: line.Value.(directive.Hedge).Hedge, Lines: []*directive.Directive{line}}
}

func (s *scope) errors(m *Method) {
	line, _ := s.inForce(m, directive.VerbErrors)
	if line == nil {
		return
	}
	stated := line.Value.(directive.Errors)
	var out Errors
	for _, ref := range stated.Ignore {
		if match, ok := s.b.errorMatch(ref, s.file); ok {
			out.Ignore = append(out.Ignore, match)
		}
	}
	for _, ref := range stated.Failure {
		if match, ok := s.b.errorMatch(ref, s.file); ok {
			out.Failure = append(out.Failure, match)
		}
	}
	for _, f := range out.Failure {
		if slices.ContainsFunc(out.Ignore, func(i ErrorMatch) bool { return i.Object == f.Object }) {
			s.b.problemf(f.Ref.Pos, f.Ref.End(), "%s is both ignored and a failure; keep one", f.Ref)
		}
	}
	m.Errs = &Setting[Errors]{Value: out, Lines: []*directive.Directive{line}}
}

// levels decides what a method does at each level.
func (s *scope) levels(m *Method) {
	specs := make([]resil.Fallback, len(m.Fallbacks))
	stale := false
	for n, f := range m.Fallbacks {
		specs[n] = f.Spec
		stale = stale || f.Spec.Strategy == resil.StrategyStale
	}
	defaults := resil.DefaultActions(m.Kind, m.Essential, specs)
	m.Levels = defaults
	line, own := s.inForce(m, directive.VerbDegrade)
	if line == nil {
		return
	}
	m.Degrade = line
	stated := line.Value.(directive.Degrade).Levels
	for _, l := range resil.Levels() {
		at := &stated[l-1]
		key := l.String()
		switch {
		case *at >= resil.ActFallback && m.Essential && own:
			s.b.keyf(line, key, "%s=%s on %s.%s, which is essential and called at every level; remove one of the two", l, *at, s.i.Name, m.Name)
		case *at >= resil.ActFallback && m.Essential:
			m.Passed = append(m.Passed, Passed{Line: line, Reason: fmt.Sprintf("%s=%s: it is essential", l, *at)})
			s.notef(m, ": %s=%s does not apply: it is essential", l, *at)
			*at = 0
		case *at == resil.ActFallback && len(specs) == 0 && own:
			s.b.keyf(line, key, "%s=fallback on %s.%s, which has no fallback; add //resil:fallback, or write %s=shed", l, s.i.Name, m.Name, l)
		case *at == resil.ActFallback && len(specs) == 0:
			m.Passed = append(m.Passed, Passed{Line: line, Reason: fmt.Sprintf("%s=fallback: it has none and is shed", l)})
			s.notef(m, ": %s=fallback sheds it: it has no fallback", l)
			*at = resil.ActShed
		case *at == resil.ActStale && !stale && own:
			s.b.keyf(line, key, "%s=stale on %s.%s, which keeps no answers; add //resil:fallback stale=10m, or write %s=call", l, s.i.Name, m.Name, l)
		}
	}
	merged, falls := resil.MergeActions(defaults, stated)
	if falls != 0 {
		s.b.keyf(line, falls.String(), "%s=%s on %s.%s is milder than %s at %s, a better level; want %s or stricter",
			falls, stated.At(falls), s.i.Name, m.Name, merged.At(falls-1), falls-1, merged.At(falls-1))
	}
	m.Levels = merged
}

// addUp checks that the times and numbers of a method fit together.
func (s *scope) addUp(m *Method) {
	if m.Timeout == nil {
		return
	}
	timeout := m.Timeout.Value
	m.WorstCase = timeout.Attempt
	if h := m.Hedge; h != nil && h.Value.After >= timeout.Attempt {
		line := h.Lines[0]
		s.b.keyf(line, "after", "hedge after=%s on %s.%s never starts: an attempt ends at %s; want less than the timeout",
			short(h.Value.After), s.i.Name, m.Name, short(timeout.Attempt))
	}
	if m.Retry == nil {
		return
	}
	retry := m.Retry.Value.WithDefaults()
	m.WorstCase = retry.WorstCase(timeout.Attempt)
	if timeout.Total == 0 || m.WorstCase <= timeout.Total {
		return
	}
	s.b.keyf(m.Retry.Lines[0], "attempts", "attempts=%d on %s.%s can take %s (%d × %s and waits of %s), total is %s; want at most attempts=%d, or total=%s or more",
		retry.Attempts, s.i.Name, m.Name, short(m.WorstCase), retry.Attempts, short(timeout.Attempt),
		short(m.WorstCase-time.Duration(retry.Attempts)*timeout.Attempt), short(timeout.Total), mostAttempts(retry, timeout), short(m.WorstCase))
}

// mostAttempts returns how many attempts fit into the total at worst; one
// always does, for Validate refuses a total below the timeout.
func mostAttempts(r resil.Retry, t resil.Timeout) int {
	n := 1
	for r.Attempts = 2; r.WorstCase(t.Attempt) <= t.Total; r.Attempts++ {
		n = r.Attempts
	}
	return n
}

// short formats a duration as directives spell it.
func short(d time.Duration) string { return directive.Duration(d) }
