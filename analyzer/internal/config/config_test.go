package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var ruleNames = []string{"unguarded", "nodeadline"}

func TestParseFunc(t *testing.T) {
	tests := []struct {
		in   string
		want FuncName // zero = an error
	}{
		{"net/http.Get", FuncName{"net/http", "", "Get"}},
		{"net/http.Client.Do", FuncName{"net/http", "Client", "Do"}},
		{"(*net/http.Client).Do", FuncName{"net/http", "Client", "Do"}},
		{"(net/http.RoundTripper).RoundTrip", FuncName{"net/http", "RoundTripper", "RoundTrip"}},
		{"(*github.com/sony/gobreaker/v2.CircuitBreaker[T]).Execute", FuncName{"github.com/sony/gobreaker/v2", "CircuitBreaker", "Execute"}},
		{"gopkg.in/redis.v5.Client.Get", FuncName{"gopkg.in/redis.v5", "Client", "Get"}},
		{"example.com/acme.Client.*", FuncName{"example.com/acme", "Client", "*"}},
		{"example.com/acme.*.Send*", FuncName{"example.com/acme", "*", "Send*"}},
		{"acme.Send", FuncName{"acme", "", "Send"}},
		{"Send", FuncName{}},
		{"", FuncName{}},
		{"example.com/acme", FuncName{}},
		{"example.com/acme.", FuncName{}},
		{"example.com/a b.Send", FuncName{}},
		{"example.com/acme.A.B.C", FuncName{}},
	}
	for _, test := range tests {
		t.Run(test.in, func(t *testing.T) {
			got, err := ParseFunc(test.in)
			if got != test.want || (err != nil) != (test.want == FuncName{}) {
				t.Errorf("got %+v, %v, want %+v", got, err, test.want)
			}
		})
	}
}

func TestParse(t *testing.T) {
	tests := []struct {
		name, in string
		want     string // all errors; "" = none
	}{
		{name: "empty file", in: ""},
		{name: "comments only", in: "# nothing\n"},
		{name: "all keys", in: `primitives:
  - func: example.com/acme.Client.Send
    dependency: acme
  - func: net/http.Get
    ignore: true
guards:
  - func: example.com/guard.Run
    name: house breaker
    makes: false
    timed: true
exclusions:
  - rules: [nodeadline]
    packages: [example.com/legacy/...]
    files: ["internal/**", "cmd/*/main.go"]
    funcs: [net/http.Get]
    reason: being replaced
`},
		{name: "unknown key", in: "primitives:\n  - fun: a.B\n", want: `c.yml:2:5: unknown field "fun"`},
		{name: "all at once", in: "primitives:\n  - fun: a.B\n    func: x\nguard: []\n", want: "c.yml:2:5: unknown field \"fun\"\nc.yml:4:1: unknown field \"guard\"\nc.yml:3:11: \"x\" does not name a function; want example.com/pkg.Func or example.com/pkg.Type.Method"},
		{name: "unknown section", in: "\nprimitive: []\n", want: `c.yml:2:1: unknown field "primitive"`},
		{name: "wrong type", in: "guards:\n  - func: [a]\n", want: "c.yml:2:11: "},
		{name: "key twice", in: "guards: []\nguards: []\n", want: "c.yml:2:1: "},
		{name: "no YAML", in: "guards: [\n", want: "c.yml:1:9: "},
		{name: "bad name", in: "guards:\n  - func: Run\n", want: `c.yml:2:11: "Run" does not name a function; want example.com/pkg.Func or example.com/pkg.Type.Method`},
		{name: "missing name", in: "guards:\n  - name: x\n", want: `c.yml:2:5: "" does not name a function`},
		{name: "unknown rule", in: "exclusions:\n  - rules: [unguarded, ungarded]\n    funcs: [a.B]\n    reason: r\n", want: `c.yml:2:24: unknown rule "ungarded"; the rules are unguarded, nodeadline`},
		{name: "bad pattern", in: "exclusions:\n  - files: [\"a[\"]\n    reason: r\n", want: `c.yml:2:13: bad pattern "a["`},
		{name: "exclusion of nothing", in: "exclusions:\n  - reason: r\n", want: "c.yml:2:5: an exclusion must name packages, files or funcs"},
		{name: "no reason", in: "exclusions:\n  - funcs: [a.B]\n", want: "c.yml:2:5: an exclusion needs a reason"},
		{name: "all mistakes at once", in: "guards:\n  - func: x\n  - func: y\n", want: "c.yml:2:11: \"x\" does not name a function; want example.com/pkg.Func or example.com/pkg.Type.Method\nc.yml:3:11: \"y\" does"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse("c.yml", []byte(test.in), ruleNames)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("got error %v", err)
			case test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want)):
				t.Errorf("got error\n%v\nwant\n%s", err, test.want)
			}
		})
	}
}

