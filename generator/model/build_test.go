package model

import (
	"fmt"
	"go/types"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/resilgo/resil/generator/directive"
	resil "github.com/resilgo/resil/runtime"
)

// redisText has the shape of go-redis: commands that carry their error, an
// interface made of others, a pipeline that calls nothing.
const redisText = `package redis

import "context"

type baseCmd struct{ err error }

func (c *baseCmd) Err() error { return c.err }
func (c *baseCmd) SetErr(err error) { c.err = err }

type StringCmd struct{ baseCmd }

type Cmder interface {
	Err() error
	SetErr(error)
}

type Pipeliner interface{ Len() int }

type StringCmdable interface {
	Get(ctx context.Context, key string) *StringCmd
	Append(ctx context.Context, key, value string) *StringCmd
}

type Cmdable interface {
	Pipeline() Pipeliner
	Ping(ctx context.Context) *StringCmd
	StringCmdable
}

type ErrNil struct{}

func (*ErrNil) Error() string { return "nil" }
`

func onlyInterface(t *testing.T, p *Package) *Interface {
	t.Helper()
	if len(p.Files) != 1 || len(p.Files[0].Interfaces) != 1 {
		t.Fatalf("got %d files, want one with one interface", len(p.Files))
	}
	return p.Files[0].Interfaces[0]
}

func methodNames(i *Interface) string {
	var names []string
	for _, m := range i.Methods {
		names = append(names, m.Name)
	}
	return strings.Join(names, " ")
}

func methodOfInterface(t *testing.T, i *Interface, name string) *Method {
	t.Helper()
	for _, m := range i.Methods {
		if m.Name == name {
			return m
		}
	}
	t.Fatalf("no method %s in %s", name, methodNames(i))
	return nil
}

func TestMarksReachAliasedMethods(t *testing.T) {
	r := buildFiles(t, map[string]string{"cache.go": `package shop

import "example.com/redis"

// Cache is the cache.
//
//resil:guard redis criticality=medium
//resil:timeout 100ms
//resil:retry attempts=2
//resil:read Get,P*
//resil:write Append
//resil:plain Pipeline no calls
type Cache = redis.Cmdable
`}, map[string]string{"example.com/redis": redisText})
	if len(r.Problems) > 0 {
		t.Fatal(lines(r.Problems))
	}
	i := onlyInterface(t, r.Package)
	if got, want := methodNames(i), "Pipeline Ping Get Append"; got != want {
		t.Errorf("methods in the order %q, want %q", got, want)
	}
	if got, want := i.Decorator+" "+i.Constructor+" "+i.FallbackType, "GuardedCache NewGuardedCache "; got != want {
		t.Errorf("names %q, want %q", got, want)
	}
	if got, want := i.Doc, "Cache is the cache.\n"; got != want {
		t.Errorf("doc %q, want %q", got, want)
	}
	get := methodOfInterface(t, i, "Get")
	if get.Command != 0 || get.Errors != nil || get.Kind != resil.Read || get.Retry == nil || get.Context != 0 {
		t.Errorf("Get: command %d, errors %v, kind %v, retry %v, context %d; want a retried read with a command", get.Command, get.Errors, get.Kind, get.Retry, get.Context)
	}
	put := methodOfInterface(t, i, "Append")
	if put.Kind != resil.Write || put.Retry != nil || len(put.Passed) != 1 {
		t.Errorf("Append: kind %v, retry %v, passed over %v; want a write that retry passes over", put.Kind, put.Retry, put.Passed)
	}
	pipe := methodOfInterface(t, i, "Pipeline")
	if pipe.Guarded() || pipe.PlainReason != "no calls" || pipe.PlainLine == nil {
		t.Errorf("Pipeline: plain for %q, want the reason given", pipe.PlainReason)
	}
}

func TestEmbeddedMethodsStandWhereTheyAreEmbedded(t *testing.T) {
	r := buildFiles(t, map[string]string{
		"a.go": `package shop

//resil:guard x
//resil:read Last
type Store interface {
	First() error
	middle
	Last() error
	other
}
`,
		"b.go": `package shop

type other interface {
	Z() error
	A() error
}

type middle interface {
	// Two is documented.
	Two() error
	One() error
	other
}
`,
	}, nil)
	i := onlyInterface(t, r.Package)
	if got, want := methodNames(i), "First Two One Z A Last"; got != want {
		t.Errorf("methods in the order %q, want %q", got, want)
	}
	if got, want := methodOfInterface(t, i, "Two").Doc, "Two is documented.\n"; got != want {
		t.Errorf("doc of an embedded method %q, want %q", got, want)
	}
}

