package resiltest

import (
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// promise is what the directives say of a guard, defaults filled in.
type promise struct {
	spec    resil.GuardSpec
	checked bool
	methods []promisedMethod
}

// promisedMethod is what they say of one of its methods.
type promisedMethod struct {
	spec              resil.MethodSpec
	answers, failures []error
	then              []resil.Strategy
}

// fillIn fills in the defaults of the dependency.
func (p *promise) fillIn() {
	if p.spec.Criticality == 0 {
		p.spec.Criticality = resil.Medium
	}
	if p.spec.Down == 0 {
		p.spec.Down = p.spec.Criticality.Down()
	}
	var longest time.Duration
	for _, m := range p.methods {
		longest = max(longest, m.spec.Timeout.Attempt)
	}
	var b resil.Breaker
	if p.spec.Breaker != nil {
		b = *p.spec.Breaker
	}
	b = b.WithDefaults(longest)
	p.spec.Breaker = &b
	if p.spec.Rate != nil {
		r := p.spec.Rate.WithDefaults()
		p.spec.Rate = &r
	}
}

// fallback returns the first strategy, 0 if there is none.
func (m promisedMethod) fallback() resil.Strategy {
	if len(m.spec.Fallbacks) == 0 {
		return 0
	}
	return m.spec.Fallbacks[0].Strategy
}

// most bounds how many calls a proof makes to meet a limit.
const most = 1000

// bulkheads are the limits that a call of m is under.
func (p promise) bulkheads(m promisedMethod) []resil.Bulkhead {
	return stated(p.spec.Bulkhead, m.spec.Bulkhead)
}

// rates are the limits that an attempt of m is under.
func (p promise) rates(m promisedMethod) []resil.Rate {
	return stated(p.spec.Rate, m.spec.Rate)
}

// stated returns the policies that are there.
func stated[T any](policies ...*T) (list []T) {
	for _, policy := range policies {
		if policy != nil {
			list = append(list, *policy)
		}
	}
	return list
}

// atOnce returns how many calls of m its bulkheads let through at once, 0 when
// something else than they decides.
func (p promise) atOnce(m promisedMethod) int {
	limit := 0
	for _, b := range p.bulkheads(m) {
		if limit == 0 || b.Max < limit {
			limit = b.Max
		}
	}
	if m.spec.Hedge != nil || len(p.rates(m)) > 0 || limit > most {
		return 0
	}
	return limit
}

// burst returns how many calls of m its rates let through at once, 0 when
// something else than they decides.
func (p promise) burst(m promisedMethod) int {
	limit := 0
	for _, r := range p.rates(m) {
		if limit == 0 || r.Burst < limit {
			limit = r.Burst
		}
	}
	if m.spec.Hedge != nil || m.spec.Retry != nil || limit > most {
		return 0
	}
	return limit
}

// arms returns how many calls a hedged method makes of a client that answers
// only the last, 0 when there is no hedge or something else ends them.
func (p promise) arms(m promisedMethod) int {
	h := m.spec.Hedge
	if h == nil {
		return 0
	}
	if t := m.spec.Timeout.Attempt; t > 0 && time.Duration(h.Max)*h.After >= t {
		return 0
	}
	n := 1 + h.Max
	for _, b := range p.bulkheads(m) {
		if b.Max < n {
			return 0
		}
	}
	for _, r := range p.rates(m) {
		if r.Burst < n {
			return 0
		}
	}
	return n
}

// attempts returns how often a single call of m calls a client that fails at
// once, 0 when something else than the retry decides. A retry's budget starts
// full and has room for them; the breaker may end them.
func (p promise) attempts(m promisedMethod) int {
	if m.spec.Hedge != nil {
		return 0
	}
	if m.spec.Retry == nil {
		return 1
	}
	if len(p.rates(m)) > 0 {
		return 0
	}
	n := m.spec.Retry.Attempts
	if threshold, slow := p.threshold(); !slow {
		n = min(n, threshold)
	}
	return n
}

// keeps returns how long m keeps answers, 0 when that cannot be told: behind
// another fallback it shows only when that one fails, and waits between attempts
// must not matter beside it.
func (m promisedMethod) keeps() time.Duration {
	if m.fallback() != resil.StrategyStale {
		return 0
	}
	ttl := m.spec.Fallbacks[0].TTL
	if r := m.spec.Retry; r != nil && r.WorstCase(0) >= ttl/10 {
		return 0
	}
	return ttl
}

// threshold returns how many failures open the breaker, or slow answers if only
// these do.
func (p promise) threshold() (calls int, slow bool) {
	b := p.spec.Breaker
	switch {
	case b.Failures > 0 && b.Ratio > 0:
		return min(b.Failures, b.Min), false
	case b.Failures > 0:
		return b.Failures, false
	default:
		return b.Min, b.Ratio == 0
	}
}

// trip is how a proof opens the breaker.
type trip struct {
	method int           // whose calls
	calls  int           // this many
	slow   time.Duration // of a client that answers, but only after this; 0 = that fails
	pause  time.Duration // between calls, so that no rate limit is in the way
}

// trip returns how the breaker is opened, false when calls cannot, at a pace
// that the limits allow. The method is one that retries and hedges little, and
// no write if there is another, because levels refuse writes first.
func (p promise) trip() (out trip, ok bool) {
	if len(p.methods) == 0 {
		return trip{}, false
	}
	cost := func(m promisedMethod) (n int) {
		if m.spec.Hedge != nil {
			n += 1000
		}
		if m.spec.Kind == resil.Write {
			n += 500
		}
		if m.spec.Retry != nil {
			n += m.spec.Retry.Attempts
		}
		return n
	}
	for n := range p.methods {
		if cost(p.methods[n]) < cost(p.methods[out.method]) {
			out.method = n
		}
	}
	m, b := p.methods[out.method], p.spec.Breaker
	calls, slow := p.threshold()
	out.calls = calls
	if slow {
		out.slow = b.Slow + time.Millisecond
		if t := m.spec.Timeout.Attempt; t > 0 && t <= out.slow {
			return trip{}, false // it times out before it is slow
		}
		if time.Duration(calls)*b.Slow > b.Window {
			return trip{}, false // so few calls fit into the window that they never count
		}
	}
	for _, r := range p.rates(m) {
		out.pause = max(out.pause, r.Per/time.Duration(r.N)+time.Millisecond)
	}
	if out.pause > 0 && (b.Failures == 0 || m.spec.Hedge != nil || m.spec.Retry != nil) {
		return trip{}, false // at the pace of the limit the window forgets
	}
	return out, true
}
