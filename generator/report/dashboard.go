package report

import (
	"fmt"

	"github.com/resilgo/resil/generator/model"
)

// Dashboard returns a Grafana dashboard: a row for the system and one for each
// dependency. The data source is a variable, so that it imports anywhere.
func Dashboard(in Input) ([]byte, error) {
	b := &board{}
	b.row("System")
	b.stat("Degradation level", "1 optimal, 2 degraded, 3 limited, 4 minimal, 5 emergency", target{Expr: "max(resil_degradation_level)", Legend: "level"})
	b.stat("Health score", "Share of the dependencies' weight that is up, 0 to 100", target{Expr: "min(resil_health_score)", Legend: "score"})
	b.stat("Dependencies down", "", target{Expr: "count(min by (dependency) (resil_dependency_up) == 0) or vector(0)", Legend: "down"})
	b.graph("Level over time", "short", target{Expr: "max(resil_degradation_level)", Legend: "level"})
	b.graph("Dependencies up", "short", target{Expr: "min by (dependency) (resil_dependency_up)", Legend: "{{dependency}}"})
	b.graph("Level changes", "short", target{Expr: "sum by (from, to) (increase(resil_degradation_transitions_total[$__rate_interval]))", Legend: "{{from}} → {{to}}"})
	b.graph("Time back to optimal, 90th percentile", "s", target{Expr: "histogram_quantile(0.9, sum by (le) (rate(resil_recovery_seconds_bucket[1h])))", Legend: "p90"})
	for _, d := range in.dependencies() {
		b.dependency(d)
	}
	return indented(map[string]any{
		"title":         "resil",
		"uid":           "resil",
		"tags":          []string{"resil"},
		"schemaVersion": 39,
		"editable":      true,
		"refresh":       "10s",
		"time":          map[string]string{"from": "now-1h", "to": "now"},
		"templating": map[string]any{"list": []any{map[string]any{
			"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus",
		}}},
		"annotations": map[string]any{"list": []any{}},
		"panels":      b.panels,
	})
}

// board lays panels out from left to right and top to bottom.
type board struct {
	panels  []panel
	x, y, h int
}

type panel struct {
	ID          int            `json:"id"`
	Type        string         `json:"type"`
	Title       string         `json:"title"`
	Description string         `json:"description,omitempty"`
	GridPos     gridPos        `json:"gridPos"`
	Datasource  *datasource    `json:"datasource,omitempty"`
	Targets     []target       `json:"targets,omitempty"`
	FieldConfig map[string]any `json:"fieldConfig,omitempty"`

	// Of a row, whose schema demands them; of others nil.
	Collapsed *bool    `json:"collapsed,omitempty"`
	Panels    *[]panel `json:"panels,omitempty"` // what a collapsed row hides
}

type gridPos struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type target struct {
	RefID  string `json:"refId"`
	Expr   string `json:"expr"`
	Legend string `json:"legendFormat"`
}

// Grafana's grid is 24 units wide.
const (
	gridWidth  = 24
	graphWidth = 8
	statHeight = 5
	graphHigh  = 8
)

func (b *board) add(p panel, w, h int) {
	if b.x+w > gridWidth {
		b.x, b.y, b.h = 0, b.y+b.h, 0
	}
	p.ID = len(b.panels) + 1
	p.GridPos = gridPos{H: h, W: w, X: b.x, Y: b.y}
	for i := range p.Targets {
		p.Targets[i].RefID = string(rune('A' + i))
	}
	if p.Targets != nil {
		p.Datasource = &datasource{Type: "prometheus", UID: "${datasource}"}
	}
	b.panels = append(b.panels, p)
	b.x += w
	b.h = max(b.h, h)
}

func (b *board) row(title string) {
	b.x, b.y, b.h = 0, b.y+b.h, 0
	b.add(panel{Type: "row", Title: title, Collapsed: new(bool), Panels: &[]panel{}}, gridWidth, 1)
	b.x, b.y, b.h = 0, b.y+1, 0
}

func (b *board) stat(title, description string, t target) {
	b.add(panel{Type: "stat", Title: title, Description: description, Targets: []target{t}}, graphWidth, statHeight)
}

func (b *board) graph(title, unit string, targets ...target) {
	b.add(panel{
		Type: "timeseries", Title: title, Targets: targets,
		FieldConfig: map[string]any{"defaults": map[string]any{"unit": unit, "min": 0}, "overrides": []any{}},
	}, graphWidth, graphHigh)
}

// dependency adds a row with what the policies of the dependency make visible.
func (b *board) dependency(d *dependency) {
	b.row(fmt.Sprintf("%s (%s, while down %s)", d.Name, d.criticality(), d.down()))
	sel := d.selector()
	b.graph("Breaker", "short", target{Expr: "max by (state) (resil_breaker_state" + sel + ")", Legend: "{{state}}"})
	b.graph("Calls by outcome", "ops", target{Expr: "sum by (outcome) (rate(resil_calls_total" + sel + "[$__rate_interval]))", Legend: "{{outcome}}"})
	b.graph("Calls by method", "ops", target{Expr: "sum by (method) (rate(resil_calls_total" + sel + "[$__rate_interval]))", Legend: "{{method}}"})
	duration := func(q string) target {
		return target{
			Expr:   "histogram_quantile(" + q + ", sum by (le) (rate(resil_call_duration_seconds_bucket" + sel + "[$__rate_interval])))",
			Legend: "quantile " + q,
		}
	}
	b.graph("Duration", "s", duration("0.5"), duration("0.95"), duration("0.99"))
	if d.any(func(m *model.Method) bool { return m.Retry != nil || m.Hedge != nil }) {
		b.graph("Attempts per call", "short", target{
			Expr:   "sum by (method) (rate(resil_attempts_total" + sel + "[$__rate_interval])) / sum by (method) (rate(resil_calls_total" + sel + "[$__rate_interval]))",
			Legend: "{{method}}",
		})
	}
	if d.any(func(m *model.Method) bool { return len(m.Fallbacks) > 0 }) {
		b.graph("Fallbacks", "ops", target{
			Expr:   "sum by (strategy, outcome) (rate(resil_fallbacks_total" + sel + "[$__rate_interval]))",
			Legend: "{{strategy}} {{outcome}}",
		})
	}
	if d.any(hasOutbox) {
		b.graph("Writes waiting", "short", target{Expr: "max by (instance) (resil_outbox_depth" + sel + ")", Legend: "{{instance}}"})
	}
}
