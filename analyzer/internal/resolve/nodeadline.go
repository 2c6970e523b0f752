package resolve

import (
	"fmt"
	"go/ast"
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
	case c.row.Needs != "":
		return "make its client with " + c.row.Needs
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
		b := p.boundOfContext(o.v(o.Context))
		if b == unbounded && (p.limited(c) || p.settled(c)) {
			return bounded
		}
		return b
	case catalog.ByTimeout:
		return p.boundOfHTTP(c)
	case catalog.Unbounded:
		return p.boundOfTx(c)
	case catalog.ByClient:
		if c.row.Needs != "" {
			return p.boundOfMade(c)
		}
	}
	return unknownBound
}

// boundOfMade judges a call that nothing bounds unless its client is made with a
// setting: all that the client is made of must be in sight.
func (p *program) boundOfMade(c *call) bound {
	seen := make(map[int32]bool)
	b, made := unbounded, false
	var look func(v int32)
	look = func(v int32) {
		if v == 0 || b == bounded {
			return
		}
		if len(p.pts[v]) == 0 {
			b = unknownBound // from out of sight
		}
		for _, val := range p.sorted(v) {
			x := &p.values[val]
			if seen[val] {
				continue
			}
			seen[val] = true
			switch x.Kind {
			case summary.ContextValue:
				if x.Bound == summary.Limited {
					b = bounded
					return
				}
				if x.Bound == summary.Foreign {
					b = unknownBound
				}
			case summary.TypeValue: // a transport of the module
				if !p.isMarker(x) {
					b = unknownBound
				}
			case summary.FuncValue: // redis.Pool{Dial: …}
				if x.node == nil {
					b = unknownBound
					continue
				}
				for _, r := range x.node.Results {
					look(x.node.pkg.vars[r])
				}
			case summary.ObjectValue:
				made = made || x.ID != ""
				for _, s := range slices.Concat(x.Set, p.fields[val]) {
					if name, _, _ := strings.Cut(s, "="); name == c.row.Needs || name == "ResponseHeaderTimeout" || isTimeout(s) {
						b = bounded
						return
					}
				}
				for _, in := range slices.Concat(x.in, x.part, p.stored[val]) {
					look(in)
				}
			}
		}
	}
	look(c.op.v(c.op.Recv))
	if b == unbounded && !made {
		return unknownBound
	}
	return b
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
	case endless && !p.setOutside(v):
		return unbounded
	}
	return unknownBound
}

// setOutside reports whether packages out of sight may give a variable what it
// holds: they call the exported functions, and those that are handed to them, and
// set the exported fields and variables.
func (p *program) setOutside(v int32) bool {
	if p.whole {
		return false
	}
	if p.outside == nil {
		p.outside = make(map[int32]bool)
		var work []int32
		from := func(v int32) {
			if v != 0 && !p.outside[v] {
				p.outside[v] = true
				work = append(work, v)
			}
		}
		shared := make(map[int32]bool) // what other packages see, too
		for name, v := range p.vars {
			shared[v] = true
			if kind, _, _ := strings.Cut(name, " "); (kind == "F" || kind == "G") && ast.IsExported(lastName(name)) {
				from(v)
			}
		}
		given := make(map[*node]bool)
		for _, n := range p.nodes {
			given[n] = n.Exported
			for _, v := range append(slices.Clone(n.Params), n.Results...) {
				shared[n.pkg.vars[v]] = shared[n.pkg.vars[v]] || !n.pkg.own || n.Exported
			}
		}
		for v, values := range p.pts {
			for val := range values {
				if n := p.values[val].node; n != nil && shared[int32(v)] {
					given[n] = true
				}
			}
		}
		for _, n := range p.nodes {
			for _, v := range n.Params {
				if given[n] && n.pkg.own {
					from(n.pkg.vars[v])
				}
			}
		}
		for ; len(work) > 0; work = work[1:] {
			for _, dst := range p.succ[work[0]] {
				from(dst)
			}
		}
	}
	return p.outside[v]
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
	switch lastName(c.callee) {
	case "Do", "RoundTrip":
		if len(c.op.Args) > 0 {
			return p.boundOfContext(c.op.v(c.op.Args[0]))
		}
		return unknownBound
	case "DialContext":
		return p.boundOfContext(c.op.v(c.op.Context))
	}
	return unbounded // Get, Post…: they carry no context
}

