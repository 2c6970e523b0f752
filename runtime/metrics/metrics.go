// Package metrics exports the state of a [resil.System] to Prometheus.
//
// The numbers are kept by the guards themselves and read at scrape time, so a
// collector costs a guarded call nothing beyond the clock reads of its
// duration. Every series exists from the start, and labels come from closed
// sets: the names of dependencies and methods, which generated code fixes, and
// the enumerations of package resil.
package metrics

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	resil "github.com/resilgo/resil/runtime"
)

// Series that the collector exports.
const (
	BreakerState     = "resil_breaker_state"
	BreakerOpened    = "resil_breaker_opened_total"
	Calls            = "resil_calls_total"
	Attempts         = "resil_attempts_total"
	CallDuration     = "resil_call_duration_seconds"
	Fallbacks        = "resil_fallbacks_total"
	DegradationLevel = "resil_degradation_level"
	Transitions      = "resil_degradation_transitions_total"
	HealthScore      = "resil_health_score"
	DependencyUp     = "resil_dependency_up"
	RecoverySeconds  = "resil_recovery_seconds"
	OutboxDepth      = "resil_outbox_depth"
	ChaosEnabled     = "resil_chaos_enabled"               // only with an injector
	ChaosFaults      = "resil_chaos_faults_injected_total" // only with an injector
	outcomeAnswered  = "answered"
	outcomeFailed    = "failed"
	labelDependency  = "dependency"
	labelMethod      = "method"
)

type collector struct {
	sys *resil.System

	breakerState, breakerOpened, calls, attempts, callDuration, fallbacks *prometheus.Desc
	level, transitions, score, up, recovery, outbox, chaos, faults        *prometheus.Desc
}

// New returns a collector of sys. It is safe for concurrent use; register it
// once per registry, and collectors of several systems each with a label of its
// own, by [prometheus.WrapRegistererWith]. A collector never changes the state it reports: a breaker
// whose open time has passed is shown as open until a call or check probes it.
func New(sys *resil.System) prometheus.Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	sys.Metrics() // calls are counted from now on
	return &collector{
		sys:           sys,
		breakerState:  desc(BreakerState, "1 for the state the dependency's circuit breaker is in, else 0.", labelDependency, "state"),
		attempts:      desc(Attempts, "Attempts that reached the client; above resil_calls_total by the retries and hedges.", labelDependency, labelMethod),
		breakerOpened: desc(BreakerOpened, "Times the dependency's circuit breaker opened.", labelDependency),
		calls:         desc(Calls, "Guarded calls by how they ended before any fallback.", labelDependency, labelMethod, "outcome"),
		callDuration:  desc(CallDuration, "Duration of guarded calls with retries, waits and fallbacks, in seconds.", labelDependency, labelMethod),
		fallbacks:     desc(Fallbacks, "Fallbacks run, by strategy and whether they answered.", labelDependency, labelMethod, "strategy", "outcome"),
		level:         desc(DegradationLevel, "Degradation level of the system: 1 optimal, 2 degraded, 3 limited, 4 minimal, 5 emergency."),
		transitions:   desc(Transitions, "Changes of the degradation level.", "from", "to"),
		score:         desc(HealthScore, "Share of the dependencies' weight that is up, from 0 to 100."),
		up:            desc(DependencyUp, "1 while the dependency is up, else 0.", labelDependency),
		recovery:      desc(RecoverySeconds, "Time from leaving the optimal level until it was reached again, in seconds."),
		chaos:         desc(ChaosEnabled, "1 while faults are injected on purpose, else 0."),
		faults:        desc(ChaosFaults, "Calls that an injected fault hit, by the fault's kind and the names or patterns that it is for.", "kind", labelDependency, labelMethod),
		outbox:        desc(OutboxDepth, "Deferred writes that wait for the dependency.", labelDependency),
	}
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.breakerState, c.breakerOpened, c.calls, c.attempts, c.callDuration, c.fallbacks,
		c.level, c.transitions, c.score, c.up, c.recovery, c.outbox, c.chaos, c.faults,
	} {
		out <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(out chan<- prometheus.Metric) {
	s := c.sys.Metrics()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(c.level, float64(s.Level))
	gauge(c.score, s.Score)
	for i, from := range resil.Levels() {
		for j, to := range resil.Levels() {
			if from != to {
				counter(c.transitions, s.Transitions[i][j], from.String(), to.String())
			}
		}
	}
	out <- histogram(c.recovery, s.Recovery)
	if s.Chaos != nil {
		gauge(c.chaos, bit(s.Chaos.Enabled))
		injected := map[[3]string]uint64{} // two faults may be for the same calls
		for _, f := range s.Chaos.Faults {
			injected[[3]string{f.Kind, label(f.Dependency), label(f.Method)}] += f.Injected
		}
		for of, n := range injected {
			counter(c.faults, n, of[:]...)
		}
	}
	for _, d := range s.Dependencies {
		name := label(d.Name)
		for _, state := range []resil.BreakerState{resil.BreakerClosed, resil.BreakerOpen, resil.BreakerHalfOpen} {
			gauge(c.breakerState, bit(d.State == state), name, state.String())
		}
		counter(c.breakerOpened, d.Opened, name)
		gauge(c.up, bit(d.Up), name)
		if d.HasOutbox {
			gauge(c.outbox, float64(d.OutboxDepth), name)
		}
		for _, m := range d.Methods {
			method := label(m.Name)
			for i, outcome := range resil.Outcomes() {
				counter(c.calls, m.Calls[i], name, method, outcome.String())
			}
			counter(c.attempts, m.Attempts, name, method)
			out <- histogram(c.callDuration, m.Duration, name, method)
			for _, f := range m.Fallbacks {
				counter(c.fallbacks, f.Answered, name, method, f.Strategy.String(), outcomeAnswered)
				counter(c.fallbacks, f.Failed, name, method, f.Strategy.String(), outcomeFailed)
			}
		}
	}
}

// histogram turns the runtime's cumulative buckets into a constant metric.
func histogram(d *prometheus.Desc, h resil.Histogram, labels ...string) prometheus.Metric {
	buckets := make(map[float64]uint64, len(h.Bounds))
	for i, bound := range h.Bounds {
		buckets[bound] = h.Counts[i]
	}
	return prometheus.MustNewConstHistogram(d, h.Count, h.Sum, buckets, labels...)
}

// label spells a name given at run time such that the client library, which
// refuses invalid UTF-8, takes it. Two names stay two: a single pair of the
// same series would fail the whole scrape.
func label(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.Trim(strconv.Quote(s), `"`)
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
