package resiltest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

var (
	errGone    = errors.New("gone")
	errRefused = errors.New("refused")
)

// made is a guard as generated code makes it.
type made struct {
	spec     resil.GuardSpec
	checked  bool
	methods  []resil.MethodSpec
	unhedged bool // calls without a hedge whatever the policy says
}

// shop is a guard of a shop's prices, with a method for each policy.
func shop() made {
	stated := resil.Actions{resil.ActCall, resil.ActOnce, resil.ActStale, resil.ActFallback, resil.ActShed}
	return made{
		spec: resil.GuardSpec{
			Dependency: "prices", Criticality: resil.High, Down: resil.Minimal,
			Breaker:  &resil.Breaker{Failures: 4, Open: time.Minute},
			Bulkhead: &resil.Bulkhead{Max: 20, Wait: 100 * time.Millisecond},
		},
		checked: true,
		methods: []resil.MethodSpec{
			{Name: "List", Kind: resil.Read, Timeout: resil.Timeout{Attempt: 2 * time.Second, Total: 10 * time.Second}, Retry: &resil.Retry{Attempts: 3}, Levels: stated, Fallbacks: []resil.Fallback{
				{Strategy: resil.StrategyStale, TTL: 10 * time.Minute}, {Strategy: resil.StrategyCall, Name: ".List", Limit: 50},
			}},
			{Name: "Find", Kind: resil.Read, Timeout: resil.Timeout{Attempt: time.Second}, Hedge: &resil.Hedge{After: 100 * time.Millisecond, Max: 2}},
			{Name: "Sell", Kind: resil.Write, Idempotent: true, Fallbacks: []resil.Fallback{{Strategy: resil.StrategyOutbox}}},
			{Name: "Count", Kind: resil.Read, Rate: &resil.Rate{N: 10, Burst: 15}},
			{Name: "Ping", Health: true, Essential: true, Bulkhead: &resil.Bulkhead{Max: 5}},
		},
	}
}

// unessential makes the last method one that Emergency sheds.
func (m *made) unessential() {
	ping := &m.methods[len(m.methods)-1]
	ping.Essential, ping.Levels[resil.Emergency-1] = false, resil.ActShed
}

// is tells errors apart as generated code does.
func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

// held returns guard have with what is promised, which is m.
func (m made) held(have made) Guard[func(context.Context, int) error] {
	g := Guard[func(context.Context, int) error]{Spec: m.spec, Checked: m.checked}
	for n, spec := range m.methods {
		method := Method[func(context.Context, int) error]{
			Spec: spec,
			Call: func(ctx context.Context, call func(context.Context, int) error) error { return call(ctx, n) },
		}
		if spec.Name == "List" {
			method.Answers, method.Failures = []error{errGone}, []error{errRefused}
			method.Then = []resil.Strategy{resil.StrategyCall}
		}
		g.Methods = append(g.Methods, method)
	}
	g.New = func(sys *resil.System, client, fallback *Fake) func(context.Context, int) error {
		guard := sys.Guard(have.spec)
		var methods []*resil.Method
		for _, spec := range have.methods {
			if spec.Name == "List" && spec.Ignore == nil {
				spec.Ignore, spec.Failure = is(errGone), is(errRefused)
			}
			m := guard.Method(spec)
			m.Replay(func(context.Context, []byte) error { return nil })
			methods = append(methods, m)
		}
		if have.checked {
			guard.Health(func(context.Context) error { return nil })
		}
		return func(ctx context.Context, n int) error {
			with := resil.With[string]{
				Fallback: func(ctx context.Context, _ int, _ error) (string, error) { return fallback.Call(ctx) },
				Key:      func() any { return n },
				Outbox:   func() ([]byte, error) { return nil, nil },
			}
			call := resil.CallWith[string]
			if have.methods[n].Hedge != nil && !have.unhedged {
				call = resil.CallHedgedWith[string]
			}
			_, err := call(ctx, methods[n], client.Call, with)
			return err
		}
	}
	return g
}

// failing returns the proofs that fail, and what they say.
func failing[G any](t *testing.T, g Guard[G]) (names, says []string) {
	t.Helper()
	for _, p := range g.promise().proofs() {
		synctest.Test(t, func(t *testing.T) {
			p.check(g.try(t, p.method, func(format string, args ...any) {
				names = append(names, p.name)
				says = append(says, p.name+": "+fmt.Sprintf(format, args...))
			}))
		})
	}
	return names, says
}

func TestProve(t *testing.T) { Prove(t, shop().held(shop())) }

