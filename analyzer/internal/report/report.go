// Package report writes what resilvet finds: for people (Text), for machines
// (JSON), for code scanning (SARIF), for the log of a GitHub workflow
// (Annotations), and as the coverage of outbound calls by guards (Coverage). It
// also holds the baseline, which tells new findings from known ones.
package report

import (
	"fmt"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/resilgo/resil/analyzer/internal/finding"
)

// Rule is what reports say about a rule.
type Rule struct {
	Name    string
	Summary string // one line
	Text    string // documentation as plain text
	Help    string // documentation as Markdown
	URL     string
}

// Relative returns filename relative to base if it lies below it, and as it is
// otherwise. Symbolic links in filename are followed if that brings it there.
func Relative(base, filename string) string {
	if rel, ok := below(base, filename); ok {
		return rel
	}
	if resolved, err := filepath.EvalSymlinks(filename); err == nil {
		if rel, ok := below(base, resolved); ok {
			return rel
		}
	}
	return filename
}

func below(base, filename string) (string, bool) {
	rel, err := filepath.Rel(base, filename)
	return rel, err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// Short returns filename relative to base if that is shorter, as the go command
// prints names.
func Short(base, filename string) string {
	if rel, err := filepath.Rel(base, filename); err == nil && len(rel) < len(filename) {
		return rel
	}
	return filename
}

// Text writes findings one to a line as file:line:col: message (rule), related
// places below, indented. Files are relative to dir. With context >= 0, the
// lines of the finding follow, with that many around them.
func Text(w io.Writer, findings []finding.Finding, dir string, context int) error {
	p := printer{w: w, dir: dir, context: context}
	for _, f := range findings {
		p.place(f.Pos, f.End, fmt.Sprintf("%s (%s)", f.Message, f.Rule))
		for _, r := range f.Related {
			p.place(r.Pos, r.Pos, "\t"+r.Message)
		}
	}
	return p.err
}

// printer writes until the first error, which it keeps.
type printer struct {
	w       io.Writer
	dir     string
	context int
	err     error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

func (p *printer) place(pos, end token.Position, message string) {
	p.printf("%s: %s\n", position(p.dir, pos), message)
	if p.context < 0 {
		return
	}
	data, err := os.ReadFile(pos.Filename)
	if err != nil {
		return // the finding itself is printed; its surroundings are an extra
	}
	lines := strings.Split(string(data), "\n")
	last := max(end.Line, pos.Line) + p.context
	for n := max(pos.Line-p.context, 1); n <= min(last, len(lines)); n++ {
		p.printf("%d\t%s\n", n, lines[n-1])
	}
}

func position(dir string, pos token.Position) string {
	pos.Filename = Short(dir, pos.Filename)
	return pos.String()
}
