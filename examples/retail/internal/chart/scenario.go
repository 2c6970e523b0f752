package chart

import (
	"fmt"
	"math"

	"github.com/resilgo/resil/examples/retail/internal/scenario"
)

// Level colours, from the best to the worst; "" is nobody answering.
var levels = [][2]string{
	{"optimal", "#2da44e"},
	{"degraded", "#a4c639"},
	{"limited", "#f2cc2f"},
	{"minimal", "#ef7f1a"},
	{"emergency", "#c62828"},
	{"", "#8c959f"},
}

// Verdict colours, from the best to the worst.
var verdicts = [][2]string{
	{"full", "#6fb98f"},
	{"degraded", "#f5c542"},
	{"refused", "#8796b0"},
	{"failed", "#d1242f"},
	{"hung", "#000000"},
}

func colour(of [][2]string, name string) string {
	for _, one := range of {
		if one[0] == name {
			return one[1]
		}
	}
	return Soft
}

// shade marks the time of a fault.
const shade = "#fbe9e7"

// Sizes of a panel, in pixels.
const (
	columns     = 2
	panelWidth  = 440
	panelHeight = 178
	plotLeft    = 46
	plotWidth   = panelWidth - plotLeft - 14
	stripTop    = 30
	stripHeight = 12
	barsTop     = stripTop + stripHeight + 8
	barsHeight  = 46
	timesTop    = barsTop + barsHeight + 10
	timesHeight = 48
	headHeight  = 58
)

// Scenarios draws recordings, a panel for each: the level, what customers got,
// and how long it took, over time.
func Scenarios(title string, all []scenario.Recording) string {
	rows := (len(all) + columns - 1) / columns
	c := New(columns*panelWidth, headHeight+rows*panelHeight)
	c.Title(12, 18, title)
	c.Text(12, 35, Start, Soft, "top: level")
	x := c.Legend(74, 35, levels[:5]...)
	c.Legend(x, 35, [2]string{"no service", colour(levels, "")})
	c.Text(12, 51, Start, Soft, "bars: answers per 0.2 s")
	x = c.Legend(150, 51, verdicts...)
	c.Text(x+6, 51, Start, Soft, "line: slowest answer")
	c.Rect(x+124, 42, 9, 9, shade)
	c.Text(x+137, 51, Start, Soft, "the fault")
	for i, r := range all {
		panel(c, float64(i%columns*panelWidth), float64(headHeight+i/columns*panelHeight), r)
	}
	return c.String()
}

func panel(c *Canvas, left, top float64, r scenario.Recording) {
	end := math.Max(1, float64(len(r.Rows))*scenario.Slice.Seconds())
	at := func(seconds float64) float64 { return left + plotLeft + seconds/end*plotWidth }
	c.Title(left+12, top+12, r.Name)
	c.Text(left+12, top+25, Start, Soft, subtitle(r))

	bottom := top + timesTop + timesHeight
	c.Rect(at(r.Begin), top+stripTop-2, at(r.End)-at(r.Begin), bottom-top-stripTop+2, shade)
	most := 1
	for _, row := range r.Rows {
		sum := 0
		for _, n := range row.Answers {
			sum += n
		}
		most = max(most, sum)
	}
	width := scenario.Slice.Seconds() / end * plotWidth
	level := ""
	for n, row := range r.Rows {
		// A slice that nobody looked at is as the one before, unless the
		// service was away for longer.
		if row.Level != "" || n+1 < len(r.Rows) && r.Rows[n+1].Level == "" {
			level = row.Level
		}
		c.Rect(at(row.At), top+stripTop, width+.3, stripHeight, colour(levels, level))
		y := top + barsTop + barsHeight
		for _, v := range verdicts {
			h := float64(row.Answers[v[0]]) / float64(most) * barsHeight
			y -= h
			c.Rect(at(row.At), y, math.Max(.6, width-.4), h, v[1])
		}
	}
	c.Text(left+plotLeft-4, top+stripTop+10, End, Soft, "level")
	c.Text(left+plotLeft-4, top+barsTop+10, End, Soft, fmt.Sprint(most))
	for _, mark := range []struct {
		seconds float64
		text    string
	}{{.001, "1 ms"}, {.1, "0.1 s"}, {10, "10 s"}} {
		y := bottom - Log(mark.seconds, .001, 10)*timesHeight
		c.Line(left+plotLeft, y, left+plotLeft+plotWidth, y, Grid)
		c.Text(left+plotLeft-4, y+4, End, Soft, mark.text)
	}
	var slowest []Point
	for _, row := range r.Rows {
		if row.Slowest > 0 {
			slowest = append(slowest, Point{at(row.At) + width/2, bottom - Log(row.Slowest, .001, 10)*timesHeight})
		}
	}
	c.Path(slowest, "#0969da")
	step := 1.0
	for end/step > 8 {
		step *= 2.5
	}
	step = math.Ceil(step)
	for s := 0.0; s <= end; s += step {
		c.Text(at(s), bottom+13, Middle, Soft, fmt.Sprintf("%g s", s))
	}
}

func subtitle(r scenario.Recording) string {
	said := "at worst " + r.Level
	if r.Noticed > 0 {
		said = fmt.Sprintf("%s after %.1f s", r.Level, r.Noticed-r.Begin)
	}
	return fmt.Sprintf("%s, well %.1f s after the end, slowest answer %.1f s", said, r.Recovered-r.End, r.Slowest)
}
