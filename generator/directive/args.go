package directive

import (
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	resil "github.com/resilgo/resil/runtime"
)

// args reads the arguments of one directive and collects what is wrong.
type args struct {
	doc      *VerbDoc
	d        *ast.Directive
	kind     TargetKind
	list     []Arg
	bad      map[string]bool // keys that were complained of already
	problems []Problem
}

func (a *args) addf(pos, end token.Pos, format string, v ...any) {
	a.problems = append(a.problems, Problem{pos, end, fmt.Sprintf(format, v...)})
}

// argf complains of one argument, once.
func (a *args) argf(arg Arg, format string, v ...any) {
	if a.bad[arg.Key] && arg.Key != "" {
		return
	}
	a.bad[arg.Key] = true
	a.addf(arg.Pos, arg.End, format, v...)
}

// missingf complains that the directive lacks the argument key.
func (a *args) missingf(key, format string, v ...any) {
	if a.bad[key] {
		return
	}
	a.bad[key] = true
	a.addf(a.d.Slash, a.d.End(), format, v...)
}

// split divides the directive into arguments and reports whether that made sense.
func (a *args) split() bool {
	list, err := a.d.ParseArgs()
	if err != nil {
		pos, rest := a.badQuote()
		a.addf(pos, a.d.End(), "quoting of %s is broken; quote a whole argument, as in \"key=some value\"", show(rest))
		return false
	}
	for _, raw := range list {
		arg := Arg{Value: raw.Arg, Pos: raw.Pos, ValuePos: raw.Pos, End: raw.Pos + token.Pos(len(raw.Arg))}
		if src := a.d.Args[raw.Pos-a.d.ArgsPos:]; src[0] == '"' || src[0] == '`' {
			quoted, _ := strconv.QuotedPrefix(src) // ParseArgs accepted it
			arg.ValuePos++
			arg.End = raw.Pos + token.Pos(len(quoted))
		}
		for _, r := range raw.Arg { // an escape in quotes can hide anything
			if what := hidden(r); what != "" || r == '\t' {
				if what == "" {
					what = "a tab"
				}
				a.addf(arg.Pos, arg.End, "the argument %s holds %s; remove it", show(raw.Arg), what)
				return false
			}
		}
		if strings.Contains(raw.Arg, "＝") {
			a.addf(arg.Pos, arg.End, "%s holds a full-width ＝; write a plain =", show(raw.Arg))
			return false
		}
		if key, value, ok := strings.Cut(raw.Arg, "="); ok {
			arg.Key, arg.Value = key, value
			arg.ValuePos += token.Pos(len(key) + 1)
			if key == "" {
				a.addf(arg.Pos, arg.End, "%s has no key before =; write key=value without blanks", show(raw.Arg))
				return false
			}
			if bare := strings.Trim(value, "\"'`"); bare != value {
				a.addf(arg.Pos, arg.End, "%s has quotes inside; write %s=%s, or quote the whole argument", show(raw.Arg), show(key), show(bare))
				return false
			}
		}
		a.list = append(a.list, arg)
	}
	return true
}

// badQuote finds the argument whose quoting ParseArgs refused.
func (a *args) badQuote() (token.Pos, string) {
	rest, pos := a.d.Args, a.d.ArgsPos
	for rest != "" {
		n := strings.IndexFunc(rest, unicode.IsSpace)
		if n < 0 {
			n = len(rest)
		}
		if rest[0] == '"' || rest[0] == '`' {
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				break
			}
			n = len(quoted)
			if next, _ := utf8.DecodeRuneInString(rest[n:]); n < len(rest) && !unicode.IsSpace(next) {
				break
			}
		}
		trimmed := strings.TrimLeftFunc(rest[n:], unicode.IsSpace)
		pos += token.Pos(len(rest) - len(trimmed))
		rest = trimmed
	}
	return pos, rest
}

// checkKeys complains of keys the verb does not have, of keys given twice and
// of keys without a value.
func (a *args) checkKeys() {
	seen := map[string]bool{}
	for _, arg := range a.list {
		if arg.Key == "" {
			continue
		}
		known := a.doc.key(arg.Key)
		switch {
		case known == nil:
			a.addf(arg.Pos, arg.End, "unknown key %s of %s; %s", show(arg.Key), a.doc.Verb, a.suggestKey(arg))
		case seen[arg.Key]:
			a.argf(arg, "%s= is given twice; keep one", arg.Key)
		case arg.Value == "":
			a.argf(arg, "%s= has no value; write %s without blanks", arg.Key, known.Example)
		}
		seen[arg.Key] = true
	}
}

