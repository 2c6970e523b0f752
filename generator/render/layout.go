package render

import (
	"bytes"
	"unicode/utf8"
)

// layout lays source text out as gofmt does, in a small part of the time. It
// knows only what this package renders: each statement, field and element of a
// list already stands on a line of its own, each comment as gofmt wants it. Of
// anything else, an anonymous struct with fields for instance, it reports
// false: then gofmt has to do it.
func layout(text []byte) ([]byte, bool) {
	l := &layouter{out: make([]byte, 0, len(text)+len(text)/4)}
	for line := range bytes.Lines(text) {
		if !l.line(bytes.TrimSpace(line)) {
			return nil, false
		}
	}
	l.align()
	return l.out, len(l.open) == 0
}

// layouter is the state of laying out one file.
type layouter struct {
	out    []byte
	open   []bracket
	indent int
	blank  bool // an empty line is due before the next
	joined bool // the next line continues the one before

	// Of the line at hand.
	tokens []lexeme
	prev   lexeme // written last; the zero lexeme at the start of the line
	glued  bool   // the next token follows prev without a space
	signed bool   // prev belongs to the signature of a function, behind its parameters
	params bool   // the next parenthesis opens the parameters of a function

	// Lines at the end of out whose columns align.
	rows    []row
	scratch []byte
}

// bracket is an open parenthesis, bracket or brace.
type bracket struct {
	kind   bracketKind
	signed bool // what holds again behind it
	block  bool // it ends its line
}

type bracketKind uint8

const (
	other      bracketKind = iota
	element                // [] of a slice, [4] of an array, [K] of a map
	index                  // [ of type arguments and type parameters
	parameters             // ( of a function
	methods                // { of an interface
	members                // { of a struct
	literal                // { of a composite literal
)

// row is a line: where it starts in out, and where its second and third column
// do, 0 for none.
type row struct{ start, second, third int }

// line lays out one line, without the space around it.
func (l *layouter) line(text []byte) bool {
	switch {
	case len(text) == 0:
		l.align()
		l.blank = len(l.out) > 0
		return true
	case bytes.HasPrefix(text, []byte("//")):
		l.align()
		l.begin(l.indent)
		l.out = append(l.out, text...)
		l.out = append(l.out, '\n')
		return true
	}
	var ok bool
	if l.tokens, ok = lex(l.tokens[:0], text); !ok {
		return false
	}
	indent := l.indent
	if closes(l.tokens[0]) && l.inBlock(other, parameters, methods, members, literal) {
		l.blank = false
		indent--
	}
	if l.joined {
		indent++
	}
	isRow := l.isRow()
	if !isRow {
		l.align()
	}
	l.begin(indent)
	r := row{start: len(l.out)}
	l.prev, l.glued, l.signed, l.params = lexeme{}, false, false, false
	for i, x := range l.tokens {
		if isRow && (i == 2 && l.prev.is(":") || i == 1 && !x.is(":")) {
			r.second, l.glued = len(l.out), true
		} else if isRow && x.kind == raw {
			r.third, l.glued = len(l.out), true
		}
		if !l.token(i, x) {
			return false
		}
	}
	l.out = append(l.out, '\n')
	if isRow {
		l.rows = append(l.rows, r)
	}
	return l.end()
}

// begin starts a line.
func (l *layouter) begin(indent int) {
	if l.blank {
		l.out = append(l.out, '\n')
		l.blank = false
	}
	for range indent {
		l.out = append(l.out, '\t')
	}
}

// end notes what a line means for the next.
func (l *layouter) end() bool {
	l.joined = l.prev.is("||")
	if opens(l.prev) {
		l.open[len(l.open)-1].block = true
		l.indent++
	} else if l.indent == 0 && closes(l.tokens[0]) {
		l.blank = true // behind a declaration
	}
	return l.indent >= 0
}

// inBlock reports whether the innermost bracket ends its line and is of one of
// the kinds.
func (l *layouter) inBlock(kinds ...bracketKind) bool {
	last := len(l.open) - 1
	if last < 0 || !l.open[last].block {
		return false
	}
	for _, k := range kinds {
		if l.open[last].kind == k {
			return true
		}
	}
	return false
}

// isRow reports whether the line aligns with its neighbours: a field of a
// struct, or an element with its key that ends on the same line.
func (l *layouter) isRow() bool {
	if closes(l.tokens[0]) || len(l.tokens) < 2 {
		return false
	}
	return l.inBlock(members) || l.inBlock(literal) && l.tokens[1].is(":") && !opens(l.tokens[len(l.tokens)-1])
}

