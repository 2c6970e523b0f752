package resolve

import (
	"slices"
	"strings"

	"github.com/resilgo/resil/analyzer/internal/summary"
)

// guardAll returns the guard that is in everything that variable v may hold;
// "" if there is none, something lacks it, or nothing is known. known tells
// whether anything is known of v.
func (p *program) guardAll(v int32) (guard string, known bool) {
	if g := p.foldGuard(v, "RoundTrip"); g != "" {
		return g, true
	}
	markers := true
	for _, val := range p.sorted(v) {
		x := &p.values[val]
		if x.Kind == summary.ContextValue {
			continue
		}
		if x.Kind == summary.ObjectValue && x.ID != "" || x.Kind == summary.FuncValue {
			markers = false
		}
	}
	funcs := len(p.functions(v)) > 0
	for _, val := range p.sorted(v) {
		x := &p.values[val]
		if funcs && p.isFuncType(x) {
			continue // the functions themselves are known
		}
		// That a foreign type became an interface says nothing about the value.
		if x.Kind == summary.ContextValue || !markers && p.isMarker(x) {
			continue
		}
		g := p.guardOf(val)
		if g == "" {
			return "", true
		}
		guard, known = g, true
	}
	return guard, known
}

func (p *program) isMarker(x *value) bool {
	if x.Kind != summary.TypeValue {
		return false
	}
	t := p.types[x.Name]
	return t == nil || t.Foreign
}

// guardOfMade returns the guard in all the functions made by foreign ones that an
// op may call.
func (p *program) guardOfMade(o *op) string {
	if o.Kind != summary.Dynamic {
		return ""
	}
	return p.guardOfObjects(o.v(o.Recv))
}

// guardOfObjects returns the guard in all the foreign things that v may hold.
func (p *program) guardOfObjects(v int32) string {
	guard := ""
	for _, val := range p.sorted(v) {
		if p.values[val].Kind != summary.ObjectValue {
			continue
		}
		if guard = p.guardOf(val); guard == "" {
			return ""
		}
	}
	return guard
}

// within reports whether an op calls t only inside a function that a foreign one
// made of it.
func (p *program) within(o *op, t *node) bool {
	if o.Kind != summary.Dynamic {
		return false
	}
	for val := range p.pts[o.v(o.Recv)] {
		if p.values[val].node == t {
			return false
		}
	}
	return true
}

// isFuncType reports whether x stands for a named function type of the module.
func (p *program) isFuncType(x *value) bool {
	return x.Kind == summary.TypeValue && p.vars["V "+x.Name] != 0
}

// guardOf returns the guard inside a value: a client, transport, interceptor,
// driver or policy.
func (p *program) guardOf(val int32) string {
	memo := p.inside
	if p.streaming {
		memo = p.streams
	}
	return memo.of(val, func() string {
		switch x := &p.values[val]; x.Kind {
		case summary.ObjectValue:
			return p.guardOfObject(x, val)
		case summary.TypeValue:
			return p.guardOfType(x.Name)
		case summary.FuncValue:
			if p.streaming && x.node != nil && x.node.Invoker == 0 {
				return "" // a function that intercepts plain calls of Connect
			}
			return p.guardOfFunc(x.node)
		}
		return ""
	})
}

func (p *program) guardOfObject(x *value, val int32) string {
	if x.Guard != "" {
		return x.Guard
	}
	if p.elsewhere(x) {
		return ""
	}
	anyOf := func(v int32) string {
		for _, in := range p.sorted(v) {
			if g := p.guardOf(in); g != "" {
				return g
			}
		}
		return ""
	}
	for _, v := range x.in {
		if g := anyOf(v); g != "" {
			return g
		}
	}
	for _, v := range x.part {
		if g, _ := p.guardAll(v); g != "" {
			return g
		}
	}
	for _, v := range p.stored[val] {
		if g := anyOf(v); g != "" {
			return g
		}
	}
	if g := p.guardOfOptions(x); g != "" {
		return g
	}
	if x.Name == "net/http.Client" && !slices.ContainsFunc(append(x.Set, p.fields[val]...), func(s string) bool { return strings.HasPrefix(s, "Transport") }) {
		return anyOf(p.vars["G net/http.DefaultTransport"])
	}
	return ""
}

