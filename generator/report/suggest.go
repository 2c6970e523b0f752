package report

import (
	"bytes"
	"cmp"
	"fmt"
	"go/format"
	"go/types"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	resil "github.com/resilgo/resil/runtime"
)

// Call is an outbound call without a guard, as the analyzer finds it.
type Call struct {
	Place      string // "file:line", relative
	Package    string // import path of the caller
	Callee     string // full name of the function, as types.Func.FullName spells it
	Dependency string // kind of dependency: "sql", "redis"
}

// Suggest returns, for each client that is called without a guard, the
// interface and the directives to paste. lookup returns the packages of the
// callees, type-checked together; it may return nil for what it does not know.
func Suggest(calls []Call, lookup func(path string) *types.Package) []byte {
	var b bytes.Buffer
	for _, s := range suggestions(calls, lookup) {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		s.print(&b)
	}
	return b.Bytes()
}

// suggestion is what to do about one client in one package.
type suggestion struct {
	pkg        string // that calls
	dependency string
	client     *types.Named // nil: functions of a package
	methods    []*types.Func
	places     []string
	callees    []string // of functions, and of what lookup does not know
}

// suggestions groups calls by calling package and client, in the order of the
// calls.
func suggestions(calls []Call, lookup func(path string) *types.Package) []*suggestion {
	type key struct{ pkg, client string }
	byKey := map[key]*suggestion{}
	var out []*suggestion
	for _, c := range calls {
		client, fn := callee(c.Callee, lookup)
		k := key{c.Package, c.Dependency}
		if client != nil {
			k.client = client.Obj().Pkg().Path() + "." + client.Obj().Name()
		}
		s := byKey[k]
		if s == nil {
			s = &suggestion{pkg: c.Package, dependency: dependencyName(c), client: client}
			byKey[k] = s
			out = append(out, s)
		}
		if !slices.Contains(s.places, c.Place) {
			s.places = append(s.places, c.Place)
		}
		if client != nil && !slices.Contains(s.methods, fn) {
			s.methods = append(s.methods, fn)
		}
		if client == nil && !slices.Contains(s.callees, c.Callee) {
			s.callees = append(s.callees, c.Callee)
		}
	}
	for _, s := range out {
		slices.SortFunc(s.methods, func(x, y *types.Func) int { return cmp.Compare(x.Name(), y.Name()) })
	}
	return out
}

// PackageOf returns the import path of the type whose method a full name such
// as "(*database/sql.DB).QueryContext" names, "" for a function.
func PackageOf(callee string) string {
	path, _, _ := receiver(callee)
	return path
}

// receiver splits the full name of a method.
func receiver(full string) (path, name, method string) {
	recv, method, ok := strings.Cut(strings.TrimPrefix(full, "("), ").")
	recv = strings.TrimPrefix(recv, "*")
	dot := strings.LastIndexByte(recv, '.')
	if !ok || dot < 0 {
		return "", "", ""
	}
	return recv[:dot], recv[dot+1:], method
}

// callee finds the client's type and method that a full name such as
// "(*database/sql.DB).QueryContext" names; nil for a function, for what is
// generic and for what is unknown.
func callee(full string, lookup func(path string) *types.Package) (*types.Named, *types.Func) {
	path, recv, method := receiver(full)
	pkg := lookup(path)
	if pkg == nil {
		return nil, nil
	}
	name, ok := pkg.Scope().Lookup(recv).(*types.TypeName)
	if !ok {
		return nil, nil
	}
	named, ok := types.Unalias(name.Type()).(*types.Named)
	if !ok || named.TypeParams().Len() > 0 {
		return nil, nil
	}
	obj, _, _ := types.LookupFieldOrMethod(types.NewPointer(named), false, pkg, method)
	if types.IsInterface(named) {
		obj, _, _ = types.LookupFieldOrMethod(named, false, pkg, method)
	}
	fn, ok := obj.(*types.Func)
	if !ok || !fn.Exported() {
		return nil, nil
	}
	return named, fn
}

// dependencyName makes a NAME of the kind of dependency.
func dependencyName(c Call) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(c.Dependency))
	if !resil.ValidName(name) {
		return "client"
	}
	return name
}

func (s *suggestion) print(b *bytes.Buffer) {
	lines(b, fmt.Sprintf("// Package %s calls %s without a guard at", s.pkg, s.target()))
	const most = 5
	for n, place := range s.places {
		if n == most && len(s.places) > most+1 {
			lines(b, fmt.Sprintf("//   and %d more places.", len(s.places)-most))
			break
		}
		lines(b, "//   "+place)
	}
	switch {
	case s.client == nil, !slices.ContainsFunc(s.methods, tellsError):
		s.printDo(b)
	case types.IsInterface(s.client):
		s.printDirectives(b)
	default:
		s.printInterface(b)
	}
}

func (s *suggestion) target() string {
	if s.client == nil {
		return strings.Join(s.callees, ", ")
	}
	return s.client.Obj().Pkg().Path() + "." + s.client.Obj().Name()
}

// printDo suggests resil.Do for functions, which no interface reaches, and for
// methods whose error shows only later, inside what they return.
func (s *suggestion) printDo(b *bytes.Buffer) {
	names := s.callees
	for _, m := range s.methods {
		names = append(names, m.Name())
	}
	lines(b,
		"// No interface can guard that. Call it, and read its error, under the policies",
		"// of a dependency:",
		"",
		fmt.Sprintf("dependency := sys.Dependency(%q, resil.Breaker{Failures: 5}, resil.Timeout{Attempt: 2 * time.Second})", s.dependency),
		"result, err := resil.Do(ctx, dependency, func(ctx context.Context) (Result, error) {",
		"\treturn call(ctx) // "+strings.Join(names, ", "),
		"})")
}

