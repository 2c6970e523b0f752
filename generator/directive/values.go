package directive

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"time"
	"unicode"

	resil "github.com/resilgo/resil/runtime"
)

// parseDirective makes a directive of a recognised line, or says why not.
func parseDirective(d ast.Directive, text string, b binding) (*Directive, []Problem) {
	verbPos := d.Slash + token.Pos(len(Prefix))
	doc := lookup(Verb(d.Name))
	if doc == nil {
		return nil, []Problem{{verbPos, verbPos + token.Pos(len(d.Name)), fmt.Sprintf(
			"unknown directive %s; %s", show(d.Name), didYouMeanVerb(d.Name))}}
	}
	target, problem := bind(doc, d, b)
	a := &args{doc: doc, d: &d, kind: target.Kind, bad: map[string]bool{}}
	value := a.parse()
	if problem != nil {
		a.problems = append(a.problems, *problem)
	}
	if len(a.problems) > 0 {
		return nil, a.problems
	}
	text = strings.TrimRightFunc(text, unicode.IsSpace)
	return &Directive{Verb: doc.Verb, Pos: d.Slash, End: d.Slash + token.Pos(len(text)), Text: text, Args: a.list, Target: target, Value: value}, nil
}

// bind picks the target that the verb can speak of.
func bind(doc *VerbDoc, d ast.Directive, b binding) (Target, *Problem) {
	allowed := func(k TargetKind) bool { return slices.Contains(doc.On, k) }
	complain := func(format string, v ...any) (Target, *Problem) {
		return Target{}, &Problem{d.Slash, d.End(), fmt.Sprintf(format, v...)}
	}
	where := "in the doc comment of an interface"
	switch {
	case allowed(OnMethod) && allowed(OnInterface):
		where += " or of one of its methods"
	case allowed(OnLine):
		where = "in the doc comment of a function, or on or right above a line of code"
	}
	switch {
	case allowed(b.target.Kind):
		return b.target, nil
	case b.target.Kind == OnMethod:
		name, _, _ := strings.Cut(b.target.Name, ".")
		return complain("%s is for an interface, not for one method; put it above %s", doc.Verb, name)
	case b.target.Kind == OnFunc:
		return complain("%s on a function; put it %s", doc.Verb, where)
	case b.target.Kind == OnInterface:
		return complain("%s on an interface; put it %s", doc.Verb, where)
	case allowed(OnLine) && b.line.Kind == OnLine && b.what != "the package clause" && b.what != "an import":
		return b.line, nil
	case b.remedy != "":
		return complain("%s on %s; %s", doc.Verb, b.what, b.remedy)
	case b.what != "":
		return complain("%s on %s; put it %s", doc.Verb, b.what, where)
	default:
		return complain("detached %s speaks of nothing; put it %s, with no blank line between", doc.Verb, where)
	}
}

// parse reads the arguments by verb. What it returns counts only when no
// problem was found.
func (a *args) parse() Value {
	switch a.doc.Verb {
	case VerbGuarded:
		return Guarded{Reason: a.reason(a.d.Args)}
	case VerbPlain:
		return a.plain()
	default: // the others take arguments
	}
	if !a.split() {
		return nil
	}
	a.checkKeys()
	switch a.doc.Verb {
	case VerbGuard:
		return a.guard()
	case VerbBreaker:
		return a.breaker()
	case VerbTimeout:
		return a.timeout()
	case VerbRetry:
		return a.retry()
	case VerbBulkhead:
		return a.bulkhead()
	case VerbRate:
		return a.rate()
	case VerbHedge:
		return a.hedge()
	case VerbErrors:
		return a.errors()
	case VerbFallback:
		return a.fallback()
	case VerbDegrade:
		return a.degrade()
	case VerbOutbound:
		return Outbound{Name: a.name()}
	default:
		return a.mark()
	}
}