// elsewhere reports whether a value makes a gRPC connection intercept streams
// where plain calls are asked for, or the other way round.
func (p *program) elsewhere(x *value) bool {
	if x.Name != "google.golang.org/grpc.DialOption" {
		return false
	}
	other := "StreamInterceptor="
	if p.streaming {
		other = "UnaryInterceptor="
	}
	return slices.ContainsFunc(x.Set, func(s string) bool { return strings.HasPrefix(s, "With") && strings.Contains(s, other) })
}

// guardOfOptions returns a guard that an option function stores in what it is
// given: func(o *s3.Options) { o.HTTPClient = guarded }.
func (p *program) guardOfOptions(x *value) string {
	for _, v := range x.in {
		for _, f := range p.functions(v) {
			for _, param := range f.Params {
				for _, s := range p.stores[f.pkg.vars[param]] {
					for _, val := range p.sorted(s.src) {
						if g := p.guardOf(val); g != "" {
							return g
						}
					}
				}
			}
		}
	}
	return ""
}

// store works out what is stored in which objects.
func (p *program) store() {
	for base, all := range p.stores {
		for val := range p.pts[base] {
			if p.values[val].Kind != summary.ObjectValue {
				continue
			}
			for _, s := range all {
				if s.typ != "" && s.typ != p.values[val].Name {
					continue // options are no part of what was handed over beside them
				}
				p.stored[val] = append(p.stored[val], s.src)
				p.fields[val] = append(p.fields[val], s.field)
			}
		}
	}
}

// guardOfType judges a type of the module that stands in for a transport, a
// driver or a hook.
func (p *program) guardOfType(name string) string {
	t := p.types[name]
	if t == nil || t.Foreign {
		return ""
	}
	methods := []string{"RoundTrip", "Do", "Connect", "Open", "ProcessHook", "ProcessPipelineHook", "WrapUnary"}
	if p.streaming {
		methods[len(methods)-1] = "WrapStreamingClient"
	}
	for _, m := range methods {
		e := t.methods[m]
		if e == nil || e.Func == "" {
			continue
		}
		n := p.byID[e.Func]
		if n == nil {
			continue
		}
		var g string
		switch m {
		case "RoundTrip", "Do":
			g = p.guardOfTransport(n)
		case "Connect", "Open":
			g = p.guardOfDriver(n)
		default:
			g = p.guardOfFunc(n)
		}
		if g != "" {
			return g
		}
	}
	return ""
}

// guardOfTransport returns the guard inside which a RoundTrip method calls the
// next transport, on every path.
func (p *program) guardOfTransport(n *node) string {
	guard := ""
	seen := map[*node]bool{n: true}
	work := []*node{n}
	for len(work) > 0 {
		n := work[len(work)-1]
		work = work[:len(work)-1]
		for _, o := range n.ops {
			if !o.Middle {
				continue
			}
			g := o.Region
			for _, val := range p.sorted(o.v(o.Recv)) {
				if g == "" {
					g = p.guardOf(val)
				}
			}
			if g == "" {
				return ""
			}
			guard = g
		}
		for _, e := range n.edges {
			switch {
			case e.mode == guarded:
				if p.reachesMiddle(e.to) {
					guard = e.guard
				}
			case !seen[e.to]:
				seen[e.to] = true
				work = append(work, e.to)
			}
		}
	}
	return guard
}

func (p *program) reachesMiddle(n *node) bool {
	seen := map[*node]bool{n: true}
	work := []*node{n}
	for len(work) > 0 {
		n := work[len(work)-1]
		work = work[:len(work)-1]
		for _, o := range n.ops {
			if o.Middle {
				return true
			}
		}
		for _, e := range n.edges {
			if !seen[e.to] {
				seen[e.to] = true
				work = append(work, e.to)
			}
		}
	}
	return false
}

// guardOfDriver judges a database driver or connector by the connections that
// it hands out: their queries run inside a guard.
func (p *program) guardOfDriver(n *node) string {
	for _, r := range n.Results {
		for _, val := range p.sorted(n.pkg.vars[r]) {
			x := &p.values[val]
			if x.Kind != summary.TypeValue {
				continue
			}
			t := p.types[x.Name]
			if t == nil || t.Foreign {
				continue
			}
			for _, m := range []string{"QueryContext", "ExecContext", "PrepareContext", "Query", "Exec", "Prepare"} {
				e := t.methods[m]
				if e == nil || p.byID[e.Func] == nil {
					continue
				}
				for _, edge := range p.byID[e.Func].edges {
					if edge.mode == guarded {
						return edge.guard
					}
				}
				for _, o := range p.byID[e.Func].ops {
					if o.Region != "" {
						return o.Region
					}
				}
			}
		}
	}
	return ""
}