// TestProveCode proves a guard without a decorator.
func TestProveCode(t *testing.T) {
	Prove(t, Guard[func(context.Context) error]{
		New: func(sys *resil.System, client, _ *Fake) func(context.Context) error {
			d := sys.Dependency("mail", resil.Breaker{Failures: 3}, resil.Operation("Send"), resil.Write, resil.Timeout{Attempt: time.Second})
			return func(ctx context.Context) error {
				_, err := resil.Do(ctx, d, client.Call)
				return err
			}
		},
		Spec: resil.GuardSpec{Dependency: "mail", Breaker: &resil.Breaker{Failures: 3}},
		Methods: []Method[func(context.Context) error]{{
			Spec: resil.MethodSpec{Name: "Send", Kind: resil.Write, Timeout: resil.Timeout{Attempt: time.Second}},
			Call: func(ctx context.Context, send func(context.Context) error) error { return send(ctx) },
		}},
	})
}

// TestProveNoticesBrokenPolicies breaks one policy at a time and wants proofs of
// what it does to fail, not only those that compare what is in force.
func TestProveNoticesBrokenPolicies(t *testing.T) {
	const list, find, sell, count, ping = 0, 1, 2, 3, 4
	for name, test := range map[string]struct {
		change func(*made)
		fails  []string
	}{
		"another name":           {func(m *made) { m.spec.Dependency = "price" }, []string{"dependency"}},
		"less critical":          {func(m *made) { m.spec.Criticality = resil.Low }, []string{"dependency"}},
		"another level":          {func(m *made) { m.spec.Down = resil.Limited }, []string{"dependency"}},
		"no health check":        {func(m *made) { m.checked = false }, []string{"dependency"}},
		"breaker trips later":    {func(m *made) { m.spec.Breaker.Failures = 5 }, []string{"dependency", "breaker"}},
		"breaker trips earlier":  {func(m *made) { m.spec.Breaker.Failures = 3 }, []string{"dependency", "breaker"}},
		"breaker opens shorter":  {func(m *made) { m.spec.Breaker.Open = 30 * time.Second }, []string{"dependency", "breaker"}},
		"breaker hardly closes":  {func(m *made) { m.spec.Breaker.Open = 20 * time.Hour }, []string{"dependency", "breaker"}},
		"more probes":            {func(m *made) { m.spec.Breaker.Good, m.spec.Breaker.Probes = 5, 9 }, []string{"dependency"}},
		"a ratio as well":        {func(m *made) { m.spec.Breaker.Ratio = .1 }, []string{"dependency"}},
		"breaker window":         {func(m *made) { m.spec.Breaker.Window = time.Hour }, []string{"dependency"}},
		"no shared bulkhead":     {func(m *made) { m.spec.Bulkhead = nil }, []string{"dependency", "List/bulkhead", "Sell/bulkhead"}},
		"wider bulkhead":         {func(m *made) { m.spec.Bulkhead.Max = 21 }, []string{"dependency", "List/bulkhead"}},
		"narrower bulkhead":      {func(m *made) { m.spec.Bulkhead.Max = 19 }, []string{"dependency", "List/bulkhead"}},
		"bulkhead does not wait": {func(m *made) { m.spec.Bulkhead.Wait = 0 }, []string{"dependency"}},
		"a shared rate":          {func(m *made) { m.spec.Rate = &resil.Rate{N: 1} }, []string{"dependency", "List/failure"}},
		"attempts take longer":   {func(m *made) { m.methods[list].Timeout.Attempt = 3 * time.Second }, []string{"List/policy", "List/timeout"}},
		"attempts are shorter":   {func(m *made) { m.methods[list].Timeout.Attempt = time.Second }, []string{"List/policy", "List/timeout"}},
		"no timeout":             {func(m *made) { m.methods[list].Timeout = resil.Timeout{} }, []string{"List/policy", "List/timeout"}},
		"a longer total":         {func(m *made) { m.methods[list].Timeout.Total = time.Hour }, []string{"List/policy"}},
		"no retry":               {func(m *made) { m.methods[list].Retry = nil }, []string{"List/policy", "List/failure"}},
		"more attempts":          {func(m *made) { m.methods[list].Retry.Attempts = 4 }, []string{"List/policy", "List/failure"}},
		"fewer attempts":         {func(m *made) { m.methods[list].Retry.Attempts = 2 }, []string{"List/policy", "List/failure"}},
		"longer waits":           {func(m *made) { m.methods[list].Retry.Max = time.Minute }, []string{"List/policy"}},
		"another budget":         {func(m *made) { m.methods[list].Retry.Budget = 1 }, []string{"List/policy"}},
		"kept for longer":        {func(m *made) { m.methods[list].Fallbacks[0].TTL = 12 * time.Minute }, []string{"List/policy", "List/stale"}},
		"not kept as long":       {func(m *made) { m.methods[list].Fallbacks[0].TTL = 8 * time.Minute }, []string{"List/policy", "List/stale"}},
		"fewer are kept":         {func(m *made) { m.methods[list].Fallbacks[0].Max = 10 }, []string{"List/policy"}},
		"no second fallback":     {func(m *made) { m.methods[list].Fallbacks = m.methods[list].Fallbacks[:1] }, []string{"List/policy", "List/then call"}},
		"fallbacks swapped":      {func(m *made) { slices.Reverse(m.methods[list].Fallbacks) }, []string{"List/policy", "List/failure", "List/stale"}},
		"more fallbacks at once": {func(m *made) { m.methods[list].Fallbacks[1].Limit = 51 }, []string{"List/policy"}},
		"an answer fails":        {func(m *made) { m.methods[list].Ignore, m.methods[list].Failure = is(nil), is(errRefused) }, []string{"List/ignore"}},
		"a failure answers":      {func(m *made) { m.methods[list].Ignore = is(errRefused) }, []string{"List/ignore", "List/failing"}},
		"degraded calls":         {func(m *made) { m.methods[list].Levels[resil.Degraded-1] = resil.ActCall }, []string{"List/policy", "List/degraded"}},
		"limited falls back":     {func(m *made) { m.methods[list].Levels[resil.Limited-1] = resil.ActFallback }, []string{"List/policy", "List/limited"}},
		"minimal sheds":          {func(m *made) { m.methods[list].Levels[resil.Minimal-1] = resil.ActShed }, []string{"List/policy", "List/minimal"}},
		"emergency falls back":   {func(m *made) { m.methods[list].Levels[resil.Emergency-1] = resil.ActFallback }, []string{"List/policy", "List/emergency"}},
		"optimal sheds":          {func(m *made) { m.methods[list].Levels = resil.Actions{5, 5, 5, 5, 5} }, []string{"List/policy", "List/optimal", "List/limited"}},
		"hedges later":           {func(m *made) { m.methods[find].Hedge.After = time.Second / 5 }, []string{"Find/policy", "Find/hedge"}},
		"hedges less":            {func(m *made) { m.methods[find].Hedge.Max = 1 }, []string{"Find/policy", "Find/hedge"}},
		"does not hedge":         {func(m *made) { m.unhedged = true }, []string{"Find/hedge"}},
		"a write as a read":      {func(m *made) { m.methods[sell].Kind = resil.Read }, []string{"Sell/policy"}},
		"not idempotent":         {func(m *made) { m.methods[sell].Idempotent = false }, []string{"Sell/policy"}},
		"zero for an outbox":     {func(m *made) { m.methods[sell].Fallbacks[0].Strategy = resil.StrategyZero }, []string{"Sell/policy", "Sell/failure", "Sell/minimal"}},
		"no fallback":            {func(m *made) { m.methods[sell].Fallbacks = nil }, []string{"Sell/policy", "Sell/failure", "Sell/minimal"}},
		"a lower rate":           {func(m *made) { m.methods[count].Rate.N = 1 }, []string{"Count/policy"}},
		"a smaller burst":        {func(m *made) { m.methods[count].Rate.Burst = 14 }, []string{"Count/policy", "Count/rate"}},
		"a bigger burst":         {func(m *made) { m.methods[count].Rate.Burst = 16 }, []string{"Count/policy", "Count/rate"}},
		"no rate":                {func(m *made) { m.methods[count].Rate = nil }, []string{"Count/policy", "Count/rate"}},
		"a wider own bulkhead":   {func(m *made) { m.methods[ping].Bulkhead.Max = 6 }, []string{"Ping/policy", "Ping/bulkhead"}},
		"not essential":          {(*made).unessential, []string{"Ping/policy", "Ping/emergency"}},
		"another method":         {func(m *made) { m.methods[ping].Name = "Pong" }, []string{"Ping/policy"}},
	} {
		t.Run(name, func(t *testing.T) {
			broken := shop()
			for n, m := range broken.methods { // in force is what generated code spells
				broken.methods[n].Levels, _ = resil.MergeActions(resil.DefaultActions(m.Kind, m.Essential, m.Fallbacks), m.Levels)
			}
			test.change(&broken)
			names, says := failing(t, shop().held(broken))
			for _, want := range test.fails {
				if !slices.Contains(names, want) {
					t.Errorf("%s does not fail; these do: %q", want, says)
				}
			}
		})
	}
}

// TestManyAttemptsAreAllWanted holds that the budget of a retry, which has room
// for all of a call's attempts, does not end it, but an opening breaker does.
func TestManyAttemptsAreAllWanted(t *testing.T) {
	for failures, want := range map[int]int{50: 20, 7: 7} {
		p := Guard[int]{
			Spec:    resil.GuardSpec{Breaker: &resil.Breaker{Failures: failures}},
			Methods: []Method[int]{{Spec: resil.MethodSpec{Retry: &resil.Retry{Attempts: 20}}}},
		}.promise()
		if got := p.attempts(p.methods[0]); got != want {
			t.Errorf("%d attempts wanted before %d failures, want %d", got, failures, want)
		}
	}
}