func TestRedeclaringAnEmbeddedMethodIsEquivalent(t *testing.T) {
	i := onlyInterface(t, mustBuild(t, `package shop

type reader interface {
	Get() error
	Has() error
}

//resil:guard x
type Store interface {
	reader
	//resil:read
	Get() error
}
`))
	if got := methodOfInterface(t, i, "Get").Kind; got != resil.Read {
		t.Errorf("Get is %v, want read", got)
	}
	if got := len(i.Methods); got != 2 {
		t.Errorf("%d methods, want 2", got)
	}
}

func TestGenericInterfaces(t *testing.T) {
	r := build(t, `package shop

import "context"

//resil:guard x
type Store[K comparable, V any] interface {
	Get(ctx context.Context, key K) (V, error)
}

//resil:guard y
type Strings[V any] = Store[string, V]

//resil:guard z
type Ints = Store[string, int]
`)
	if len(r.Problems) > 0 {
		t.Fatal(lines(r.Problems))
	}
	var got []string
	for _, i := range r.Package.Files[0].Interfaces {
		got = append(got, fmt.Sprintf("%s %d %s", types.TypeString(i.Type, types.RelativeTo(r.Package.Types)), i.TypeParams.Len(), types.TypeString(i.Methods[0].Signature, types.RelativeTo(r.Package.Types))))
	}
	want := []string{
		"Store[K, V] 2 func(ctx context.Context, key K) (V, error)",
		"Strings[V] 1 func(ctx context.Context, key string) (V, error)",
		"Ints 0 func(ctx context.Context, key string) (int, error)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestResultsAreFoundByType(t *testing.T) {
	r := buildFiles(t, map[string]string{"a.go": `package shop

import "example.com/redis"

type Failure = error

//resil:guard x
type Odd interface {
	First() (error, int)
	Alias() Failure
	Two() (error, string, error)
	Command() (int, *redis.StringCmd)
	Own() *redis.ErrNil
	None() (string, bool)
}

//resil:guard y
type Cmders interface {
	Any() redis.Cmder
}
`}, map[string]string{"example.com/redis": redisText})
	var got []string
	for _, m := range r.Package.Files[0].Interfaces[0].Methods {
		got = append(got, fmt.Sprintf("%s %v %d %q", m.Name, m.Errors, m.Command, m.PlainReason))
	}
	want := []string{
		`First [0] -1 ""`, `Alias [0] -1 ""`, `Two [0 2] -1 ""`, `Command [] 1 ""`,
		`Own [] -1 "no error result, for a rejection cannot be a *redis.ErrNil"`, `None [] -1 "no error result"`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got, want := strings.Join(lines(r.Problems), "\n"), "a.go:19:2: Cmders.Any returns redis.Cmder, whose Err() cannot be set, so a rejection has no way to the caller; add //resil:plain Any REASON above Cmders"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDefaultsAndOverrides(t *testing.T) {
	i := onlyInterface(t, mustBuild(t, `package shop

import "context"

//resil:guard db criticality=critical down=emergency
//resil:breaker failures=3
//resil:bulkhead max=20
//resil:rate 10/m
//resil:timeout 1s total=3s
//resil:retry attempts=2 budget=0.1
//resil:read *
type DB interface {
	Get(ctx context.Context) error
	//resil:timeout 5s
	//resil:retry attempts=3
	//resil:bulkhead max=2 wait=1s
	//resil:rate 5/s
	//resil:essential
	Scan(ctx context.Context) error
}
`))
	if i.Breaker.Value.Failures != 3 || i.Bulkhead.Value.Max != 20 || i.Rate.Value.N != 10 || i.Criticality != resil.Critical || i.Down != resil.Emergency {
		t.Errorf("interface: %+v", i)
	}
	get, scan := i.Methods[0], i.Methods[1]
	if get.Timeout.Value != (resil.Timeout{Attempt: time.Second, Total: 3 * time.Second}) || get.Retry.Value.Budget != 0.1 || get.Bulkhead != nil {
		t.Errorf("Get does not inherit: %+v %+v %+v", get.Timeout.Value, get.Retry.Value, get.Bulkhead)
	}
	if scan.Timeout.Value != (resil.Timeout{Attempt: 5 * time.Second}) || scan.Retry.Value != (resil.Retry{Attempts: 3}) {
		t.Errorf("Scan's own lines do not replace the interface's whole: %+v %+v", scan.Timeout.Value, scan.Retry.Value)
	}
	if scan.Bulkhead.Value.Max != 2 || scan.Rate.Value.N != 5 {
		t.Errorf("Scan has no limits of its own: %+v %+v", scan.Bulkhead, scan.Rate)
	}
	if got, want := get.WorstCase, 2*time.Second+50*time.Millisecond; got != want {
		t.Errorf("worst case of Get %s, want %s", got, want)
	}
	all := resil.Actions{resil.ActCall, resil.ActCall, resil.ActCall, resil.ActCall, resil.ActCall}
	if scan.Levels != all || get.Levels.At(resil.Emergency) != resil.ActShed {
		t.Errorf("levels: Scan %v, Get %v", scan.Levels, get.Levels)
	}
}

func TestCopies(t *testing.T) {
	i := onlyInterface(t, mustBuild(t, `package shop

import "time"

type Flat struct {
	Name string
	At   time.Time
}

type Tags map[string][2]int

type Deep struct{ Tags []string }

func (d *Deep) Clone() *Deep { return d }

type Proto struct{ Tags []string }

func (p Proto) DeepCopy() Proto { return p }

//resil:guard x
//resil:fallback stale=10m shared
type Prices interface {
	A() (int64, Flat, error)
	B() ([]Flat, error)
	C() (Tags, error)
	D() (*Flat, error)
	E() (*Deep, error)
	F() (Proto, error)
}
`))
	want := [][]Copy{{{0, CopyPlain}, {1, CopyPlain}}, {{0, CopySlice}}, {{0, CopyMap}}, {{0, CopyPointer}}, {{0, CopyClone}}, {{0, CopyDeepCopy}}}
	for n, m := range i.Methods {
		if len(m.Fallbacks) != 1 || !slices.Equal(m.Fallbacks[0].Copies, want[n]) {
			t.Errorf("%s: %+v, want copies %v", m.Name, m.Fallbacks, want[n])
		}
	}
}

func TestErrorsMatchTheFormsThatAreErrors(t *testing.T) {
	r := buildFiles(t, map[string]string{"a.go": `package shop

import (
	_ "example.com/redis"
	"net"
)

type Value struct{}

func (Value) Error() string { return "" }

var ErrA net.Error

//resil:guard x
//resil:errors ignore=redis.ErrNil,Value,net.Error,ErrA,example.com/redis.ErrNil
type DB interface {
	Get() error
}
`}, map[string]string{"example.com/redis": redisText})
	var got []string
	for _, e := range onlyInterface(t, r.Package).Methods[0].Errs.Value.Ignore {
		got = append(got, fmt.Sprintf("%s %T %v %v", e.Ref, e.Object, e.Value, e.Pointer))
	}
	want := []string{
		"redis.ErrNil *types.TypeName false true", "Value *types.TypeName true true", "net.Error *types.TypeName true false",
		"ErrA *types.Var false false", "example.com/redis.ErrNil *types.TypeName false true",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestHealth(t *testing.T) {
	i := onlyInterface(t, mustBuild(t, `package shop

import "context"

//resil:guard x
//resil:health Ping
//resil:plain Ping the probe goes past the breaker anyway
type DB interface {
	Get() error
	Ping(ctx context.Context, more ...int) (string, error)
}
`))
	if i.Health == nil || i.Health.Name != "Ping" || !i.Health.Health {
		t.Errorf("health is %v, want Ping", i.Health)
	}
}

func TestNoGuardIsNoModel(t *testing.T) {
	r := build(t, "package shop\n\ntype X interface{ Get() error }\n")
	if r.Package == nil || r.Package.Files != nil || r.Problems != nil || r.Notes != nil {
		t.Errorf("got %+v, want an empty package", r)
	}
}

func TestLineDirectivesAreCollected(t *testing.T) {
	p := mustBuild(t, `package shop

//resil:outbound mainframe
func Send() {
	Send() //resil:guarded the sidecar
}
`)
	if len(p.Lines) != 2 || p.Lines[0].Verb != directive.VerbOutbound || p.Lines[1].Target.Kind != directive.OnLine {
		t.Errorf("got %v", p.Lines)
	}
}

func TestMerge(t *testing.T) {
	w := newWorld(nil)
	var pkgs []*Package
	for n, text := range []string{`package a

//resil:guard db criticality=high
//resil:breaker failures=3
//resil:bulkhead max=5
type A interface{ Get() error }
`, `package b

import "context"

//resil:guard db down=minimal
//resil:breaker open=10s probes=1/2
//resil:rate 5/s
//resil:timeout 3s
type B interface{ Put(ctx context.Context) error }
`, `package c

//resil:guard db criticality=low
//resil:breaker failures=4 open=10s probes=2/2
//resil:bulkhead max=5 wait=1s
//resil:rate 6/m burst=2
type C interface{ Get() error }

//resil:guard cache
type D interface{ Get() error }
`} {
		path := fmt.Sprintf("example.com/%c", 'a'+n)
		in, err := w.check(path, map[string]string{path[12:] + ".go": text})
		if err != nil {
			t.Fatal(err)
		}
		r := Build(in)
		if len(r.Problems) > 0 {
			t.Fatal(lines(r.Problems))
		}
		pkgs = append(pkgs, r.Package)
	}
	deps, problems := Merge(pkgs)
	var outlines []*Package
	for _, p := range pkgs {
		outlines = append(outlines, p.Outline())
	}
	if _, same := Merge(outlines); !reflect.DeepEqual(same, problems) {
		t.Errorf("of outlines: %s, want %s", lines(same), lines(problems))
	}
	if len(deps) != 2 || deps[0].Name != "cache" || deps[1].Name != "db" {
		t.Fatalf("dependencies %v", deps)
	}
	db := deps[1]
	want := resil.Breaker{Failures: 3, Open: 10 * time.Second, Good: 1, Probes: 2}
	if db.Breaker.Value != want || len(db.Breaker.Lines) != 3 {
		t.Errorf("breaker %+v, want %+v", db.Breaker.Value, want)
	}
	if db.Bulkhead.Value != (resil.Bulkhead{Max: 5, Wait: time.Second}) || db.Rate.Value != (resil.Rate{N: 5, Per: time.Second, Burst: 2}) {
		t.Errorf("bulkhead %+v, rate %+v", db.Bulkhead.Value, db.Rate.Value)
	}
	if db.Criticality.Value != resil.High || db.Down.Value != resil.Minimal || db.Timeout != 3*time.Second || len(db.Interfaces) != 3 {
		t.Errorf("dependency %+v", db)
	}
	got := strings.Join(lines(problems), "\n")
	wantProblems := `c.go:3:18: guard criticality=low of dependency db contradicts criticality=high of example.com/a.A at a.go:3; state it once, or the same in both
c.go:4:17: breaker failures=4 of dependency db contradicts failures=3 of example.com/a.A at a.go:4; state it once, or the same in both
c.go:4:37: breaker probes=2/2 of dependency db contradicts probes=1/2 of example.com/b.B at b.go:6; state it once, or the same in both
c.go:6:14: rate 6/m of dependency db contradicts 5/s of example.com/b.B at b.go:7; state it once, or the same in both`
	if got != wantProblems {
		t.Errorf("problems\n%s\nwant\n%s", got, wantProblems)
	}
}

// TestManyForeignMethodsAreToldOfOnce holds that the notes on an interface of
// another package stay readable.
func TestManyForeignMethodsAreToldOfOnce(t *testing.T) {
	r := build(t, `package shop

import "net"

//resil:guard wire
//resil:timeout 1s
type Wire interface {
	net.Conn
	Send() error
}
`)
	want := []string{
		"shop.go:5:1: Wire: Read, Write, SetDeadline and 2 more: timeout does not apply: no context parameter",
		"shop.go:9:2: Wire.Send: timeout does not apply: no context parameter",
	}
	if got := lines(r.Notes); !slices.Equal(got, want) {
		t.Errorf("notes %q, want %q", got, want)
	}
}