// guardOfFunc judges an interceptor or middleware: it runs the function that it
// was given only inside a guard, at once or in the function that it returns.
// What it lets pass before it comes to its guard is an exemption, of a command
// that blocks, say; what it runs after that goes round the guard.
func (p *program) guardOfFunc(n *node) string {
	if n == nil {
		return ""
	}
	if slices.ContainsFunc(n.ops, func(o *op) bool { return o.Middle }) || p.runsMiddle(n) {
		return p.guardOfTransport(n)
	}
	if n.Invoker == 0 && n.Method != "ProcessHook" && n.Method != "ProcessPipelineHook" && !p.returnsFunc(n) {
		return ""
	}
	var mine []int32
	for i, v := range n.Params {
		if n.Invoker != 0 && int(n.Invoker) != i+1 {
			continue
		}
		if g := n.pkg.vars[v]; g != 0 {
			mine = append(mine, g)
		}
	}
	if len(mine) == 0 {
		return ""
	}
	return p.guardOfUses(n, mine)
}

// guardOfUses returns the guard inside which a function runs what variables hold.
func (p *program) guardOfUses(n *node, mine []int32) string {
	guard := ""
	var first, exempt int32 // offsets: of the first use inside a guard, of the last one outside
	// Roots: the function, and the literals that nothing in it runs.
	for _, m := range p.nodes[n.index:] {
		if m != n && !inside(m, n) {
			if m.top != n.top {
				break
			}
			continue
		}
		for _, o := range m.ops {
			uses := (o.Kind == summary.Dynamic || o.Kind == summary.Interface) && contains(mine, o.v(o.Recv))
			if o.Kind == summary.Extern {
				for _, a := range o.Args {
					uses = uses || contains(mine, o.v(a))
				}
			}
			if !uses {
				continue
			}
			md, g, _ := p.modeOf(o)
			if md != guarded {
				g = p.onlyGuarded(m, n)
			}
			if g == "" {
				exempt = max(exempt, o.Pos.Offset)
				continue
			}
			if guard == "" || o.Pos.Offset < first {
				first = o.Pos.Offset
			}
			guard = g
		}
	}
	if exempt > first {
		return ""
	}
	return guard
}

// runsMiddle reports whether a literal inside n hands on a request.
func (p *program) runsMiddle(n *node) bool {
	for _, e := range n.edges {
		if inside(e.to, n) && e.to != n && slices.ContainsFunc(e.to.ops, func(o *op) bool { return o.Middle }) {
			return true
		}
	}
	return false
}

// returnsFunc reports whether n returns one of its own literals.
func (p *program) returnsFunc(n *node) bool {
	for _, r := range n.Results {
		for val := range p.pts[n.pkg.vars[r]] {
			if m := p.values[val].node; m != nil && m != n && inside(m, n) {
				return true
			}
		}
	}
	return false
}

// onlyGuarded returns the guard that runs literal m, or a literal around it
// within n, whenever it runs.
func (p *program) onlyGuarded(m, n *node) string {
	guard := ""
	for _, from := range p.nodes[n.index:] {
		if from.top != n.top {
			break
		}
		for _, e := range from.edges {
			if e.to != m {
				continue
			}
			if e.mode != guarded {
				return ""
			}
			guard = e.guard
		}
	}
	if guard == "" && m.outer != nil && m != n && m.outer != n {
		return p.onlyGuarded(m.outer, n)
	}
	return guard
}

// policies returns the guard among the policies of a call; unknown policies
// count as one, for want of a reason to complain.
func (p *program) policies(o *op) string {
	known := false
	for _, v := range append([]summary.Var{o.Recv}, o.Args...) {
		for _, val := range p.sorted(o.v(v)) {
			x := &p.values[val]
			if x.Kind != summary.ObjectValue || strings.HasPrefix(x.Name, "net/http.") {
				continue
			}
			known = true
			if g := p.guardOf(val); g != "" {
				return g
			}
		}
	}
	if known {
		return ""
	}
	return o.Row.Dependency
}

func contains(vars []int32, v int32) bool {
	if v == 0 {
		return false
	}
	for _, x := range vars {
		if x == v {
			return true
		}
	}
	return false
}
