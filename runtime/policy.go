package resil

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// The policies below are plain data. Their zero fields mean "not stated"; the
// WithDefaults methods fill them in, and Validate says, all at once, what
// cannot work. The same rules serve the generator, the analyzer, the YAML
// overrides and Go code.

// Limits of policy values; everything outside is refused by Validate.
const (
	MaxDuration = 24 * time.Hour // of any timeout, window, wait or period
	MaxCount    = 1_000_000      // of any count: failures, calls, permits, entries
	MaxAttempts = 100            // of a retry, the first call included
	MaxProbes   = 100            // of one half-open round
)

// Breaker configures a circuit breaker. Any trip rule that is given may trip
// it: Failures in a row, a failure Ratio, a SlowRatio. Safe to copy.
type Breaker struct {
	Failures  int           // failures in a row that trip; 0 = no such rule. 1..MaxCount
	Ratio     float64       // share of failures in Window that trips, (0,1]; 0 = no such rule
	Min       int           // calls in Window before a ratio may trip; 0 = 20
	Window    time.Duration // rolling window of both ratios; 0 = max(10s, 4 × timeout)
	Slow      time.Duration // a call longer than this is slow; 0 = no such rule
	SlowRatio float64       // share of slow calls in Window that trips, (0,1]; 0 = 0.5 when Slow is given
	Open      time.Duration // how long the breaker stays open, ±10 % jitter; 0 = 30s
	Good      int           // good probes that close a half-open breaker; 0 = 2 (with Probes 0)
	Probes    int           // probes admitted in one half-open round; 0 = 3 (with Good 0)
}

// Breaker defaults.
const (
	DefaultFailures = 5
	DefaultMin      = 20
	DefaultWindow   = 10 * time.Second
	DefaultOpen     = 30 * time.Second
	DefaultGood     = 2
	DefaultProbes   = 3
	DefaultSlow     = 0.5 // SlowRatio
)

// WithDefaults returns b with what it leaves out filled in. timeout is the
// longest attempt timeout under the breaker, 0 if none.
func (b Breaker) WithDefaults(timeout time.Duration) Breaker {
	if b.Failures == 0 && b.Ratio == 0 && b.Slow == 0 {
		b.Failures = DefaultFailures
	}
	if b.Min == 0 {
		b.Min = DefaultMin
	}
	if b.Window == 0 {
		b.Window = min(max(DefaultWindow, 4*timeout), MaxDuration)
	}
	if b.Slow > 0 && b.SlowRatio == 0 {
		b.SlowRatio = DefaultSlow
	}
	if b.Open == 0 {
		b.Open = DefaultOpen
	}
	if b.Good == 0 && b.Probes == 0 {
		b.Good, b.Probes = DefaultGood, DefaultProbes
	}
	return b
}

// Validate returns every reason why b cannot work, joined; each names the key
// as directives spell it. Zero fields are "not stated" and pass.
func (b Breaker) Validate() error {
	var p problems
	p.include(b.ValidatePart())
	if b.Min != 0 && b.Ratio == 0 && b.Slow == 0 {
		p.add("min= needs ratio= or slow=")
	}
	if b.SlowRatio != 0 && b.Slow == 0 {
		p.add("slowratio= needs slow=")
	}
	return p.join()
}

// ValidatePart is [Breaker.Validate] for what one of several guards states for
// the dependency they share: rules that need each other may stand in different
// ones.
func (b Breaker) ValidatePart() error {
	var p problems
	p.count("failures", b.Failures, MaxCount)
	p.ratio("ratio", b.Ratio)
	p.count("min", b.Min, MaxCount)
	p.duration("window", b.Window)
	p.duration("slow", b.Slow)
	p.ratio("slowratio", b.SlowRatio)
	p.duration("open", b.Open)
	if b.Good != 0 || b.Probes != 0 {
		if b.Good < 1 || b.Probes < b.Good || b.Probes > MaxProbes {
			p.add("probes=%d/%d is out of range; want N/M with 1 <= N <= M <= %d", b.Good, b.Probes, MaxProbes)
		}
	}
	return p.join()
}

// Fits returns every reason why b cannot work beside what stands under it, the
// longest attempt timeout (0 = none) and the rate limit (zero = none), joined.
func (b Breaker) Fits(timeout time.Duration, r Rate) error {
	b = b.WithDefaults(timeout)
	if b.Ratio == 0 && b.Slow == 0 {
		return nil // nothing is counted in a window
	}
	var p problems
	if b.Window < timeout {
		p.add("window=%s is shorter than the timeout of %s: calls would end outside the window they began in; want at least 4 × timeout", b.Window, timeout)
	}
	if r.N > 0 {
		r = r.WithDefaults()
		if most := float64(r.N)*b.Window.Seconds()/r.Per.Seconds() + float64(r.Burst); most < float64(b.Min) {
			p.add("min=%d can never be reached: the rate limit lets %.0f calls into a window of %s; want a longer window= or a smaller min=", b.Min, most, b.Window)
		}
	}
	return p.join()
}

