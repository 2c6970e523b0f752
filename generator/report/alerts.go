package report

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/resilgo/resil/generator/model"
	resil "github.com/resilgo/resil/runtime"
)

// Alerts returns Prometheus alerting rules for the guards: a group for the
// system and one for each dependency, with the alerts that its policies make
// possible.
func Alerts(in Input) ([]byte, error) {
	file := ruleFile{Groups: []ruleGroup{{Name: "resil", Rules: rulesOf(systemAlerts())}}}
	for _, d := range in.dependencies() {
		file.Groups = append(file.Groups, ruleGroup{Name: "resil-" + d.Name, Rules: rulesOf(d.alerts())})
	}
	return encodeYAML("# Alerting rules for the guards, written by resilgen alerts.\n", file)
}

// AlertTests returns unit tests of the rules for `promtool test rules`: each
// alert is silent while all is well, fires while it is not and resolves after.
// rules is the name of the file that holds the output of Alerts.
func AlertTests(in Input, rules string) ([]byte, error) {
	file := ruleTestFile{RuleFiles: []string{rules}, EvaluationInterval: "1m"}
	for _, a := range systemAlerts() {
		file.Tests = append(file.Tests, a.test())
	}
	for _, d := range in.dependencies() {
		for _, a := range d.alerts() {
			file.Tests = append(file.Tests, a.test())
		}
	}
	return encodeYAML("# Unit tests of the alerting rules, written by resilgen alerts -tests.\n", file)
}

func encodeYAML(head string, v any) ([]byte, error) {
	body, err := yaml.MarshalWithOptions(v, yaml.IndentSequence(true), yaml.UseLiteralStyleIfMultiline(true))
	if err != nil {
		return nil, err
	}
	return append([]byte(head), body...), nil
}

// The parts of Prometheus' formats that are used.
type (
	ruleFile struct {
		Groups []ruleGroup `yaml:"groups"`
	}
	ruleGroup struct {
		Name  string `yaml:"name"`
		Rules []rule `yaml:"rules"`
	}
	rule struct {
		Alert       string      `yaml:"alert"`
		Expr        string      `yaml:"expr"`
		For         string      `yaml:"for,omitempty"`
		Labels      ruleLabels  `yaml:"labels"`
		Annotations annotations `yaml:"annotations"`
	}
	ruleLabels struct {
		Severity   string `yaml:"severity"`
		Dependency string `yaml:"dependency,omitempty"`
	}
	annotations struct {
		Summary     string `yaml:"summary"`
		Description string `yaml:"description"`
	}
	ruleTestFile struct {
		RuleFiles          []string   `yaml:"rule_files"`
		EvaluationInterval string     `yaml:"evaluation_interval"`
		Tests              []ruleTest `yaml:"tests"`
	}
	ruleTest struct {
		Name     string        `yaml:"name"`
		Interval string        `yaml:"interval"`
		Series   []inputSeries `yaml:"input_series"`
		Alerts   []alertTest   `yaml:"alert_rule_test"`
	}
	inputSeries struct {
		Series string `yaml:"series"`
		Values string `yaml:"values"`
	}
	alertTest struct {
		EvalTime  string     `yaml:"eval_time"`
		AlertName string     `yaml:"alertname"`
		Expected  []expected `yaml:"exp_alerts"`
	}
	expected struct {
		Labels      ruleLabels  `yaml:"exp_labels"`
		Annotations annotations `yaml:"exp_annotations"`
	}
)

// alert is a rule with the series that make it fire.
type alert struct {
	rule
	series []testSeries
}

// testSeries is one series of a rule's test: half an hour of well, half an
// hour of ill, then well again. A counter grows by that much per minute.
type testSeries struct {
	name      string
	counter   bool
	growing   bool // a gauge: the minute of the ill phase, else 0
	well, ill float64
	probing   *float64 // the value of every third ill minute; nil = as the others
}

// Phases of a rule's test, in minutes.
const (
	illFrom  = 30
	illUntil = 60
	testEnd  = 120
)

func (s testSeries) values() string {
	var out []string
	sum := 0.0
	for minute := 0; minute <= testEnd; minute++ {
		v := s.well
		if minute >= illFrom && minute < illUntil {
			v = s.ill
			if s.probing != nil && minute%3 == 0 {
				v = *s.probing
			}
		}
		if s.growing && minute >= illFrom && minute < illUntil {
			v = float64(minute)
		}
		sum += v
		if s.counter {
			v = sum
		}
		if v == absent {
			out = append(out, "_")
			continue
		}
		out = append(out, strconv.FormatFloat(v, 'f', -1, 64))
	}
	return strings.Join(out, " ")
}

// absent is the value of a gauge that has no sample.
const absent = -1

