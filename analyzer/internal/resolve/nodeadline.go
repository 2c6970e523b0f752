package resolve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/resilgo/resil/analyzer/internal/catalog"
	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/analyzer/internal/summary"
)

// bound says whether something bounds a call in time.
type bound uint8

const (
	unknownBound bound = iota
	bounded
	unbounded
)

// nodeadline finds calls that nothing bounds in time.
func nodeadline(p *program, calls []call) []finding.Finding {
	var out []finding.Finding
	for i := range calls {
		c := &calls[i]
		n := c.op.node
		if c.bound != unbounded || c.excluded != "" && !n.file.Test || n.state&(exposed|reached) == 0 && !n.file.Test || !n.pkg.own {
			continue
		}
		out = append(out, p.finding("nodeadline", c, fmt.Sprintf(
			"nothing bounds %s call %s in time: a peer that does not answer holds it for ever; %s",
			c.row.Dependency, c.short(), remedy(c))))
	}
	return out
}

func remedy(c *call) string {
	switch {
	case catalog.Deadline(c.row.Deadline) == catalog.ByTimeout:
		return "set the client's Timeout or give the request a context with a deadline"
	case c.op.Context != 0:
		return "derive its context with context.WithTimeout"
	}
	return "use its form with a context, and a deadline on it"
}

// boundOf judges how a call is bounded in time.
func (p *program) boundOf(c *call) bound {
	o, n := c.op, c.op.node
	if n.state&reached != 0 && n.state&untimed == 0 && n.state&maybe == 0 && !o.Go {
		return bounded // whatever runs it bounds it
	}
	switch catalog.Deadline(c.row.Deadline) {
	case catalog.ByContext:
		return p.boundOfContext(o.v(o.Context))
	case catalog.ByTimeout:
		return p.boundOfHTTP(c)
	case catalog.Unbounded:
		return p.boundOfTx(c)
	}
	return unknownBound
}

// boundOfContext: endless unless something bounds it on some path; a context
// from outside the module may have a deadline.
func (p *program) boundOfContext(v int32) bound {
	var endless, limited bool
	for val := range p.pts[v] {
		if p.values[val].Kind == summary.ContextValue {
			endless = endless || p.values[val].Bound == summary.Endless
			limited = limited || p.values[val].Bound == summary.Limited
		}
	}
	switch {
	case limited:
		return bounded
	case endless:
		return unbounded
	}
	return unknownBound
}

// boundOfHTTP: a client's Timeout or the context of the request.
func (p *program) boundOfHTTP(c *call) bound {
	client := c.op.v(c.op.Recv)
	if c.op.Recv == 0 {
		client = p.vars["G net/http.DefaultClient"]
	}
	timeouts, known := p.timeouts(client)
	isDefault := c.op.Recv == 0 || client == p.vars["G net/http.DefaultClient"] && client != 0
	if timeouts && known {
		return bounded
	}
	if !known && !isDefault {
		return unknownBound
	}
	request := unbounded // Get, Post…: they carry no context
	if lastName(c.callee) == "Do" || lastName(c.callee) == "RoundTrip" {
		request = unknownBound
		if len(c.op.Args) > 0 {
			request = p.boundOfContext(c.op.v(c.op.Args[0]))
		}
	}
	return request
}

// timeouts reports whether all clients that v may hold have a Timeout, and
// whether any client is known.
func (p *program) timeouts(v int32) (all, known bool) {
	all = true
	for val := range p.pts[v] {
		x := &p.values[val]
		if x.Kind != summary.ObjectValue || x.ID == "" {
			continue
		}
		known = true
		if x.Name != "net/http.Client" {
			return true, true // made elsewhere: its settings are out of sight
		}
		if !slices.ContainsFunc(x.Set, func(s string) bool { return strings.HasPrefix(s, "Timeout") }) && !p.storedField(val, "Timeout") {
			all = false
		}
	}
	return all && known, known
}

// storedField reports whether a field of an object is set somewhere.
func (p *program) storedField(val int32, field string) bool {
	for _, f := range p.fields[val] {
		if f == field {
			return true
		}
	}
	return false
}

// boundOfTx: a transaction ends with the context it was begun with.
func (p *program) boundOfTx(c *call) bound {
	if !strings.Contains(c.callee, "database/sql.Tx") {
		return unbounded
	}
	b := unknownBound
	for val := range p.pts[c.op.v(c.op.Recv)] {
		x := &p.values[val]
		if x.Kind != summary.ObjectValue {
			continue
		}
		begun := slices.ContainsFunc(x.Set, func(s string) bool { return strings.HasPrefix(s, "Begin=") })
		for _, in := range x.in {
			if p.boundOfContext(in) == unbounded {
				begun = true
			}
		}
		if begun {
			b = unbounded
		}
	}
	return b
}
