package load

import "bytes"

// withoutBodies returns the source text of a dependency with spaces in place
// of what its functions do, which nobody will look at and which is most of what
// a parser would have to read. Places in the text stay what they are. Of a text
// that it does not understand it changes nothing: the parser knows more.
func withoutBodies(src []byte) []byte {
	s := stripper{src: src}
	for s.next() {
	}
	if s.failed || s.depth != 0 || s.body != 0 {
		return src
	}
	return s.stripped()
}

// stripper finds the bodies of the functions that a file declares.
type stripper struct {
	src    []byte
	at     int
	failed bool

	depth  int  // of brackets of any kind, bodies included
	inFunc bool // between the keyword of a declaration and its body or end
	typ    bool // the token before was struct or interface: a brace is not a body
	fresh  bool // nothing but space since the last line break
	body   int  // where the body at hand starts, 0 outside of one
	level  int  // of depth outside of the body
	spans  [][2]int
}

// stripped returns src with its spans blank but for line breaks.
func (s *stripper) stripped() []byte {
	if len(s.spans) == 0 {
		return s.src
	}
	out := bytes.Clone(s.src)
	for _, span := range s.spans {
		for i := span[0]; i < span[1]; i++ {
			if out[i] != '\n' {
				out[i] = ' '
			}
		}
	}
	return out
}

// next reads one token.
func (s *stripper) next() bool {
	if s.at >= len(s.src) || s.failed {
		return false
	}
	fresh, typ := s.fresh || s.at == 0, s.typ
	s.fresh, s.typ = false, false
	switch c := s.src[s.at]; {
	case c == '\n':
		s.at++
		s.fresh, s.typ = true, typ
	case c == ' ' || c == '\t' || c == '\r':
		s.at++
		s.fresh, s.typ = fresh, typ
	case c == '"' || c == '\'':
		s.quoted(c)
	case c == '`':
		s.to("`", 1)
	case c == '/' && bytes.HasPrefix(s.src[s.at:], []byte("//")):
		s.line()
		s.typ = typ
	case c == '/' && bytes.HasPrefix(s.src[s.at:], []byte("/*")):
		s.to("*/", 2)
		s.fresh, s.typ = fresh, typ
	case c == '(' || c == '[' || c == '{':
		s.open(c, typ)
	case c == ')' || c == ']' || c == '}':
		s.close()
	case isWordByte(c):
		s.word(fresh)
	default:
		s.at++
	}
	return true
}

func isWordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c >= 0x80
}

// word reads an identifier, a keyword or a number.
func (s *stripper) word(fresh bool) {
	start := s.at
	for s.at < len(s.src) && isWordByte(s.src[s.at]) {
		s.at++
	}
	if s.body > 0 {
		return
	}
	switch string(s.src[start:s.at]) {
	case "func":
		s.inFunc = s.inFunc || fresh && s.depth == 0
	case "struct", "interface":
		s.typ = true
	case "const", "import", "type", "var":
		s.inFunc = s.inFunc && (!fresh || s.depth > 0) // that one had no body
	}
}

func (s *stripper) open(c byte, typ bool) {
	s.at++
	if s.inFunc && s.depth == 0 && s.body == 0 && c == '{' && !typ {
		s.body, s.level, s.inFunc = s.at, s.depth, false
	}
	s.depth++
}

func (s *stripper) close() {
	s.depth--
	s.failed = s.depth < 0
	if s.body > 0 && s.depth == s.level {
		s.spans = append(s.spans, [2]int{s.body, s.at})
		s.body = 0
	}
	s.at++
}

// quoted skips a string or a character.
func (s *stripper) quoted(quote byte) {
	for i := s.at + 1; i < len(s.src); i++ {
		switch s.src[i] {
		case '\\':
			i++
		case '\n':
			s.failed = true
			return
		case quote:
			s.at = i + 1
			return
		}
	}
	s.failed = true
}

// to skips what ends with end and is at least n bytes long before that.
func (s *stripper) to(end string, n int) {
	i := bytes.Index(s.src[s.at+n:], []byte(end))
	if i < 0 {
		s.failed = true
		return
	}
	s.at += n + i + len(end)
}

// line skips a comment up to the end of its line.
func (s *stripper) line() {
	if i := bytes.IndexByte(s.src[s.at:], '\n'); i >= 0 {
		s.at += i
	} else {
		s.at = len(s.src)
	}
}
