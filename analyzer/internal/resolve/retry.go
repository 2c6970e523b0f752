package resolve

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/resilgo/resil/analyzer/internal/catalog"
	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/analyzer/internal/summary"
)

// stormLimit is how many attempts one request may cause before nested retries
// are reported.
const stormLimit = 9

// attempts returns how often an op runs what it runs, 1 if it does not retry.
func (p *program) attempts(o *op) int {
	n := 1
	switch {
	case o.Kind == summary.Extern && catalog.Effect(o.Row.Effect) == catalog.Retry:
		if n = o.Attempts; n == 0 {
			n = o.Row.Attempts
		}
	case o.Kind == summary.Extern && catalog.Effect(o.Row.Effect) == catalog.Policies:
		n = p.policyAttempts(o)
	case o.Kind == summary.Extern && o.Row.Dependency == "resil" && !o.node.file.Resil:
		n = p.stated(o)
	case o.node.file.Resil:
		if m := p.guardMethod(o.node.top); m != nil && o.Kind == summary.Extern {
			n = m.Attempts
		}
	}
	if o.Retry && o.Attempts > 1 && o.Kind != summary.Extern {
		n *= o.Attempts
	}
	return max(n, 1)
}

// retries reports whether an op runs what it runs again after a failure.
func (p *program) retries(o *op) bool {
	return o.Retry || p.attempts(o) > 1 || o.Kind == summary.Extern && catalog.Effect(o.Row.Effect) == catalog.Retry
}

// stated returns the attempts of the retry policies that a dependency is given:
// sys.Dependency(name, resil.Retry{Attempts: 3}).
func (p *program) stated(o *op) int {
	n := 1
	seen := make(map[int32]bool)
	var look func(v int32)
	look = func(v int32) {
		for _, val := range p.sorted(v) {
			x := &p.values[val]
			if seen[val] || x.Kind != summary.ObjectValue {
				continue
			}
			seen[val] = true
			if strings.HasSuffix(x.Name, "/runtime.Retry") {
				for _, s := range x.Set {
					if a, ok := strings.CutPrefix(s, "Attempts="); ok {
						if i, err := strconv.Atoi(a); err == nil {
							n = max(n, i)
						}
					}
				}
			}
			for _, in := range x.in {
				look(in)
			}
		}
	}
	for _, a := range o.Args {
		look(o.v(a))
	}
	return n
}

