package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	resil "github.com/resilgo/resil/runtime"
)

// field is one key of a mapping that fills a T: what it decodes to, and what
// the JSON Schema says of it, in one place.
type field[T any] struct {
	key    string
	text   string
	schema schema
	set    func(d *decoder, n ast.Node, into *T)
}

var overridesFields = []field[resil.Overrides]{
	boolField("disabled", "The kill switch: all policies off, fallbacks kept.", func(o *resil.Overrides) *bool { return &o.Disabled }),
	{
		"dependencies", "Overrides by dependency, the NAME of its guard.", mapSchema(dependencyName, "dependency"),
		func(d *decoder, n ast.Node, o *resil.Overrides) {
			o.Dependencies = decodeMap(d, dependencyFields, n, func(name string) { d.within = name })
			d.within = ""
		},
	},
}

var dependencyFields = []field[resil.DependencyOverride]{
	boolField("disabled", "All policies of this dependency off, fallbacks kept.", func(o *resil.DependencyOverride) *bool { return &o.Disabled }),
	nameField("criticality", "How much the service needs it.", resil.ParseCriticality, func(o *resil.DependencyOverride) *resil.Criticality { return &o.Criticality },
		resil.Critical, resil.High, resil.Medium, resil.Low),
	nameField("down", "The level of the system while it is down.", resil.ParseLevel, func(o *resil.DependencyOverride) *resil.Level { return &o.Down },
		slices.Collect(levels)...),
	objectField("breaker", "The circuit breaker.", "breaker", breakerFields, func(o *resil.DependencyOverride) **resil.Breaker { return &o.Breaker }),
	bulkheadField("Calls at once, of all methods together.", func(o *resil.DependencyOverride) **resil.Bulkhead { return &o.Bulkhead }),
	rateField("Attempts started in a period, of all methods together.", func(o *resil.DependencyOverride) **resil.Rate { return &o.Rate }),
	timeoutField("For methods that state none here.", func(o *resil.DependencyOverride) **resil.Timeout { return &o.Timeout }),
	objectField("retry", "For methods that state none here.", "retry", retryFields, func(o *resil.DependencyOverride) **resil.Retry { return &o.Retry }),
	hedgeField("For methods that state none here.", func(o *resil.DependencyOverride) **resil.Hedge { return &o.Hedge }),
	{
		"methods", "Overrides by method.", mapSchema(methodName, "method"),
		func(d *decoder, n ast.Node, o *resil.DependencyOverride) {
			o.Methods = decodeMap(d, methodFields, n, func(string) {})
		},
	},
}

var methodFields = []field[resil.MethodOverride]{
	timeoutField("Of one attempt and of the whole call.", func(o *resil.MethodOverride) **resil.Timeout { return &o.Timeout }),
	objectField("retry", "Of methods marked read or idempotent.", "retry", retryFields, func(o *resil.MethodOverride) **resil.Retry { return &o.Retry }),
	bulkheadField("Of its own, inside the shared one.", func(o *resil.MethodOverride) **resil.Bulkhead { return &o.Bulkhead }),
	rateField("Of its own, inside the shared one.", func(o *resil.MethodOverride) **resil.Rate { return &o.Rate }),
	hedgeField("Extra attempts of methods marked read or idempotent.", func(o *resil.MethodOverride) **resil.Hedge { return &o.Hedge }),
	{"degrade", "What the method does at a level.", ref("degrade"), decodeDegrade},
}

