package resolve

import (
	"cmp"
	"go/token"
	"path"
	"slices"
	"strings"

	"github.com/resilgo/resil/analyzer/internal/catalog"
	"github.com/resilgo/resil/analyzer/internal/finding"
	"github.com/resilgo/resil/analyzer/internal/summary"
)

// call is an outbound call with its verdict.
type call struct {
	op     *op
	row    summary.Row
	callee string
	guard  string
	// excluded is why it is counted only.
	excluded string
	unknown  bool
	bound    bound
	values   []int32 // receivers outside the module; may be empty
}

// calls judges all outbound calls of the packages in question.
func (p *program) calls() []call {
	var out []call
	for _, n := range p.nodes {
		if n.Outbound != "" || n.outer != nil && n.top.Outbound != "" {
			continue // the primitive itself: its callers count
		}
		for _, o := range n.ops {
			if o.Middle {
				continue
			}
			c, ok := p.outbound(o)
			if ok && (!p.whole && n.state&maybe != 0 || p.whole && !n.pkg.own && n.state&exposed == 0) {
				p.open = true
			}
			if !ok || !n.pkg.own && n.state&exposed == 0 {
				continue
			}
			p.verdict(&c)
			p.open = p.open || c.unknown
			out = append(out, c)
		}
	}
	return out
}

// outbound reports whether an op leaves the process.
func (p *program) outbound(o *op) (call, bool) {
	switch o.Kind {
	case summary.Outbound:
		return call{op: o, row: o.Row, callee: o.Callee}, true
	case summary.Interface:
		if p.passesOn(o) {
			return call{}, false
		}
		if len(o.foreign) > 0 {
			f := o.foreign[0]
			c := call{op: o, row: f.row, callee: cmp.Or(o.Callee, f.callee)}
			for _, f := range o.foreign {
				c.values = append(c.values, f.value)
			}
			return c, true
		}
		e := catalog.Effect(o.Row.Effect)
		if len(o.targets) == 0 && (e == catalog.Call || e == catalog.Counted) {
			return call{op: o, row: o.Row, callee: o.Callee}, true
		}
	}
	for _, t := range o.targets {
		if t.Outbound != "" && o.Kind != summary.Static {
			return call{op: o, row: summary.Row{Effect: uint8(catalog.Call), Dependency: t.Outbound}, callee: t.ID}, true
		}
	}
	if row, ok := p.generatedCall(o); ok {
		return call{op: o, row: row, callee: o.targets[0].ID}, true
	}
	return call{}, false
}

// passesOn reports whether an op is HTTP middleware calling the next handler.
// At the end of the chain there may be a reverse proxy, but whoever made it
// knows that, and the links of the chain do not: they would all be blamed for
// one call.
func (p *program) passesOn(o *op) bool {
	if o.Callee != "(net/http.Handler).ServeHTTP" {
		return false
	}
	own, isParam := p.params[o.v(o.Recv)]
	return len(o.targets) > 0 || isParam && own.fn != o.node || !slices.ContainsFunc(o.foreign, func(f foreign) bool {
		return f.value >= 0 && strings.HasPrefix(p.values[f.value].ID, o.node.pkg.Path+"#")
	})
}

// generatedCall recognises the call of a generated client from code that
// people wrote: what leaves the process is in a file that nobody edits.
func (p *program) generatedCall(o *op) (summary.Row, bool) {
	if o.Kind == summary.Extern || generated(o.node) {
		return summary.Row{}, false
	}
	for _, t := range o.targets {
		if !generated(t) || t.Method == "" {
			continue
		}
		if row, ok := p.leavesGenerated(t, map[*node]bool{}); ok {
			return row, true
		}
	}
	return summary.Row{}, false
}

func generated(n *node) bool { return n.file.Generated && !n.file.Resil }

func (p *program) leavesGenerated(n *node, seen map[*node]bool) (summary.Row, bool) {
	if seen[n] || !generated(n) {
		return summary.Row{}, false
	}
	seen[n] = true
	for _, o := range n.ops {
		row := o.Row
		if len(o.foreign) > 0 {
			row = o.foreign[0].row
		}
		if (o.Kind == summary.Outbound || o.Kind == summary.Interface) && catalog.Effect(row.Effect) == catalog.Call && !o.Middle {
			row.Deadline = uint8(catalog.ByClient)
			if o.Context != 0 {
				row.Deadline = uint8(catalog.ByContext)
			}
			return row, true
		}
		if o.Kind == summary.Extern {
			continue
		}
		for _, t := range o.targets {
			if row, ok := p.leavesGenerated(t, seen); ok {
				return row, true
			}
		}
	}
	return summary.Row{}, false
}

