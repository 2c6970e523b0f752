package resolve

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/resilgo/resil/analyzer/internal/catalog"
	"github.com/resilgo/resil/analyzer/internal/summary"
	resil "github.com/resilgo/resil/runtime"
)

// terms are the policies under which a guarded call runs, as far as they say how
// long it may take and how often it tries.
type terms struct {
	timeout  resil.Timeout
	retry    *resil.Retry
	unstated bool // something is not a constant
}

func (t *terms) attempts() int {
	if t.retry == nil || t.retry.Attempts == 0 {
		return 1
	}
	return t.retry.Attempts
}

// worst returns how long a call may take, in seconds; 0 if that is not known.
func (t *terms) worst() float64 {
	if t.unstated {
		return 0
	}
	return resil.MethodSpec{Timeout: t.timeout, Retry: t.retry}.WorstCase().Seconds()
}

// attempt returns the timeout of one attempt in seconds, 0 if none is stated.
func (t *terms) attempt() float64 {
	if t.timeout.Attempt == 0 {
		return t.timeout.Total.Seconds()
	}
	return t.timeout.Attempt.Seconds()
}

// termsOf returns the policies that Go code states for the dependency of a call
// such as resil.Do; nil if the op is none, or its dependency is out of sight. Of
// several dependencies, those that allow the least.
func (p *program) termsOf(o *op) *terms {
	if o.Kind != summary.Extern || o.Row.Dependency != "resil" || o.node.file.Resil || len(o.Args) < 2 {
		return nil
	}
	var least *terms
	for _, val := range p.sorted(o.v(o.Args[1])) {
		if !p.isDependency(val) {
			continue
		}
		t := p.stated(val)
		if least == nil || t.worst() < least.worst() || t.worst() == least.worst() && t.attempts() < least.attempts() {
			least = t
		}
	}
	return least
}

func (p *program) isDependency(val int32) bool {
	x := &p.values[val]
	return x.Kind == summary.ObjectValue && strings.HasSuffix(x.Name, "/runtime.Dependency")
}

// dependencyName returns the name in sys.Dependency("prices"), quoted; "" if it
// is no constant.
func (p *program) dependencyName(val int32) string {
	for _, s := range p.values[val].Set {
		if name, ok := strings.CutPrefix(s, "Dependency="); ok {
			return name
		}
	}
	return ""
}

// stated returns what is stated of a dependency, there or wherever it is named.
func (p *program) stated(dependency int32) *terms {
	if p.terms == nil {
		p.terms = make(map[int32]*terms)
	}
	if t, ok := p.terms[dependency]; ok {
		return t
	}
	t := new(terms)
	same := []int32{dependency}
	if name := p.dependencyName(dependency); name != "" {
		for val := range p.values {
			if v := int32(val); v != dependency && p.isDependency(v) && p.dependencyName(v) == name {
				same = append(same, v)
			}
		}
	}
	for _, val := range same {
		p.readTerms(val, t, make(map[int32]bool))
	}
	if p.solved {
		p.terms[dependency] = t
	}
	return t
}

func (p *program) readTerms(val int32, t *terms, seen map[int32]bool) {
	x := &p.values[val]
	if seen[val] || x.Kind != summary.ObjectValue {
		return
	}
	seen[val] = true
	read := func(field string) int64 {
		for _, s := range slices.Concat(x.Set, p.fields[val]) {
			name, value, _ := strings.Cut(s, "=")
			if name != field {
				continue
			}
			n, err := strconv.ParseInt(value, 10, 64)
			t.unstated = t.unstated || err != nil
			return n
		}
		return 0
	}
	switch {
	case strings.HasSuffix(x.Name, "/runtime.Timeout"):
		t.timeout = resil.Timeout{Attempt: time.Duration(read("Attempt")), Total: time.Duration(read("Total"))}
	case strings.HasSuffix(x.Name, "/runtime.Retry"):
		t.retry = &resil.Retry{Attempts: int(read("Attempts")), Base: time.Duration(read("Base")), Max: time.Duration(read("Max"))}
	}
	for _, in := range x.in {
		for _, v := range p.sorted(in) {
			p.readTerms(v, t, seen)
		}
	}
}

// limit returns the attempt timeout that a resil guard gives what it runs, in
// seconds; 0 if none is stated, 1e9 if it is not a constant.
func (p *program) limit(o *op) float64 {
	if m := p.guardMethod(o.node.top); m != nil {
		return m.Attempt
	}
	t := p.termsOf(o)
	switch {
	case t == nil:
		return 0
	case t.unstated:
		return 1e9
	}
	return t.attempt()
}

// runsGuarded reports whether an op is a call of the runtime that guards what it
// is handed: resil.Do and its like.
func (o *op) runsGuarded() bool {
	return o.Kind == summary.Extern && catalog.Effect(o.Row.Effect) == catalog.Runs && o.Row.Dependency == "resil" && !o.node.file.Resil
}