// name reads the one bare word that names a dependency.
func (a *args) name() string {
	words := a.words(1)
	if len(words) == 0 {
		a.missingf("", "%s has no NAME; write %s%s %s", a.doc.Verb, Prefix, a.doc.Verb, a.doc.Keys[0].Example)
		return ""
	}
	w := words[0]
	switch {
	case len(w.Value) > resil.MaxName:
		a.addf(w.Pos, w.End, "the name %s is %d characters long; want at most %d", show(w.Value), len(w.Value), resil.MaxName)
	case !resil.ValidName(w.Value):
		want := "want lower-case letters, digits, - _ and . , starting with a letter"
		if lower := strings.ToLower(w.Value); resil.ValidName(lower) {
			want = "write " + lower
		}
		a.addf(w.Pos, w.End, "%s is no name for a dependency; %s", show(w.Value), want)
	}
	return w.Value
}

func (a *args) guard() Value {
	g := Guard{Name: a.name()}
	if arg, ok := a.value("criticality"); ok {
		c, err := resil.ParseCriticality(arg.Value)
		if err != nil {
			a.argf(arg, "unknown criticality %s; %s", show(arg.Value), didYouMean(arg.Value, []string{"critical", "high", "medium", "low"}))
		}
		g.Criticality = c
	}
	if arg, ok := a.value("down"); ok {
		g.Down = a.level(arg, arg.Value)
	}
	return g
}

func (a *args) level(arg Arg, text string) resil.Level {
	l, err := resil.ParseLevel(text)
	if err != nil {
		a.argf(arg, "unknown level %s; %s", show(text), didYouMean(text, levelNames()))
	}
	return l
}

func levelNames() []string {
	var names []string
	for _, l := range resil.Levels() {
		names = append(names, l.String())
	}
	return names
}

func (a *args) breaker() Value {
	a.words(0)
	b := resil.Breaker{
		Failures: a.count("failures"), Ratio: a.share("ratio"), Min: a.count("min"), Window: a.duration("window"),
		Slow: a.duration("slow"), SlowRatio: a.share("slowratio"), Open: a.duration("open"),
	}
	b.Good, b.Probes = a.probes()
	a.validate(b.ValidatePart())
	return Breaker{b}
}

func (a *args) probes() (good, probes int) {
	arg, ok := a.value("probes")
	if !ok {
		return 0, 0
	}
	n, m, ok := strings.Cut(arg.Value, "/")
	if !ok || !isDigits(n) || !isDigits(m) {
		a.argf(arg, "%s is not N/M; write %s", arg.written(), a.example(arg))
		return 0, 0
	}
	good, probes = a.countOf(arg, n), a.countOf(arg, m)
	return good, probes
}

func (a *args) timeout() Value {
	words := a.words(1)
	if len(words) == 0 {
		a.missingf("", "timeout has no DURATION; write %stimeout 2s", Prefix)
		a.duration("total")
		return nil
	}
	t := resil.Timeout{Attempt: a.durationOf(words[0], words[0].Value), Total: a.duration("total")}
	a.validate(t.Validate())
	return Timeout{t}
}

func (a *args) retry() Value {
	a.words(0)
	r := resil.Retry{Attempts: a.count("attempts"), Budget: a.share("budget")}
	if _, ok := a.find("attempts"); !ok {
		a.missingf("attempts", "retry has no attempts=; write %sretry attempts=3", Prefix)
	}
	r.Base, r.Max = a.backoff()
	a.validate(r.Validate())
	return Retry{r}
}

// find returns the argument of a key, whether it is worth reading or not.
func (a *args) find(key string) (Arg, bool) {
	for _, arg := range a.list {
		if arg.Key == key {
			return arg, true
		}
	}
	return Arg{}, false
}

func (a *args) backoff() (base, top time.Duration) {
	arg, ok := a.value("backoff")
	if !ok {
		return 0, 0
	}
	from, to, ok := strings.Cut(arg.Value, "..")
	if !ok || strings.HasPrefix(to, ".") {
		a.argf(arg, "%s is not a range; write %s", arg.written(), a.example(arg))
		return 0, 0
	}
	return a.durationOf(arg, from), a.durationOf(arg, to)
}

