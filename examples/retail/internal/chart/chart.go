// Package chart draws time series as SVG: just what the pictures of scenarios
// and load tests need, readable on light and dark pages.
package chart

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Canvas is a picture in the making. The zero Canvas is not usable.
type Canvas struct {
	width, height int
	body          strings.Builder
}

// New returns an empty picture of a size in pixels.
func New(width, height int) *Canvas { return &Canvas{width: width, height: height} }

// String returns the picture as an SVG document.
func (c *Canvas) String() string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="system-ui, sans-serif" font-size="11">`+
		"\n<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n%s</svg>\n", c.width, c.height, c.width, c.height, c.body.String())
}

// Rect draws a filled rectangle; what is narrower than nothing is not drawn.
func (c *Canvas) Rect(x, y, width, height float64, fill string) {
	if width <= 0 || height <= 0 {
		return
	}
	fmt.Fprintf(&c.body, "<rect x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" fill=\"%s\"/>\n", n(x), n(y), n(width), n(height), fill)
}

// Line draws a line.
func (c *Canvas) Line(x1, y1, x2, y2 float64, stroke string) {
	fmt.Fprintf(&c.body, "<line x1=\"%s\" y1=\"%s\" x2=\"%s\" y2=\"%s\" stroke=\"%s\"/>\n", n(x1), n(y1), n(x2), n(y2), stroke)
}

// Point is a place on the canvas.
type Point struct{ X, Y float64 }

// Path draws a line through points.
func (c *Canvas) Path(points []Point, stroke string) {
	if len(points) == 0 {
		return
	}
	var d strings.Builder
	for i, p := range points {
		d.WriteString(map[bool]string{true: "M", false: "L"}[i == 0] + n(p.X) + " " + n(p.Y))
	}
	fmt.Fprintf(&c.body, "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\"/>\n", &d, stroke)
}

// Anchor is where a text stands to its point.
type Anchor string

// The anchors.
const (
	Start  Anchor = "start"
	Middle Anchor = "middle"
	End    Anchor = "end"
)

// Text writes a text.
func (c *Canvas) Text(x, y float64, anchor Anchor, fill, text string) {
	fmt.Fprintf(&c.body, "<text x=\"%s\" y=\"%s\" text-anchor=\"%s\" fill=\"%s\">%s</text>\n", n(x), n(y), anchor, fill, html.EscapeString(text))
}

// Title writes a text in bold.
func (c *Canvas) Title(x, y float64, text string) {
	fmt.Fprintf(&c.body, "<text x=\"%s\" y=\"%s\" font-weight=\"600\" font-size=\"12\" fill=\"%s\">%s</text>\n", n(x), n(y), Ink, html.EscapeString(text))
}

// Colours of text and lines.
const (
	Ink  = "#24292f"
	Soft = "#6e7781"
	Grid = "#d8dee4"
)

// Legend writes what colours mean from x to the right and returns where it
// ends.
func (c *Canvas) Legend(x, y float64, entries ...[2]string) float64 {
	for _, e := range entries {
		c.Rect(x, y-8, 9, 9, e[1])
		c.Text(x+13, y, Start, Ink, e[0])
		x += 22 + 6.2*float64(len([]rune(e[0])))
	}
	return x
}

// Log maps a value to 0..1 on a logarithmic scale from least to most.
func Log(v, least, most float64) float64 {
	if v <= least {
		return 0
	}
	return min(1, math.Log(v/least)/math.Log(most/least))
}

// n writes a number with at most one place.
func n(v float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
}