// suggestKey tells what an unknown key may have meant: a key of this verb, a
// bare word of it, a key of another, or a directive of its own. What it finds
// in this verb is then not missing any more.
func (a *args) suggestKey(arg Arg) string {
	key := arg.Key
	for _, k := range a.doc.Keys {
		if k.Word != "" && strings.EqualFold(k.Word, key) {
			a.bad[""] = true
			return fmt.Sprintf("write %s %s, without %s=", a.doc.Verb, show(arg.Value), key)
		}
	}
	near := similar(key, trimAll(a.doc.keyNames()))
	if other := alsoCalled[a.doc.Verb][strings.ToLower(key)]; other != "" {
		near = other
	}
	if near != "" {
		a.bad[near] = true
		return "did you mean " + near + "?"
	}
	if v := lookup(Verb(key)); v != nil && v.Verb != a.doc.Verb {
		return fmt.Sprintf("write it as a line of its own, %s%s", Prefix, v.Usage)
	}
	for i := range grammar {
		if grammar[i].key(key) != nil {
			return fmt.Sprintf("it belongs to %s%s", Prefix, grammar[i].Verb)
		}
	}
	if names := a.doc.keyNames(); names != nil {
		return "want " + orList(names)
	}
	return "want " + a.doc.Usage
}

func trimAll(keys []string) []string {
	for i := range keys {
		keys[i] = strings.TrimSuffix(keys[i], "=")
	}
	return keys
}

// words returns the bare words, of which there may be at most n; more are
// complained of, in the way that fits best.
func (a *args) words(n int) []Arg {
	var out []Arg
	for _, arg := range a.list {
		if arg.Key != "" {
			continue
		}
		if len(out) == n {
			a.addf(arg.Pos, arg.End, "unexpected %s; %s", show(arg.Value), a.suggestWord(arg.Value))
			break // the rest is most likely the same mistake
		}
		out = append(out, arg)
	}
	return out
}

func (a *args) suggestWord(word string) string {
	switch k := a.doc.key(word); {
	case k != nil:
		return fmt.Sprintf("write %s without blanks", k.Example)
	case strings.HasPrefix(word, "//"):
		return "nothing may follow a directive on its line; put the comment on another"
	}
	if key := a.keyFor(word); key != "" {
		a.bad[key] = true // it is not missing any more
		return fmt.Sprintf("write %s=%s", key, show(word))
	}
	return "want " + a.doc.Usage
}

// keyFor returns the key that a bare word is a value of, "" if it could be one
// of several or of none.
func (a *args) keyFor(word string) string {
	key := ""
	switch a.doc.Verb {
	case VerbGuard:
		if _, err := resil.ParseCriticality(word); err == nil {
			key = "criticality"
		} else if _, err := resil.ParseLevel(word); err == nil {
			key = "down"
		}
	case VerbBreaker, VerbRetry, VerbBulkhead:
		if isDigits(word) {
			key = map[Verb]string{VerbBreaker: "failures", VerbRetry: "attempts", VerbBulkhead: "max"}[a.doc.Verb]
		}
	case VerbTimeout, VerbHedge:
		if _, err := time.ParseDuration(word); err == nil {
			key = map[Verb]string{VerbTimeout: "total", VerbHedge: "after"}[a.doc.Verb]
		}
	case VerbRate:
		if isDigits(word) {
			key = "burst"
		}
	default: // the others have keys that take the same values, or none
	}
	if _, given := a.find(key); given {
		return ""
	}
	return key
}

// value returns the argument of a key that is worth reading.
func (a *args) value(key string) (Arg, bool) {
	for _, arg := range a.list {
		if arg.Key == key && key != "" {
			return arg, !a.bad[key] && arg.Value != ""
		}
	}
	return Arg{}, false
}

// example returns how the argument could be written.
func (a *args) example(arg Arg) string {
	if k := a.doc.key(arg.Key); k != nil {
		return k.Example
	}
	for _, k := range a.doc.Keys {
		if k.Word != "" && arg.Key == "" {
			return k.Example
		}
	}
	return a.doc.Usage
}

func (a *args) rangeOf(arg Arg) string {
	for _, k := range a.doc.Keys {
		if k.Key == arg.Key && (arg.Key != "" || k.Word != "") {
			return k.Range
		}
	}
	return ""
}

// written returns the argument as its author wrote it, for messages.
func (a Arg) written() string {
	if a.Key == "" {
		return show(a.Value)
	}
	return a.Key + "=" + show(a.Value)
}

// count reads a whole number of at least 1, 0 when it is not stated.
func (a *args) count(key string) int {
	arg, ok := a.value(key)
	if !ok {
		return 0
	}
	return a.countOf(arg, arg.Value)
}

