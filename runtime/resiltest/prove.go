package resiltest

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"

	resil "github.com/resilgo/resil/runtime"
)

// Guard is a guard and what its directives say, for [Prove]. G is the type of
// the decorator, for example *shop.GuardedPrices.
type Guard[G any] struct {
	// New returns a new guard at sys, as its only dependency. Each method of the
	// client behind it calls client, and each method of an XFallback interface
	// calls fallback. New is called once per proof.
	New func(sys *resil.System, client, fallback *Fake) G
	// Spec is what has to be in force for the dependency; what it leaves out has
	// to be the default. Interface, Position and Lazy are not looked at.
	Spec resil.GuardSpec
	// Checked says that the dependency has a health check.
	Checked bool
	// Methods are the guarded methods.
	Methods []Method[G]
}

// Method is a guarded method and what its directives say.
type Method[G any] struct {
	// Spec is what has to be in force for the method; what it leaves out has to be
	// the default. NoContext, Streams, Ignore and Failure are not looked at.
	Spec resil.MethodSpec
	// Call calls the method, with arguments that do not matter, and returns its
	// error. A panic counts as an error.
	Call func(ctx context.Context, guard G) error
	// Answers are errors that are answers: no failure, no retry, no fallback.
	Answers []error
	// Failures are errors that are failures, whatever they look like.
	Failures []error
	// Then are the fallbacks behind the first that run when those before them
	// fail. What stands behind a zero value or a function that always answers is
	// out of reach, for tests as for callers, and does not belong here.
	Then []resil.Strategy
}

// Prove holds a guard to what its directives say, on virtual time: which
// policies are in force; when its breaker opens, how long it stays open and that
// it closes; how often a client is called that fails, how long one that hangs,
// how many calls reach it at once; that its fallbacks stand in; and what each
// method does at each level.
//
// Each proof is a subtest, Price/timeout for example, and logs what it proves
// with its numbers. Left out is what another policy of the guard would hide, how
// a bulkhead fills under hedges for example; the subtests "dependency" and
// Price/policy, which compare all that is in force, hold those numbers too.
func Prove[G any](t *testing.T, guard Guard[G]) {
	t.Helper()
	for _, p := range guard.promise().proofs() {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				t.Log(p.says)
				p.check(guard.try(t, p.method, t.Errorf))
			})
		})
	}
}

// promise returns what is promised of the guard, defaults filled in.
func (g Guard[G]) promise() promise {
	p := promise{spec: g.Spec, checked: g.Checked}
	for _, m := range g.Methods {
		p.methods = append(p.methods, promisedMethod{m.Spec.WithDefaults(), m.Answers, m.Failures, m.Then})
	}
	p.fillIn()
	return p
}

// trial is a guard under proof, at a system of its own. Its client answers and
// its fallbacks stand in until the proof tells them otherwise.
type trial struct {
	ctx              context.Context
	sys              *resil.System
	client, fallback *Fake
	call             func(context.Context) error // the method; nil for a proof of the dependency
	errorf           func(format string, args ...any)
}

// try makes a guard for a proof of one of its methods, or with -1 of its
// dependency.
func (g Guard[G]) try(t *testing.T, method int, errorf func(format string, args ...any)) *trial {
	t.Helper()
	r := &trial{ctx: t.Context(), client: new(Fake), fallback: new(Fake), errorf: errorf}
	sys, err := resil.New(resil.Config{Logger: slog.New(slog.DiscardHandler)}, resil.WithOutbox(writes{r.fallback}))
	if err != nil {
		t.Fatal(err)
	}
	r.sys = sys
	guard := g.New(sys, r.client, r.fallback)
	if n := len(sys.Status().Dependencies); n != 1 {
		t.Fatalf("New guards %d dependencies; want the one to prove", n)
	}
	sys.Metrics() // counts from now on
	if method >= 0 {
		r.call = func(ctx context.Context) (err error) {
			defer func() {
				if v := recover(); v != nil {
					err = fmt.Errorf("panic: %v", v)
				}
			}()
			return g.Methods[method].Call(ctx, guard)
		}
	}
	return r
}

// counts returns the numbers of a method.
func (r *trial) counts(method string) resil.MethodStats {
	for _, m := range r.sys.Metrics().Dependencies[0].Methods {
		if m.Name == method {
			return m
		}
	}
	return resil.MethodStats{}
}

// fallbacks returns how often a fallback of a method ran.
func (r *trial) fallbacks(method string, s resil.Strategy) (n uint64) {
	for _, f := range r.counts(method).Fallbacks {
		if f.Strategy == s {
			n += f.Answered + f.Failed
		}
	}
	return n
}

// writes is an outbox that takes and refuses writes as a fallback does, and
// delivers none.
type writes struct{ fallback *Fake }

func (w writes) Put(ctx context.Context, _ resil.Entry) error {
	_, err := w.fallback.Call(ctx)
	return err
}
func (writes) Bind(resil.Origin, func(context.Context, []byte) error) {}
func (writes) Start(context.Context, func(string) bool) error         { return nil }
func (writes) Wake(string)                                            {}
func (writes) Depth() map[string]int                                  { return nil }
func (writes) Close(context.Context) error                            { return nil }