func (a alert) test() ruleTest {
	t := ruleTest{Name: strings.TrimSpace(a.Alert + " " + a.Labels.Dependency), Interval: "1m"}
	for _, s := range a.series {
		t.Series = append(t.Series, inputSeries{s.name, s.values()})
	}
	at := func(minute int, want ...expected) {
		t.Alerts = append(t.Alerts, alertTest{strconv.Itoa(minute) + "m", a.Alert, append([]expected{}, want...)})
	}
	at(illFrom - 1)
	at(illUntil-1, expected{a.Labels, a.Annotations})
	at(testEnd)
	return t
}

func rulesOf(alerts []alert) []rule {
	out := make([]rule, len(alerts))
	for i, a := range alerts {
		out[i] = a.rule
	}
	return out
}

// systemAlerts are about the level of the whole system.
func systemAlerts() []alert {
	level := func(name string, from resil.Level, wait, severity, description string) alert {
		return alert{
			rule{
				name, fmt.Sprintf("max(resil_degradation_level) >= %d", from), wait,
				ruleLabels{Severity: severity},
				annotations{"The system is at level " + from.String() + orWorse(from) + ".", description},
			},
			[]testSeries{{name: `resil_degradation_level{instance="a"}`, well: 1, ill: float64(from)}},
		}
	}
	return []alert{
		level("ResilEmergency", resil.Emergency, "", "critical", "Only essential calls are made. Several dependencies are down; resil_dependency_up tells which."),
		level("ResilMinimal", resil.Minimal, "1m", "critical", "The system is read-only. resil_dependency_up tells which dependency is down."),
		level("ResilLimited", resil.Limited, "1m", "warning", "Features are missing. resil_dependency_up tells which dependency is down."),
		level("ResilDegraded", resil.Degraded, "15m", "warning", "Something has been missing for a quarter of an hour. resil_dependency_up tells what."),
		{
			rule{
				"ResilLevelFlapping", "max(sum by (instance) (increase(resil_degradation_transitions_total[30m]))) > 12", "",
				ruleLabels{Severity: "warning"},
				annotations{"The degradation level keeps changing.", "More than twelve changes in half an hour. A breaker may open too eagerly, or a dependency may be half alive."},
			},
			[]testSeries{{name: `resil_degradation_transitions_total{instance="a",from="optimal",to="degraded"}`, counter: true, ill: 1}},
		},
		{
			rule{
				"ResilLevelChanged", "sum(increase(resil_degradation_transitions_total[5m])) > 0", "",
				ruleLabels{Severity: "info"},
				annotations{"The degradation level changed.", "GET /api/history of the admin page of any instance tells why."},
			},
			[]testSeries{{name: `resil_degradation_transitions_total{instance="a",from="optimal",to="degraded"}`, counter: true, ill: 1}},
		},
		{
			rule{
				"ResilSlowRecovery",
				// Prometheus 3 writes the bound of a bucket as 120.0.
				`increase(resil_recovery_seconds_count[15m]) - ignoring (le) increase(resil_recovery_seconds_bucket{le=~"120|120\\.0"}[15m]) > 0`, "",
				ruleLabels{Severity: "warning"},
				annotations{"A recovery took more than two minutes.", "From leaving optimal until it was reached again. Either a dependency was down for long, or the way back is slow."},
			},
			[]testSeries{
				{name: `resil_recovery_seconds_count`, counter: true, well: 1, ill: 2},
				{name: `resil_recovery_seconds_bucket{le="120"}`, counter: true, well: 1, ill: 1},
			},
		},
		{
			rule{
				"ResilMetricsMissing", "absent(resil_degradation_level)", "5m",
				ruleLabels{Severity: "warning"},
				annotations{"No instance reports its degradation level.", "The service is gone, or its metrics are no longer scraped. All other alerts of this file are blind."},
			},
			[]testSeries{{name: `resil_degradation_level{instance="a"}`, well: 1, ill: absent}},
		},
	}
}

// alerts returns the alerts that the policies of a dependency make possible.
func (d *dependency) alerts() []alert {
	out := []alert{d.downAlert(), d.openAlert(), d.flappingAlert(), d.shareAlert("ResilFailing", "failure|timeout", 0.1, "fail",
		"More than a tenth of the calls of "+d.Name+" have failed or timed out for five minutes.")}
	if d.Timeout > 0 {
		out = append(out, d.shareAlert("ResilTimeouts", "timeout", 0.05, "time out",
			"More than one in twenty calls of "+d.Name+" has run out of time for five minutes."))
	}
	if d.Bulkhead != nil || d.any(func(m *model.Method) bool { return m.Bulkhead != nil }) {
		out = append(out, d.shareAlert("ResilBulkheadFull", "bulkhead", 0.01, "find the bulkhead full",
			"More than one in a hundred calls of "+d.Name+" finds no place. It is slow, or the limit is too small for the load."))
	}
	if d.Rate != nil || d.any(func(m *model.Method) bool { return m.Rate != nil }) {
		out = append(out, d.shareAlert("ResilRateLimited", "rate", 0.01, "exceed the rate",
			"More than one in a hundred calls of "+d.Name+" is refused by our own rate limit."))
	}
	if a, ok := d.retryAlert(); ok {
		out = append(out, a)
	}
	if d.any(func(m *model.Method) bool { return len(m.Fallbacks) > 0 }) {
		out = append(out, d.fallbackAlert(), d.degradedAlert())
	}
	if d.any(hasOutbox) {
		out = append(out, d.outboxAlert(), d.backlogAlert())
	}
	return out
}

