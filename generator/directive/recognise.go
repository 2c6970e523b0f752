package directive

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"strings"
	"sync"
)

// nearMiss matches what a hurried author may have meant as a directive. Groups:
// the colon or what stands for it, and the word behind it. A second "//" is
// left alone: such lines show a directive in prose or are commented out.
var nearMiss = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^/[/*][\t +@]*(?i:resil|resilgen|resilvet)[\t ]*([:：=.\-]|[\t ])[\t ]*([\pL]+)`)
})

// recognise decides what a comment is: a directive, an attempt at one, or
// neither.
func recognise(c *ast.Comment) (*ast.Directive, *Problem) {
	if !mayConcernUs(c.Text) {
		return nil, misspelt(c)
	}
	if d, ok := ast.ParseDirective(c.Slash, c.Text); ok {
		if d.Tool == "resil" {
			if p := unprintable(c); p != nil {
				return nil, p
			}
			return &d, nil
		}
	}
	text, _, _ := strings.Cut(c.Text, "\n")
	m := nearMiss().FindStringSubmatch(text)
	switch {
	case m != nil && meansVerb(text, m[1], m[2]):
		word := strings.ToLower(m[2])
		verb := Nearest(word, verbNames())
		return nil, &Problem{c.Slash, c.Slash + token.Pos(len(text)), fmt.Sprintf(
			"%s is not a directive and is ignored by every tool; write %s%s, with nothing between // and the verb", show(start(text)), Prefix, verb)}
	case strings.HasPrefix(text, Prefix): // it claims to be one and nothing else
		return nil, &Problem{c.Slash, c.Slash + token.Pos(len(text)), fmt.Sprintf(
			"%s is not a directive; write %sVERB with one of %s", show(start(text)), Prefix, strings.Join(verbNames(), ", "))}
	}
	return nil, misspelt(c)
}

// misspelt finds a directive of a tool that nobody has, such as //reisl:guard.
// Only one mistake counts: //redis:read may well be somebody else's.
func misspelt(c *ast.Comment) *Problem {
	colon := strings.IndexByte(c.Text[:min(len(c.Text), 9)], ':') // "//" and at most six letters
	if colon < 6 || c.Text[1] != '/' {
		return nil
	}
	verb, _, _ := strings.Cut(c.Text[colon+1:], " ")
	if verb = strings.TrimRight(verb, "\t\r"); !isVerb(verb) || distance(strings.ToLower(c.Text[2:colon]), "resil") > 1 {
		return nil
	}
	text, _, _ := strings.Cut(c.Text, "\n")
	return &Problem{c.Slash, c.Slash + token.Pos(len(text)), fmt.Sprintf(
		"%s is not a directive of any tool and is ignored; did you mean %s%s?", show(text[:colon+1]+verb), Prefix, verb)}
}

// Attempted reports whether Go source holds a comment that looks like a
// directive and is none: a file whose only directive is misspelt is not to be
// passed over. It is made for reading much source that holds nothing of ours.
func Attempted(source []byte) bool {
	for {
		at := bytes.IndexByte(source, '/')
		if at < 0 || at+1 == len(source) {
			return false
		}
		source = source[at:]
		if (source[1] == '/' || source[1] == '*') && attempted(source) {
			return true
		}
		source = source[1:]
	}
}

// attempted reports whether the comment that source starts with is an attempt.
func attempted(source []byte) bool {
	text := source[:min(len(source), 64)] // deep enough for any near miss
	if end := bytes.IndexByte(text, '\n'); end >= 0 {
		text = text[:end]
	}
	word := bytes.TrimLeft(text[2:], "\t +@")
	if len(word) < 5 || word[0]|0x20 != 'r' {
		return false
	}
	_, problem := recognise(&ast.Comment{Slash: 1, Text: string(text)})
	return problem != nil
}

// mayConcernUs is a cheap filter in front of the real questions.
func mayConcernUs(text string) bool {
	n := min(len(text), 64) // deep enough for any near miss
	return strings.Contains(strings.ToLower(text[:n]), "resil")
}

// meansVerb reports whether the word behind "resil" was meant as a verb: prose
// such as "resil: the library" or "resil guard" is left alone.
func meansVerb(text, sep, word string) bool {
	word = strings.ToLower(word)
	switch {
	case strings.TrimSpace(sep) == "":
		return isVerb(word) && strings.HasPrefix(text, "//r")
	case strings.Contains(".-=", sep): //nolint:gocritic // any of these stands between
		return isVerb(word)
	}
	return Nearest(word, verbNames()) != ""
}

// start returns the first words of a near miss, for its message.
func start(text string) string {
	fields := strings.Fields(text)
	out := ""
	for _, f := range fields {
		if out != "" {
			out += " "
		}
		out += f
		if letters := strings.TrimLeft(f, "/*+@"); letters != "" && !strings.HasSuffix(letters, ":") && !strings.EqualFold(letters, "resil") && letters != ":" {
			break
		}
	}
	return out
}

// unprintable refuses characters that show nothing or make a line show as
// something else than it is: values reach terminals, comments and reports.
func unprintable(c *ast.Comment) *Problem {
	for i, r := range c.Text {
		if what := hidden(r); what != "" {
			pos := c.Slash + token.Pos(i)
			return &Problem{pos, pos + 1, fmt.Sprintf("the directive holds %s; remove it", what)}
		}
	}
	return nil
}
