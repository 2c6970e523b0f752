package directive

import (
	"fmt"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// TestBinding shows what each directive of a file speaks of.
func TestBinding(t *testing.T) {
	for _, c := range []struct {
		name, src string
		want      []string // "verb kind name" or a problem
	}{
		{"doc comment of an interface", `
// Prices tells prices.
//
//resil:guard x
type Prices interface {
	// Get gets.
	//
	//resil:read
	Get() error
	Put() error //resil:write
}
`, []string{"guard interface Prices", "read method Prices.Get", "write method Prices.Put"}},
		{"an alias, a derived type and a generic one", `
//resil:guard a
type A = redis.Cmdable

//resil:guard b
type B Other

//resil:guard c
type C[T any] interface{ Get() T }

type D = Store[string] //resil:guard d
`, []string{"guard interface A", "guard interface B", "guard interface C", "guard interface D"}},
		{"inside a group", `
type (
	//resil:guard a
	A interface{ Get() error }

	B interface { //resil:guard b
		Get() error
	}
)
`, []string{"guard interface A", "guard interface B"}},
		{"a method in two lines of a verb", `
//resil:guard a
//resil:read Get,H*
//resil:read List,Get
//resil:write Put
//resil:plain H* no calls
type A interface{ Get() error }
`, []string{"guard interface A", "read interface A", "read interface A", "write interface A", "plain interface A", "5:19: Get is in two read lines of A; keep one"}},
		{"above a group", `
//resil:guard a
type (
	A interface{ Get() error }
)
`, []string{"3:1: guard on a group of types, which no directive can speak of at once; put it in the doc comment of an interface"}},
		{"an interface on one line", `
type A interface { Get() error } //resil:guard a
`, []string{"guard interface A"}},
		{"several methods on one line", `
type A interface {
	Get() error; Put() error //resil:read
}
`, []string{"4:27: read on a line with several methods, any of which it could mean; give each a line of its own"}},
		{"detached by a blank line", `
//resil:guard a

type A interface{ Get() error }
`, []string{"3:1: detached guard speaks of nothing; put it in the doc comment of an interface, with no blank line between"}},
		{"detached at the end of an interface and of a file", `
type A interface {
	Get() error
	//resil:read
}
//resil:guard a
`, []string{
			"5:2: detached read speaks of nothing; put it in the doc comment of an interface or of one of its methods, with no blank line between",
			"7:1: detached guard speaks of nothing; put it in the doc comment of an interface, with no blank line between",
		}},
		{"on a struct and its fields", `
//resil:guard a
type A struct {
	//resil:read
	F func() error
}
`, []string{
			"3:1: guard on a struct; put it in the doc comment of an interface",
			"5:2: read on a struct field; put it in the doc comment of an interface or of one of its methods",
		}},
		{"on other types", `
//resil:guard a
type F func()

//resil:guard b
type M map[string]interface {
	//resil:read
	Get() error
}
`, []string{
			"3:1: guard on a type that is no interface; put it in the doc comment of an interface",
			"6:1: guard on a type that is no interface; put it in the doc comment of an interface",
			"8:2: read on a method of an unnamed interface; put it in the doc comment of an interface or of one of its methods",
		}},
		{"on a local type", `
func f() {
	//resil:guard a
	type A interface {
		//resil:read
		Get() error
	}
}
`, []string{
			"4:2: guard on a local type; put it in the doc comment of an interface",
			"6:3: read on a method of an unnamed interface; put it in the doc comment of an interface or of one of its methods",
		}},
		{"on a function, a variable, an import", `
//resil:guard x
import "fmt"

//resil:timeout 2s
func f() {}

//resil:read
var v = fmt.Sprint()
`, []string{
			"3:1: guard on an import; put it in the doc comment of an interface",
			"6:1: timeout on a function; put it in the doc comment of an interface or of one of its methods",
			"9:1: read on a variable or constant; put it in the doc comment of an interface or of one of its methods",
		}},
		{"on an embedded interface", `
//resil:guard x
type A interface {
	//resil:read
	B
}
`, []string{"guard interface A", "5:2: read on an embedded interface; name the methods above the interface, as in //resil:read Get,List, or declare them again with lines of their own"}},
		{"functions and lines for resilvet", `
//resil:outbound mainframe
func Send() {
	//resil:guarded above the line
	Send()
	Send() //resil:guarded on the line
	if x := (
		Send); x != nil { //resil:guarded in the middle
	}
}

func (t T) Method() {} //resil:guarded method

var v = Send //resil:guarded a variable

//resil:guarded nothing below
`, []string{
			"outbound func Send", "guarded line 6", "guarded line 7", "guarded line 9", "guarded func Method", "guarded line 15",
			"17:1: detached guarded speaks of nothing; put it in the doc comment of a function, or on or right above a line of code, with no blank line between",
		}},
		{"twice on one line of code", `
func f() {
	//resil:guarded one
	f() //resil:guarded two
}
`, []string{"guarded line 5", "guarded line 5", "5:6: second guarded line on line 5; keep one"}},
		{"the order of doc comment and directive does not matter", `
//resil:guard x
// A is an interface.
type A interface{ Get() error }
`, []string{"guard interface A"}},
		{"line comments move nothing", `
//line other.go:100
//resil:guard x
type A interface {
	Get() error
}
`, []string{"guard interface A"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := "package p\n" + c.src
			file, got := parseSource(t, src)
			want := slices.Clone(c.want)
			var said []string
			for _, d := range file.Directives {
				said = append(said, d.describe())
			}
			said = append(said, got...)
			slices.Sort(said)
			slices.Sort(want)
			if !slices.Equal(said, want) {
				t.Errorf("%s\n got %q\nwant %q", src, said, want)
			}
		})
	}
}

func (d *Directive) describe() string {
	switch d.Target.Kind {
	case OnInterface:
		return fmt.Sprintf("%s interface %s", d.Verb, d.Target.Name)
	case OnMethod:
		return fmt.Sprintf("%s method %s", d.Verb, d.Target.Name)
	case OnFunc:
		return fmt.Sprintf("%s func %s", d.Verb, d.Target.Name)
	default:
		return fmt.Sprintf("%s line %d", d.Verb, d.Target.Line)
	}
}

func TestPackageClause(t *testing.T) {
	_, got := parseSource(t, "//resil:guard x\npackage p //resil:guarded x\n")
	want := []string{
		"1:1: guard on the package clause; put it in the doc comment of an interface",
		"2:11: guarded on the package clause; put it in the doc comment of a function, or on or right above a line of code",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestCarriageReturnsAndByteOrderMark(t *testing.T) {
	src := strings.ReplaceAll(onInterfaceSource("// Doc.\n//\n//resil:guard x down=minimal\n//resil:plain Get why \n//resil:timeout 2"), "\n", "\r\n")
	file, got := parseSource(t, "\uFEFF"+src)
	if want := []string{"7:17: 2 has no unit; write 2s"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(file.Directives) != 2 || file.Directives[0].Text != "//resil:guard x down=minimal" || file.Directives[1].Value.(Mark).Reason != "why" {
		t.Errorf("got %v, want the guard and the reason without carriage returns", file.Directives)
	}
}

func TestHiddenCharactersAreRefusedAndNotEchoed(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"//resil:plain Get \x1b[31mred", "3:19: the directive holds the control character U+001B; remove it"},
		{"//resil:plain Get \u202egnp", "3:19: the directive holds the control character U+202E; remove it"},
		{"//resil:guard a\u200bb", "3:16: the directive holds the control character U+200B; remove it"},
		{"//resil:guard \"a\\x1bb\"", `3:15: the argument "a\x1bb" holds the control character U+001B; remove it`},
		{"//resil:guard \"a\\nb\"", `3:15: the argument "a\nb" holds the control character U+000A; remove it`},
		{"//resil:guard \"a\\tb\"", `3:15: the argument "a\tb" holds a tab; remove it`},
		{"// resil:guard \x1b[31m", "3:1: // resil:guard is not a directive and is ignored by every tool; write //resil:guard, with nothing between // and the verb"},
		{"//resil:\x1b[31m", `3:1: "//resil:\x1b[31m" is not a directive; write //resil:VERB with one of ` + strings.Join(verbNames(), ", ")},
		{"//resil:g\x1b x", "3:10: the directive holds the control character U+001B; remove it"},
	} {
		t.Run(c.line, func(t *testing.T) {
			_, got := parseSource(t, onInterfaceSource(c.line))
			if len(got) != 1 || got[0] != c.want {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestBytesThatAreNotUTF8(t *testing.T) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "a.go", onMethodSource("\t//resil:plain because \xff"), parser.ParseComments)
	if err == nil {
		t.Fatal("go/parser accepts bytes that are not UTF-8: this test has no point")
	}
	_, got := parseFile(fset, file)
	if want := "5:24: the directive holds bytes that are not UTF-8; remove it"; len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPositionsOfArguments(t *testing.T) {
	file, problems := parseSource(t, onInterfaceSource("//resil:errors \"ignore=ErrA,io.EOF\"   failure=x/y.ErrC"))
	if problems != nil {
		t.Fatal(problems)
	}
	d := file.Directives[0]
	base := d.Pos
	value := d.Value.(Errors)
	got := []int{int(value.Ignore[0].Pos - base), int(value.Ignore[1].Pos - base), int(value.Failure[0].Pos - base), int(d.Args[0].Pos - base), int(d.Args[0].End - base)}
	if want := []int{23, 28, 46, 15, 35}; !slices.Equal(got, want) {
		t.Errorf("offsets of ErrA, io.EOF, x/y.ErrC and the first argument %v, want %v", got, want)
	}
	if pos, ok := d.At("failure"); !ok || pos != base+38 {
		t.Errorf("At(failure) = %d, %v", pos-base, ok)
	}
	if pos, ok := d.At("nothing"); ok || pos != base {
		t.Errorf("At(nothing) = %d, %v, want the line and false", pos-base, ok)
	}
}

func TestManyFunctionsAndMethods(t *testing.T) {
	var b strings.Builder
	b.WriteString("package p\n\n//resil:guard x\ntype A interface {\n")
	for i := range 3000 {
		fmt.Fprintf(&b, "\t//resil:read\n\tM%d() error\n", i)
	}
	b.WriteString("}\n")
	for i := range 60_000 {
		fmt.Fprintf(&b, "func f%d() {}\n", i)
	}
	file, problems := parseSource(t, b.String())
	if len(problems) > 0 || len(file.Directives) != 3001 {
		t.Errorf("%d directives and %d problems, want 3001 and none", len(file.Directives), len(problems))
	}
}