var breakerFields = []field[resil.Breaker]{
	countField("failures", "Failures in a row that open it.", 1, resil.MaxCount, func(b *resil.Breaker) *int { return &b.Failures }),
	shareField("ratio", "Share of failures in the window that opens it.", func(b *resil.Breaker) *float64 { return &b.Ratio }),
	countField("min", "Calls in the window before a ratio may open it.", 1, resil.MaxCount, func(b *resil.Breaker) *int { return &b.Min }),
	durationField("window", "The rolling window of both ratios.", func(b *resil.Breaker) *time.Duration { return &b.Window }),
	durationField("slow", "A call longer than this is slow.", func(b *resil.Breaker) *time.Duration { return &b.Slow }),
	shareField("slowratio", "Share of slow calls in the window that opens it.", func(b *resil.Breaker) *float64 { return &b.SlowRatio }),
	durationField("open", "How long it stays open before it probes, ±10 % jitter.", func(b *resil.Breaker) *time.Duration { return &b.Open }),
	{
		"probes", "N/M: it closes at N good ones of M probes.",
		schema{"type": "string", "pattern": `^[0-9]+/[0-9]+$`},
		func(d *decoder, n ast.Node, b *resil.Breaker) {
			text, v, ok := d.scalar(n, "N/M, for example 2/3")
			if !ok {
				return
			}
			good, probes, found := strings.Cut(text, "/")
			g, err1 := strconv.Atoi(good)
			p, err2 := strconv.Atoi(probes)
			if !found || err1 != nil || err2 != nil || g < 1 || p < g || p > resil.MaxProbes {
				d.bad(v, "probes=%s is out of range; want N/M with 1 <= N <= M <= %d", text, resil.MaxProbes)
				return
			}
			b.Good, b.Probes = g, p
		},
	},
}

var timeoutFields = []field[resil.Timeout]{
	durationField("attempt", "Of one attempt.", func(t *resil.Timeout) *time.Duration { return &t.Attempt }),
	durationField("total", "Of all attempts and waits.", func(t *resil.Timeout) *time.Duration { return &t.Total }),
}

var retryFields = []field[resil.Retry]{
	countField("attempts", "Calls at most, the first included; 1 = no retry.", 1, resil.MaxAttempts, func(r *resil.Retry) *int { return &r.Attempts }),
	{
		"backoff", "FIRST..LONGEST: bounds of the waits, full jitter.",
		schema{"type": "string", "pattern": `^` + durationPattern + `\.\.` + durationPattern + `$`},
		func(d *decoder, n ast.Node, r *resil.Retry) {
			text, v, ok := d.scalar(n, "a range such as 50ms..2s")
			if !ok {
				return
			}
			first, longest, found := strings.Cut(text, "..")
			base, err1 := parseDuration(first)
			most, err2 := parseDuration(longest)
			if !found || err1 != nil || err2 != nil || base > most {
				d.bad(v, "backoff=%s is no range; want the shorter wait first, for example 50ms..2s", text)
				return
			}
			r.Base, r.Max = base, most
		},
	},
	shareField("budget", "Share of calls that may be retries.", func(r *resil.Retry) *float64 { return &r.Budget }),
}

var bulkheadFields = []field[resil.Bulkhead]{
	countField("max", "Calls at once.", 1, resil.MaxCount, func(b *resil.Bulkhead) *int { return &b.Max }),
	{
		"wait", "How long a call may queue for a place; 0s = not at all.", durationSchema,
		func(d *decoder, n ast.Node, b *resil.Bulkhead) {
			if v, ok := d.duration(n, "wait", 0); ok {
				b.Wait = v
			}
		},
	},
}

var rateFields = []field[resil.Rate]{
	{"limit", "Attempts per second, minute or hour, for example 100/s.", rateSchema, decodeRate},
	countField("burst", "Attempts that may start at once.", 1, resil.MaxCount, func(r *resil.Rate) *int { return &r.Burst }),
}

var hedgeFields = []field[resil.Hedge]{
	durationField("after", "The wait before each extra attempt.", func(h *resil.Hedge) *time.Duration { return &h.After }),
	countField("max", "Extra attempts at once.", 1, 10, func(h *resil.Hedge) *int { return &h.Max }),
}

func levels(yield func(resil.Level) bool) {
	for _, l := range resil.Levels() {
		if !yield(l) {
			return
		}
	}
}

// The kinds of fields.

