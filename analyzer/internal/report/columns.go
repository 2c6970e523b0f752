package report

import (
	"bytes"
	"go/token"
	"os"
	"unicode/utf8"
)

// columns turns Go's columns, which count bytes, into columns that count
// characters. It reads each file once.
type columns struct {
	lines map[string][][]byte
}

func newColumns() *columns { return &columns{lines: make(map[string][][]byte)} }

// of returns the column of pos in characters, from 1. If the file cannot be read
// it returns the column in bytes; 0 if it is not known, as below a //line comment
// without one.
func (c *columns) of(pos token.Position) int {
	if pos.Column < 1 {
		return 0
	}
	lines, ok := c.lines[pos.Filename]
	if !ok {
		if content, err := os.ReadFile(pos.Filename); err == nil {
			lines = bytes.Split(content, []byte("\n"))
		}
		c.lines[pos.Filename] = lines
	}
	if pos.Line < 1 || pos.Line > len(lines) {
		return pos.Column
	}
	line := lines[pos.Line-1]
	return utf8.RuneCount(line[:min(pos.Column-1, len(line))]) + 1
}
