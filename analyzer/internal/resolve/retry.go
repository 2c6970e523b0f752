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
		n = max(n, p.attemptsBefore(o))
	case o.Kind == summary.Extern && catalog.Effect(o.Row.Effect) == catalog.Policies:
		n = p.policyAttempts(o)
	case o.runsGuarded():
		if t := p.termsOf(o); t != nil {
			n = t.attempts()
		}
	case o.node.file.Resil:
		if m := p.guardMethod(o.node.top); m != nil && o.Kind == summary.Extern {
			n = m.Attempts
		}
	}
	return max(n, 1)
}

// retries reports whether an op runs what it runs again after a failure.
func (p *program) retries(o *op) bool {
	return o.Retry || p.attempts(o) > 1 || o.Kind == summary.Extern && catalog.Effect(o.Row.Effect) == catalog.Retry
}

// attemptsBefore returns the attempts of what a retry is made of before it is
// run: retrier.New(retrier.ConstantBackoff(4, time.Second), nil).
func (p *program) attemptsBefore(o *op) int {
	n := 0
	p.madeWith(o.v(o.Recv), func(s string) bool {
		name, value, _ := strings.Cut(s, "=")
		if name == "ConstantBackoff" || name == "ExponentialBackoff" {
			first, _, _ := strings.Cut(value, ",")
			if i, err := strconv.Atoi(first); err == nil {
				n = i + 1
			}
		}
		return false
	}, make(map[int32]bool))
	return n
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
		own := p.hidden(c)
		retryingGuard := p.underRetryingGuard(c.op.node)
		switch {
		case c.excluded != "":
		case how != "" && p.isWrite(c):
			report(c.op, c.callee, "retry of %s by %s may do it twice: it is not idempotent; retry what can be repeated, or send an idempotency key", c.short(), how)
		case how != "" && spent(again, c.op):
			report(c.op, c.callee, "retry of %s by %s sends an empty body: its reader, or channel, was made outside and is spent by the first attempt; make it inside", c.short(), how)
		case own.times > 1 && p.isWrite(c):
			report(c.op, c.callee, "%s is tried up to %d times by its client and may do it twice: it is not idempotent; send an idempotency key, or switch the client's retries off for it", c.short(), own.times)
		case own.times > 1 && !own.stated && retryingGuard != "":
			report(c.op, c.callee, "%s tries %d times by itself under %s, which retries too: the attempts multiply; switch the client's own retries off", c.short(), own.times, retryingGuard)
		}
	}
	byHand := make(map[*node]string) // functions that a helper of the house runs again
	for _, n := range p.nodes {
		for _, e := range n.edges {
			if e.times > 0 && e.byHand && !n.file.Test {
				byHand[e.to] = "the loop in " + e.through.title()
			}
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
			hand := byHand[n]
			if loop {
				how, hand = "a loop in "+n.title(), "a retry loop by hand"
			}
			switch {
			case m != nil && how != "" && m.Write && !m.Idempotent:
				report(o, target.ID, "retry of %s by %s may do it twice: it is a write and not marked idempotent; mark it //resil:idempotent if it is, or do not retry it", target.title(), how)
			case m != nil && hand != "":
				report(o, target.ID, "%s around %s repeats what its guard has refused; use //resil:retry on the guard", hand, target.title())
			case m != nil && how != "" && spent(again, o):
				report(o, target.ID, "retry of %s by %s sends an empty body: its reader, or channel, was made outside and is spent by the first attempt; make it inside", target.title(), how)
			case m == nil && spent(again, o) && how != "" && leads(o):
				report(o, o.targets[0].ID, "retry of %s by %s sends an empty body: its reader, or channel, was made outside and is spent by the first attempt; make it inside", o.targets[0].title(), how)
			case m == nil && hand != "" && o.Kind == summary.Extern && catalog.Effect(o.Row.Effect) == catalog.Runs && !n.file.Resil:
				report(o, o.Callee, "%s around %s repeats what its breaker has refused; stop at an open breaker, or retry inside of it", hand, o.shown())
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
		if x.Name == "net/http.Request" && !slices.Contains(x.Set, summary.Keyed) && (slices.Contains(x.Set, "method=POST") || slices.Contains(x.Set, "method=PATCH")) {
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
			case e.op.Kind == summary.Extern && p.retries(e.op) && !e.op.Retry:
				add(e.to, e.op.shown())
			case e.op.Retry:
				add(e.to, "a loop in "+n.title())
			case e.times > 0:
				add(e.to, e.through.title())
			}
		}
	}
	handDown(out, work, func(n *node) bool { return !n.file.Resil })
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
		handDown(p.underGuard, work, func(n *node) bool { return !n.file.Resil })
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
			leaves[c.op] = p.hidden(c).times
		}
	}
	s := &storm{p: p, leaves: leaves, memo: make(map[*node]cascade), open: make(map[*node]bool)}
	var out []finding.Finding
	told := make(map[*node]bool) // decorators whose callers are
	report := func(o *op, above []string, c cascade) {
		n := o.node
		out = append(out, finding.Finding{
			Rule: "retrystorm", Pos: p.position(n, o.Pos), End: p.end(n, o.Pos),
			Message: fmt.Sprintf("retries multiply %s for one request on the path %s; keep the retry at one layer",
				product(c.product), strings.Join(append(above, c.path...), " → ")),
			Package: n.pkg.Path, Func: n.Name, Callee: o.Callee,
		})
	}
	for _, n := range p.nodes {
		if !n.pkg.own || n.file.Test || n.helper || n.file.Generated {
			continue
		}
		for _, o := range n.ops {
			below, whole := s.ofOp(o)
			if whole.product <= stormLimit || whole.layers < 2 {
				continue
			}
			decorators := slices.ContainsFunc(o.targets, func(t *node) bool { return t.file.Resil })
			for _, t := range o.targets {
				told[t] = told[t] || t.file.Resil
			}
			if below.product > stormLimit && !decorators ||
				whole.product == below.product && !slices.ContainsFunc(o.targets, func(t *node) bool { return t.file.Resil && s.crosses(t) }) {
				continue
			}
			report(o, []string{n.title()}, whole)
		}
	}
	// A decorator that nobody in sight calls: what it decorates is told.
	for _, n := range p.nodes {
		if !n.file.Resil || told[n] || n.outer != nil {
			continue
		}
		for _, o := range n.ops {
			_, whole := s.ofOp(o)
			if whole.product <= stormLimit || whole.layers < 2 || !s.crosses(n) {
				continue
			}
			if inner := s.innermost(n, make(map[*node]bool)); inner != nil {
				report(inner, []string{n.title()}, whole)
			}
		}
	}
	return out
}

