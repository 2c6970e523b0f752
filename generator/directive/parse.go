package directive

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
)

// Parse finds every directive of a file that was parsed with
// parser.ParseComments. It never fails: what is wrong is among the problems.
// Positions are exact for sources without carriage returns inside a line.
func Parse(fset *token.FileSet, file *ast.File) *File {
	out := &File{}
	var idx *index // made for the first directive: most files have none
	for _, group := range file.Comments {
		for _, comment := range group.List {
			line, problem := recognise(comment)
			if problem != nil {
				out.Problems = append(out.Problems, *problem)
			}
			if line == nil {
				continue
			}
			if idx == nil {
				idx = newIndex(fset, file)
			}
			d, problems := parseDirective(*line, comment.Text, idx.target(group, *line))
			out.Problems = append(out.Problems, problems...)
			if d != nil {
				out.Directives = append(out.Directives, d)
			}
		}
	}
	out.Problems = append(out.Problems, doubled(out.Directives)...)
	SortProblems(out.Problems)
	return out
}

// SortProblems orders problems by position and drops repetitions.
func SortProblems(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int { return int(a.Pos) - int(b.Pos) })
	return slices.CompactFunc(problems, func(a, b Problem) bool {
		return a.Pos == b.Pos && a.Message == b.Message
	})
}

// Format returns the problem as "file:line:col: message". Positions are those
// of the file itself: a //line comment does not move them.
func Format(fset *token.FileSet, p Problem) string {
	at := fset.PositionFor(p.Pos, false)
	if !at.IsValid() {
		return p.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", at.Filename, at.Line, at.Column, p.Message)
}

// repeatable tells whether a target may have several lines of a verb.
func repeatable(d *Directive) bool {
	if d.Verb == VerbFallback {
		return true
	}
	mark, ok := d.Value.(Mark)
	return ok && mark.Patterns != nil
}

// doubled finds lines that say what another line of the same target says.
func doubled(all []*Directive) []Problem {
	type place struct {
		verb Verb
		kind TargetKind
		pos  token.Pos
	}
	first := map[place]*Directive{}
	listed := map[place]map[string]bool{} // patterns of the lines of a verb
	last := map[place]Fallback{}
	var out []Problem
	for _, d := range all {
		p := place{d.Verb, d.Target.Kind, d.Target.Pos}
		if f, ok := d.Value.(Fallback); ok {
			if problem, bad := pointless(all, d, f, last[p]); bad {
				out = append(out, problem)
			}
			last[p] = f
		}
		if mark, ok := d.Value.(Mark); ok && mark.Patterns != nil {
			if listed[p] == nil {
				listed[p] = map[string]bool{}
			}
			for _, pattern := range mark.Patterns {
				if listed[p][pattern.Text] {
					out = append(out, Problem{pattern.Pos, pattern.Pos + token.Pos(len(pattern.Text)), fmt.Sprintf(
						"%s is in two %s lines of %s; keep one", pattern.Text, d.Verb, d.Target.describe())})
				}
				listed[p][pattern.Text] = true
			}
		}
		if repeatable(d) {
			continue
		}
		if first[p] != nil {
			out = append(out, Problem{d.Pos, d.End, fmt.Sprintf("second %s line on %s; keep one", d.Verb, d.Target.describe())})
			continue
		}
		first[p] = d
	}
	return out
}

// pointless finds a fallback line that repeats an earlier one of its target,
// or that can never be tried because zero, which always answers, precedes it.
func pointless(all []*Directive, d *Directive, f, previous Fallback) (Problem, bool) {
	for _, e := range all {
		if e == d {
			break
		}
		if other, ok := e.Value.(Fallback); ok && e.Target.Pos == d.Target.Pos && other.What() == f.What() {
			return Problem{d.Pos, d.End, fmt.Sprintf("second fallback %s on %s; keep one", f.What(), d.Target.describe())}, true
		}
	}
	if previous.What() == "zero" {
		return Problem{d.Pos, d.End, fmt.Sprintf("fallback %s is never tried, zero before it always answers; move zero to the end", f.What())}, true
	}
	return Problem{}, false
}