func (a *args) bulkhead() Value {
	a.words(0)
	b := resil.Bulkhead{Max: a.count("max")}
	if _, ok := a.find("max"); !ok {
		a.missingf("max", "bulkhead has no max=; write %sbulkhead max=20", Prefix)
	}
	if arg, ok := a.value("wait"); ok {
		b.Wait, _ = a.anyDuration(arg, arg.Value) // 0s is a value here
		if b.Wait < 0 || b.Wait > resil.MaxDuration {
			a.argf(arg, "%s is out of range; want %s", arg.written(), a.rangeOf(arg))
			b.Wait = 0
		}
	}
	a.validate(b.Validate())
	return Bulkhead{b}
}

func (a *args) rate() Value {
	words := a.words(1)
	r := resil.Rate{Burst: a.count("burst")}
	if len(words) == 0 {
		a.missingf("", "rate has no N/s; write %srate 50/s", Prefix)
		return nil
	}
	n, per, _ := strings.Cut(words[0].Value, "/")
	switch per {
	case "s":
		r.Per = time.Second
	case "m":
		r.Per = time.Minute
	case "h":
		r.Per = time.Hour
	default:
		switch unit := strings.ToLower(per[:min(1, len(per))]); {
		case isDigits(n) && slices.Contains([]string{"s", "m", "h"}, unit): // sec, min, hour
			a.argf(words[0], "rate %s has no period %s; write %s/%s", show(words[0].Value), show(per), show(n), unit)
		default:
			a.argf(words[0], "rate %s has no period; write N/s, N/m or N/h, as in 50/s", show(words[0].Value))
		}
		a.bad[""] = true
		return nil
	}
	if r.N = a.countOf(words[0], n); r.N == 0 {
		return nil
	}
	a.validate(r.Validate())
	return Rate{r}
}

func (a *args) hedge() Value {
	a.words(0)
	h := resil.Hedge{After: a.duration("after"), Max: a.count("max")}
	if _, ok := a.find("after"); !ok {
		a.missingf("after", "hedge has no after=; write %shedge after=200ms", Prefix)
	}
	a.bad[""] = a.bad[""] || a.bad["after"] // the runtime would say it again
	a.validate(h.Validate())
	return Hedge{h}
}

func (a *args) errors() Value {
	a.words(0)
	if len(a.list) == 0 {
		a.missingf("", "errors states nothing; write %serrors ignore=ErrNotFound", Prefix)
	}
	e := Errors{Ignore: a.refs("ignore"), Failure: a.refs("failure")}
	for _, f := range e.Failure {
		for _, i := range e.Ignore {
			if f.String() == i.String() {
				a.addf(f.Pos, f.Pos+token.Pos(len(f.String())), "%s is both ignored and a failure; keep one", f)
			}
		}
	}
	return e
}

func (a *args) refs(key string) []Ref {
	arg, ok := a.value(key)
	if !ok {
		return nil
	}
	var out []Ref
	for _, e := range a.elements(arg) {
		if ref := a.ref(e); ref != nil {
			out = append(out, *ref)
		}
	}
	return out
}

// ref reads Name, pkg.Name or full/import/path.Name.
func (a *args) ref(e element) *Ref {
	slash := strings.LastIndexByte(e.text, '/') + 1
	dot := strings.LastIndexByte(e.text[slash:], '.')
	ref := &Ref{Name: e.text, Pos: e.pos}
	if dot >= 0 {
		ref.Path, ref.Name = e.text[:slash+dot], e.text[slash+dot+1:]
	}
	if !isIdent(ref.Name) || (dot >= 0 && !isPath(ref.Path)) || (dot < 0 && slash > 0) {
		want := "Name, pkg.Name or full/import/path.Name"
		if bare := strings.TrimSuffix(strings.TrimLeft(e.text, "*&"), "{}"); bare != e.text {
			want = show(bare) + ": the type or value alone"
		}
		a.addf(e.pos, e.end, "%s names nothing in Go; write %s", show(e.text), want)
		return nil
	}
	return ref
}

// isPath reports whether s has the form of an import path or a package name.
func isPath(s string) bool {
	for _, part := range strings.Split(s, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/.-_~+", r)
	})
}

