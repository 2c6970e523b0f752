package model

import (
	"go/ast"
	"go/token"
	"strings"

	"github.com/resilgo/resil/generator/directive"
	resil "github.com/resilgo/resil/runtime"
)

// scope is what the rules of one interface need at hand.
type scope struct {
	b    *builder
	i    *Interface
	file *ast.File // the source file it is declared in

	remarks []remark // notes on its methods
}

// rank is how specifically a line speaks of a method; more specific lines win.
type rank uint8

const (
	unsaid  rank = iota
	byGlob       // a pattern on the interface
	byName       // the exact name on the interface
	byOwner      // the method's own line
)

// marking is one line that marks a method.
type marking struct {
	line *directive.Directive
	rank rank
	pos  token.Pos // of the pattern, or of the method's own line
	end  token.Pos
}

// mark decides for each method whether it is guarded, read, write, idempotent,
// essential and the health probe.
func (s *scope) mark() {
	said := map[*Method][]marking{}
	for _, d := range s.i.Directives {
		mark, ok := d.Value.(directive.Mark)
		if !ok {
			continue
		}
		for _, p := range mark.Patterns {
			s.spread(d, p, said)
		}
	}
	for _, m := range s.i.Methods {
		for _, d := range m.Directives {
			if _, ok := d.Value.(directive.Mark); ok {
				said[m] = append(said[m], marking{d, byOwner, d.Pos, d.End})
			}
		}
		s.markMethod(m, said[m])
	}
}

// spread gives a pattern's mark to the methods it matches.
func (s *scope) spread(d *directive.Directive, p directive.Pattern, said map[*Method][]marking) {
	how := byName
	if strings.ContainsAny(p.Text, "*?") {
		how = byGlob
	}
	end := p.Pos + token.Pos(len(p.Text))
	matched := false
	for _, m := range s.i.Methods {
		if glob(p.Text, m.Name) {
			matched = true
			said[m] = append(said[m], marking{d, how, p.Pos, end})
		}
	}
	if !matched {
		names := make([]string, 0, len(s.i.Methods))
		for _, m := range s.i.Methods {
			names = append(names, m.Name)
		}
		s.b.problemf(p.Pos, end, "%s matches no method of %s; %s", p.Text, s.i.Name, didYouMean(p.Text, names, "remove it"))
	}
}