// limited reports whether the client that a call is made on bounds it in time by
// itself, and was not made with a setting that takes this away.
func (p *program) limited(c *call) bool {
	setting := c.row.Limit
	if setting == "" || setting == catalog.Always {
		return setting != ""
	}
	off := func(s string) bool {
		name, value, _ := strings.Cut(s, "=")
		return name == setting && (!strings.HasSuffix(setting, "Timeout") || strings.HasPrefix(value, "-"))
	}
	seen := make(map[int32]bool)
	if p.madeWith(c.op.v(c.op.Recv), off, seen) {
		return false
	}
	for _, a := range c.op.Args { // script.Run(ctx, client, keys)
		if a != c.op.Context && p.madeWith(c.op.v(a), off, seen) {
			return false
		}
	}
	for _, val := range c.values {
		if val >= 0 && p.valueMadeWith(val, off, seen) {
			return false
		}
	}
	return true
}

// madeWith reports whether an object that v may hold, or one that it is made of,
// was given a setting that matches.
func (p *program) madeWith(v int32, matches func(string) bool, seen map[int32]bool) bool {
	for val := range p.pts[v] {
		if p.valueMadeWith(val, matches, seen) {
			return true
		}
	}
	return false
}

func (p *program) valueMadeWith(val int32, matches func(string) bool, seen map[int32]bool) bool {
	x := &p.values[val]
	if seen[val] || x.Kind != summary.ObjectValue {
		return false
	}
	seen[val] = true
	if slices.ContainsFunc(slices.Concat(x.Set, p.fields[val]), matches) {
		return true
	}
	return slices.ContainsFunc(slices.Concat(x.in, x.part, p.stored[val]), func(v int32) bool { return p.madeWith(v, matches, seen) })
}

// settled reports whether the client that a call is made on, or an option of the
// call, states a timeout.
func (p *program) settled(c *call) bool {
	seen := make(map[int32]bool)
	for _, v := range append([]summary.Var{c.op.Recv}, c.op.Args...) {
		if p.statesTimeout(c.op.v(v), seen) {
			return true
		}
	}
	for _, val := range c.values {
		if val >= 0 && p.timedValue(val, seen) {
			return true
		}
	}
	return false
}

func (p *program) statesTimeout(v int32, seen map[int32]bool) bool {
	for val := range p.pts[v] {
		if p.timedValue(val, seen) {
			return true
		}
	}
	return false
}

// timedValue reports whether a client, an option or an interceptor bounds in
// time what is done through it.
func (p *program) timedValue(val int32, seen map[int32]bool) bool {
	if seen[val] {
		return false
	}
	seen[val] = true
	x := &p.values[val]
	switch x.Kind {
	case summary.FuncValue:
		return p.timesNext(x.node)
	case summary.TypeValue:
		if t := p.types[x.Name]; t != nil && t.methods["RoundTrip"] != nil {
			return p.timesNext(p.byID[t.methods["RoundTrip"].Func])
		}
		return false
	case summary.ContextValue:
		return false
	}
	stated := slices.Concat(x.Set, p.fields[val])
	if x.Name == "net/http.Transport" { // the timeouts of its dialer are for connecting
		return slices.ContainsFunc(stated, func(s string) bool { return strings.HasPrefix(s, "ResponseHeaderTimeout") })
	}
	for _, s := range stated {
		if isTimeout(s) {
			return true
		}
	}
	for _, v := range slices.Concat(x.in, x.part, p.stored[val]) {
		if p.statesTimeout(v, seen) {
			return true
		}
	}
	return false
}