// verdict decides whether a call is guarded, bounded, and worth reporting.
func (p *program) verdict(c *call) {
	o, n := c.op, c.op.node
	c.excluded = p.exclusion(c)
	c.bound = p.boundOf(c)
	switch {
	case n.file.Test:
	case o.Region != "":
		c.guard = o.Region
	case n.covered() != "":
		c.guard = n.covered()
	default:
		if g, known := p.guardOfReceivers(c); g != "" {
			c.guard = g
		} else if !known && !p.whole && p.carrier(c) {
			c.unknown = true
		}
	}
	if c.guard != "" || n.file.Test {
		return
	}
	switch {
	case o.Go && n.state&reached != 0: // outside whatever runs the function
	case n.state&exposed != 0:
	case n.state&maybe != 0:
		c.unknown = true
	default:
		c.guard = cmp.Or(n.guard, "guard")
		c.unknown = false
	}
}

// short is the callee for messages: "(*http.Client).Do".
func (c *call) short() string { return c.op.shown() }

// shown is the called function for people. Static calls are named after what
// they call, to keep summaries small.
func (o *op) shown() string {
	if o.Shown != "" {
		return o.Shown
	}
	if len(o.targets) > 0 {
		return o.targets[0].title()
	}
	return o.Callee[strings.LastIndexByte(o.Callee, '/')+1:]
}

// carrier reports whether a guard might be inside the receiver.
func (p *program) carrier(c *call) bool {
	return c.op.Recv != 0 && (c.op.Kind == summary.Outbound || c.op.Kind == summary.Interface)
}