func boolField[T any](key, text string, at func(*T) *bool) field[T] {
	return field[T]{key, text, schema{"type": "boolean"}, func(d *decoder, n ast.Node, into *T) {
		if v, ok := d.boolean(n); ok {
			*at(into) = v
		}
	}}
}

func countField[T any](key, text string, lo, hi int, at func(*T) *int) field[T] {
	return field[T]{key, text, schema{"type": "integer", "minimum": lo, "maximum": hi}, func(d *decoder, n ast.Node, into *T) {
		v, ok := d.integer(n)
		if !ok {
			return
		}
		if v < lo || v > hi {
			d.bad(n, "%s=%d is out of range; want %d to %d", key, v, lo, hi)
			return
		}
		*at(into) = v
	}}
}

func shareField[T any](key, text string, at func(*T) *float64) field[T] {
	return field[T]{key, text, schema{"type": "number", "exclusiveMinimum": 0, "maximum": 1}, func(d *decoder, n ast.Node, into *T) {
		v, ok := d.float(n)
		if !ok {
			return
		}
		if v <= 0 || v > 1 {
			d.bad(n, "%s=%v is out of range; want more than 0 and at most 1", key, v)
			return
		}
		*at(into) = v
	}}
}

func durationField[T any](key, text string, at func(*T) *time.Duration) field[T] {
	return field[T]{key, text, durationSchema, func(d *decoder, n ast.Node, into *T) {
		if v, ok := d.duration(n, key, 1); ok {
			*at(into) = v
		}
	}}
}

// duration decodes a duration of at least least.
func (d *decoder) duration(n ast.Node, key string, least time.Duration) (time.Duration, bool) {
	text, v, ok := d.scalar(n, "a duration such as 2s")
	if !ok {
		return 0, false
	}
	value, err := parseDuration(text)
	switch {
	case err != nil:
		d.bad(v, "%s=%s is no duration; want a number with a unit, for example 500ms, 2s or 1m", key, text)
		return 0, false
	case value < least || value > resil.MaxDuration:
		want := "more than 0s and at most"
		if least == 0 {
			want = "0s to"
		}
		d.bad(v, "%s=%s is out of range; want %s %s", key, text, want, resil.MaxDuration)
		return 0, false
	}
	return value, true
}

// parseDuration is time.ParseDuration, in which "0" has no unit and is
// refused.
func parseDuration(s string) (time.Duration, error) {
	if s == "0" {
		return 0, fmt.Errorf("no unit")
	}
	return time.ParseDuration(s)
}

// nameField is a field that takes one of some names.
func nameField[T any, V fmt.Stringer](key, text string, parse func(string) (V, error), at func(*T) *V, values ...V) field[T] {
	return field[T]{key, text, enum(values), func(d *decoder, n ast.Node, into *T) {
		if v, ok := decodeName(d, n, parse, values); ok {
			*at(into) = v
		}
	}}
}

func decodeName[V fmt.Stringer](d *decoder, n ast.Node, parse func(string) (V, error), values []V) (V, bool) {
	var none V
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = v.String()
	}
	text, at, ok := d.scalar(n, strings.Join(names, ", "))
	if !ok {
		return none, false
	}
	v, err := parse(text)
	if err != nil {
		d.bad(at, "%w%s", err, didYouMean(text, names))
		return none, false
	}
	return v, true
}

func objectField[T, O any](key, text, def string, fields []field[O], at func(*T) **O) field[T] {
	return field[T]{key, text, ref(def), func(d *decoder, n ast.Node, into *T) {
		o := new(O)
		decodeObject(d, fields, n, o)
		*at(into) = o
	}}
}

// shortField is an object that can be written as the value of its first field
// alone.
func shortField[T, O any](key, text string, fields []field[O], at func(*T) **O) field[T] {
	f := objectField(key, text, key, fields, at)
	long := f.set
	f.set = func(d *decoder, n ast.Node, into *T) {
		switch v := d.resolve(n).(type) {
		case nil:
		case *ast.MappingNode, *ast.MappingValueNode:
			long(d, v, into)
		default:
			o := new(O)
			fields[0].set(d, v, o)
			*at(into) = o
		}
	}
	return f
}

