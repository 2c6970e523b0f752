package directive

import (
	"fmt"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxShown bounds what a message quotes of the input.
const maxShown = 60

// show quotes input for a message: readable text as it is, anything else
// escaped, all of it cut to a bearable length.
func show(s string) string {
	cut := s
	if utf8.RuneCountInString(s) > maxShown {
		cut = string([]rune(s)[:maxShown]) + "…"
	}
	for _, r := range cut {
		if hidden(r) != "" || r == '\t' {
			return strconv.QuoteToASCII(cut)
		}
	}
	return cut
}

// hidden names a character that must not stand in a directive, "" for any other.
func hidden(r rune) string {
	switch {
	case r == '\t':
		return ""
	case r == utf8.RuneError:
		return "bytes that are not UTF-8"
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs):
		return fmt.Sprintf("the control character %U", r)
	}
	return ""
}

// Duration formats a duration as directives spell it: without units that are
// zero, so 10m and not 10m0s.
func Duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// isIdent reports whether s can be the name of something a directive speaks of.
func isIdent(s string) bool { return token.IsIdentifier(s) && s != "_" }

// Nearest returns the candidate that s is most likely a misspelling of, ""
// if none is near. Transposed neighbours count as one mistake, case as none.
func Nearest(s string, candidates []string) string {
	if len(s) > 40 {
		return ""
	}
	best, bestAt := "", 3
	for _, c := range candidates {
		if len(c) > len(s)+8 || len(s) > len(c)+8 {
			continue // too far apart to bother, even in letters of four bytes
		}
		limit := 2
		if len(c) <= 4 {
			limit = 1
		}
		if d := distance(strings.ToLower(s), strings.ToLower(c)); d <= limit && d < bestAt {
			best, bestAt = c, d
		}
	}
	return best
}

// distance is the optimal string alignment distance of two short words.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(x)][len(y)]
}

// similar returns the candidate that s stands for: a misspelling, a part of it
// such as crit, or something built around it such as circuitbreaker. "" if
// there is none.
func similar(s string, candidates []string) string {
	if near := Nearest(s, candidates); near != "" || len(s) < 3 || len(s) > 40 {
		return near
	}
	s = strings.ToLower(s)
	best, bestAt := "", 0
	for _, c := range candidates {
		stem := 0 // letters in common at the start
		for stem < min(len(s), len(c)) && s[stem] == c[stem] {
			stem++
		}
		at := 0
		switch {
		case stem == len(s), len(c) >= 4 && strings.Contains(s, c):
			at = len(c)
		case stem >= 4 && len(s)-stem <= 4 && len(c)-stem <= 4: // retries, hedging
			at = stem
		}
		if at > bestAt {
			best, bestAt = c, at
		}
	}
	return best
}

// didYouMean ends a message about an unknown word.
func didYouMean(word string, candidates []string) string {
	if near := similar(word, candidates); near != "" {
		return "did you mean " + near + "?"
	}
	return "want " + orList(candidates)
}

// didYouMeanVerb is didYouMean for verbs.
func didYouMeanVerb(word string) string {
	if verb := alsoCalledVerb[strings.ToLower(word)]; verb != "" {
		return "did you mean " + string(verb) + "?"
	}
	return didYouMean(word, verbNames())
}

// orList joins words as "a, b or c".
func orList(words []string) string {
	words = slices.Clone(words)
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