// policyAttempts returns the attempts of the retry policies of a failsafe call.
func (p *program) policyAttempts(o *op) int {
	n := 1
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
				n = max(n, 3) // its default
				for _, s := range x.Set {
					if r, ok := strings.CutPrefix(s, "WithMaxRetries="); ok {
						if i, err := strconv.Atoi(r); err == nil && i >= 0 {
							n = i + 1
						}
					}
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
	return n
}

// hidden returns how often a client tries by itself, 1 if it does not or its
// settings are out of sight, with the place where it is made.
func (p *program) hidden(c *call) (int, *value) {
	if c.row.Attempts < 2 {
		return 1, nil
	}
	vals := slices.Clone(c.values)
	if c.op.Kind == summary.Outbound {
		vals = p.sorted(c.op.v(c.op.Recv))
	}
	var made *value
	for _, val := range vals {
		if val < 0 {
			continue
		}
		x := &p.values[val]
		if x.Kind != summary.ObjectValue || x.ID == "" {
			continue
		}
		if p.retriesOff(val, make(map[int32]bool)) {
			return 1, nil
		}
		made = x
	}
	if made == nil {
		return 1, nil
	}
	return c.row.Attempts, made
}

// retriesOff reports whether an object, or something it is made of, states how
// often to retry: its author has thought about it.
func (p *program) retriesOff(val int32, seen map[int32]bool) bool {
	if seen[val] {
		return false
	}
	seen[val] = true
	x := &p.values[val]
	for _, s := range append(x.Set, p.fields[val]...) {
		name, _, _ := strings.Cut(s, "=")
		switch name {
		case "WithMaxRetries", "MaxRetries", "RetryMaxAttempts", "Retryer", "RetryMax", "WithRetryMaxAttempts", "WithRetryer":
			return true
		}
	}
	for _, v := range slices.Concat(x.in, x.part, p.stored[val]) {
		for in := range p.pts[v] {
			k := p.values[in].Kind
			if k == summary.FuncValue {
				if p.setsRetries(p.values[in].node) {
					return true
				}
				continue
			}
			if k == summary.ObjectValue && p.retriesOff(in, seen) {
				return true
			}
		}
	}
	return false
}

// setsRetries reports whether an option function stores a retry setting.
func (p *program) setsRetries(n *node) bool {
	if n == nil {
		return false
	}
	for _, v := range n.Params {
		for _, s := range p.stores[n.pkg.vars[v]] {
			switch name, _, _ := strings.Cut(s.field, "="); name {
			case "Retryer", "RetryMaxAttempts", "MaxRetries":
				return true
			}
		}
	}
	return false
}

// guardMethod returns what the directives say of a method of a decorator.
func (p *program) guardMethod(n *node) *summary.GuardMethod {
	if !n.file.Resil || n.Method == "" {
		return nil
	}
	g := p.decorators[strings.TrimSuffix(strings.TrimPrefix(n.ID, "("), ")."+n.Method)]
	if g == nil {
		return nil
	}
	for i := range g.Methods {
		if g.Methods[i].Name == n.Method {
			return &g.Methods[i]
		}
	}
	return nil
}

// guardedCall returns the guarded method that an op calls through its
// decorator, nil if it does not.
func (p *program) guardedCall(o *op) (*summary.GuardMethod, *node) {
	if o.Kind == summary.Extern {
		return nil, nil
	}
	for _, t := range o.targets {
		if m := p.guardMethod(t); m != nil && !m.Plain {
			return m, t
		}
	}
	return nil, nil
}

// unsaferetry finds retries that may do harm.
func unsaferetry(p *program, calls []call) []finding.Finding {
	again := p.retried()
	var out []finding.Finding
	report := func(o *op, callee, format string, args ...any) {
		n := o.node
		if !n.pkg.own || n.file.Test || n.helper || generated(n) || n.file.Resil || o.Region != "" {
			return
		}
		out = append(out, finding.Finding{
			Rule: "unsaferetry", Pos: p.position(n, o.Pos), End: p.end(n, o.Pos), Message: fmt.Sprintf(format, args...),
			Package: n.pkg.Path, Func: n.Name, Callee: callee,
		})
	}
	for i := range calls {
		c := &calls[i]
		how := again[c.op.node]
		if c.op.Retry {
			how = "a loop in " + c.op.node.title()
		}
		n, made := p.hidden(c)
		retryingGuard := p.underRetryingGuard(c.op.node)
		switch {
		case c.excluded != "":
		case how != "" && p.isWrite(c):
			report(c.op, c.callee, "retry of %s by %s may do it twice: it is not idempotent; retry what can be repeated, or send an idempotency key", c.short(), how)
		case how != "" && spent(again, c.op):
			report(c.op, c.callee, "retry of %s by %s sends an empty body: its reader was made outside and is spent by the first attempt; make it inside", c.short(), how)
		case made != nil && retryingGuard != "":
			report(c.op, c.callee, "%s tries %d times by itself under %s, which retries too: the attempts multiply; switch the client's own retries off", c.short(), n, retryingGuard)
		}
	}
	leads := p.leads(calls)
	for _, n := range p.nodes {
		if n.file.Test {
			continue
		}
		for _, o := range n.ops {
			m, target := p.guardedCall(o)
			how := again[n]
			loop := o.Retry
			switch {
			case m != nil && loop:
				report(o, target.ID, "a retry loop by hand around %s repeats what its guard has refused; use //resil:retry on the guard", target.title())
			case m != nil && how != "" && m.Write && !m.Idempotent:
				report(o, target.ID, "retry of %s by %s may do it twice: it is a write and not marked idempotent; mark it //resil:idempotent if it is, or do not retry it", target.title(), how)
			case m != nil && how != "" && spent(again, o):
				report(o, target.ID, "retry of %s by %s sends an empty body: its reader was made outside and is spent by the first attempt; make it inside", target.title(), how)
			case m == nil && spent(again, o) && (how != "" || loop) && leads(o):
				if loop {
					how = "a loop in " + n.title()
				}
				report(o, o.targets[0].ID, "retry of %s by %s sends an empty body: its reader was made outside and is spent by the first attempt; make it inside", o.targets[0].title(), how)
			case m == nil && loop && o.Kind == summary.Extern && catalog.Effect(o.Row.Effect) == catalog.Runs:
				report(o, o.Callee, "a retry loop by hand around %s repeats what its breaker has refused; stop at an open breaker, or retry inside of it", o.shown())
			}
		}
	}
	return out
}

// spent reports whether an op that is run again passes a reader that is not: one
// made in a function that is run again itself is new each time.
func spent(again map[*node]string, o *op) bool {
	if !o.Reader {
		return false
	}
	made := o.node
	for range o.ReaderUp {
		if made = made.outer; made == nil {
			return true
		}
	}
	return o.ReaderUp == 0 || again[made] == ""
}

// leads returns whether an op calls a function of the module that makes a call
// of its own, directly or further down.
func (p *program) leads(calls []call) func(*op) bool {
	reach := make(map[*node]bool)
	for i := range calls {
		if c := &calls[i]; c.excluded == "" {
			reach[c.op.node] = true
		}
	}
	for changed := true; changed; {
		changed = false
		for _, n := range p.nodes {
			if !reach[n] && slices.ContainsFunc(n.edges, func(e edge) bool { return reach[e.to] }) {
				reach[n], changed = true, true
			}
		}
	}
	return func(o *op) bool {
		return !o.leaves && slices.ContainsFunc(o.targets, func(n *node) bool { return reach[n] })
	}
}

// isWrite reports whether a call is certainly not idempotent.
func (p *program) isWrite(c *call) bool {
	if c.op.Write {
		return true
	}
	if c.row.Dependency != "http" || c.op.Keyed || len(c.op.Args) == 0 {
		return false
	}
	for val := range p.pts[c.op.v(c.op.Args[0])] {
		x := &p.values[val]
		if x.Name == "net/http.Request" && (slices.Contains(x.Set, "method=POST") || slices.Contains(x.Set, "method=PATCH")) {
			return true
		}
	}
	return false
}

// retried says of functions that run inside a retry who retries.
func (p *program) retried() map[*node]string {
	out := make(map[*node]string)
	var work []*node
	add := func(n *node, how string) {
		if out[n] == "" && !n.file.Resil {
			out[n] = how
			work = append(work, n)
		}
	}
	for _, n := range p.nodes {
		for _, e := range n.edges {
			if n.file.Resil || n.file.Test {
				continue
			}
			switch {
			case e.op.Kind == summary.Extern && p.retries(e.op) && e.op.Kind == summary.Extern && !e.op.Retry:
				add(e.to, e.op.shown())
			case e.op.Retry:
				add(e.to, "a loop in "+n.title())
			}
		}
	}
	for len(work) > 0 {
		n := work[0]
		work = work[1:]
		for _, e := range n.edges {
			add(e.to, out[n])
		}
	}
	return out
}

// underRetryingGuard names the guard that retries and runs n: a decorator, an
// executor, a dependency.
func (p *program) underRetryingGuard(n *node) string {
	if p.underGuard == nil {
		p.underGuard = make(map[*node]string)
		var work []*node
		for _, d := range p.nodes {
			m := p.guardMethod(d.top)
			for _, e := range d.edges {
				name := ""
				switch {
				case m != nil && m.Attempts > 1:
					name = d.top.title()
				case m == nil && e.mode == guarded && e.op.Kind == summary.Extern && p.attempts(e.op) > 1:
					name = e.op.shown()
				}
				if name != "" && p.underGuard[e.to] == "" {
					p.underGuard[e.to] = name
					work = append(work, e.to)
				}
			}
		}
		for len(work) > 0 {
			n := work[0]
			work = work[1:]
			for _, e := range n.edges {
				if p.underGuard[e.to] == "" && !e.to.file.Resil {
					p.underGuard[e.to] = p.underGuard[n]
					work = append(work, e.to)
				}
			}
		}
	}
	return p.underGuard[n]
}

// cascade is the longest product of attempts below a function.
type cascade struct {
	product int
	layers  int
	path    []string
}

// retrystorm finds retries nested in retries.
func retrystorm(p *program, calls []call) []finding.Finding {
	leaves := make(map[*op]int)
	for i := range calls {
		if c := &calls[i]; c.excluded == "" || c.op.node.file.Resil {
			n, _ := p.hidden(c)
			leaves[c.op] = n
		}
	}
	s := &storm{p: p, leaves: leaves, memo: make(map[*node]cascade), open: make(map[*node]bool)}
	var out []finding.Finding
	for _, n := range p.nodes {
		if !n.pkg.own || n.file.Test || n.helper || n.file.Generated {
			continue
		}
		for _, o := range n.ops {
			below, whole := s.ofOp(o)
			first := below.product <= stormLimit || slices.ContainsFunc(o.targets, func(t *node) bool { return t.file.Resil })
			if whole.product <= stormLimit || whole.layers < 2 || !first || whole.product == below.product && !slices.ContainsFunc(o.targets, func(t *node) bool { return t.file.Resil && s.crosses(t) }) {
				continue
			}
			out = append(out, finding.Finding{
				Rule: "retrystorm", Pos: p.position(n, o.Pos), End: p.end(n, o.Pos),
				Message: fmt.Sprintf("retries multiply to %d attempts of one request on the path %s; keep the retry at one layer",
					whole.product, strings.Join(append([]string{n.title()}, whole.path...), " → ")),
				Package: n.pkg.Path, Func: n.Name, Callee: o.Callee,
			})
		}
	}
	return out
}

type storm struct {
	p      *program
	leaves map[*op]int
	memo   map[*node]cascade
	open   map[*node]bool
}

// crosses reports whether the product below a decorator's method exceeds the
// limit only with the decorator's own retry: its caller is told, because the
// decorator is generated.
func (s *storm) crosses(t *node) bool {
	if s.of(t).product <= stormLimit {
		return false
	}
	for _, e := range t.edges {
		if s.of(e.to).product > stormLimit {
			return false
		}
	}
	return true
}

// ofOp returns the cascade that an op starts, without and with its own attempts.
func (s *storm) ofOp(o *op) (below, whole cascade) {
	below = cascade{product: 1}
	if n, leaf := s.leaves[o]; leaf {
		below = cascade{product: n, path: []string{o.shown()}}
		if n > 1 {
			below.layers = 1
			below.path[0] += fmt.Sprintf(" (%d attempts)", n)
		}
	}
	for i := range o.node.edges {
		e := &o.node.edges[i]
		if e.op != o {
			continue
		}
		if c := s.of(e.to); c.product > below.product || len(below.path) == 0 {
			below = c
			if e.to.top != o.node.top {
				below.path = append([]string{e.to.title()}, below.path...)
			}
		}
	}
	whole = below
	if n := s.p.attempts(o); n > 1 {
		whole.product *= n
		whole.layers++
		name := o.shown()
		if o.node.file.Resil {
			name = "its guard"
		}
		whole.path = append([]string{fmt.Sprintf("%s (%d attempts)", name, n)}, below.path...)
	}
	return below, whole
}

func (s *storm) of(n *node) cascade {
	if c, ok := s.memo[n]; ok {
		return c
	}
	if s.open[n] {
		return cascade{product: 1}
	}
	s.open[n] = true
	best := cascade{product: 1}
	for _, o := range n.ops {
		if _, c := s.ofOp(o); c.product > best.product {
			best = c
		}
	}
	delete(s.open, n)
	s.memo[n] = best
	return best
}
