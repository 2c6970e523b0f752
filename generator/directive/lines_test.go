package directive

import (
	"slices"
	"strings"
	"testing"
)

// TestLinesOnAnInterface is the table of everything that can be wrong within
// one line. Columns are those of the argument that is wrong.
func TestLinesOnAnInterface(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string // without the line number; nil = fine
	}{
		// guard
		{"//resil:guard openai", nil},
		{"//resil:guard open-ai_2.x criticality=critical down=emergency", nil},
		{`//resil:guard "openai" "criticality=low"`, nil},
		{"//resil:guard", []string{"1: guard has no NAME; write //resil:guard openai"}},
		{"//resil:guard OpenAI", []string{"15: OpenAI is no name for a dependency; write openai"}},
		{"//resil:guard 2x", []string{"15: 2x is no name for a dependency; want lower-case letters, digits, - _ and . , starting with a letter"}},
		{"//resil:guard a b", []string{"17: unexpected b; want guard NAME [criticality=critical|high|medium|low] [down=LEVEL]"}},
		{"//resil:guard a criticality=hihg", []string{"17: unknown criticality hihg; did you mean high?"}},
		{"//resil:guard a criticality=High", []string{"17: unknown criticality High; did you mean high?"}},
		{"//resil:guard a down=broken", []string{"17: unknown level broken; want optimal, degraded, limited, minimal or emergency"}},
		{"//resil:guard a critcality=low down=low", []string{"17: unknown key critcality of guard; did you mean criticality?", "32: unknown level low; want optimal, degraded, limited, minimal or emergency"}},
		{"//resil:guard a down=limited down=minimal", []string{"30: down= is given twice; keep one"}},
		{"//resil:guard $(rm)", []string{"15: $(rm) is no name for a dependency; want lower-case letters, digits, - _ and . , starting with a letter"}},
		{"//resil:guard " + strings.Repeat("a", 200_000), []string{"15: the name " + strings.Repeat("a", 60) + "… is 200000 characters long; want at most 100"}},

		{"//resil:guard a crit=high", []string{"17: unknown key crit of guard; did you mean criticality?"}},
		{"//resil:guard a level=limited", []string{"17: unknown key level of guard; did you mean down?"}},
		{"//resil:guard a high", []string{"17: unexpected high; write criticality=high"}},
		{"//resil:guard a limited", []string{"17: unexpected limited; write down=limited"}},
		{"//resil:guard a criticality=high low", []string{"34: unexpected low; want guard NAME [criticality=critical|high|medium|low] [down=LEVEL]"}},
		{"//resil:guard name=a", []string{"15: unknown key name of guard; write guard a, without name="}},
		{`//resil:guard a criticality="high"`, []string{`17: criticality="high" has quotes inside; write criticality=high, or quote the whole argument`}},
		{"//resil:guard a // our database", []string{"17: unexpected //; nothing may follow a directive on its line; put the comment on another"}},

		// breaker
		{"//resil:breaker failures=5 ratio=0.5 min=20 window=10s slow=2s slowratio=0.5 open=30s probes=2/3", nil},
		{"//resil:breaker", nil}, // with all its defaults
		{"//resil:breaker failures=0", []string{"17: failures=0 is out of range; want 1 to 1000000"}},
		{"//resil:breaker failures=-1", []string{"17: failures=-1 is out of range; want 1 to 1000000"}},
		{"//resil:breaker failures=1000001", []string{"17: failures=1000001 is out of range; want 1 to 1000000"}},
		{"//resil:breaker failures=99999999999999999999", []string{"17: failures=99999999999999999999 is out of range; want 1 to 1000000"}},
		{"//resil:breaker failures=2.5", []string{"17: failures=2.5 is not a whole number; write failures=5"}},
		{"//resil:breaker failures=five", []string{"17: failures=five is not a whole number; write failures=5"}},
		{"//resil:breaker failures=", []string{"17: failures= has no value; write failures=5 without blanks"}},
		{"//resil:breaker failures", []string{"17: unexpected failures; write failures=5 without blanks"}},
		{"//resil:breaker failures = 5", []string{"26: = has no key before =; write key=value without blanks"}},
		{"//resil:breaker = ==", []string{"17: = has no key before =; write key=value without blanks"}},
		{"//resil:breaker failures＝5", []string{"17: failures＝5 holds a full-width ＝; write a plain ="}},
		{"//resil:breaker failures==5", []string{"17: failures==5 is not a whole number; write failures=5"}},
		{"//resil:breaker ratio=50%", []string{"17: ratio=50% is a percentage; write the share, ratio=0.5"}},
		{"//resil:breaker ratio=1.5 slow=1s slowratio=0", []string{"17: ratio=1.5 is out of range; want more than 0, at most 1", "35: slowratio=0 is out of range; want more than 0, at most 1"}},
		{"//resil:breaker ratio=NaN", []string{"17: ratio=NaN is not a number; write ratio=0.5"}},
		{"//resil:breaker ratio=1e-1", []string{"17: ratio=1e-1 is not a number; write ratio=0.5"}},
		{"//resil:breaker min=3", nil},
		{"//resil:breaker slowratio=0.3 failures=3", nil},
		{"//resil:breaker open=30", []string{"17: open=30 has no unit; write open=30s"}},
		{"//resil:breaker open=0s", []string{"17: open=0s is out of range; want more than 0s, at most 24h"}},
		{"//resil:breaker open=-3s", []string{"17: open=-3s is out of range; want more than 0s, at most 24h"}},
		{"//resil:breaker open=25h", []string{"17: open=25h is out of range; want more than 0s, at most 24h"}},
		{"//resil:breaker open=99999999999h", []string{"17: open=99999999999h is out of range; want more than 0s, at most 24h"}},
		{"//resil:breaker open=3sec", []string{"17: open=3sec is not a duration; write open=30s, with a unit of ns, us, ms, s, m or h"}},
		{"//resil:breaker probes=3", []string{"17: probes=3 is not N/M; write probes=2/3"}},
		{"//resil:breaker probes=3/2", []string{"17: probes=3/2 is out of range; want N/M with 1 <= N <= M <= 100"}},
		{"//resil:breaker probes=0/2", []string{"17: probes=0/2 is out of range; want 1 <= N <= M <= 100"}},
		{"//resil:breaker timeout=3s", []string{"17: unknown key timeout of breaker; write it as a line of its own, //resil:timeout DURATION [total=DURATION]"}},
		{"//resil:breaker attempts=3", []string{"17: unknown key attempts of breaker; it belongs to //resil:retry"}},
		{"//resil:breaker failure=3", []string{"17: unknown key failure of breaker; did you mean failures?"}},
		{"//resil:breaker opne=3s zork=1", []string{"17: unknown key opne of breaker; did you mean open?", "25: unknown key zork of breaker; want failures=, ratio=, min=, window=, slow=, slowratio=, open= or probes="}},

		{"//resil:breaker 5", []string{"17: unexpected 5; write failures=5"}},
		{"//resil:breaker threshold=5", []string{"17: unknown key threshold of breaker; did you mean failures?"}},

		// timeout
		{"//resil:timeout 2s", nil},
		{"//resil:timeout 1m30s total=2h", nil},
		{"//resil:timeout", []string{"1: timeout has no DURATION; write //resil:timeout 2s"}},
		{"//resil:timeout total=2s", []string{"1: timeout has no DURATION; write //resil:timeout 2s"}},
		{"//resil:timeout 2", []string{"17: 2 has no unit; write 2s"}},
		{"//resil:timeout 0s", []string{"17: 0s is out of range; want more than 0s, at most 24h"}},
		{"//resil:timeout 3s total=2s", []string{"20: total=2s is shorter than one attempt of 3s; want total >= timeout"}},
		{"//resil:timeout 2s 3s", []string{"20: unexpected 3s; write total=3s"}},

		// retry
		{"//resil:retry attempts=3 backoff=50ms..2s budget=0.2", nil},
		{"//resil:retry attempts=1", nil},
		{"//resil:retry", []string{"1: retry has no attempts=; write //resil:retry attempts=3"}},
		{"//resil:retry 3", []string{"15: unexpected 3; write attempts=3"}},
		{"//resil:retry attempts=101", []string{"15: attempts=101 is out of range; want 1 to 100, the first call included"}},
		{"//resil:retry attempts=3 backoff=1s", []string{"26: backoff=1s is not a range; write backoff=50ms..2s"}},
		{"//resil:retry attempts=3 backoff=2s..1s", []string{"26: backoff=2s..1s runs backwards; want the shorter wait first"}},
		{"//resil:retry attempts=3 backoff=50..2s", []string{"26: backoff=50..2s has no unit; write backoff=50s"}},
		{"//resil:retry attempts=3 budget=2", []string{"26: budget=2 is out of range; want more than 0, at most 1"}},

		{"//resil:retry attempt=3", []string{"15: unknown key attempt of retry; did you mean attempts?"}},
		{"//resil:retry retries=3 jitter=full", []string{"15: unknown key retries of retry; did you mean attempts?", "25: unknown key jitter of retry; want attempts=, backoff= or budget="}},
		{"//resil:retry attempts=3 backoff=50ms...2s", []string{"26: backoff=50ms...2s is not a range; write backoff=50ms..2s"}},
		{"//resil:retry attempts=3 backoff=50ms..25h", []string{"26: backoff=50ms..25h is out of range; want more than 0s, at most 24h, shorter first"}},

		// bulkhead, rate, hedge
		{"//resil:bulkhead 20", []string{"18: unexpected 20; write max=20"}},
		{"//resil:bulkhead max=20 wait=25h", []string{"25: wait=25h is out of range; want 0s to 24h"}},
		{"//resil:rate 5/sec", []string{"14: rate 5/sec has no period sec; write 5/s"}},
		{"//resil:rate 5/M", []string{"14: rate 5/M has no period M; write 5/m"}},
		{"//resil:hedge 200ms", []string{"15: unexpected 200ms; write after=200ms"}},
		{"//resil:bulkhead max=20 wait=0s", nil},
		{"//resil:bulkhead wait=1s", []string{"1: bulkhead has no max=; write //resil:bulkhead max=20"}},
		{"//resil:bulkhead max=-1 wait=-1s", []string{"18: max=-1 is out of range; want 1 to 1000000", "25: wait=-1s is out of range; want 0s to 24h"}},
		{"//resil:rate 50/s burst=10", nil},
		{"//resil:rate 3/h", nil},
		{"//resil:rate", []string{"1: rate has no N/s; write //resil:rate 50/s"}},
		{"//resil:rate 50", []string{"14: rate 50 has no period; write N/s, N/m or N/h, as in 50/s"}},
		{"//resil:rate 50/d", []string{"14: rate 50/d has no period; write N/s, N/m or N/h, as in 50/s"}},
		{"//resil:rate 0/s", []string{"14: 0/s is out of range; want 1 to 1000000 per s, m or h"}},
		{"//resil:rate 9999999/s", []string{"14: rate 9999999 is out of range; want 1 to 1000000 per second, minute or hour"}},
		{"//resil:hedge after=200ms max=2", nil},
		{"//resil:hedge max=2", []string{"1: hedge has no after=; write //resil:hedge after=200ms"}},
		{"//resil:hedge after=1s max=11", []string{"24: max=11 is out of range; want 1 to 10"}},

		// errors
		{"//resil:errors ignore=ErrA,pkg.ErrB,io.EOF failure=github.com/x/y.v3.ErrC", nil},
		{"//resil:errors", []string{"1: errors states nothing; write //resil:errors ignore=ErrNotFound"}},
		{"//resil:errors ignore=ErrA, ErrB", []string{"16: the list ignore=ErrA, has an empty entry; write a,b without blanks", "29: unexpected ErrB; want errors [ignore=ERR,ERR] [failure=ERR,ERR]"}},
		{"//resil:errors ignore=ErrA,ErrA", []string{"28: ErrA is listed twice; keep one"}},
		{"//resil:errors ignore=ErrA failure=ErrA", []string{"36: ErrA is both ignored and a failure; keep one"}},
		{"//resil:errors ignore=*ErrA,pkg/ErrB,.ErrC,a/../b.C", []string{
			"23: *ErrA names nothing in Go; write ErrA: the type or value alone", "29: pkg/ErrB names nothing in Go; write Name, pkg.Name or full/import/path.Name",
			"38: .ErrC names nothing in Go; write Name, pkg.Name or full/import/path.Name", "44: a/../b.C names nothing in Go; write Name, pkg.Name or full/import/path.Name",
		}},

		// fallback
		{"//resil:fallback call=Func limit=5", nil},
		{"//resil:fallback call=.Method", nil},
		{"//resil:fallback stale=10m max=5 key=Func", nil},
		{"//resil:fallback stale=10m key=shared", nil},
		{"//resil:fallback stale=10m shared", nil},
		{"//resil:fallback zero", nil},
		{"//resil:fallback outbox", nil},
		{"//resil:fallback", []string{"1: fallback has no strategy; write one of call=Func, call=.Method, stale=10m, zero or outbox"}},
		{"//resil:fallback Func", []string{"18: unknown fallback Func; write call=Func to call a function"}},
		{"//resil:fallback zreo", []string{"18: unknown fallback zreo; did you mean zero?"}},
		{"//resil:fallback call=Func()", []string{"18: call=Func() calls it; write call=Func"}},
		{"//resil:fallback call=.", []string{"18: call=. is no method; write call=.Name"}},
		{"//resil:fallback call=.a.b", []string{"18: call=.a.b is no method; write call=.Name"}},
		{"//resil:fallback call=func", []string{"23: func names nothing in Go; write Name, pkg.Name or full/import/path.Name"}},
		{"//resil:fallback stale", []string{"18: stale has no value; write stale=10m"}},
		{"//resil:fallback stale=10m", []string{"1: stale does not say what tells answers apart; add key=Func, or the word shared if nothing in the context alters the answer"}},
		{"//resil:fallback stale=10m shared key=F", []string{"35: shared and key= are given both; keep one"}},
		{"//resil:fallback stale=10m call=F shared", []string{"28: second strategy call=F on one line; write a line for each, in the order to try them", "35: shared belongs to stale=; remove it"}},
		{"//resil:fallback zero max=5", []string{"23: max= belongs to stale=; remove it"}},
		{"//resil:fallback zero limit=0", []string{"23: limit=0 is out of range; want 1 to 1000000"}},
		{"//resil:fallback call=`x", []string{"18: call=`x has quotes inside; write call=x, or quote the whole argument"}},
		{"//resil:fallback \"call=last known", []string{"18: quoting of \"call=last known is broken; quote a whole argument, as in \"key=some value\""}},
		{"//resil:fallback zero \"limit=5\"x", []string{"23: quoting of \"limit=5\"x is broken; quote a whole argument, as in \"key=some value\""}},

		// degrade
		{"//resil:degrade optimal=call degraded=once limited=stale minimal=fallback emergency=shed", nil},
		{"//resil:degrade", []string{"1: degrade states nothing; write LEVEL=ACTION, as in //resil:degrade limited=fallback"}},
		{"//resil:degrade minimal", []string{"17: unexpected minimal; write minimal=fallback without blanks"}},
		{"//resil:degrade minimal=drop", []string{"17: unknown action drop; want call, once, stale, fallback or shed"}},
		{"//resil:degrade minmal=shed", []string{"17: unknown key minmal of degrade; did you mean minimal?"}},
		{"//resil:degrade limited=fallback minimal=once emergency=call", []string{
			"34: minimal=once is milder than limited=fallback at a better level; want fallback or stricter",
			"47: emergency=call is milder than limited=fallback at a better level; want fallback or stricter",
		}},

		// marks
		{"//resil:read Get,H*Get,L?st", nil},
		{"//resil:read *", nil},
		{"//resil:read", []string{"1: read on an interface does not say which methods; write //resil:read Get,List*"}},
		{"//resil:read Get, Set", []string{"14: the list Get, has an empty entry; write a,b without blanks", "19: unexpected Set; write one list without blanks, a,b"}},
		{"//resil:read Get,Get", []string{"18: Get is listed twice; keep one"}},
		{"//resil:read G[a-z]", []string{"14: G[a-z] names no method; write a name, or a glob with * and ?"}},
		{"//resil:read methods=Get", []string{"14: unknown key methods of read; write read Get, without methods="}},
		{"//resil:health", []string{"1: health on an interface does not say which methods; write //resil:health Ping"}},
		{"//resil:plain Pipeline,TxPipeline not calls, \"they\" build", nil},
		{"//resil:plain", []string{"1: plain on an interface does not say which methods and why; write //resil:plain Pipeline,TxPipeline no calls"}},
		{"//resil:plain Pipeline", []string{"1: plain gives no reason; say why on the same line"}},

		// verbs and places
		{"//resil:gaurd x", []string{"9: unknown directive gaurd; did you mean guard?"}},
		{"//resil:circuitbreaker x", []string{"9: unknown directive circuitbreaker; did you mean breaker?"}},
		{"//resil:retries attempts=2", []string{"9: unknown directive retries; did you mean retry?"}},
		{"//resil:ratelimit 5/s", []string{"9: unknown directive ratelimit; did you mean rate?"}},
		{"//resil:throttle 5/s", []string{"9: unknown directive throttle; did you mean rate?"}},
		{"//resil:zork x", []string{"9: unknown directive zork; want guard, breaker, timeout, retry, bulkhead, rate, hedge, errors, fallback, degrade, read, write, idempotent, essential, health, plain, guarded or outbound"}},
		{"//resil:guarded by the sidecar", []string{"1: guarded on an interface; put it in the doc comment of a function, or on or right above a line of code"}},
		{"//resil:outbound x", []string{"1: outbound on an interface; put it in the doc comment of a function, or on or right above a line of code"}},
	} {
		name := c.line
		if len(name) > 80 {
			name = name[:80]
		}
		t.Run(name, func(t *testing.T) {
			file, got := parseSource(t, onInterfaceSource(c.line))
			for i := range got {
				got[i] = strings.TrimPrefix(got[i], "3:")
			}
			want := slices.Clone(c.want)
			slices.SortStableFunc(want, func(a, b string) int { return column(a) - column(b) })
			if !slices.Equal(got, want) {
				t.Errorf("%s\n got %q\nwant %q", name, got, want)
			}
			if directives := len(file.Directives); (directives == 1) != (c.want == nil) {
				t.Errorf("%d directives, want %v", directives, c.want == nil)
			}
		})
	}
}