func (a *args) countOf(arg Arg, text string) int {
	digits := strings.TrimPrefix(text, "-")
	if !isDigits(digits) {
		a.argf(arg, "%s is not a whole number; write %s", arg.written(), a.example(arg))
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > math.MaxInt32 {
		a.argf(arg, "%s is out of range; want %s", arg.written(), a.rangeOf(arg))
		return 0
	}
	return n
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// share reads a number in (0,1], 0 when it is not stated.
func (a *args) share(key string) float64 {
	arg, ok := a.value(key)
	if !ok {
		return 0
	}
	text := strings.TrimPrefix(arg.Value, "-")
	if percent, ok := strings.CutSuffix(text, "%"); ok && isDigits(percent) {
		a.argf(arg, "%s is a percentage; write the share, %s", arg.written(), a.example(arg))
		return 0
	}
	whole, fraction, _ := strings.Cut(text, ".")
	if !isDigits(whole + fraction) {
		a.argf(arg, "%s is not a number; write %s", arg.written(), a.example(arg))
		return 0
	}
	f, err := strconv.ParseFloat(arg.Value, 64)
	if err != nil || f <= 0 || f > 1 {
		a.argf(arg, "%s is out of range; want %s", arg.written(), a.rangeOf(arg))
		return 0
	}
	return f
}

// duration reads a positive duration, 0 when it is not stated.
func (a *args) duration(key string) time.Duration {
	arg, ok := a.value(key)
	if !ok {
		return 0
	}
	return a.durationOf(arg, arg.Value)
}

func (a *args) durationOf(arg Arg, text string) time.Duration {
	d, ok := a.anyDuration(arg, text)
	if ok && (d <= 0 || d > resil.MaxDuration) {
		a.argf(arg, "%s is out of range; want %s", arg.written(), a.rangeOf(arg))
		return 0
	}
	return d
}

// anyDuration reads a duration that the runtime's validation judges.
func (a *args) anyDuration(arg Arg, text string) (time.Duration, bool) {
	bare := strings.TrimPrefix(text, "-")
	if whole, fraction, _ := strings.Cut(bare, "."); isDigits(whole + fraction) {
		a.argf(arg, "%s has no unit; write %s%ss", arg.written(), prefixOf(arg), show(bare))
		return 0, false
	}
	d, err := time.ParseDuration(text)
	if err != nil || strings.HasPrefix(text, "+") {
		if isLongDuration(bare) {
			a.argf(arg, "%s is out of range; want %s", arg.written(), a.rangeOf(arg))
			return 0, false
		}
		a.argf(arg, "%s is not a duration; write %s, with a unit of ns, us, ms, s, m or h", arg.written(), a.example(arg))
		return 0, false
	}
	return d, true
}

// isLongDuration recognises a well-formed duration that is too long to hold.
func isLongDuration(text string) bool {
	units := strings.NewReplacer("ns", " ", "us", " ", "µs", " ", "ms", " ", "s", " ", "m", " ", "h", " ")
	fields := strings.Fields(units.Replace(text))
	if len(fields) == 0 || strings.HasSuffix(units.Replace(text), fields[len(fields)-1]) {
		return false
	}
	for _, f := range fields {
		whole, fraction, _ := strings.Cut(f, ".")
		if !isDigits(whole + fraction) {
			return false
		}
	}
	return true
}

func prefixOf(arg Arg) string {
	if arg.Key == "" {
		return ""
	}
	return arg.Key + "="
}

// validate passes on what the runtime's own validation says, each reason at
// the key it names.
func (a *args) validate(err error) {
	for _, e := range flatten(err) {
		message := e.Error()
		key, arg := a.keyOf(message)
		switch {
		case a.bad[key]:
		case arg.Pos.IsValid():
			a.addf(arg.Pos, arg.End, "%s", message)
		default:
			a.addf(a.d.Slash, a.d.End(), "%s", message)
		}
	}
}

// keyOf finds the argument that a message of the runtime starts with. A
// message that starts with the verb speaks of the bare word.
func (a *args) keyOf(message string) (string, Arg) {
	n := strings.IndexFunc(message, func(r rune) bool { return !unicode.IsLetter(r) })
	if n < 0 {
		n = len(message)
	}
	key := message[:n]
	if a.doc.key(key) == nil {
		key = ""
	}
	for _, arg := range a.list {
		if arg.Key == key {
			return key, arg
		}
	}
	return key, Arg{}
}

func flatten(err error) []error {
	if err == nil {
		return nil
	}
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return []error{err}
}

// element is one entry of a comma-separated list.
type element struct {
	text string
	pos  token.Pos
	end  token.Pos
}

// elements splits a list and complains of empty and repeated entries.
func (a *args) elements(arg Arg) []element {
	var out []element
	seen := map[string]bool{}
	pos := arg.ValuePos
	for _, text := range strings.Split(arg.Value, ",") {
		end := pos + token.Pos(len(text))
		switch {
		case text == "":
			a.addf(arg.Pos, arg.End, "the list %s has an empty entry; write a,b without blanks", arg.written())
			return nil
		case seen[text]:
			a.addf(pos, end, "%s is listed twice; keep one", show(text))
		default:
			out = append(out, element{text, pos, end})
		}
		seen[text] = true
		pos = end + 1
	}
	return out
}