// align aligns the rows at the end of out.
func (l *layouter) align() {
	if len(l.rows) == 0 {
		return
	}
	width, wide := 0, 0 // of the first and of the second column
	for _, r := range l.rows {
		width = max(width, utf8.RuneCount(l.out[r.start:r.second]))
		if r.third > 0 {
			wide = max(wide, utf8.RuneCount(l.out[r.second:r.third]))
		}
	}
	from := l.rows[0].start
	l.scratch = append(l.scratch[:0], l.out[from:]...)
	tail := l.scratch
	l.out = l.out[:from]
	part := func(start, end int) []byte { return tail[start-from : end-from] }
	at := from
	for _, r := range l.rows {
		l.out = append(l.out, part(at, r.second)...)
		l.pad(width + 1 - utf8.RuneCount(part(r.start, r.second)))
		at = r.second
		if r.third > 0 {
			l.out = append(l.out, part(at, r.third)...)
			l.pad(wide + 1 - utf8.RuneCount(part(r.second, r.third)))
			at = r.third
		}
	}
	l.out = append(l.out, tail[at-from:]...)
	l.rows = l.rows[:0]
}

func (l *layouter) pad(n int) {
	for range n {
		l.out = append(l.out, ' ')
	}
}

// token writes the i-th token of the line.
func (l *layouter) token(i int, x lexeme) bool {
	space, ok := l.spaced(i, x)
	if !ok {
		return false
	}
	if space && i > 0 && !l.glued {
		l.out = append(l.out, ' ')
	}
	l.out = append(l.out, x.text...)
	l.glued = false
	switch {
	case x.kind == mark:
		ok = l.mark(i, x)
	case x.is("func"):
		ok = !l.params
		l.params, l.signed = true, false
		l.glued = !l.declares()
	}
	l.prev = x
	return ok
}

// declares reports whether the line declares a function or method.
func (l *layouter) declares() bool { return l.indent == 0 && l.tokens[0].is("func") }

// next returns the token behind the i-th, the zero lexeme at the end.
func (l *layouter) next(i int) lexeme {
	if i+1 < len(l.tokens) {
		return l.tokens[i+1]
	}
	return lexeme{}
}

// innermost returns the kind of the bracket that was opened last.
func (l *layouter) innermost() bracketKind {
	if len(l.open) == 0 {
		return other
	}
	return l.open[len(l.open)-1].kind
}

// spaced reports whether there is a space before the i-th token, unless the one
// before it is glued to what follows.
func (l *layouter) spaced(i int, x lexeme) (space, ok bool) {
	if x.kind != mark {
		return true, !unknown[string(x.text)]
	}
	switch string(x.text) {
	case ",", ";", ".", ")", "]", "}":
		return false, true
	case ":":
		return false, l.innermost() == literal
	case "...":
		return !l.next(i).is(")"), true
	case "(":
		return l.spacedParenthesis(i), true
	case "[":
		return l.elements(i) && !l.prev.is("map"), true
	case "{":
		return l.spacedBrace(i)
	case "*":
		return true, l.prev.kind != word || l.innermost() != index
	case "<-":
		return !l.prev.is("chan"), true
	default:
		return true, true
	}
}

// unknown are keywords of statements that are never rendered.
var unknown = map[string]bool{
	"case": true, "default": true, "defer": true, "else": true, "for": true, "go": true, "goto": true,
	"range": true, "select": true, "switch": true,
}

func (l *layouter) spacedParenthesis(i int) bool {
	switch {
	case l.prev.is(")"):
		return l.signed
	case l.prev.is("func"):
		return l.declares() && i == 1
	case l.prev.kind == word:
		return l.prev.is("chan") || l.prev.is("import") || l.prev.is("return")
	default:
		return !closes(l.prev)
	}
}

// elements reports whether the bracket at i belongs to the type of a slice, an
// array or a map.
func (l *layouter) elements(i int) bool {
	next := l.next(i)
	return l.prev.is("map") || next.is("]") || next.kind == number && l.next(i+1).is("]")
}

func (l *layouter) spacedBrace(i int) (space, ok bool) {
	last := i == len(l.tokens)-1
	switch {
	case l.prev.is("struct") || l.prev.is("interface"):
		return last, last || l.next(i).is("}")
	case l.bodyAt(i):
		return true, true
	default:
		return l.prev.is(",") || l.prev.is(":"), true
	}
}

