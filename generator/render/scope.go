package render

import (
	"go/scanner"
	"go/token"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// scope hands out identifiers that differ from all others in it.
type scope map[string]bool

// reserve keeps names from being handed out.
func (s scope) reserve(names ...string) {
	for _, n := range names {
		s[n] = true
	}
}

// take returns the first wish that is still free, or else the last one with a
// number that makes it so.
func (s scope) take(wishes ...string) string {
	for _, w := range wishes {
		if s.free(w) {
			s[w] = true
			return w
		}
	}
	last := wishes[len(wishes)-1]
	for i := 2; ; i++ {
		if w := last + strconv.Itoa(i); s.free(w) {
			s[w] = true
			return w
		}
	}
}

func (s scope) free(name string) bool { return !s[name] && !token.IsKeyword(name) && name != "_" }

// with returns a scope that holds all of s and of more.
func (s scope) with(more scope) scope {
	sum := make(scope, len(s)+len(more))
	for n := range s {
		sum[n] = true
	}
	for n := range more {
		sum[n] = true
	}
	return sum
}

// reserveIdents keeps every identifier in a piece of Go source from being
// handed out.
func (s scope) reserveIdents(source string) {
	var sc scanner.Scanner
	fset := token.NewFileSet()
	sc.Init(fset.AddFile("", fset.Base(), len(source)), []byte(source), nil, 0)
	for {
		_, tok, lit := sc.Scan()
		if tok == token.EOF {
			return
		}
		if tok == token.IDENT {
			s[lit] = true
		}
	}
}

// lowerFirst returns an exported name as an unexported one: Price gives price,
// HTTPGet gives httpGet, ID gives id.
func lowerFirst(name string) string {
	runes := []rune(name)
	n := 0
	for n < len(runes) && unicode.IsUpper(runes[n]) {
		n++
	}
	if n > 1 && n < len(runes) && unicode.IsLower(runes[n]) {
		n-- // the last upper-case letter begins the next word
	}
	for i := range n {
		runes[i] = unicode.ToLower(runes[i])
	}
	return string(runes)
}

// upperFirst returns name with its first letter in upper case.
func upperFirst(name string) string {
	r, size := utf8.DecodeRuneInString(name)
	return string(unicode.ToUpper(r)) + name[size:]
}