// printDirectives suggests the lines for an interface that is there already.
func (s *suggestion) printDirectives(b *bytes.Buffer) {
	name, pkg := s.client.Obj().Name(), s.client.Obj().Pkg()
	where := "// Paste above the interface " + name
	if pkg.Path() != s.pkg {
		where += fmt.Sprintf(", or above an alias type %s = %s.%s of your own", name, pkg.Name(), name)
	}
	lines(b, where+":", "//")
	s.directives(b)
}

// printInterface suggests an interface of the methods that are used.
func (s *suggestion) printInterface(b *bytes.Buffer) {
	name := clientName(s.client)
	lines(b, fmt.Sprintf("// Paste, run resilgen, and pass the client through NewGuarded%s:", name), "")
	imports := map[string]string{}
	var body bytes.Buffer
	lines(&body, fmt.Sprintf("// %s is what this package needs of %s.%s.", name, s.client.Obj().Pkg().Name(), s.client.Obj().Name()), "//")
	s.directives(&body)
	lines(&body, "type "+name+" interface {")
	for _, m := range s.methods {
		sig := types.TypeString(m.Type(), func(p *types.Package) string {
			imports[p.Path()] = p.Name()
			return p.Name()
		})
		lines(&body, m.Name()+strings.TrimPrefix(sig, "func"))
	}
	lines(&body, "}")
	if len(imports) > 0 {
		lines(b, "import (")
		for _, line := range importLines(imports) {
			lines(b, strings.TrimRight("\t"+line, "\t"))
		}
		lines(b, ")", "")
	}
	if formatted, err := format.Source(body.Bytes()); err == nil {
		b.Write(formatted)
		return
	}
	b.Write(body.Bytes())
}

// clientName names the suggested interface: DBClient for sql.DB.
func clientName(client *types.Named) string {
	name := client.Obj().Name()
	switch {
	case !strings.EqualFold(name, "client"):
		name = strings.TrimSuffix(name, "Client")
	case len(client.Obj().Pkg().Name()) <= 4: // http, s3, sql
		name = strings.ToUpper(client.Obj().Pkg().Name())
	default:
		name = client.Obj().Pkg().Name()
	}
	r, n := utf8.DecodeRuneInString(name)
	return string(unicode.ToUpper(r)) + name[n:] + "Client"
}

// directives writes the lines to start from. What a method does is guessed by
// its name, and only where the name leaves little doubt.
func (s *suggestion) directives(b *bytes.Buffer) {
	lines(b, "//resil:guard "+s.dependency, "//resil:breaker failures=5 open=30s")
	if slices.ContainsFunc(s.methods, takesContext) {
		lines(b, "//resil:timeout 2s")
	}
	marks := map[string][]string{}
	for _, m := range s.methods {
		verb := ""
		switch {
		case !tellsError(m):
			verb = "plain"
		case isProbe(m) && marks["health"] == nil:
			verb = "health"
		case guess(m.Name()) != resil.Unmarked:
			verb = guess(m.Name()).String()
		}
		marks[verb] = append(marks[verb], m.Name())
	}
	for _, verb := range []string{"read", "write", "health", "plain"} {
		if names := marks[verb]; names != nil {
			line := "//resil:" + verb + " " + strings.Join(names, ",")
			if verb == "plain" {
				line += " its error shows later"
			}
			lines(b, line)
		}
	}
}

func takesContext(m *types.Func) bool {
	for v := range m.Signature().Params().Variables() {
		if v.Type().String() == "context.Context" {
			return true
		}
	}
	return false
}

// isProbe recognises Ping(ctx) error.
func isProbe(m *types.Func) bool {
	return strings.HasPrefix(m.Name(), "Ping") && takesContext(m) && m.Signature().Params().Len() == 1
}

// guess tells reads from writes by the first word of a method's name.
func guess(name string) resil.Kind {
	for _, word := range []string{"Get", "List", "Query", "Select", "Find", "Fetch", "Read", "Head", "Ping", "Exists", "Count", "Scan", "Describe", "Lookup", "Search"} {
		if startsWithWord(name, word) {
			return resil.Read
		}
	}
	for _, word := range []string{"Put", "Set", "Exec", "Insert", "Update", "Upsert", "Delete", "Del", "Create", "Write", "Send", "Publish", "Incr", "Decr", "Push", "Upload", "Copy", "Remove"} {
		if startsWithWord(name, word) {
			return resil.Write
		}
	}
	return resil.Unmarked
}

func startsWithWord(name, word string) bool {
	rest, ok := strings.CutPrefix(name, word)
	return ok && (rest == "" || unicode.IsUpper(rune(rest[0])))
}

// tellsError reports whether a method returns an error, or a command that
// carries one and takes another. *sql.Row carries one and takes none.
func tellsError(m *types.Func) bool {
	for v := range m.Signature().Results().Variables() {
		has := func(method string) bool {
			obj, _, _ := types.LookupFieldOrMethod(v.Type(), false, nil, method)
			_, ok := obj.(*types.Func)
			return ok
		}
		if types.Identical(v.Type(), types.Universe.Lookup("error").Type()) || has("Err") && has("SetErr") {
			return true
		}
	}
	return false
}