// attempts spells a number of attempts.
func attempts(n int) string {
	if n >= mostTimes {
		return "no limit"
	}
	return strconv.Itoa(n) + " attempts"
}

func product(n int) string {
	if n >= mostTimes {
		return "without a limit"
	}
	return "to " + attempts(n)
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

// innermost returns the op of the team's code below a decorator's method at which
// the retries below it begin; nil if there is none.
func (s *storm) innermost(n *node, seen map[*node]bool) *op {
	if seen[n] {
		return nil
	}
	seen[n] = true
	var best *op
	product := 0
	for _, o := range n.ops {
		if _, whole := s.ofOp(o); whole.product > product {
			best, product = o, whole.product
		}
	}
	if best == nil || n.pkg.own && !n.file.Generated && !n.file.Test && !n.helper {
		return best
	}
	for _, e := range n.edges {
		if e.op == best {
			if o := s.innermost(e.to, seen); o != nil {
				return o
			}
		}
	}
	return nil
}

// ofOp returns the cascade that an op starts, without and with its own attempts.
func (s *storm) ofOp(o *op) (below, whole cascade) {
	below = cascade{product: 1}
	if n, leaf := s.leaves[o]; leaf {
		below = cascade{product: n, path: []string{o.shown()}}
		if n > 1 {
			below.layers = 1
			below.path[0] += " (" + attempts(n) + ")"
		}
	}
	times, by := 1, ""
	for i := range o.node.edges {
		e := &o.node.edges[i]
		if e.op != o || e.mode == loose {
			continue
		}
		c := s.of(e.to)
		if n := max(e.times, 1); c.product*n > below.product*times || len(below.path) == 0 {
			below, times = c, n
			if e.to.top != o.node.top {
				below.path = append([]string{e.to.title()}, below.path...)
			}
			if n > 1 {
				by = e.through.title()
			}
		}
	}
	whole = below
	layer := func(name string, n int) {
		if n > 1 {
			whole.product = min(whole.product*n, mostTimes)
			whole.layers++
			whole.path = append([]string{name + " (" + attempts(n) + ")"}, whole.path...)
		}
	}
	layer(by, times)
	name := o.shown()
	if o.node.file.Resil {
		name = "its guard"
	}
	layer(name, s.p.attempts(o))
	layer("a loop in "+o.node.title(), o.Turns)
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
