// Package page writes measured tables into documents, between markers, and
// leaves the words around them alone.
package page

import (
	"fmt"
	"os"
	"strings"
)

// Replace puts text between the markers <!-- NAME --> and <!-- /NAME --> of a
// file. A file without them is an error: somebody has to say where the table goes.
func Replace(file, name, text string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	page, err := replace(string(old), name, text)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, []byte(page), 0o644)
}

func replace(page, name, text string) (string, error) {
	begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
	head, rest, ok := strings.Cut(page, begin)
	if !ok {
		return "", fmt.Errorf("no marker %q", strings.TrimSpace(begin))
	}
	_, tail, ok := strings.Cut(rest, end)
	if !ok {
		return "", fmt.Errorf("no marker %q", end)
	}
	return head + begin + "\n" + strings.TrimSpace(text) + "\n\n" + end + tail, nil
}

// Table is a Markdown table.
type Table struct {
	Head []string
	Rows [][]string
}

// String renders the table; all columns but the first are aligned right.
func (t Table) String() string {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(t.Head)
	b.WriteString("|---|" + strings.Repeat("---:|", len(t.Head)-1) + "\n")
	for _, row := range t.Rows {
		line(row)
	}
	return b.String()
}