// isTimeout reports whether a field, option or method bounds a whole exchange,
// and not only a step of it such as connecting. s may be followed by its value:
// a negative one takes a bound away.
func isTimeout(s string) bool {
	name, value, _ := strings.Cut(s, "=")
	if name == "WithDefaultServiceConfig" {
		return strings.Contains(value, "timeout")
	}
	if strings.HasPrefix(value, "-") {
		return false
	}
	for _, prefix := range []string{"Set", "With"} {
		name = strings.TrimPrefix(name, prefix)
	}
	return timeouts[name]
}

var timeouts = map[string]bool{
	"Timeout": true, "RequestTimeout": true, "ReadTimeout": true, "SocketTimeout": true, "QueryTimeout": true,
	"CommandTimeout": true, "OperationTimeout": true, "ResponseTimeout": true, "CallTimeout": true, "HTTPTimeout": true,
}

// timesNext reports whether a transport or interceptor derives a context with a
// deadline for what it calls.
func (p *program) timesNext(n *node) bool {
	if n == nil {
		return false
	}
	for _, m := range p.nodes[n.index:] {
		if !inside(m, n) {
			break
		}
		for _, o := range m.ops {
			if o.Kind != summary.Dynamic && !o.Middle {
				continue
			}
			for _, a := range append([]summary.Var{o.Context}, o.Args...) {
				if p.boundOfContext(o.v(a)) == bounded {
					return true
				}
			}
		}
	}
	return false
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
		stated := slices.Concat(x.Set, p.fields[val])
		has := func(field string) bool {
			return slices.ContainsFunc(stated, func(s string) bool { return s == field || strings.HasPrefix(s, field+"=") })
		}
		switch {
		case x.Name == "net.Dialer":
			all = all && (has("Timeout") || has("Deadline"))
		case x.Name != "net/http.Client":
			return true, true // made elsewhere: its settings are out of sight
		default:
			all = all && (has("Timeout") || has("Transport") && p.timedTransport(val))
		}
	}
	return all && known, known
}

// timedTransport reports whether a client's transport bounds its exchanges: one
// of the module that does, or a foreign one whose settings are out of sight.
func (p *program) timedTransport(client int32) bool {
	x := &p.values[client]
	seen := make(map[int32]bool)
	for _, v := range slices.Concat(x.in, x.part, p.stored[client]) {
		for val := range p.pts[v] {
			t := &p.values[val]
			switch t.Kind {
			case summary.ObjectValue:
				wrapper := t.ID != "" && t.Name != "net/http.Transport"
				if wrapper && (p.guardOf(val) != "" || !p.carries(val, make(map[int32]bool))) || p.timedValue(val, seen) {
					return true
				}
			case summary.TypeValue, summary.FuncValue:
				if p.timedValue(val, seen) {
					return true
				}
			}
		}
	}
	return false
}

// carries reports whether a foreign transport is put around one that is known,
// with nothing beside it but options of its own: what counts requests, or signs
// them, does not bound them unless it is told.
func (p *program) carries(val int32, seen map[int32]bool) bool {
	x := &p.values[val]
	if seen[val] {
		return false
	}
	seen[val] = true
	if x.Name == "net/http.Transport" {
		return true
	}
	found := false
	for _, v := range slices.Concat(x.in, x.part, p.stored[val]) {
		switch {
		case v == 0:
			continue
		case v == p.vars["G net/http.DefaultTransport"]:
			found = true
		case len(p.pts[v]) == 0:
			return false // out of sight
		}
		for in := range p.pts[v] {
			switch y := &p.values[in]; {
			case y.Kind != summary.ObjectValue:
			case p.carries(in, seen):
				found = true
			case ownerPackage(y.Name) != ownerPackage(x.Name) && ownerPackage(y.Name) != "net/http":
				return false
			}
		}
	}
	return found
}

// ownerPackage returns the package of a type, "pkg.Name".
func ownerPackage(name string) string { return name[:max(0, strings.LastIndexByte(name, '.'))] }

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