func (a *args) fallback() Value {
	f := Fallback{Limit: a.count("limit")}
	strategies := a.strategies(&f)
	switch {
	case len(strategies) == 0 && len(a.problems) == 0:
		a.missingf("", "fallback has no strategy; write one of call=Func, call=.Method, stale=10m, zero or outbox")
	case len(strategies) > 1:
		second := strategies[1]
		a.addf(second.Pos, second.End, "second strategy %s on one line; write a line for each, in the order to try them", second.written())
	}
	if f.Strategy != resil.StrategyStale {
		a.onlyWithStale("max", "key")
		if f.Shared {
			arg, _ := a.word("shared")
			a.addf(arg.Pos, arg.End, "shared belongs to stale=; remove it")
		}
	} else if !a.bad["key"] && len(a.problems) == 0 && f.Key == nil && !f.Shared {
		a.missingf("key", "stale does not say what tells answers apart; add key=Func, or the word shared if nothing in the context alters the answer")
	}
	spec := resil.Fallback{Strategy: f.Strategy, TTL: f.TTL, Max: f.Max, Limit: f.Limit}
	a.validate(spec.Validate())
	return f
}

func (a *args) word(text string) (Arg, bool) {
	for _, arg := range a.list {
		if arg.Key == "" && arg.Value == text {
			return arg, true
		}
	}
	return Arg{}, false
}

func (a *args) onlyWithStale(keys ...string) {
	for _, key := range keys {
		if arg, ok := a.find(key); ok {
			a.argf(arg, "%s= belongs to stale=; remove it", key)
		}
	}
}

// strategies reads what the line says to do and returns the arguments that say so.
func (a *args) strategies(f *Fallback) []Arg {
	var said []Arg
	for _, arg := range a.list {
		switch {
		case arg.Key == "call":
			f.Strategy = resil.StrategyCall
			a.call(arg, f)
		case arg.Key == "stale":
			f.Strategy = resil.StrategyStale
			f.TTL = a.duration("stale")
			f.Max = a.count("max")
		case arg.Key == "key":
			a.staleKey(arg, f)
			continue
		case arg.Key != "":
			continue
		case arg.Value == "zero":
			f.Strategy = resil.StrategyZero
		case arg.Value == "outbox":
			f.Strategy = resil.StrategyOutbox
		case arg.Value == "shared":
			if f.Shared || f.Key != nil {
				a.addf(arg.Pos, arg.End, "shared and key= are given both; keep one")
			}
			f.Shared = true
			continue
		case arg.Value == "stale" || arg.Value == "call":
			a.addf(arg.Pos, arg.End, "%s has no value; write %s", arg.Value, a.doc.key(arg.Value).Example)
			continue
		default:
			a.addf(arg.Pos, arg.End, "unknown fallback %s; %s", show(arg.Value), a.suggestStrategy(arg.Value))
			continue
		}
		said = append(said, arg)
	}
	return said
}

func (a *args) suggestStrategy(word string) string {
	if near := Nearest(word, []string{"zero", "outbox", "shared", "stale", "call"}); near != "" {
		return "did you mean " + near + "?"
	}
	if isIdent(word) {
		return "write call=" + word + " to call a function"
	}
	return "want call=Func, call=.Method, stale=10m, zero or outbox"
}

func (a *args) call(arg Arg, f *Fallback) {
	if _, ok := a.value("call"); !ok {
		return
	}
	if method, ok := strings.CutPrefix(arg.Value, "."); ok {
		if !isIdent(method) {
			a.argf(arg, "%s is no method; write call=.Name", arg.written())
		}
		f.Method = method
		return
	}
	f.Call = a.ref(element{strings.TrimSuffix(arg.Value, "()"), arg.ValuePos, arg.End})
	if strings.HasSuffix(arg.Value, "()") && f.Call != nil {
		a.argf(arg, "%s calls it; write call=%s", arg.written(), show(strings.TrimSuffix(arg.Value, "()")))
	}
}

