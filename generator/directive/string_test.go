package directive

import (
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// values returns what the directives of a source state, without positions.
func values(src string) []any {
	fset := token.NewFileSet()
	syntax, err := parser.ParseFile(fset, "a.go", src, parser.ParseComments|parser.SkipObjectResolution)
	if syntax == nil || err != nil {
		return nil
	}
	var out []any
	for _, d := range Parse(fset, syntax).Directives {
		out = append(out, withoutPositions(d.Value))
	}
	return out
}

func withoutPositions(v Value) Value {
	refs := func(in []Ref) []Ref {
		out := slices.Clone(in)
		for i := range out {
			out[i].Pos = 0
		}
		return out
	}
	switch v := v.(type) {
	case Errors:
		return Errors{refs(v.Ignore), refs(v.Failure)}
	case Fallback:
		for _, p := range []**Ref{&v.Call, &v.Key} {
			if *p != nil {
				*p = &refs([]Ref{**p})[0]
			}
		}
		return v
	case Mark:
		v.Patterns = slices.Clone(v.Patterns)
		for i := range v.Patterns {
			v.Patterns[i].Pos = 0
		}
		return v
	default:
		return v
	}
}

// identity checks that printing and parsing again loses and adds nothing.
func identity(t testing.TB, src string) {
	t.Helper()
	fset := token.NewFileSet()
	syntax, err := parser.ParseFile(fset, "a.go", src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return
	}
	for _, d := range Parse(fset, syntax).Directives {
		printed := d.String()
		again := onInterfaceSource(printed)
		switch d.Target.Kind {
		case OnInterface:
		case OnMethod:
			again = onMethodSource("\t" + printed)
		case OnFunc, OnLine:
			again = "package p\n\n" + printed + "\nfunc f() {}\n"
		}
		got := values(again)
		if d.Target.Kind == OnMethod && len(got) > 0 {
			got = got[1:] // the guard above
		}
		if len(got) != 1 || !reflect.DeepEqual(got[0], any(withoutPositions(d.Value))) {
			t.Errorf("%s prints as %s\nwhich states %#v\n       want %#v", d.Text, printed, got, d.Value)
		}
	}
}

func TestPrintingAndParsingIsIdentity(t *testing.T) {
	for _, line := range []string{
		"//resil:guard x criticality=high down=limited", "//resil:guard x",
		"//resil:breaker open=1m30s failures=3 ratio=0.25 min=7 window=1h0m0s slow=1500ms slowratio=1 probes=1/1",
		"//resil:timeout 10m total=24h", "//resil:timeout 100us",
		"//resil:retry attempts=3 backoff=1ms..1m budget=0.000001", "//resil:retry attempts=1",
		"//resil:bulkhead max=3 wait=0s", "//resil:rate 7/m burst=3", "//resil:rate 7/h", "//resil:rate 7/s",
		"//resil:hedge after=3ms max=10", "//resil:errors failure=a/b.c.D ignore=E,f.G",
		"//resil:fallback limit=3 call=.M", "//resil:fallback call=a/b.C", "//resil:fallback key=shared stale=3h max=3",
		"//resil:fallback stale=3h key=K", "//resil:fallback zero", "//resil:fallback outbox limit=7",
		"//resil:degrade emergency=shed limited=once", "//resil:read A*,?b", "//resil:plain Get,Set   it = \"fine\"",
	} {
		t.Run(line, func(t *testing.T) {
			if len(values(onInterfaceSource(line))) != 1 {
				t.Fatal("the line does not parse")
			}
			identity(t, onInterfaceSource(line))
		})
	}
}

// FuzzParse feeds lines at every place where a directive may stand. Parsing
// must not panic, messages must be printable and positions inside the file,
// and what is accepted must survive printing.
func FuzzParse(f *testing.F) {
	for _, doc := range grammar {
		for _, k := range doc.Keys {
			f.Add(Prefix + string(doc.Verb) + " " + k.Example)
		}
		for _, line := range strings.Split(doc.Example, "\n") {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, Prefix) {
				f.Add(line)
			}
		}
	}
	for _, line := range []string{
		"// resil:guard x", "//resil: guard", "//resil:gaurd", "//resil:", "//resil:guard \"x", "//resil:guard `x y`", "/*resil:guard*/",
		"//resil:retry attempts=99999999999999999999 backoff=1h..-1ns", "//resil:rate 1/", "//resil:plain \t x", "//resil:errors ignore=,=..,/",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		for _, src := range []string{
			onInterfaceSource(line), onMethodSource("\t" + line), "package p\n\nfunc f() {\n\t" + line + "\n\tf()\n}\n",
			line + "\npackage p\n", "package p\n\ntype (\n" + line + "\nA struct{}\n)\n",
		} {
			fset := token.NewFileSet()
			syntax, err := parser.ParseFile(fset, "a.go", src, parser.ParseComments|parser.SkipObjectResolution)
			if syntax == nil || len(syntax.Name.Name) == 0 {
				continue
			}
			file := Parse(fset, syntax)
			for _, p := range file.Problems {
				if p.Pos < syntax.FileStart || p.Pos > syntax.FileEnd {
					t.Errorf("%q: problem outside the file: %v", src, p)
				}
				if !utf8.ValidString(p.Message) || strings.ContainsFunc(p.Message, func(r rune) bool { return hidden(r) != "" || r == '\t' || r == utf8.RuneError }) {
					t.Errorf("%q: message echoes hidden characters: %q", src, p.Message)
				}
			}
			if err == nil {
				identity(t, src)
			}
		}
	})
}
