package render

import (
	"fmt"
	gocomment "go/doc/comment"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dave/jennifer/jen"

	"github.com/resilgo/resil/generator/model"
	resil "github.com/resilgo/resil/runtime"
)

// width is where our own comments are wrapped.
const width = 77

// comment returns paragraphs as a comment. Long lines are wrapped.
func comment(paragraphs ...string) *jen.Statement {
	return commentText(wrapAll(paragraphs))
}

// docComment returns the user's own doc comment as it is, then our paragraphs.
func docComment(doc string, paragraphs ...string) *jen.Statement {
	doc = dedent(strings.TrimRight(doc, "\n"))
	ours := wrapAll(paragraphs)
	switch {
	case doc == "":
		return commentText(ours)
	case ours == "":
		return commentText(doc)
	default:
		return commentText(doc + "\n\n" + ours)
	}
}

// dedent removes from the lines of a block comment the indentation of the
// first; a doc comment does not start with a code block.
func dedent(doc string) string {
	indent := doc[:len(doc)-len(strings.TrimLeft(doc, " \t"))]
	if indent == "" {
		return doc
	}
	var lines []string
	for line := range strings.SplitSeq(doc, "\n") {
		lines = append(lines, strings.TrimPrefix(line, indent))
	}
	return strings.Join(lines, "\n")
}

// commentText returns each line of text as a line comment.
func commentText(text string) *jen.Statement {
	if !isPlainText(text) {
		text = canonical(text)
	}
	s := jen.Null()
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(line, " \t\r")
		switch {
		case line == "":
			line = "//"
		case strings.HasPrefix(line, "\t"):
			line = "//" + line
		default:
			line = "// " + line
		}
		s = s.Comment(line).Line()
	}
	return s
}

// canonical returns the text of a doc comment as gofmt has it.
func canonical(text string) string {
	var parser gocomment.Parser
	var printer gocomment.Printer
	return strings.TrimRight(string(printer.Comment(parser.Parse(text))), "\n")
}

// isPlainText reports whether text, of a doc comment, is paragraphs that gofmt
// leaves as they are: no list, no heading, no code, no definition of a link,
// no quotes to replace.
func isPlainText(text string) bool {
	if strings.Contains(text, "``") || strings.Contains(text, "''") || !utf8.ValidString(text) {
		return false
	}
	for i, paragraph := range strings.Split(text, "\n\n") {
		for line := range strings.SplitSeq(paragraph, "\n") {
			if line == "" || !startsPlain(line) || strings.ContainsFunc(line, unicode.IsControl) {
				return false
			}
		}
		// One line without a full stop may be a heading.
		if i > 0 && !strings.Contains(paragraph, "\n") && !strings.HasSuffix(paragraph, ".") {
			return false
		}
	}
	return true
}

// startsPlain reports whether a line starts like one of a paragraph.
func startsPlain(line string) bool {
	rest := strings.TrimLeft(line, "0123456789")
	if rest == "" || rest != line && (rest[0] == '.' || rest[0] == ')') {
		return false // perhaps a numbered list
	}
	r, _ := utf8.DecodeRuneInString(line)
	return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '"' || r == '('
}

func wrapAll(paragraphs []string) string {
	var list []string
	for _, p := range paragraphs {
		if p != "" {
			list = append(list, wrap(p))
		}
	}
	return strings.Join(list, "\n\n")
}

// wrap breaks a paragraph into lines.
func wrap(text string) string {
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case column == 0:
		case column+1+len(word) > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

// Policies describes what guards a method, outermost first, as the generated
// comment has it. The limits that the interface states are shared with its
// other methods; what another interface of the same dependency states is not
// known here.
func Policies(i *model.Interface, m *model.Method) []string {
	var list []string
	for _, f := range m.Fallbacks {
		list = append(list, fallbackText(f))
	}
	if m.Timeout != nil && m.Timeout.Value.Total > 0 {
		list = append(list, fmt.Sprintf("total timeout %s", short(m.Timeout.Value.Total)))
	}
	if m.Retry != nil {
		r := m.Retry.Value.WithDefaults()
		list = append(list, fmt.Sprintf("%d attempts with backoff %s..%s", r.Attempts, short(r.Base), short(r.Max)))
	}
	if m.Hedge != nil {
		h := m.Hedge.Value.WithDefaults()
		list = append(list, fmt.Sprintf("hedge after %s", short(h.After)))
	}
	list = append(list, "circuit breaker")
	if i.Rate != nil {
		list = append(list, rateText(i.Rate.Value)+" (shared)")
	}
	if m.Rate != nil {
		list = append(list, rateText(m.Rate.Value))
	}
	if m.Timeout != nil && m.Timeout.Value.Attempt > 0 {
		list = append(list, fmt.Sprintf("timeout %s", short(m.Timeout.Value.Attempt)))
	}
	if i.Bulkhead != nil {
		list = append(list, bulkheadText(i.Bulkhead.Value)+" (shared)")
	}
	if m.Bulkhead != nil {
		list = append(list, bulkheadText(m.Bulkhead.Value))
	}
	return list
}

func rateText(r resil.Rate) string { return fmt.Sprintf("rate %d per %s", r.N, period(r)) }

func bulkheadText(b resil.Bulkhead) string { return fmt.Sprintf("at most %d at once", b.Max) }

// deprecation returns the paragraph of a doc comment that says so, "" if there
// is none.
func deprecation(doc string) string {
	for paragraph := range strings.SplitSeq(doc, "\n\n") {
		if strings.HasPrefix(paragraph, "Deprecated: ") {
			return paragraph
		}
	}
	return ""
}

func fallbackText(f model.Fallback) string {
	switch f.Spec.Strategy {
	case resil.StrategyCall:
		if f.Method != "" {
			return "fallback ." + f.Method
		}
		return "fallback " + f.Spec.Name
	case resil.StrategyStale:
		return fmt.Sprintf("stale answer up to %s old", short(f.Spec.TTL))
	case resil.StrategyZero:
		return "fallback to zero"
	default:
		return "outbox"
	}
}
