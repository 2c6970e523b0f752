//go:build linux

// Command load measures the service under load, healthy and in outages, with
// its guards and built without them, and writes what it found: numbers as JSON,
// a picture, and tables between the markers of a document. Run it in
// examples/retail.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/chart"
	"github.com/resilgo/resil/examples/retail/internal/load"
)

func main() {
	var c load.Config
	flag.IntVar(&c.Users, "users", 1000, "how many `users` there are at a time")
	flag.DurationVar(&c.Think, "think", 4*time.Second, "mean `time` between two requests of a user")
	flag.DurationVar(&c.Lasts, "lasts", 20*time.Second, "`length` of an outage")
	flag.IntVar(&c.Rounds, "rounds", 50, "how many `times` to measure all variants of the healthy service, twelve seconds each")
	docs := flag.String("docs", "../../docs", "`folder` that the results go into")
	healthy := flag.Bool("healthy", false, "measure the healthy service only, and keep the last results of outages")
	redraw := flag.Bool("redraw", false, "measure nothing: write tables and picture of the last results again")
	flag.Parse()
	c.Log = os.Stderr
	if !*healthy {
		c.Faults = load.Faults()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, c, *docs, *redraw); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, c load.Config, docs string, redraw bool) error {
	data := filepath.Join(docs, "data", "load.json")
	var report load.Report
	if redraw || c.Faults == nil {
		text, err := os.ReadFile(data)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &report); err != nil {
			return fmt.Errorf("%s: %w", data, err)
		}
	}
	if !redraw {
		measured, err := load.Run(ctx, c)
		if err != nil {
			return err
		}
		if c.Faults == nil {
			measured.Outages = report.Outages
		}
		report = measured
		text, err := json.MarshalIndent(report, "", "\t")
		if err != nil {
			return err
		}
		if err := write(data, string(text)+"\n"); err != nil {
			return err
		}
	}
	if err := write(filepath.Join(docs, "images", "load.svg"), chart.Load(report)); err != nil {
		return err
	}
	page := filepath.Join(docs, "load.md")
	for name, table := range map[string]string{"healthy": healthy(report), "outages": outages(report)} {
		if err := replace(page, name, table); err != nil {
			return err
		}
	}
	return nil
}

func write(file, text string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // documentation is for everybody
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644) //nolint:gosec // as above
}

// replace puts text between the markers <!-- NAME --> and <!-- /NAME --> of a
// document.
func replace(file, name, text string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
	head, rest, found := strings.Cut(string(old), begin)
	_, tail, ends := strings.Cut(rest, end)
	if !found || !ends {
		return fmt.Errorf("%s: no markers %s and %s", file, strings.TrimSpace(begin), end)
	}
	return write(file, head+begin+"\n"+text+"\n"+end+tail)
}

// healthy compares processor time and latency of the variants when all is well;
// ratios are of neighbours in time.
func healthy(r load.Report) string {
	if len(r.Healthy) == 0 {
		return "not measured\n"
	}
	each := func(value func(load.Round) float64) []float64 {
		var all []float64
		for _, round := range r.Healthy {
			all = append(all, value(round))
		}
		slices.Sort(all)
		return all
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| healthy, median of %d rounds | with guards | without, but with their deadlines | without either |\n|---|---:|---:|---:|\n", len(r.Healthy))
	for _, row := range []struct {
		name  string
		value func(load.Cost) float64
		print func(float64) string
	}{
		{"processor time per request", func(c load.Cost) float64 { return c.CPU }, func(s float64) string { return fmt.Sprintf("%.0f µs", 1e6*s) }},
		{"latency p50", func(c load.Cost) float64 { return c.P50 }, ms},
		{"latency p99", func(c load.Cost) float64 { return c.P99 }, ms},
	} {
		fmt.Fprintf(&b, "| %s |", row.name)
		for _, v := range load.Variants() {
			fmt.Fprintf(&b, " %s |", row.print(quantile(each(func(r load.Round) float64 { return row.value(r[v]) }), .5)))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n| processor time, ratio within a round | median | 95 % confidence |\n|---|---:|---:|\n")
	for _, row := range []struct {
		name       string
		more, than load.Variant
	}{
		{"guards, beyond their deadlines", load.Guarded, load.Deadlines},
		{"deadlines", load.Deadlines, load.Unguarded},
		{"guards and deadlines", load.Guarded, load.Unguarded},
	} {
		ratios := each(func(r load.Round) float64 { return 100 * (r[row.more].CPU/r[row.than].CPU - 1) })
		low, high := confidence(ratios)
		fmt.Fprintf(&b, "| %s | %+.1f %% | %+.1f to %+.1f %% |\n", row.name, quantile(ratios, .5), low, high)
	}
	return b.String()
}

// confidence returns what the median of all there could be is between, with a
// probability of 95 %, whatever its distribution: the ranks that so many tosses
// of a coin stay between.
func confidence(sorted []float64) (low, high float64) {
	n := len(sorted)
	rank := max(0, int((float64(n)-1.96*math.Sqrt(float64(n)))/2))
	return sorted[rank], sorted[n-1-rank]
}

func outages(r load.Report) string {
	var b strings.Builder
	b.WriteString("| outage | guards | served/s | full | degraded | refused | failed | p50 | p90 | p99 | longest | in flight |\n|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, o := range r.Outages {
		guards := map[bool]string{true: "with", false: "without"}[o.Guarded]
		fmt.Fprintf(&b, "| %s | %s | %.0f | %.0f %% | %.0f %% | %.0f %% | %.0f %% | %s | %s | %s | %s | %d |\n", o.Fault, guards, o.Good,
			100*o.Full, 100*o.Degraded, 100*o.Refused, 100*o.Failed, ms(o.P50), ms(o.P90), ms(o.P99), ms(o.Max), o.InFlight)
	}
	return b.String()
}

func ms(seconds float64) string {
	if seconds < .1 {
		return fmt.Sprintf("%.1f ms", 1000*seconds)
	}
	if seconds < 1 {
		return fmt.Sprintf("%.0f ms", 1000*seconds)
	}
	return fmt.Sprintf("%.1f s", seconds)
}

// quantile returns the q-quantile of sorted values, of which there are some.
func quantile(sorted []float64, q float64) float64 {
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