// guardOfReceivers returns the guard inside everything the call may be made on.
func (p *program) guardOfReceivers(c *call) (guard string, known bool) {
	if g := p.foldGuard(c.op.v(c.op.Recv), lastName(c.callee)); g != "" {
		return g, true
	}
	p.streaming = c.row.Stream
	defer func() { p.streaming = false }()
	if c.op.Kind == summary.Interface && len(c.values) > 0 {
		for _, val := range c.values {
			x := &p.values[val]
			if p.isMarker(x) {
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
	if c.op.Kind != summary.Outbound && c.op.Kind != summary.Interface {
		return "", true
	}
	if c.op.Recv == 0 {
		guard, known = p.guardAll(p.defaultClient(c))
	} else {
		guard, known = p.guardAll(c.op.v(c.op.Recv))
	}
	if guard != "" || !known && !p.whole || strings.Contains(c.callee, "net/http.") {
		return guard, known // a request carries no guard
	}
	// The client may be an argument: script.Run(ctx, client, keys).
	for _, a := range c.op.Args {
		if v := c.op.v(a); v != 0 && a != c.op.Context && !p.requests(v) {
			if g, _ := p.guardAll(v); g != "" {
				return g, true
			}
		}
	}
	return "", known
}

// requests reports whether a variable holds what is sent and not what sends it.
func (p *program) requests(v int32) bool {
	for val := range p.pts[v] {
		if x := &p.values[val]; x.Kind == summary.FuncValue || x.Name == "net/http.Request" {
			return true
		}
	}
	return false
}

// defaultClient: the functions of net/http use http.DefaultClient.
func (p *program) defaultClient(c *call) int32 {
	if strings.HasPrefix(c.callee, "net/http.") {
		return p.vars["G net/http.DefaultClient"]
	}
	return 0
}

// exclusion returns why a call is counted but not reported.
func (p *program) exclusion(c *call) string {
	n := c.op.node
	switch {
	case n.file.Test:
		return "test file"
	case n.helper:
		return "test helper"
	case generated(n):
		return "generated file"
	case catalog.Effect(c.row.Effect) == catalog.Counted:
		return c.row.Why
	}
	if shutdown[lastName(n.Name)] || c.op.Deferred && lastName(c.callee) == "Flush" {
		return "shutdown clean-up"
	}
	return ""
}

// testPackage reports whether a package is there for tests, by its folders:
// testutil, storagetest, mocks. Commands and the module's own path aside.
func testPackage(k *summary.Package) bool {
	if k.Main {
		return false
	}
	rest := strings.TrimPrefix(strings.TrimPrefix(k.Path, k.Module), "/")
	if k.Module == "" {
		rest = path.Base(k.Path)
	}
	for folder := range strings.SplitSeq(rest, "/") {
		if testFolders[folder] || strings.HasPrefix(folder, "testutil") || strings.HasPrefix(folder, "testfixture") || strings.HasPrefix(folder, "testhelper") {
			return true
		}
	}
	return false
}

var testFolders = map[string]bool{"test": true, "tests": true, "testing": true, "testdata": true, "e2e": true, "mock": true, "mocks": true, "fixtures": true}

var shutdown = map[string]bool{"Close": true, "Shutdown": true, "Stop": true, "TearDown": true, "Teardown": true, "Cleanup": true}

func lastName(name string) string {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[i+1:]
	}
	return name
}

// report turns judged calls into the lines of the coverage report.
func (p *program) report(calls []call) []finding.Call {
	var out []finding.Call
	for _, c := range calls {
		n := c.op.node
		if !n.pkg.own {
			continue
		}
		out = append(out, finding.Call{
			Pos: p.position(n, c.op.Pos), Package: n.pkg.Path, Func: n.Name, Callee: c.callee,
			Dependency: c.row.Dependency, Guard: c.guard, Deadline: c.bound == bounded,
			Excluded: c.excluded, Unknown: c.unknown && c.excluded == "",
		})
	}
	slices.SortFunc(out, finding.CompareCalls)
	return out
}

func (p *program) position(n *node, at summary.Pos) token.Position {
	if at.LineAs != 0 {
		return token.Position{Filename: at.As, Offset: int(at.Offset), Line: int(at.LineAs), Column: int(at.ColAs)}
	}
	return token.Position{Filename: n.pkg.Files[at.File].Name, Offset: int(at.Offset), Line: int(at.Line), Column: int(at.Col)}
}

func (p *program) end(n *node, at summary.Pos) token.Position {
	pos := p.position(n, at)
	if pos.Column > 0 { // a //line comment may leave it open
		pos.Column += int(at.End - at.Offset)
	}
	pos.Offset = int(at.End)
	return pos
}

// title is the name of a function in messages: "(*shop.Store).Load".
func (n *node) title() string {
	pkg := path.Base(n.pkg.Path)
	if n.pkg.Main {
		pkg = "main"
	}
	if rest, ok := strings.CutPrefix(n.Name, "(*"); ok {
		return "(*" + pkg + "." + rest
	}
	if rest, ok := strings.CutPrefix(n.Name, "("); ok {
		return "(" + pkg + "." + rest
	}
	return pkg + "." + n.Name
}

// trail returns the unguarded path to n, entry point first.
func (p *program) trail(n *node) []*edge {
	var out []*edge
	seen := make(map[*node]bool)
	for n.via != nil && !seen[n] {
		seen[n] = true
		out = append(out, n.via)
		n = n.via.from
	}
	slices.Reverse(out)
	return out
}

// along says where n is: on which path, entry point first, or just in itself.
func along(trail []*edge, n *node) string {
	var names []string
	for _, e := range trail {
		names = append(names, e.from.title())
		if e.through != nil {
			names = append(names, e.through.title())
		}
	}
	if names = slices.Compact(append(names, n.title())); len(names) > 1 {
		return "on the path " + spell(names)
	}
	return "in " + n.title()
}

// spell spells a path; a long one without its middle.
func spell(names []string) string {
	if len(names) > 8 {
		names = append(append(names[:3:3], "…"), names[len(names)-4:]...)
	}
	return strings.Join(names, " → ")
}

// placesAlong returns the places along a trail, for tools that link them.
func (p *program) placesAlong(trail []*edge) []finding.Related {
	var out []finding.Related
	for _, e := range trail {
		if e.from == e.to.outer && e.from.Name == e.to.Name && e.through == nil {
			continue
		}
		message := e.from.title() + " runs " + e.to.title()
		if e.through != nil {
			message = e.from.title() + " has " + e.to.title() + " run by " + e.through.title()
		}
		out = append(out, finding.Related{Pos: p.position(e.from, e.op.Pos), Message: message})
	}
	return out
}
