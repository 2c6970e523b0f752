package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Problem is one thing wrong with a file.
type Problem struct {
	File    string
	Line    int // from 1
	Column  int // in characters, from 1
	Message string
	Source  string // the line
}

// Error returns "file:line:col: message", the line, and a caret under the
// column.
func (p *Problem) Error() string {
	head := fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
	if p.Source == "" {
		return head
	}
	return head + "\n    " + visible(p.Source) + "\n    " + strings.Repeat(" ", p.Column-1) + "^"
}

// visible replaces what a terminal would act on, one for one.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r < ' ', r == utf8.RuneError, r >= 0x7f && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return '·'
		default:
			return r
		}
	}, s)
}

// Problems returns the problems that err holds, in the order of the file.
func Problems(err error) []*Problem {
	var all problems
	if errors.As(err, &all) {
		return all
	}
	var one *Problem
	if errors.As(err, &one) {
		return []*Problem{one}
	}
	return nil
}

// problems is everything wrong with one file.
type problems []*Problem

func (p problems) Error() string {
	texts := make([]string, len(p))
	for i, problem := range p {
		texts[i] = problem.Error()
	}
	return strings.Join(texts, "\n")
}

func (p problems) sort() {
	slices.SortStableFunc(p, func(a, b *Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