func column(message string) int {
	n := 0
	for _, r := range message {
		if r < '0' || r > '9' {
			break
		}
		n = n*10 + int(r-'0')
	}
	return n
}

func TestLinesOnAMethod(t *testing.T) {
	for _, c := range []struct {
		lines string
		want  []string
	}{
		{"\t//resil:read", nil},
		{"\t//resil:plain answers from memory", nil},
		{"\t//resil:outbound mainframe", nil},
		{"\t//resil:read Get", []string{"5:15: read on a method takes no argument; remove Get"}},
		{"\t//resil:plain", []string{"5:2: plain gives no reason; say why on the same line"}},
		{"\t//resil:guard y", []string{"5:2: guard is for an interface, not for one method; put it above Prices"}},
		{"\t//resil:breaker failures=2", []string{"5:2: breaker is for an interface, not for one method; put it above Prices"}},
		{"\t//resil:timeout 2s\n\t//resil:timeout 3s", []string{"6:2: second timeout line on Prices.Get; keep one"}},
		{"\t//resil:read\n\t//resil:read", []string{"6:2: second read line on Prices.Get; keep one"}},
		{"\t//resil:fallback zero\n\t//resil:fallback zero", []string{"6:2: second fallback zero on Prices.Get; keep one"}},
		{"\t//resil:fallback zero\n\t//resil:fallback call=F", []string{"6:2: fallback call=F is never tried, zero before it always answers; move zero to the end"}},
		{"\t//resil:fallback call=F\n\t//resil:fallback call=G\n\t//resil:fallback zero", nil},
		{"\t//resil:timeout 2s\n\n\t//resil:read", []string{"5:2: detached timeout speaks of nothing; put it in the doc comment of an interface or of one of its methods, with no blank line between"}},
	} {
		t.Run(c.lines, func(t *testing.T) {
			_, got := parseSource(t, onMethodSource(c.lines))
			if !slices.Equal(got, c.want) {
				t.Errorf("%s\n got %q\nwant %q", c.lines, got, c.want)
			}
		})
	}
}

