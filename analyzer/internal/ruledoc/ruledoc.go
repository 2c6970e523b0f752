// Package ruledoc makes every text about a rule from one source: the package
// comment of the rule's doc.go. [analysis.Analyzer.Doc], resilvet -explain, the
// help in SARIF and docs/rules/NAME.md all say the same words.
package ruledoc

import (
	"fmt"
	"go/doc/comment"
	"strings"
)

// Base is where the pages of docs/rules can be read.
const Base = "https://github.com/resilgo/resil/blob/main/docs/rules/"

// URL returns the address of the page about the named rule.
func URL(rule string) string { return Base + rule + ".md" }

// MustExtract returns the section "# Analyzer NAME" of the package comment in
// source, the content of a doc.go, in the form of analysis.Analyzer.Doc: a
// summary in one line, a blank line, the details. It panics if there is none;
// callers pass an embedded file.
func MustExtract(source, name string) string {
	doc, err := Extract(source, name)
	if err != nil {
		panic(err)
	}
	return doc
}

// Extract is MustExtract that returns an error. It reads lines and parses
// nothing, because it runs for each rule whenever a program starts that holds
// them, and go vet starts one for each package.
func Extract(source, name string) (string, error) {
	_, section, ok := strings.Cut(source, "\n// # Analyzer "+name+"\n")
	if !ok {
		return "", fmt.Errorf("documentation of rule %s: no heading %q", name, "# Analyzer "+name)
	}
	var b strings.Builder
	for line := range strings.Lines(section) {
		text, comment := strings.CutPrefix(line, "//")
		if !comment {
			break
		}
		b.WriteString(strings.TrimPrefix(text, " "))
	}
	text, ok := strings.CutPrefix(strings.TrimSpace(b.String()), name+": ")
	if !ok {
		return "", fmt.Errorf("documentation of rule %s: the heading is not followed by %q", name, name+": summary")
	}
	return text, nil
}

// Summary returns the first line of an Analyzer.Doc.
func Summary(doc string) string {
	line, _, _ := strings.Cut(doc, "\n")
	return line
}

// Text returns the documentation of a rule for a terminal.
func Text(name, doc string) string {
	var p comment.Parser
	var pr comment.Printer
	body := string(pr.Text(p.Parse(details(doc))))
	return fmt.Sprintf("%s: %s\n\n%s\n%s\n", name, Summary(doc), body, URL(name))
}

// Markdown returns the documentation of a rule as a page of Markdown.
func Markdown(name, doc string) string {
	return fmt.Sprintf("# %s\n\n%s.\n\n%s", name, capital(Summary(doc)), body(doc, 2))
}

// Help returns the documentation of a rule as Markdown without a title.
func Help(doc string) string {
	return fmt.Sprintf("%s.\n\n%s", capital(Summary(doc)), body(doc, 3))
}

func body(doc string, headingLevel int) string {
	var p comment.Parser
	pr := comment.Printer{
		HeadingLevel: headingLevel,
		HeadingID:    func(*comment.Heading) string { return "" },
	}
	return fenced(string(pr.Markdown(p.Parse(details(doc)))))
}

// fenced turns indented code into fenced Go code, which renderers colour.
func fenced(markdown string) string {
	var b strings.Builder
	code := false
	for line := range strings.Lines(markdown) {
		text, indented := strings.CutPrefix(line, "\t")
		switch {
		case indented && !code:
			b.WriteString("```go\n")
		case !indented && code && line != "\n":
			b.WriteString("```\n\n")
		}
		if indented || line != "\n" {
			code = indented
		}
		b.WriteString(text)
	}
	out := b.String()
	if code {
		out += "```\n"
	}
	// The blank line before a closing fence belongs behind it.
	return strings.ReplaceAll(out, "\n\n```\n\n", "\n```\n\n")
}

func details(doc string) string {
	_, rest, _ := strings.Cut(doc, "\n")
	return strings.TrimSpace(rest)
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