// Timeout bounds one attempt and, optionally, the whole call.
type Timeout struct {
	Attempt time.Duration // of one attempt; 0 = none
	Total   time.Duration // of all attempts and waits; 0 = none
}

// Validate returns every reason why t cannot work, joined.
func (t Timeout) Validate() error {
	var p problems
	p.duration("timeout", t.Attempt)
	p.duration("total", t.Total)
	if t.Attempt > 0 && t.Total > 0 && t.Attempt > t.Total {
		p.add("total=%s is shorter than one attempt of %s; want total >= timeout", t.Total, t.Attempt)
	}
	return p.join()
}

// Retry repeats a failed call that is marked read or idempotent.
type Retry struct {
	Attempts int           // at most this many calls, the first included. 2..MaxAttempts; 1 = no retry
	Base     time.Duration // bound of the first wait; 0 = 50ms, or Max if that is shorter
	Max      time.Duration // bound of every wait; 0 = 2s, or Base if that is longer
	Budget   float64       // share of calls that may be retries, (0,1]; 0 = 0.2
}

// Retry defaults.
const (
	DefaultBase   = 50 * time.Millisecond
	DefaultMax    = 2 * time.Second
	DefaultBudget = 0.2
)

// WithDefaults returns r with what it leaves out filled in.
func (r Retry) WithDefaults() Retry {
	switch {
	case r.Base == 0 && r.Max == 0:
		r.Base, r.Max = DefaultBase, DefaultMax
	case r.Base == 0:
		r.Base = min(DefaultBase, r.Max)
	case r.Max == 0:
		r.Max = max(DefaultMax, r.Base)
	}
	if r.Budget == 0 {
		r.Budget = DefaultBudget
	}
	return r
}

// Validate returns every reason why r cannot work, joined.
func (r Retry) Validate() error {
	var p problems
	if r.Attempts < 1 || r.Attempts > MaxAttempts {
		p.add("attempts=%d is out of range; want 1 to %d, the first call included", r.Attempts, MaxAttempts)
	}
	p.duration("backoff", r.Base)
	p.duration("backoff", r.Max)
	if r.Base > r.Max && r.Max > 0 {
		p.add("backoff=%s..%s runs backwards; want the shorter wait first", r.Base, r.Max)
	}
	p.ratio("budget", r.Budget)
	return p.join()
}

// Wait returns the upper bound of the wait before attempt i+1 (i counts from
// 1): min(Base·2^(i−1), Max). The wait itself is uniform in [0, bound], "full
// jitter" in Brooker's "Exponential Backoff And Jitter" (AWS, 2015).
func (r Retry) Wait(i int) time.Duration {
	d := r.Base
	for ; i > 1 && d < r.Max; i-- {
		if d > math.MaxInt64/2 {
			return r.Max
		}
		d *= 2
	}
	return min(d, r.Max)
}

// WorstCase returns attempts × timeout plus the longest waits between them.
func (r Retry) WorstCase(timeout time.Duration) time.Duration {
	total := time.Duration(max(r.Attempts, 1)) * timeout
	for i := 1; i < r.Attempts; i++ {
		total += r.Wait(i)
	}
	return total
}

// Bulkhead bounds the calls that run at once.
type Bulkhead struct {
	Max  int           // calls at once, 1..MaxCount; 0 = no bulkhead
	Wait time.Duration // how long a call may queue for a place; 0 = not at all
}

// Validate returns every reason why b cannot work, joined.
func (b Bulkhead) Validate() error {
	var p problems
	if b.Max < 1 || b.Max > MaxCount {
		p.add("max=%d is out of range; want 1 to %d", b.Max, MaxCount)
	}
	if b.Wait < 0 || b.Wait > MaxDuration {
		p.add("wait=%s is out of range; want 0s to %s", b.Wait, MaxDuration)
	}
	return p.join()
}

// Rate bounds the attempts started in a period.
type Rate struct {
	N     int           // attempts per Per, 1..MaxCount; 0 = no rate limit
	Per   time.Duration // time.Second, time.Minute or time.Hour
	Burst int           // attempts that may start at once, 1..MaxCount; 0 = one second's worth, at least 1
}