func hasOutbox(m *model.Method) bool {
	for _, f := range m.Fallbacks {
		if f.Spec.Strategy == resil.StrategyOutbox {
			return true
		}
	}
	return false
}

// severity follows from how much the service needs the dependency.
func (d *dependency) severity() string {
	switch d.criticality() {
	case resil.Critical:
		return "critical"
	case resil.Low:
		return "info"
	default:
		return "warning"
	}
}

func (d *dependency) rule(name, expr, wait, severity, summary, description string) rule {
	return rule{name, expr, wait, ruleLabels{severity, d.Name}, annotations{summary, description}}
}

// selector returns the label matcher of the dependency. Names are of a closed
// set of characters, so that nothing needs escaping.
func (d *dependency) selector(more ...string) string {
	return "{" + strings.Join(append([]string{fmt.Sprintf("dependency=%q", d.Name)}, more...), ",") + "}"
}

// labels returns the labels of a series of the dependency in a rule's test.
func (d *dependency) labels(more ...string) string {
	return d.selector(append([]string{`instance="a"`}, more...)...)
}

func (d *dependency) downAlert() alert {
	level := "so the system is at level " + d.down().String() + orWorse(d.down())
	if d.down() == resil.Optimal {
		level = "which does not change the level by itself"
	}
	return alert{
		d.rule("ResilDependencyDown", "min by (dependency) (resil_dependency_up"+d.selector()+") == 0", "1m", d.severity(),
			d.Name+" is down.", fmt.Sprintf("Its breaker is open or its health checks fail, %s. See the runbook of %s.", level, d.Name)),
		[]testSeries{{name: "resil_dependency_up" + d.labels(), well: 1, ill: 0}},
	}
}

// openAlert fires for every dependency alike: whatever the service makes of it,
// an outage of more than five minutes is somebody's business. A breaker that
// probes in vain is half-open now and then, and that must not begin the five
// minutes anew.
func (d *dependency) openAlert() alert {
	return alert{
		d.rule("ResilBreakerOpen", "max by (dependency) (resil_breaker_state"+d.selector(`state=~"open|half-open"`)+") == 1", "5m", "critical",
			"The breaker of "+d.Name+" has been open for more than five minutes.", "Its probes fail: it does not recover by itself. See the runbook of "+d.Name+"."),
		[]testSeries{
			{name: "resil_breaker_state" + d.labels(`state="open"`), well: 0, ill: 1, probing: new(0.0)},
			{name: "resil_breaker_state" + d.labels(`state="half-open"`), well: 0, ill: 0, probing: new(1.0)},
		},
	}
}

func (d *dependency) flappingAlert() alert {
	return alert{
		d.rule("ResilBreakerFlapping", "max by (dependency) (increase(resil_breaker_opened_total"+d.selector()+"[30m])) > 5", "", "warning",
			"The breaker of "+d.Name+" keeps opening.", "It opened more than five times in half an hour: the dependency is half alive, or the breaker trips too eagerly."),
		[]testSeries{{name: "resil_breaker_opened_total" + d.labels(), counter: true, ill: 1}},
	}
}

// shareAlert fires when a share of the calls ends in one of the outcomes.
func (d *dependency) shareAlert(name, outcomes string, share float64, what, description string) alert {
	matcher := fmt.Sprintf("outcome=%q", outcomes)
	if strings.Contains(outcomes, "|") {
		matcher = fmt.Sprintf("outcome=~%q", outcomes)
	}
	first, _, _ := strings.Cut(outcomes, "|")
	expr := fmt.Sprintf("sum by (dependency) (rate(resil_calls_total%s[5m])) / sum by (dependency) (rate(resil_calls_total%s[5m])) > %v",
		d.selector(matcher), d.selector(), share)
	return alert{
		d.rule(name, expr, "5m", "warning", "Calls of "+d.Name+" "+what+".", description),
		[]testSeries{
			{name: "resil_calls_total" + d.labels(`method="M"`, `outcome="success"`), counter: true, well: 100, ill: 50},
			{name: "resil_calls_total" + d.labels(`method="M"`, fmt.Sprintf("outcome=%q", first)), counter: true, well: 0, ill: 50},
		},
	}
}

