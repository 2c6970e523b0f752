package demo

import (
	"fmt"
	"strings"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/customers"
	resil "github.com/resilgo/resil/runtime"
)

// report is what came of one act.
type report struct {
	act       act
	start     time.Time
	end       time.Time // all well again
	degraded  time.Duration
	recovered time.Duration
	worst     resil.Level
	results   []customers.Result
}

// count is how many requests got what.
type count [customers.Verdicts]int

func tally(results []customers.Result) (n count, slowest time.Duration) {
	for _, r := range results {
		n[r.Verdict]++
		slowest = max(slowest, r.Took)
	}
	return n, slowest
}

func (n count) total() (sum int) {
	for _, v := range n {
		sum += v
	}
	return sum
}

// slice is the time behind one sign of a strip, and columns how many signs a
// strip has at most; of a longer act each sign stands for more time.
const (
	slice   = 200 * time.Millisecond
	columns = 72
)

var marks = [customers.Verdicts]struct {
	sign  string
	style style
}{
	customers.Full:     {"█", green},
	customers.Degraded: {"▒", yellow},
	customers.Refused:  {"×", red},
	customers.Failed:   {"!", red},
	customers.Hung:     {"?", red},
}

// strip draws what customers got over the time of the act: one sign per slice
// of time, for the worst that anybody got in it.
func (s *screen) strip(r report, kind string) string {
	length := r.end.Sub(r.start)
	worst := make([]int, min(max(int(length/slice), 1), columns)) // 1 + verdict; 0 = nobody came
	for _, one := range r.results {
		if one.Kind != kind {
			continue
		}
		at := int(float64(one.At.Sub(r.start)) / float64(length) * float64(len(worst)))
		at = min(max(at, 0), len(worst)-1)
		worst[at] = max(worst[at], 1+int(one.Verdict))
	}
	var b strings.Builder
	for _, w := range worst {
		if w == 0 {
			b.WriteString(s.paint(dim, "·"))
			continue
		}
		b.WriteString(s.paint(marks[w-1].style, marks[w-1].sign))
	}
	return b.String()
}

// customers shows, for each kind of request that the act is about, what people
// got over time and one example of each.
func (s *screen) customers(r report) {
	s.line("")
	for _, kind := range r.act.watch {
		s.line("   %-9s%s", kind, s.strip(r, kind))
		for v := customers.Full; v < customers.Verdicts; v++ {
			n, example := 0, ""
			for _, one := range r.results {
				if one.Kind == kind && one.Verdict == v {
					n++
					example = one.Note
				}
			}
			if n > 0 {
				s.line("   %9s%s %4d  %s", "", s.paint(marks[v].style, marks[v].sign), n, s.paint(dim, example))
			}
		}
	}
}

// summary shows the table at the end.
func (s *screen) summary(reports []report) {
	rows := [][]string{{"", "requests", "in full", "degraded", "refused", "failed", "hung", "slowest", "level", "to degrade", "to recover"}}
	var all []customers.Result
	for _, r := range reports {
		all = append(all, r.results...)
		rows = append(rows, row(r.act.short, r.results, r.worst.String(), span(r.degraded), span(r.recovered)))
	}
	rows = append(rows, row("total", all, "", "", ""))
	s.table(rows)
}

func row(title string, results []customers.Result, rest ...string) []string {
	n, slowest := tally(results)
	return append([]string{
		title, fmt.Sprint(n.total()), fmt.Sprint(n[customers.Full]), fmt.Sprint(n[customers.Degraded]),
		fmt.Sprint(n[customers.Refused]), fmt.Sprint(n[customers.Failed]), fmt.Sprint(n[customers.Hung]), span(slowest),
	}, rest...)
}

// span is a duration as people read it; nothing for none.
func span(d time.Duration) string {
	switch {
	case d == 0:
		return "–"
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	default:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
}