// WithDefaults returns r with what it leaves out filled in.
func (r Rate) WithDefaults() Rate {
	if r.Per == 0 {
		r.Per = time.Second
	}
	if r.Burst == 0 {
		r.Burst = max(1, int(int64(r.N)*int64(time.Second)/int64(r.Per)))
	}
	return r
}

// Validate returns every reason why r cannot work, joined.
func (r Rate) Validate() error {
	var p problems
	if r.N < 1 || r.N > MaxCount {
		p.add("rate %d is out of range; want 1 to %d per second, minute or hour", r.N, MaxCount)
	}
	if r.Per != 0 && r.Per != time.Second && r.Per != time.Minute && r.Per != time.Hour {
		p.add("rate per %s is not a period; want /s, /m or /h", r.Per)
	}
	p.count("burst", r.Burst, MaxCount)
	return p.join()
}

// Hedge starts an extra attempt when the first is slow.
type Hedge struct {
	After time.Duration // wait before each extra attempt
	Max   int           // extra attempts at once, 1..10; 0 = 1
}

const maxHedges = 10

// WithDefaults returns h with what it leaves out filled in.
func (h Hedge) WithDefaults() Hedge {
	if h.Max == 0 {
		h.Max = 1
	}
	return h
}

// Validate returns every reason why h cannot work, joined.
func (h Hedge) Validate() error {
	var p problems
	if h.After == 0 {
		p.add("hedge needs after=DURATION")
	}
	p.duration("after", h.After)
	p.count("max", h.Max, maxHedges)
	return p.join()
}

// Strategy is what one fallback does.
type Strategy uint8

// The fallback strategies.
const (
	StrategyCall   Strategy = iota + 1 // a function or method of the user's
	StrategyStale                      // the last known good answer
	StrategyZero                       // zero results and no error
	StrategyOutbox                     // store the write durably, replay it later
)

// String returns the strategy as directives and metrics spell it; the zero
// value gives "none".
func (s Strategy) String() string {
	switch s {
	case StrategyCall:
		return "call"
	case StrategyStale:
		return "stale"
	case StrategyZero:
		return "zero"
	case StrategyOutbox:
		return "outbox"
	case 0:
		return "none"
	default:
		return fmt.Sprintf("strategy(%d)", uint8(s))
	}
}

// Fallback is one fallback of a method; several are tried in order.
type Fallback struct {
	Strategy Strategy
	Name     string        // StrategyCall: the function, for reports
	TTL      time.Duration // StrategyStale: how old an answer may be
	Max      int           // StrategyStale: answers kept, 1..MaxCount; 0 = 1000
	Limit    int           // fallbacks of the method at once, 1..MaxCount; 0 = 100; above it the caller gets the original error
}

// Fallback defaults.
const (
	DefaultStaleMax = 1000
	DefaultLimit    = 100
)

// WithDefaults returns f with what it leaves out filled in.
func (f Fallback) WithDefaults() Fallback {
	if f.Strategy == StrategyStale && f.Max == 0 {
		f.Max = DefaultStaleMax
	}
	if f.Limit == 0 {
		f.Limit = DefaultLimit
	}
	return f
}

// Validate returns every reason why f cannot work, joined.
func (f Fallback) Validate() error {
	var p problems
	if f.Strategy == StrategyStale {
		if f.TTL == 0 {
			p.add("stale needs a duration, for example stale=10m")
		}
		p.duration("stale", f.TTL)
		p.count("max", f.Max, MaxCount)
	}
	p.count("limit", f.Limit, MaxCount)
	return p.join()
}

// problems collects everything wrong with one policy.
type problems []error

func (p *problems) add(format string, args ...any) { *p = append(*p, fmt.Errorf(format, args...)) }

func (p *problems) count(key string, v, most int) {
	if v != 0 && (v < 1 || v > most) {
		p.add("%s=%d is out of range; want 1 to %d", key, v, most)
	}
}

func (p *problems) ratio(key string, v float64) {
	if v != 0 && !(v > 0 && v <= 1) { // written so that NaN fails
		p.add("%s=%v is out of range; want more than 0 and at most 1", key, v)
	}
}

func (p *problems) duration(key string, v time.Duration) {
	if v < 0 || v > MaxDuration {
		p.add("%s=%s is out of range; want more than 0s and at most %s", key, v, MaxDuration)
	}
}

func (p *problems) include(err error) {
	if err != nil {
		*p = append(*p, err)
	}
}

func (p problems) join() error { return errors.Join(p...) }