// glob matches a name against a pattern of letters, * and ?.
func glob(pattern, name string) bool {
	p, n := []rune(pattern), []rune(name)
	star, retry := -1, 0
	i, j := 0, 0
	for j < len(n) {
		switch {
		case i < len(p) && (p[i] == '?' || p[i] == n[j]) && p[i] != '*':
			i, j = i+1, j+1
		case i < len(p) && p[i] == '*':
			star, retry = i, j
			i++
		case star >= 0:
			retry++
			i, j = star+1, retry
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

func (s *scope) markMethod(m *Method, said []marking) {
	by, impossible := m.judge()
	if by != "" {
		m.PlainReason = by
		s.plainByItself(m, said)
		return
	}
	if s.plain(m, said) {
		return
	}
	switch {
	case impossible != "":
		s.b.problemf(s.place(m), token.NoPos, "%s.%s %s; add //resil:plain %s REASON above %s", s.i.Name, m.Name, impossible, m.Name, s.i.Name)
	case m.invalid():
		s.b.problemf(s.place(m), token.NoPos, "%s.%s uses a type that does not resolve; correct its declaration first", s.i.Name, m.Name)
	}
	s.kind(m, said)
	for _, k := range said {
		switch k.line.Verb {
		case directive.VerbIdempotent:
			m.Idempotent = true
		case directive.VerbEssential:
			m.Essential = true
		case directive.VerbHealth:
			s.health(m, k)
			continue
		case directive.VerbPlain:
			continue
		case directive.VerbRead, directive.VerbWrite:
			continue // kind has noted the one that counts
		default: // a policy, not a mark
		}
		m.Marks = append(m.Marks, k.line)
	}
}

// plainByItself checks that nothing was said of a method that is forwarded
// whatever is said.
func (s *scope) plainByItself(m *Method, said []marking) {
	for _, k := range said {
		switch {
		case k.line.Verb == directive.VerbHealth:
			s.health(m, k)
		case k.line.Verb != directive.VerbPlain && k.rank > byGlob:
			s.b.problemf(k.pos, k.end, "%s on %s.%s, which is forwarded untouched: %s; remove it", k.line.Verb, s.i.Name, m.Name, m.PlainReason)
		case k.line.Verb == directive.VerbPlain && m.PlainLine == nil:
			m.PlainLine, m.PlainReason = k.line, k.line.Value.(directive.Mark).Reason
		}
	}
	s.noPolicies(m)
}

// noPolicies complains of policies of a method that is forwarded untouched.
func (s *scope) noPolicies(m *Method) {
	for _, d := range m.Directives {
		if _, mark := d.Value.(directive.Mark); !mark {
			s.b.linef(d, "%s on %s.%s, which is forwarded untouched: %s; remove one of the two", d.Verb, s.i.Name, m.Name, m.PlainReason)
		}
	}
}

// plain decides whether a method that could be guarded is to be forwarded. The
// most specific line wins; lines that say both at once contradict.
func (s *scope) plain(m *Method, said []marking) bool {
	var plain, other marking
	for _, k := range said {
		switch {
		case k.line.Verb == directive.VerbHealth:
		case k.line.Verb == directive.VerbPlain && k.rank > plain.rank:
			plain = k
		case k.line.Verb != directive.VerbPlain && k.rank > other.rank:
			other = k
		}
	}
	if plain.line == nil {
		return false
	}
	policies := false
	for _, d := range m.Directives {
		if _, mark := d.Value.(directive.Mark); !mark {
			policies = true
		}
	}
	switch {
	case plain.rank == other.rank:
		s.b.problemf(plain.pos, plain.end, "plain and %s both speak of %s.%s; keep one", other.line.Verb, s.i.Name, m.Name)
	case plain.rank < other.rank, plain.rank == byGlob && policies:
		return false
	}
	m.PlainLine, m.PlainReason = plain.line, plain.line.Value.(directive.Mark).Reason
	s.noPolicies(m)
	for _, k := range said {
		if k.line.Verb == directive.VerbHealth {
			s.health(m, k)
		}
	}
	return true
}

// kind decides between read and write.
func (s *scope) kind(m *Method, said []marking) {
	var best marking
	isKind := func(k marking) bool { return k.line.Verb == directive.VerbRead || k.line.Verb == directive.VerbWrite }
	for _, k := range said {
		if isKind(k) && k.rank > best.rank {
			best = k
		}
	}
	if best.line == nil {
		return
	}
	for _, k := range said {
		if isKind(k) && k.rank == best.rank && k.line.Verb != best.line.Verb {
			s.b.problemf(k.pos, k.end, "%s.%s is marked both read and write; name it in one of them", s.i.Name, m.Name)
		}
	}
	m.Kind = resil.Write
	if best.line.Verb == directive.VerbRead {
		m.Kind = resil.Read
	}
	m.Marks = append(m.Marks, best.line)
}

// health makes a method the probe of the dependency.
func (s *scope) health(m *Method, k marking) {
	rest := len(m.Params)
	if m.Context >= 0 {
		rest--
	}
	if m.Variadic {
		rest--
	}
	switch {
	case m.Context < 0 || rest > 0:
		s.b.problemf(k.pos, k.end, "health on %s.%s, which takes more or less than a context; mark a method like Ping(ctx context.Context) error", s.i.Name, m.Name)
	case len(m.Errors) == 0 && m.Command < 0:
		s.b.problemf(k.pos, k.end, "health on %s.%s, which returns no error; mark a method like Ping(ctx context.Context) error", s.i.Name, m.Name)
	case s.i.Health == m: // marked twice, by name and by glob
	case s.i.Health != nil:
		s.b.problemf(k.pos, k.end, "health on both %s and %s of %s; mark one", s.i.Health.Name, m.Name, s.i.Name)
	default:
		s.i.Health = m
		m.Health = true
		m.Marks = append(m.Marks, k.line)
	}
}

// place returns where to complain of a method: at the method if the package
// declares it, else at the guard.
func (s *scope) place(m *Method) token.Pos {
	if s.b.fields[m.Pos] != nil {
		return m.Pos
	}
	return s.i.Guard.Pos
}