func (a *args) staleKey(arg Arg, f *Fallback) {
	if _, ok := a.value("key"); !ok {
		return
	}
	if f.Shared || f.Key != nil {
		a.addf(arg.Pos, arg.End, "shared and key= are given both; keep one")
		return
	}
	if arg.Value == "shared" {
		f.Shared = true
		return
	}
	f.Key = a.ref(element{arg.Value, arg.ValuePos, arg.End})
}

// What names the strategy as the line does, without its settings: "call=Func",
// "stale", "zero".
func (f Fallback) What() string {
	switch {
	case f.Call != nil:
		return "call=" + f.Call.String()
	case f.Method != "":
		return "call=." + f.Method
	case f.Strategy == 0:
		return ""
	}
	return f.Strategy.String()
}

func (a *args) degrade() Value {
	a.words(0)
	var d Degrade
	if len(a.list) == 0 {
		a.missingf("", "degrade states nothing; write LEVEL=ACTION, as in %sdegrade limited=fallback", Prefix)
	}
	for _, l := range resil.Levels() {
		arg, ok := a.value(l.String())
		if !ok {
			continue
		}
		action, err := resil.ParseAction(arg.Value)
		if err != nil {
			a.argf(arg, "unknown action %s; %s", show(arg.Value), didYouMean(arg.Value, []string{"call", "once", "stale", "fallback", "shed"}))
			continue
		}
		d.Levels[l-1] = action
	}
	strictest, at := resil.Action(0), resil.Level(0)
	for _, l := range resil.Levels() {
		action := d.Levels.At(l)
		if action != 0 && action < strictest {
			arg, _ := a.find(l.String())
			a.argf(arg, "%s=%s is milder than %s=%s at a better level; want %s or stricter", l, action, at, strictest, strictest)
		}
		if action > strictest {
			strictest, at = action, l
		}
	}
	return d
}

// mark reads read, write, idempotent, essential and health.
func (a *args) mark() Value {
	if a.kind != OnInterface {
		if words := a.words(1); len(words) > 0 && a.kind == OnMethod {
			a.addf(words[0].Pos, words[0].End, "%s on a method takes no argument; remove %s", a.doc.Verb, show(words[0].Value))
		}
		return Mark{}
	}
	words := a.words(len(a.list))
	switch {
	case len(words) == 0:
		a.missingf("", "%s on an interface does not say which methods; write %s%s %s", a.doc.Verb, Prefix, a.doc.Verb, a.doc.Keys[0].Example)
		return nil
	case len(words) > 1:
		a.addf(words[1].Pos, words[1].End, "unexpected %s; write one list without blanks, a,b", show(words[1].Value))
	}
	return Mark{Patterns: a.patterns(words[0])}
}

func (a *args) patterns(arg Arg) []Pattern {
	var out []Pattern
	for _, e := range a.elements(arg) {
		name := strings.NewReplacer("*", "a", "?", "a").Replace(e.text)
		if !isIdent(name) && !token.IsKeyword(name) {
			a.addf(e.pos, e.end, "%s names no method; write a name, or a glob with * and ?", show(e.text))
			continue
		}
		out = append(out, Pattern{e.text, e.pos})
	}
	return out
}

func (a *args) plain() Value {
	if a.kind != OnInterface {
		return Mark{Reason: a.reason(a.d.Args)}
	}
	list, rest, _ := strings.Cut(strings.ReplaceAll(a.d.Args, "\t", " "), " ")
	if list == "" {
		a.missingf("", "plain on an interface does not say which methods and why; write %splain Pipeline,TxPipeline no calls", Prefix)
		return nil
	}
	arg := Arg{Value: list, Pos: a.d.ArgsPos, ValuePos: a.d.ArgsPos, End: a.d.ArgsPos + token.Pos(len(list))}
	a.list = append(a.list, arg)
	return Mark{Patterns: a.patterns(arg), Reason: a.reason(strings.TrimSpace(rest))}
}

// reason checks the raw rest of a line.
func (a *args) reason(text string) string {
	if text == "" {
		a.missingf("reason", "%s gives no reason; say why on the same line", a.doc.Verb)
	}
	return text
}
