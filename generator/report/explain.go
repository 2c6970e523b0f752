package report

import (
	"bytes"
	"fmt"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/resilgo/resil/generator/directive"
	"github.com/resilgo/resil/generator/model"
	resil "github.com/resilgo/resil/runtime"
)

// Explain returns the output of `resilgen explain X.Method`: the policies in
// force, outermost first, with the source of each value. name is
// "Interface.Method", optionally with the package's name or import path before
// it. The error says that there is no such method and names the nearest.
func Explain(in Input, name string) ([]byte, error) {
	var b bytes.Buffer
	var all, members, owners []string
	for _, d := range in.dependencies() {
		for _, i := range d.Interfaces {
			path := i.Object.Pkg().Path() + "."
			for _, m := range i.Methods {
				title := d.method(i, m)
				all = append(all, i.Name+"."+m.Name, title)
				switch name {
				case i.Name, qualified(i), path + i.Name, i.Name + ".":
					members = append(members, title)
				case m.Name, "." + m.Name:
					owners = append(owners, title)
				case i.Name + "." + m.Name, qualified(i) + "." + m.Name, path + i.Name + "." + m.Name:
					if b.Len() > 0 {
						b.WriteByte('\n')
					}
					explain(&b, in, d, i, m)
				}
			}
		}
	}
	switch near := directive.Nearest(name, all); {
	case b.Len() > 0:
		return b.Bytes(), nil
	case members != nil:
		return nil, fmt.Errorf("%s is an interface; name a method, one of %s", strings.TrimSuffix(name, "."), strings.Join(members, ", "))
	case owners != nil:
		return nil, fmt.Errorf("%s is a method; name its interface too: %s", strings.TrimPrefix(name, "."), strings.Join(owners, " or "))
	case near != "":
		return nil, fmt.Errorf("no guarded interface has %q; did you mean %s?", name, near)
	default:
		return nil, fmt.Errorf("no guarded interface has %q; resilgen list shows all", name)
	}
}

func explain(b *bytes.Buffer, in Input, d *dependency, i *model.Interface, m *model.Method) {
	fmt.Fprintf(b, "%s.%s of dependency %s: ", qualified(i), m.Name, d.Name)
	if !m.Guarded() {
		fmt.Fprintf(b, "plain, forwarded untouched: %s (%s)\n", oneLine(m.PlainReason), source(in, lineOrNothing(m.PlainLine)))
		return
	}
	fmt.Fprintf(b, "%s\n\n", kind(m))
	w := tabwriter.NewWriter(b, 0, 4, 2, ' ', 0)
	row := func(name, text, from string) { fmt.Fprintf(w, "%s\t%s\t%s\n", name, text, from) }

	row("dependency", "criticality="+d.criticality().String(), settingSource(in, d.Criticality, "criticality"))
	row("", "down="+d.down().String(), settingSource(in, d.Down, "down"))
	for n, mark := range m.Marks {
		name := ""
		if n == 0 {
			name = "marks"
		}
		row(name, string(mark.Verb), source(in, mark.Pos))
	}
	for _, l := range resil.Levels() {
		name := ""
		if l == resil.Optimal {
			name = "level"
		}
		row(name, l.String()+"="+m.Levels.At(l).String(), levelSource(in, m, l))
	}
	policies := d.policies(m)
	if m.Timeout == nil {
		at := slices.IndexFunc(policies, func(p policy) bool { return p.name == "breaker" }) + 1
		for at < len(policies) && strings.HasPrefix(policies[at].name, "rate") {
			at++
		}
		policies = slices.Insert(policies, at, policy{name: "timeout", values: []value{{text: "none"}}})
	}
	for _, p := range policies {
		for n, v := range p.values {
			name := ""
			if n == 0 {
				name = p.name
			}
			row(name, v.text, source(in, v.source))
		}
	}
	row("client", signature(i, m), in.place(m.Pos))
	_ = w.Flush() // into memory

	fmt.Fprintf(b, "\n%s\n", longest(m))
	for _, p := range m.Passed {
		fmt.Fprintf(b, "Passed over: %s at %s: %s.\n", strings.TrimPrefix(p.Line.Text, directive.Prefix), in.place(p.Line.Pos), p.Reason)
	}
}

// longest says how long a call may take. Each fallback that does something is
// bounded as an attempt is.
func longest(m *model.Method) string {
	if m.WorstCase == 0 {
		return "Nothing but the caller's context bounds a call."
	}
	call := "A call takes at most " + directive.Duration(m.WorstCase)
	attempt, withFallbacks := m.Timeout.Value.Attempt, m.WorstCase
	acts := false
	for _, f := range m.Fallbacks {
		if f.Spec.Strategy == resil.StrategyCall || f.Spec.Strategy == resil.StrategyOutbox {
			acts = true
			withFallbacks += attempt
		}
	}
	switch {
	case !acts:
		return call + "."
	case attempt == 0:
		return call + "; nothing but the caller's context bounds its fallback."
	default:
		return call + "; where it falls back, " + directive.Duration(withFallbacks) + "."
	}
}

func signature(i *model.Interface, m *model.Method) string {
	return m.Name + strings.TrimPrefix(types.TypeString(m.Signature, func(p *types.Package) string {
		if p == i.Object.Pkg() {
			return ""
		}
		return p.Name()
	}), "func")
}

func lineOrNothing(d *directive.Directive) token.Pos {
	if d == nil {
		return token.NoPos
	}
	return d.Pos
}

// source names where a value comes from.
func source(in Input, pos token.Pos) string {
	if pos == token.NoPos {
		return "default"
	}
	return in.place(pos)
}

func settingSource[T any](in Input, s *model.Setting[T], key string) string {
	if s == nil {
		return "default"
	}
	pos, _ := s.Lines[0].At(key)
	return in.place(pos)
}

// levelSource names the line that states a level's action, also where the
// action only follows from that of a better level.
func levelSource(in Input, m *model.Method, l resil.Level) string {
	if m.Degrade == nil {
		return "default"
	}
	if pos, ok := m.Degrade.At(l.String()); ok {
		return in.place(pos)
	}
	for better := l - 1; better >= resil.Optimal; better-- {
		if pos, ok := m.Degrade.At(better.String()); ok && m.Levels.At(better) == m.Levels.At(l) && m.Levels.At(l) > resil.ActCall {
			return "follows from " + better.String() + " at " + in.place(pos)
		}
	}
	return "default"
}