// bodyAt reports whether the brace at i opens the body of a function or an if.
func (l *layouter) bodyAt(i int) bool {
	return l.signed && !l.prev.is("struct") && !l.prev.is("interface") ||
		l.tokens[0].is("if") && i == len(l.tokens)-1
}

// mark notes what the i-th token, which is not a word, means for what follows.
func (l *layouter) mark(i int, x lexeme) bool {
	switch string(x.text) {
	case "(", "[", "{":
		return l.push(i, x)
	case ")", "]", "}":
		return l.pop(i)
	case ".", "&", "~", "...":
		l.glued = true
	case "*":
		l.glued = l.prev.kind != number
	case "<-":
		l.glued = !l.prev.is("chan")
	default: // separators and operators end a signature
		l.signed = false
	}
	return true
}

func (l *layouter) push(i int, x lexeme) bool {
	b := bracket{signed: l.signed}
	switch {
	case x.is("(") && (l.params || i == 1 && l.inBlock(methods)):
		if l.innermost() == index {
			return false
		}
		if l.declares() && i == 1 { // a receiver
			break
		}
		b.kind, l.params = parameters, false
	case x.is("[") && l.elements(i):
		b.kind = element
	case x.is("["):
		b.kind = index
	case x.is("{") && l.prev.is("struct"):
		b.kind = members
	case x.is("{") && l.prev.is("interface"):
		b.kind = methods
	case x.is("{") && l.bodyAt(i):
		b.signed = false
	case x.is("{"):
		b.kind = literal
	}
	l.open = append(l.open, b)
	l.glued, l.signed = true, false
	return true
}

func (l *layouter) pop(i int) bool {
	last := len(l.open) - 1
	if last < 0 {
		return false
	}
	b := l.open[last]
	l.open = l.open[:last]
	if b.block {
		if i > 0 {
			return false
		}
		l.indent--
	}
	l.signed = b.signed || b.kind == parameters
	l.glued = b.kind == element
	return true
}

// lexeme is a token.
type lexeme struct {
	kind lexemeKind
	text []byte
}

type lexemeKind uint8

const (
	word   lexemeKind = iota + 1 // identifiers, keywords, strings in double quotes
	number                       // without a sign
	raw                          // strings in back quotes
	mark
)

func (x lexeme) is(text string) bool { return string(x.text) == text }

func opens(x lexeme) bool { return x.is("(") || x.is("[") || x.is("{") }

func closes(x lexeme) bool { return x.is(")") || x.is("]") || x.is("}") }

// lex appends the tokens of a line, and reports whether it knows them all.
func lex(list []lexeme, text []byte) ([]lexeme, bool) {
	for len(text) > 0 {
		if text[0] == ' ' || text[0] == '\t' {
			text = text[1:]
			continue
		}
		kind, n := measure(text)
		if n == 0 {
			return list, false
		}
		list = append(list, lexeme{kind, text[:n]})
		text = text[n:]
	}
	return list, true
}

// measure returns the kind and the length of the token at the start of text,
// 0 if it does not know it.
func measure(text []byte) (lexemeKind, int) {
	switch c := text[0]; {
	case isLetter(c):
		n := 1
		for n < len(text) && (isLetter(text[n]) || isDigit(text[n])) {
			n++
		}
		return word, n
	case isDigit(c):
		return number, measureNumber(text)
	case c == '"':
		for n := 1; n < len(text); n++ {
			switch text[n] {
			case '\\':
				n++
			case '"':
				return word, n + 1
			}
		}
		return word, 0
	case c == '`':
		return raw, bytes.IndexByte(text[1:], '`') + 2
	default:
		return mark, measureMark(text)
	}
}

func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= utf8.RuneSelf
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func measureNumber(text []byte) int {
	for n, c := range text {
		sign := (c == '-' || c == '+') && (text[n-1] == 'e' || text[n-1] == 'E')
		if !isLetter(c) && !isDigit(c) && c != '.' && !sign {
			return n
		}
	}
	return len(text)
}

func measureMark(text []byte) int {
	for _, m := range []string{"...", ":=", "||", "==", "!=", "<-"} {
		if len(text) >= len(m) && string(text[:len(m)]) == m {
			return len(m)
		}
	}
	if bytes.IndexByte([]byte("()[]{},;:.*&~|="), text[0]) < 0 {
		return 0
	}
	return 1
}
