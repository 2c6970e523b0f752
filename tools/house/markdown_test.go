package house_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// block is a fenced block of a document.
type block struct {
	file string // of the document, relative to the root
	line int    // of the block's first line of text, from 1
	lang string // first word of the info string
	info string // the rest of it
	text string
}

var (
	fence   = regexp.MustCompile("^[ \t]*(```+|~~~+)[ \t]*([^ \t]*)[ \t]*(.*)$")
	heading = regexp.MustCompile(`^#{1,6} +(.*?) *#*$`)
	link    = regexp.MustCompile(`!?\[[^\]]*\]\(<?([^)>\s]+)>?(?: "[^"]*")?\)`)
	code    = regexp.MustCompile("`[^`]*`")
)

// document is a Markdown file taken apart: blocks, links and headings' anchors.
type document struct {
	file    string
	blocks  []block
	links   map[int][]string // by line
	anchors map[string]bool
}

func parseDocument(file, text string) document {
	doc := document{file: file, links: make(map[int][]string), anchors: make(map[string]bool)}
	var open *block
	var end string
	for i, line := range strings.Split(text, "\n") {
		match := fence.FindStringSubmatch(line)
		switch {
		case open != nil && match != nil && strings.HasPrefix(match[1], end) && match[2] == "":
			doc.blocks = append(doc.blocks, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		case match != nil:
			end = match[1]
			open = &block{file: file, line: i + 2, lang: match[2], info: match[3]}
		default:
			if h := heading.FindStringSubmatch(line); h != nil {
				doc.anchors[anchor(h[1])] = true
			}
			for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(line, "``"), -1) {
				doc.links[i+1] = append(doc.links[i+1], m[1])
			}
		}
	}
	return doc
}

// anchor is the name that hosts of Markdown give to a heading.
func anchor(title string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(title) {
		switch {
		case r == ' ' || r == '-':
			b.WriteRune('-')
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_':
			b.WriteRune(r)
		}
	}
	return b.String()
}

func documents(tb testing.TB) []document {
	tb.Helper()
	var docs []document
	for _, file := range files(tb, ".md") {
		if !strings.Contains(file, "testdata/") {
			docs = append(docs, parseDocument(file, read(tb, file)))
		}
	}
	return docs
}

func TestMarkdownIsTakenApart(t *testing.T) {
	doc := parseDocument("x.md", "# Two `words`\n[a](b.md#c) `[no](link)`\n```go run\nfunc f()\n```\n~~~\n```\n~~~\n")
	if len(doc.blocks) != 2 {
		t.Fatalf("got %d blocks, want 2", len(doc.blocks))
	}
	if got, want := doc.blocks[0], (block{file: "x.md", line: 4, lang: "go", info: "run", text: "func f()\n"}); got != want {
		t.Errorf("first block: got %+v, want %+v", got, want)
	}
	if got, want := doc.blocks[1].text, "```\n"; got != want {
		t.Errorf("second block: got %q, want %q", got, want)
	}
	if got := doc.links[2]; len(got) != 1 || got[0] != "b.md#c" {
		t.Errorf("links: got %q, want b.md#c alone", got)
	}
	if !doc.anchors["two-words"] {
		t.Errorf("anchors: got %v, want two-words", doc.anchors)
	}
}
