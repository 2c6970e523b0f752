package render

import (
	"strconv"
	"strings"
	"time"

	"github.com/dave/jennifer/jen"

	resil "github.com/resilgo/resil/runtime"
)

// units are the units of time from the longest.
var units = []struct {
	length time.Duration
	name   string
}{
	{time.Hour, "Hour"},
	{time.Minute, "Minute"},
	{time.Second, "Second"},
	{time.Millisecond, "Millisecond"},
	{time.Microsecond, "Microsecond"},
	{time.Nanosecond, "Nanosecond"},
}

// duration returns d as a person writes it: 90 * time.Second.
func (f *file) duration(d time.Duration) jen.Code {
	for _, u := range units {
		if d%u.length != 0 {
			continue
		}
		unit := f.std("time", u.name)
		if n := d / u.length; n != 1 {
			return jen.Id(strconv.FormatInt(int64(n), 10)).Op("*").Add(unit)
		}
		return unit
	}
	return jen.Lit(0)
}

// short returns d without the zero units that String appends: 2m, not 2m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// period returns the unit of a rate.
func period(r resil.Rate) string {
	switch r.WithDefaults().Per {
	case time.Hour:
		return "hour"
	case time.Minute:
		return "minute"
	default:
		return "second"
	}
}

// fields collects the stated fields of a composite literal.
type fields []jen.Code

func (fs *fields) add(name string, value jen.Code) {
	*fs = append(*fs, jen.Id(name).Op(":").Add(value))
}

func (fs *fields) integer(name string, n int) {
	if n != 0 {
		fs.add(name, jen.Lit(n))
	}
}

func (fs *fields) float(name string, x float64) {
	if x != 0 {
		fs.add(name, jen.Id(strconv.FormatFloat(x, 'g', -1, 64)))
	}
}

func (fs *fields) text(name, s string) {
	if s != "" {
		fs.add(name, jen.Lit(s))
	}
}

func (fs *fields) flag(name string, on bool) {
	if on {
		fs.add(name, jen.True())
	}
}

func (f *file) durationField(fs *fields, name string, d time.Duration) {
	if d != 0 {
		fs.add(name, f.duration(d))
	}
}

// inline returns a composite literal on one line.
func (f *file) inline(name string, fs fields) *jen.Statement { return f.rt(name).Values(fs...) }

// block returns a composite literal with one field per line.
func (f *file) block(name string, fs fields) *jen.Statement {
	return f.rt(name).Add(lines("{", "}", ",", fs))
}

func (f *file) breaker(b resil.Breaker) jen.Code {
	var fs fields
	fs.integer("Failures", b.Failures)
	fs.float("Ratio", b.Ratio)
	fs.integer("Min", b.Min)
	f.durationField(&fs, "Window", b.Window)
	f.durationField(&fs, "Slow", b.Slow)
	fs.float("SlowRatio", b.SlowRatio)
	f.durationField(&fs, "Open", b.Open)
	fs.integer("Good", b.Good)
	fs.integer("Probes", b.Probes)
	return jen.Op("&").Add(f.inline("Breaker", fs))
}

func (f *file) bulkhead(b resil.Bulkhead) jen.Code {
	var fs fields
	fs.integer("Max", b.Max)
	f.durationField(&fs, "Wait", b.Wait)
	return jen.Op("&").Add(f.inline("Bulkhead", fs))
}

func (f *file) rate(r resil.Rate) jen.Code {
	var fs fields
	fs.integer("N", r.N)
	f.durationField(&fs, "Per", r.Per)
	fs.integer("Burst", r.Burst)
	return jen.Op("&").Add(f.inline("Rate", fs))
}

func (f *file) timeout(t resil.Timeout) jen.Code {
	var fs fields
	f.durationField(&fs, "Attempt", t.Attempt)
	f.durationField(&fs, "Total", t.Total)
	return f.inline("Timeout", fs)
}

func (f *file) retry(r resil.Retry) jen.Code {
	var fs fields
	fs.integer("Attempts", r.Attempts)
	f.durationField(&fs, "Base", r.Base)
	f.durationField(&fs, "Max", r.Max)
	fs.float("Budget", r.Budget)
	return jen.Op("&").Add(f.inline("Retry", fs))
}

func (f *file) hedge(h resil.Hedge) jen.Code {
	var fs fields
	f.durationField(&fs, "After", h.After)
	fs.integer("Max", h.Max)
	return jen.Op("&").Add(f.inline("Hedge", fs))
}

// level returns a level as the runtime names it: resil.Minimal.
func (f *file) level(l resil.Level) jen.Code { return f.rt(upperFirst(l.String())) }

// actions returns what a method does at each level.
func (f *file) actions(a resil.Actions) jen.Code {
	var list []jen.Code
	for _, action := range a {
		list = append(list, f.rt("Act"+upperFirst(action.String())))
	}
	return f.rt("Actions").Values(list...)
}

func (f *file) fallback(fb resil.Fallback) jen.Code {
	var fs fields
	fs.add("Strategy", f.rt("Strategy"+upperFirst(fb.Strategy.String())))
	fs.text("Name", fb.Name)
	f.durationField(&fs, "TTL", fb.TTL)
	fs.integer("Max", fb.Max)
	fs.integer("Limit", fb.Limit)
	return jen.Values(fs...)
}