// retryAlert fires when retries have used up the largest budget of the
// dependency's methods. Hedges are attempts too, so it needs none.
func (d *dependency) retryAlert() (alert, bool) {
	budget := 0.0
	d.guarded(func(_ *model.Interface, m *model.Method) {
		if m.Retry != nil && m.Retry.Value.Attempts > 1 {
			budget = max(budget, m.Retry.Value.WithDefaults().Budget)
		}
	})
	if budget == 0 || d.any(func(m *model.Method) bool { return m.Hedge != nil }) {
		return alert{}, false
	}
	limit := strconv.FormatFloat(1+0.9*budget, 'f', 3, 64)
	expr := fmt.Sprintf("sum by (dependency) (rate(resil_attempts_total%s[5m])) / sum by (dependency) (rate(resil_calls_total%s[5m])) > %s",
		d.selector(), d.selector(), limit)
	return alert{
		d.rule("ResilRetryBudget", expr, "5m", "warning", "Retries of "+d.Name+" use up their budget.",
			"Calls of "+d.Name+" have needed nearly as many retries as the budget allows for five minutes; further retries are refused."),
		[]testSeries{
			{name: "resil_calls_total" + d.labels(`method="M"`, `outcome="success"`), counter: true, well: 100, ill: 100},
			{name: "resil_attempts_total" + d.labels(`method="M"`), counter: true, well: 100, ill: 100 * (1 + budget)},
		},
	}, true
}

func (d *dependency) fallbackAlert() alert {
	expr := "sum by (dependency) (rate(resil_fallbacks_total" + d.selector(`outcome="failed"`) + "[5m])) > 0"
	return alert{
		d.rule("ResilFallbackFailing", expr, "5m", d.severity(), "Fallbacks of "+d.Name+" fail.",
			"What stands in for "+d.Name+" fails too, so callers get errors."),
		[]testSeries{{name: "resil_fallbacks_total" + d.labels(`method="M"`, `strategy="call"`, `outcome="failed"`), counter: true, ill: 6}},
	}
}

// degradedAlert fires when fallbacks answer many of the calls.
func (d *dependency) degradedAlert() alert {
	expr := fmt.Sprintf("sum by (dependency) (rate(resil_fallbacks_total%s[5m])) / sum by (dependency) (rate(resil_calls_total%s[5m])) > 0.1",
		d.selector(`outcome="answered"`), d.selector())
	return alert{
		d.rule("ResilFallbacks", expr, "5m", "warning", "Fallbacks answer for "+d.Name+".",
			"More than a tenth of the calls of "+d.Name+" have been answered by a fallback for five minutes: callers get less than usual."),
		[]testSeries{
			{name: "resil_calls_total" + d.labels(`method="M"`, `outcome="success"`), counter: true, well: 100, ill: 100},
			{name: "resil_fallbacks_total" + d.labels(`method="M"`, `strategy="call"`, `outcome="answered"`), counter: true, well: 0, ill: 50},
		},
	}
}

// backlogAlert fires when deferred writes pile up.
func (d *dependency) backlogAlert() alert {
	return alert{
		d.rule("ResilOutboxGrowing", "max by (dependency) (delta(resil_outbox_depth"+d.selector()+"[10m])) > 0", "5m", "warning",
			"Deferred writes of "+d.Name+" pile up.", "The outbox has grown for a quarter of an hour. It is bounded: once full, writes are refused."),
		[]testSeries{{name: "resil_outbox_depth" + d.labels(), growing: true}},
	}
}

// outboxAlert fires when deferred writes wait although the dependency is up.
func (d *dependency) outboxAlert() alert {
	expr := fmt.Sprintf("min by (dependency) (min_over_time(resil_outbox_depth%s[15m])) > 0 and on (dependency) min by (dependency) (min_over_time(resil_dependency_up%s[15m])) == 1",
		d.selector(), d.selector())
	return alert{
		d.rule("ResilOutboxStuck", expr, "5m", "warning", "Deferred writes of "+d.Name+" are not replayed.",
			d.Name+" has been up for a quarter of an hour and writes still wait for it. One of them may be refused again and again."),
		[]testSeries{
			{name: "resil_outbox_depth" + d.labels(), well: 0, ill: 7},
			{name: "resil_dependency_up" + d.labels(), well: 1, ill: 1},
		},
	}
}

// lines joins text with line ends.
func lines(b *bytes.Buffer, text ...string) {
	for _, t := range text {
		b.WriteString(t)
		b.WriteByte('\n')
	}
}
