package report

import (
	"errors"
	"fmt"
	"slices"

	"github.com/resilgo/resil/generator/directive"
	resil "github.com/resilgo/resil/runtime"
)

// Experiments returns a Chaos Toolkit experiment: every dependency in turn is
// taken away by forcing its breaker open over the admin API, the level that
// follows is probed, and all is given back. Only the http provider is used.
// names limits it to some dependencies; none means all.
func Experiments(in Input, names ...string) ([]byte, error) {
	deps := in.dependencies()
	if err := checkNames(deps, names); err != nil {
		return nil, err
	}
	method, rollbacks := []any{}, []any{} // never null
	for _, d := range deps {
		if len(names) > 0 && !slices.Contains(names, d.Name) {
			continue
		}
		method = append(method, d.takeAway()...)
		rollbacks = append(rollbacks, force("give "+d.Name+" back", d.Name, ""))
	}
	return indented(map[string]any{
		"version":     "1.0.0",
		"title":       "The service degrades as its directives say when a dependency is gone",
		"description": "Forces the breaker of each dependency open in turn, checks the degradation level, and gives the dependency back. Written by resilgen experiments.",
		"tags":        []string{"resil"},
		"configuration": map[string]any{
			"base":  map[string]string{"type": "env", "key": "RESIL_ADMIN_URL", "default": "http://127.0.0.1:9901"},
			"token": map[string]string{"type": "env", "key": "RESIL_ADMIN_TOKEN", "default": ""},
		},
		"steady-state-hypothesis": map[string]any{
			"title":  "The system is at level optimal",
			"probes": []any{levelProbe("the level is optimal", "^optimal")},
		},
		"method":    method,
		"rollbacks": rollbacks,
	})
}

// checkNames refuses names that are no dependency's, all at once.
func checkNames(deps []*dependency, names []string) error {
	var all []string
	for _, d := range deps {
		all = append(all, d.Name)
	}
	var unknown []error
	for _, name := range names {
		if slices.Contains(all, name) {
			continue
		}
		if near := directive.Nearest(name, all); near != "" {
			unknown = append(unknown, fmt.Errorf("no guarded dependency is called %q; did you mean %s?", name, near))
		} else {
			unknown = append(unknown, fmt.Errorf("no guarded dependency is called %q; resilgen list shows all", name))
		}
	}
	return errors.Join(unknown...)
}

// Waits of an experiment, in seconds: the level follows a breaker at once, and
// recovers when the better level has held for at most forty seconds.
const (
	untilWorse  = 1
	untilBetter = 45
)

// takeAway forces the breaker open, probes the level and gives it back.
func (d *dependency) takeAway() []any {
	away := force("take "+d.Name+" away", d.Name, "open")
	away["pauses"] = map[string]int{"after": untilWorse}
	back := force("give "+d.Name+" back again", d.Name, "")
	back["pauses"] = map[string]int{"after": untilBetter}
	return []any{
		away,
		levelProbe("without "+d.Name+" the level is "+d.down().String()+orWorse(d.down()), atOrBelow(d.down())),
		map[string]any{
			"type": "probe", "name": "the service still answers its health check without " + d.Name, "tolerance": 200,
			"provider": map[string]any{"type": "http", "url": "${base}/healthz", "timeout": 5},
		},
		back,
	}
}

// atOrBelow matches a level and all that are worse, at the start of a text.
func atOrBelow(from resil.Level) string {
	pattern := "^("
	for _, l := range resil.Levels() {
		if l < from {
			continue
		}
		if l > from {
			pattern += "|"
		}
		pattern += l.String()
	}
	return pattern + ")"
}

// force is the action that forces a breaker, or with an empty state no longer.
// Chaos Toolkit sends JSON only under exactly this content type.
func force(name, dependency, state string) map[string]any {
	body := map[string]any{"dependency": dependency}
	if state != "" {
		body["state"], body["ttl"], body["reason"] = state, "10m", "chaos experiment"
	}
	return map[string]any{
		"type": "action", "name": name,
		"provider": map[string]any{
			"type": "http", "url": "${base}/api/force/breaker", "method": "POST", "timeout": 5,
			"headers":   map[string]string{"Content-Type": "application/json", "Authorization": "Bearer ${token}"},
			"arguments": body,
		},
	}
}

// levelProbe reads the plain text of GET /level.
func levelProbe(name, pattern string) map[string]any {
	return map[string]any{
		"type": "probe", "name": name,
		"tolerance": map[string]string{"type": "regex", "pattern": pattern, "target": "body"},
		"provider":  map[string]any{"type": "http", "url": "${base}/level", "timeout": 5},
	}
}
