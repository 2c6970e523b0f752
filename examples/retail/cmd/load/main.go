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
	flag.DurationVar(&c.Lasts, "lasts", 20*time.Second, "`length` of a measurement")
	flag.IntVar(&c.Rounds, "rounds", 8, "how many `times` to measure both services healthy")
	docs := flag.String("docs", "../../docs", "`folder` that the results go into")
	healthy := flag.Bool("healthy", false, "measure both services healthy only, and keep the last results of outages")
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

// healthy compares processor time and latency of both services when all is
// well; ratios are of neighbours in time.
func healthy(r load.Report) string {
	var with, without, ratios []float64
	var p50, p99 [2][]float64
	for i := 0; i+1 < len(r.Healthy); i += 2 {
		a, b := r.Healthy[i], r.Healthy[i+1]
		if !a.Guarded {
			a, b = b, a
		}
		with, without, ratios = append(with, a.CPU*1e6), append(without, b.CPU*1e6), append(ratios, a.CPU/b.CPU)
		p50[0], p50[1] = append(p50[0], a.P50), append(p50[1], b.P50)
		p99[0], p99[1] = append(p99[0], a.P99), append(p99[1], b.P99)
	}
	if ratios == nil {
		return "not measured\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| healthy, median of %d | with guards | without |\n|---|---:|---:|\n", len(ratios))
	fmt.Fprintf(&b, "| processor time per request | %.0f µs | %.0f µs |\n", quantile(with, .5), quantile(without, .5))
	fmt.Fprintf(&b, "| latency p50 | %s | %s |\n", ms(quantile(p50[0], .5)), ms(quantile(p50[1], .5)))
	fmt.Fprintf(&b, "| latency p99 | %s | %s |\n", ms(quantile(p99[0], .5)), ms(quantile(p99[1], .5)))
	fmt.Fprintf(&b, "\nThe guarded service's process used %+.1f %% of processor time (quartiles of the rounds: %+.1f and %+.1f %%).\n",
		100*(quantile(ratios, .5)-1), 100*(quantile(ratios, .25)-1), 100*(quantile(ratios, .75)-1))
	return b.String()
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

func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
