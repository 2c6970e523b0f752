package demo

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"unicode/utf8"

	resil "github.com/resilgo/resil/runtime"
)

// screen writes the demo's output, in colour on a terminal that has not been
// asked for none. It is safe for concurrent use; each call writes whole lines.
type screen struct {
	mu     sync.Mutex
	w      io.Writer
	colour bool
}

func newScreen(w io.Writer) *screen {
	return &screen{w: w, colour: isTerminal(w) && os.Getenv("NO_COLOR") == ""}
}

func isTerminal(w io.Writer) bool {
	f, isFile := w.(*os.File)
	if !isFile {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// style is an ANSI rendition.
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
)

func (s *screen) paint(st style, text string) string {
	if !s.colour || st == plain {
		return text
	}
	return "\x1b[" + string(st) + "m" + text + "\x1b[0m"
}

func (s *screen) line(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.w, format+"\n", args...)
}

// heading opens an act.
func (s *screen) heading(n int, title, story string) {
	rule := strings.Repeat("─", max(3, width-utf8.RuneCountInString(title)-5))
	s.line("\n%s %s", s.paint(bold, fmt.Sprintf("%d  %s", n, title)), s.paint(dim, rule))
	for l := range strings.Lines(story) {
		s.line("   %s", strings.TrimSuffix(l, "\n"))
	}
}

// width of headings and tables, in columns.
const width = 100

var levelStyles = map[resil.Level]style{
	resil.Optimal: green, resil.Degraded: yellow, resil.Limited: yellow, resil.Minimal: red, resil.Emergency: red,
}

func (s *screen) level(l resil.Level) string {
	return s.paint(levelStyles[l], strings.ToUpper(l.String()))
}

// table writes rows in columns; the first row is the heading, the first column
// is flush left and the others flush right. A cell counts as wide as it looks.
func (s *screen) table(rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for n, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				b.WriteString(cell + pad)
			} else {
				b.WriteString("  " + pad + cell)
			}
		}
		switch n {
		case 0:
			s.line("   %s", s.paint(dim, b.String()))
		case len(rows) - 1:
			s.line("   %s", s.paint(bold, b.String()))
		default:
			s.line("   %s", b.String())
		}
	}
}
