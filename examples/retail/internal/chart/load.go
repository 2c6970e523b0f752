//go:build linux

package chart

import (
	"fmt"

	"github.com/resilgo/resil/examples/retail/internal/load"
)

// Load draws the outages of a load test: of each what customers got and how
// long it took, second by second, guarded at the left and unguarded at the
// right.
func Load(r load.Report) string {
	const height = 150
	rows := (len(r.Outages) + 1) / 2
	c := New(2*panelWidth, headHeight+rows*height)
	c.Title(12, 18, fmt.Sprintf("%d users, %.0f requests per second; the outage begins after one second", r.Users, r.Rate))
	c.Text(12, 35, Start, Soft, "left: with guards, right: without")
	x := c.Legend(220, 35, verdicts...)
	c.Text(x+6, 35, Start, Soft, "lines: p50 and p99")
	for i, o := range r.Outages {
		left, top := float64(i%2*panelWidth), float64(headHeight+i/2*height)
		c.Title(left+12, top, o.Fault)
		end := float64(max(1, len(o.Rows)))
		at := func(s float64) float64 { return left + plotLeft + s/end*plotWidth }
		bars, bottom := top+58, top+122
		c.Rect(at(1), top+8, at(end)-at(1), bottom-top-8, shade)
		var p50, p99 []Point
		for _, row := range o.Rows {
			y := bars
			for _, v := range verdicts {
				h := float64(row.Counts[v[0]]) / (r.Rate * 1.1) * 46
				y -= h
				c.Rect(at(float64(row.Second)), y, plotWidth/end-1, h, v[1])
			}
			middle := at(float64(row.Second) + .5)
			p50 = append(p50, Point{middle, bottom - Log(row.P50, .001, 10)*54})
			p99 = append(p99, Point{middle, bottom - Log(row.P99, .001, 10)*54})
		}
		c.Text(left+plotLeft-4, top+22, End, Soft, fmt.Sprintf("%.0f/s", r.Rate))
		for _, mark := range []struct {
			seconds float64
			text    string
		}{{.001, "1 ms"}, {.1, "0.1 s"}, {10, "10 s"}} {
			y := bottom - Log(mark.seconds, .001, 10)*54
			c.Line(left+plotLeft, y, left+plotLeft+plotWidth, y, Grid)
			c.Text(left+plotLeft-4, y+4, End, Soft, mark.text)
		}
		c.Path(p50, "#0969da")
		c.Path(p99, "#8250df")
		for s := 0.0; s <= end; s += 5 {
			c.Text(at(s), bottom+13, Middle, Soft, fmt.Sprintf("%g s", s))
		}
	}
	return c.String()
}
