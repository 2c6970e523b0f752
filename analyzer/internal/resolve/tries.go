package resolve

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/resilgo/resil/analyzer/internal/summary"
)

// tries is how often a client tries by itself, as far as is in sight.
type tries struct {
	times  int    // 1 = it does not try again, or nobody knows
	stated bool   // its author has thought about it
	made   *value // where it is made, nil if that is out of sight
}

// hidden returns how often the client of a call tries by itself.
func (p *program) hidden(c *call) tries {
	vals := slices.Clone(c.values)
	if c.op.Kind == summary.Outbound {
		vals = p.sorted(c.op.v(c.op.Recv))
	}
	t := tries{times: 1}
	for _, val := range vals {
		if val < 0 {
			continue
		}
		x := &p.values[val]
		if x.Kind != summary.ObjectValue || x.ID == "" {
			continue
		}
		look := retrySettings{p: p, seen: make(map[int32]bool)}
		for _, a := range c.op.Args { // an option of the call beats the client's
			if a != c.op.Context && !look.stated {
				look.variable(c.op.v(a))
			}
		}
		if !look.stated {
			look.value(val)
		}
		switch n := max(c.row.Attempts, look.usual); {
		case look.stated:
			t = tries{max(look.times, 1), true, x}
		case n > 1 && !t.stated:
			t = tries{n, false, x}
		}
	}
	return t
}

// retrySettings looks for what a client says about trying again.
type retrySettings struct {
	p    *program
	seen map[int32]bool

	times  int // 0 = not a constant
	stated bool
	usual  int // what a client inside does unasked
}

func (r *retrySettings) variable(v int32) {
	for _, s := range r.p.stores[v] { // settings that were handed in, and one of them set
		r.setting(s.field)
	}
	for _, val := range r.p.sorted(v) {
		switch x := &r.p.values[val]; x.Kind {
		case summary.FuncValue:
			r.option(x.node)
		case summary.ObjectValue:
			r.value(val)
		}
	}
}

func (r *retrySettings) value(val int32) {
	if r.seen[val] || r.stated {
		return
	}
	r.seen[val] = true
	x := &r.p.values[val]
	for _, s := range slices.Concat(x.Set, r.p.fields[val]) {
		r.setting(s)
		if strings.Contains(x.Name, "interceptors/retry") {
			r.setting(strings.Replace(s, "WithMax=", "WithMaxAttempts=", 1))
		}
	}
	r.usual = max(r.usual, r.p.cat.Attempts(x.Name))
	for _, v := range slices.Concat(x.in, x.part, r.p.stored[val]) {
		r.variable(v)
	}
}

// option looks at what an option function stores in the settings it is handed.
func (r *retrySettings) option(n *node) {
	if n == nil {
		return
	}
	for _, v := range n.Params {
		for _, s := range r.p.stores[n.pkg.vars[v]] {
			r.setting(s.field)
		}
	}
}

var maxAttempts = regexp.MustCompile(`\\?"maxAttempts\\?"\s*:\s*(\d+)`)

// setting reads a field or option, "Name=value" or just its name.
func (r *retrySettings) setting(s string) {
	name, value, _ := strings.Cut(s, "=")
	n, err := strconv.Atoi(value)
	switch name {
	case "WithMaxRetries", "MaxRetries", "RetryMax", "SetRetryCount", "RetryCount":
		n = max(n, 0) + 1
	case "RetryMaxAttempts", "WithRetryMaxAttempts", "WithMaxAttempts":
	case "Retryer", "WithRetryer", "CheckRetry":
		err = strconv.ErrSyntax
	case "WithDefaultServiceConfig":
		m := maxAttempts.FindStringSubmatch(value)
		if m == nil {
			return
		}
		n, err = strconv.Atoi(m[1])
	default:
		return
	}
	if err != nil {
		n = 0
	}
	r.times, r.stated = n, true
}

// policyAttempts returns the attempts of the retry policies of a failsafe call.
func (p *program) policyAttempts(o *op) int {
	n, retried, stated := 0, false, false
	seen := make(map[int32]bool)
	var look func(v int32)
	look = func(v int32) {
		for _, val := range p.sorted(v) {
			if seen[val] {
				continue
			}
			seen[val] = true
			x := &p.values[val]
			if strings.Contains(x.Name, "/retrypolicy.") {
				retried = true
				for _, s := range x.Set {
					name, value, _ := strings.Cut(s, "=")
					switch i, err := strconv.Atoi(value); {
					case name != "WithMaxRetries" && name != "WithMaxAttempts":
						continue
					case err != nil: // not a constant
					case i < 0:
						n = mostTimes
					case name == "WithMaxRetries":
						n = max(n, i+1)
					default:
						n = max(n, i)
					}
					stated = true
				}
			}
			for _, in := range x.in {
				look(in)
			}
		}
	}
	look(o.v(o.Recv))
	for _, a := range o.Args {
		look(o.v(a))
	}
	if retried && !stated {
		return 3 // its default
	}
	return max(n, 1)
}