func timeoutField[T any](text string, at func(*T) **resil.Timeout) field[T] {
	f := shortField("timeout", text, timeoutFields, at)
	set := f.set
	f.set = func(d *decoder, n ast.Node, into *T) {
		set(d, n, into)
		if t := *at(into); t != nil {
			if err := t.Validate(); err != nil {
				d.bad(n, "%w", err)
			}
		}
	}
	return f
}

func bulkheadField[T any](text string, at func(*T) **resil.Bulkhead) field[T] {
	return shortField("bulkhead", text, bulkheadFields, at)
}

func rateField[T any](text string, at func(*T) **resil.Rate) field[T] {
	return shortField("rate", text, rateFields, at)
}

func hedgeField[T any](text string, at func(*T) **resil.Hedge) field[T] {
	return shortField("hedge", text, hedgeFields, at)
}

var periods = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}

func decodeRate(d *decoder, n ast.Node, r *resil.Rate) {
	text, v, ok := d.scalar(n, "a rate such as 100/s")
	if !ok {
		return
	}
	count, unit, _ := strings.Cut(text, "/")
	limit, err := strconv.Atoi(count)
	per, known := periods[unit]
	if err != nil || !known || limit < 1 || limit > resil.MaxCount {
		d.bad(v, "rate %s is out of range; want N/s, N/m or N/h with N from 1 to %d", text, resil.MaxCount)
		return
	}
	r.N, r.Per = limit, per
}

func decodeDegrade(d *decoder, n ast.Node, o *resil.MethodOverride) {
	for _, e := range d.entries(n) {
		l, ok := decodeName(d, e.Key, resil.ParseLevel, slices.Collect(levels))
		if !ok {
			continue
		}
		if a, ok := decodeName(d, e.Value, resil.ParseAction, actions); ok {
			o.Levels[l-1] = a
		}
	}
}

var actions = []resil.Action{resil.ActCall, resil.ActOnce, resil.ActStale, resil.ActFallback, resil.ActShed}

// decodeObject fills into from a mapping with the given keys.
func decodeObject[T any](d *decoder, fields []field[T], n ast.Node, into *T) {
	for _, e := range d.entries(n) {
		key := e.Key.GetToken().Value
		if strings.HasPrefix(key, extension) && d.top {
			continue // holds anchors for the rest of the file
		}
		i := slices.IndexFunc(fields, func(f field[T]) bool { return f.key == key })
		if i < 0 {
			names := make([]string, len(fields))
			for j, f := range fields {
				names[j] = f.key
			}
			d.bad(e.Key, "unknown key %q%s; want %s", key, didYouMean(key, names), strings.Join(names, ", "))
			continue
		}
		top := d.top
		d.top = false
		fields[i].set(d, e.Value, into)
		d.top = top
	}
}

// decodeMap fills a map of objects from a mapping with names as keys, of which
// it remembers the places.
func decodeMap[T any](d *decoder, fields []field[T], n ast.Node, enter func(name string)) map[string]T {
	all := map[string]T{}
	for _, e := range d.entries(n) {
		name := e.Key.GetToken().Value
		d.places[place{d.within, name}] = e.Key.GetToken()
		enter(name)
		var o T
		if _, null := d.resolve(e.Value).(*ast.NullNode); !null { // a name with nothing below it overrides nothing
			decodeObject(d, fields, e.Value, &o)
		}
		all[name] = o
		enter("")
	}
	return all
}

// didYouMean names the nearest of some names, if one is near.
func didYouMean(got string, names []string) string {
	best, least := "", 3
	for _, name := range names {
		if n := distance(got, name); n < least && n < len(name) {
			best, least = name, n
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// distance is the Levenshtein distance, 3 for anything far.
func distance(a, b string) int {
	if len(a) > len(b)+2 || len(b) > len(a)+2 {
		return 3
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], 3)
}

// sortedKeys returns the keys of m in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