func TestNearMisses(t *testing.T) {
	ignored := " is not a directive and is ignored by every tool; write //resil:guard, with nothing between // and the verb"
	for _, c := range []struct{ line, want string }{
		{"// resil:guard x", "3:1: // resil:guard" + ignored},
		{"//resil: guard x", "3:1: //resil: guard" + ignored},
		{"//  resil:  guard x", "3:1: // resil: guard" + ignored},
		{"//\tresil:gaurd x", "3:1: // resil:gaurd" + ignored},
		{"//Resil:guard x", "3:1: //Resil:guard" + ignored},
		{"//RESIL:GUARD x", "3:1: //RESIL:GUARD" + ignored},
		{"//resil:Guard x", "3:1: //resil:Guard" + ignored},
		{"//+resil:guard x", "3:1: //+resil:guard" + ignored},
		{"// +resil:guard x", "3:1: // +resil:guard" + ignored},
		{"//@resil:guard x", "3:1: //@resil:guard" + ignored},
		{"//resil：guard x", "3:1: //resil：guard" + ignored},
		{"//resil guard x", "3:1: //resil guard" + ignored},
		{"//resil.guard x", "3:1: //resil.guard" + ignored},
		{"//resil-guard x", "3:1: //resil-guard" + ignored},
		{"//resilgen:guard x", "3:1: //resilgen:guard" + ignored},
		{"/*resil:guard x*/", "3:1: /*resil:guard" + ignored},
		{"/* resil:guard x */", "3:1: /* resil:guard" + ignored},
		{"//reisl:guard x", "3:1: //reisl:guard is not a directive of any tool and is ignored; did you mean //resil:guard?"},
		{"//resl:guard", "3:1: //resl:guard is not a directive of any tool and is ignored; did you mean //resil:guard?"},
		{"//Resill:guard x", "3:1: //Resill:guard is not a directive of any tool and is ignored; did you mean //resil:guard?"},
		{"//resil:", "3:1: //resil: is not a directive; write //resil:VERB with one of " + strings.Join(verbNames(), ", ")},
		{"//resil:!", "3:1: //resil:! is not a directive; write //resil:VERB with one of " + strings.Join(verbNames(), ", ")},
	} {
		t.Run(c.line, func(t *testing.T) {
			file, got := parseSource(t, onInterfaceSource(c.line))
			if len(got) != 1 || got[0] != c.want || len(file.Directives) > 0 {
				t.Errorf("%s\n got %q\nwant %q", c.line, got, c.want)
			}
			if !Attempted([]byte("package p\n\n" + c.line + "\ntype X interface{}\n")) {
				t.Errorf("a file with nothing but %s is passed over", c.line)
			}
		})
	}
}

func TestProseAndOtherDirectivesAreLeftAlone(t *testing.T) {
	for _, line := range []string{
		"// resil: the library that guards clients",
		"// resilience is good",
		"// See //resil:guard for what this does.",
		"// //resil:guard x",
		"////resil:guard x",
		"//	//resil:guard in a code block",
		"// The resil:guard comment is explained elsewhere.",
		"//go:generate go tool resilgen",
		"//resilience:guard x",
		"//redis:read x",
		"//resl:zork x",
		"//nolint:errcheck",
		"// resil guard is two words",
		"// Write `//resil:guard NAME`.",
	} {
		t.Run(line, func(t *testing.T) {
			file, got := parseSource(t, onInterfaceSource(line))
			if len(got) != 0 || len(file.Directives) > 0 {
				t.Errorf("%s: got problems %q and %d directives, want none", line, got, len(file.Directives))
			}
			if Attempted([]byte("package p\n\n" + line + "\ntype X interface{}\n")) {
				t.Errorf("a file with %s counts as one with a directive", line)
			}
		})
	}
}