func TestExcluded(t *testing.T) {
	place := Place{Rule: "unguarded", Package: "example.com/shop/legacy/db", File: "legacy/db/db.go", Callee: "(*net/http.Client).Do"}
	tests := []struct {
		name string
		e    Exclusion
		want bool
	}{
		{"package itself", Exclusion{Packages: []string{"example.com/shop/legacy/db"}}, true},
		{"package above does not take in those below", Exclusion{Packages: []string{"example.com/shop/legacy"}}, false},
		{"tree of packages", Exclusion{Packages: []string{"example.com/shop/..."}}, true},
		{"tree is of whole elements", Exclusion{Packages: []string{"example.com/sh/..."}}, false},
		{"tree of files", Exclusion{Files: []string{"legacy/**"}}, true},
		{"pattern of files", Exclusion{Files: []string{"legacy/*/*.go"}}, true},
		{"star does not cross folders", Exclusion{Files: []string{"legacy/*.go"}}, false},
		{"method by type", Exclusion{Funcs: []string{"net/http.Client.Do"}}, true},
		{"methods by pattern", Exclusion{Funcs: []string{"net/http.Client.*"}}, true},
		{"a function is no method", Exclusion{Funcs: []string{"net/http.Do"}}, false},
		{"another rule", Exclusion{Rules: []string{"nodeadline"}, Funcs: []string{"net/http.Client.Do"}}, false},
		{"all fields must match", Exclusion{Packages: []string{"example.com/shop/..."}, Files: []string{"cmd/**"}}, false},
		{"one of several is enough", Exclusion{Files: []string{"cmd/**", "legacy/**"}}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.e.Reason = "because"
			reason, got := Config{Exclusions: []Exclusion{test.e}}.Excluded(place)
			if got != test.want || got && reason != "because" {
				t.Errorf("got %v (%q), want %v", got, reason, test.want)
			}
		})
	}
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	sub := filepath.Join(root, "module", "sub")
	if err := os.MkdirAll(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("module/go.mod")
	write(Filename)
	if got := Find(sub); got != "" {
		t.Errorf("got %s from outside the module, want none", got)
	}
	write("module/" + Filename)
	if got, want := Find(sub), filepath.Join(root, "module", Filename); got != want {
		t.Errorf("got %q, want that of the module %q", got, want)
	}
	write("module/sub/" + Filename)
	if got, want := Find(sub), filepath.Join(sub, Filename); got != want {
		t.Errorf("got %q, want the nearest %q", got, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("guards:\n  - func: a.B\n")
	f.Add("exclusions: [{rules: [unguarded], files: ['a/**'], reason: x}]")
	f.Add("!!a: &x *x\n? [")
	f.Fuzz(func(t *testing.T, in string) {
		c, err := Parse("c.yml", []byte(in), ruleNames)
		if err == nil && len(c.Check(ruleNames)) > 0 {
			t.Errorf("%q is accepted with mistakes", in)
		}
	})
}
