//go:build linux

// Package load sends the service more customers than it can bear in an outage,
// and measures what becomes of them and of it: with its guards, and built
// without them. Customers come at a steady rate whether or not those before
// them were served; github.com/tsenart/vegeta sees to that.
package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/resilgo/resil/examples/retail/internal/api"
	"github.com/resilgo/resil/examples/retail/internal/customers"
	"github.com/resilgo/resil/examples/retail/internal/standin"
	"github.com/resilgo/resil/tools/servers"
)

// Config says how much load, and for how long.
type Config struct {
	Users  int           // at a time, each with a connection of its own
	Think  time.Duration // mean time between two requests of a user
	Lasts  time.Duration // of a measurement
	Rounds int           // of healthy measurements, in each of which all variants take turns; 0 = none
	Faults [][]string    // outages to measure, each with both services; see [Faults]
	Log    io.Writer     // of progress

	Patience time.Duration // after which a customer gives up; 0 = [customers.Patience]
	Source   string        // folder of the module examples/retail; "" = the current one
}

// rate is how many requests come per second.
func (c Config) rate() vegeta.Rate {
	return vegeta.Rate{Freq: c.Users, Per: c.Think}
}

// Result is one measurement.
type Result struct {
	Fault    string  `json:"fault"` // "none", "db hangs", …
	Guarded  bool    `json:"guarded"`
	Requests int     `json:"requests"`
	Good     float64 `json:"good_per_second"` // answers, degraded ones included, and clear refusals
	Full     float64 `json:"full"`            // shares of all requests
	Degraded float64 `json:"degraded"`
	Refused  float64 `json:"refused"`
	Failed   float64 `json:"failed"` // nothing within 10 s included
	P50      float64 `json:"p50"`    // seconds
	P90      float64 `json:"p90"`
	P99      float64 `json:"p99"`
	Max      float64 `json:"max"`
	InFlight int     `json:"in_flight"`               // requests at a time, at most
	CPU      float64 `json:"cpu_seconds_per_request"` // of the service's process
	Rows     []Row   `json:"rows,omitempty"`          // per second
}

// Row is what happened to requests sent in one second.
type Row struct {
	Second int            `json:"t"`
	Counts map[string]int `json:"answers"` // by verdict
	P50    float64        `json:"p50"`     // seconds
	P99    float64        `json:"p99"`
}

// Report is all measurements.
type Report struct {
	Users   int      `json:"users"`
	Rate    float64  `json:"requests_per_second"`
	Healthy []Round  `json:"healthy"`
	Outages []Result `json:"outages"` // of each fault guarded, then unguarded
}

// Faults are the outages, by the dependencies that hang in them.
func Faults() [][]string {
	return [][]string{{"redis"}, {"openai"}, {"s3"}, {"db"}, {"db", "openai", "redis", "s3"}}
}

// Run measures everything.
func Run(ctx context.Context, c Config) (report Report, err error) {
	b, err := newBench(ctx, c)
	defer func() { err = errors.Join(err, b.close()) }()
	if err != nil {
		return report, err
	}
	report.Users, report.Rate = c.Users, float64(c.Users)/c.Think.Seconds()
	if c.Rounds > 0 {
		if report.Healthy, err = b.healthy(ctx); err != nil {
			return report, err
		}
	}
	for _, down := range c.Faults {
		for _, guarded := range []bool{true, false} {
			r, err := b.measure(ctx, down, guarded)
			if err != nil {
				return report, err
			}
			report.Outages = append(report.Outages, r)
		}
	}
	return report, nil
}

func (c Config) patience() time.Duration {
	if c.Patience == 0 {
		return customers.Patience
	}
	return c.Patience
}

// bench is the servers and the services' programs.
type bench struct {
	c       Config
	dir     string
	direct  []string // environment of a service that reaches the servers themselves
	fronted []string // of one that reaches them through what can fail
	servers []*servers.Server
	fronts  map[string]*standin.Server
	model   *standin.Server
	stocked bool
	first   customers.Result // the first order
}

func newBench(ctx context.Context, c Config) (b *bench, err error) {
	b = &bench{c: c, fronts: map[string]*standin.Server{}}
	if b.dir, err = os.MkdirTemp("", "retail-load-"); err != nil {
		return b, err
	}
	for _, v := range Variants() {
		fmt.Fprintf(c.Log, "building the service: %s\n", v)
		build := exec.CommandContext(ctx, "go", "build", "-tags", v.tags(), "-o", filepath.Join(b.dir, string(v)), "./cmd/retail")
		build.Dir = c.Source
		if out, err := build.CombinedOutput(); err != nil {
			return b, fmt.Errorf("go build, in examples/retail: %w\n%s", err, out)
		}
	}
	if b.model, err = standin.OpenAI("small"); err != nil {
		return b, err
	}
	urls := map[string]string{"openai": b.model.URL}
	for name, start := range map[string]servers.Start{"db": servers.Postgres, "redis": servers.Redis, "s3": servers.S3} {
		server, err := start(ctx)
		if err != nil {
			return b, err
		}
		b.servers = append(b.servers, server)
		urls[name] = server.URL
	}
	for name, url := range urls {
		if b.fronts[name], err = standin.Front(url); err != nil {
			return b, err
		}
	}
	if err := makeBucket(ctx, urls["s3"]); err != nil {
		return b, err
	}
	fronts := map[string]string{}
	for name, front := range b.fronts {
		fronts[name] = front.URL
	}
	b.direct, b.fronted = environment(urls), environment(fronts)
	return b, nil
}

// environment is that of a service on the servers at these URLs.
func environment(urls map[string]string) []string {
	return append(os.Environ(), "GOMAXPROCS=2",
		"RETAIL_DATABASE_URL="+urls["db"], "RETAIL_REDIS_URL="+urls["redis"],
		"RETAIL_S3_ENDPOINT="+urls["s3"], "RETAIL_S3_BUCKET="+bucket, "AWS_REGION="+region,
		"AWS_ACCESS_KEY_ID="+servers.S3AccessKey, "AWS_SECRET_ACCESS_KEY="+servers.S3SecretKey,
		"OPENAI_BASE_URL="+urls["openai"], "OPENAI_API_KEY=none", "RETAIL_OPENAI_MODEL=small")
}

func (b *bench) close() error {
	var err error
	for _, f := range b.fronts {
		err = errors.Join(err, f.Close())
	}
	if b.model != nil {
		err = errors.Join(err, b.model.Close())
	}
	for _, s := range b.servers {
		err = errors.Join(err, s.Stop())
	}
	return errors.Join(err, os.RemoveAll(b.dir))
}

// warm is for how long customers come before a measurement begins.
const warm = 3 * time.Second

// measure runs a service of its own and measures it in an outage that begins a
// second into the measurement.
func (b *bench) measure(ctx context.Context, down []string, guarded bool) (r Result, err error) {
	r = Result{Fault: strings.Join(down, ", ") + " hang", Guarded: guarded}
	variant := Unguarded
	if guarded {
		variant = Guarded
	}
	if len(down) == 1 {
		r.Fault += "s"
	}
	fmt.Fprintf(b.c.Log, "%-28s guarded %-5t ", r.Fault, guarded)
	s, err := b.open(ctx, variant, b.fronted)
	if err != nil {
		return r, err
	}
	defer func() {
		for _, d := range down {
			b.fronts[d].Switch.Set(standin.None)
		}
		err = errors.Join(err, s.stop())
	}()
	crowd, err := b.crowd(s.url, 1)
	if err != nil {
		return r, err
	}
	people := newUsers(b.c.Users)
	defer people.leave()
	b.attack(crowd, people, min(warm, b.c.Lasts))
	used, err := s.cpu()
	if err != nil {
		return r, err
	}
	broke := time.AfterFunc(time.Second, func() {
		for _, d := range down {
			b.fronts[d].Switch.Set(standin.Hang)
		}
	})
	defer broke.Stop()
	results := b.attack(crowd, people, b.c.Lasts)
	after, err := s.cpu()
	if err != nil {
		return r, err
	}
	r.CPU = (after - used).Seconds() / float64(len(results))
	r.sum(results, b.c)
	fmt.Fprintf(b.c.Log, "%d requests, p50 %.3f s, p99 %.3f s, %.0f %% failed, %.3f ms of processor time each\n",
		r.Requests, r.P50, r.P99, 100*r.Failed, 1000*r.CPU)
	return r, nil
}

// crowd returns customers of the service at a URL, which they have stocked.
// Their orders are nobody else's.
func (b *bench) crowd(url string, seed uint64) (*customers.Crowd, error) {
	crowd := customers.New(customers.Config{Base: url, PerSecond: 1, Seed: seed, Delivery: 10_000, Prefix: fmt.Sprintf("order-%d", time.Now().UnixNano())})
	if b.stocked {
		crowd.Add(b.first)
		return crowd, nil
	}
	if err := crowd.StockUp(); err != nil {
		return nil, err
	}
	if err := stockMore(crowd); err != nil {
		return nil, err
	}
	b.first, b.stocked = crowd.Since(time.Time{})[0], true
	return crowd, nil
}

// stockMore lets more be delivered, so that nothing is ever sold out.
func stockMore(crowd *customers.Crowd) error {
	const most = 10_000 // in one delivery
	for range 20 {
		for n := range customers.SKUs {
			status, _, err := crowd.Send(http.MethodPost, "/items/"+customers.SKU(n)+"/stock", http.Header{}, map[string]any{"quantity": most}, nil)
			if err != nil || status != http.StatusOK {
				return fmt.Errorf("a delivery: %d %w", status, err)
			}
		}
	}
	return nil
}

// attack sends what the crowd asks for, at the rate of the configuration, and
// returns when everybody was served or gave up.
func (b *bench) attack(crowd *customers.Crowd, people *users, d time.Duration) (all []*vegeta.Result) {
	client := &http.Client{Transport: people, Timeout: b.c.patience()}
	attacker := vegeta.NewAttacker(vegeta.Client(client), vegeta.Workers(uint64(b.c.Users)), vegeta.MaxBody(0)) //nolint:gosec // users are few
	defer attacker.Stop()
	ask := func(target *vegeta.Target) error {
		q := crowd.Next()
		*target = vegeta.Target{Method: q.Method, URL: crowd.Base() + q.Path, Header: q.Header}
		if q.Body != nil {
			body, err := json.Marshal(q.Body)
			if err != nil {
				return err
			}
			target.Body = body
		}
		return nil
	}
	for r := range attacker.Attack(ask, b.c.rate(), d, "") {
		all = append(all, r)
	}
	return all
}

// verdict is what a customer got.
func verdict(r *vegeta.Result, patience time.Duration) customers.Verdict {
	switch {
	case r.Code == 0 && r.Latency >= patience-time.Second/10:
		return customers.Hung
	case r.Code >= 200 && r.Code < 300 && r.Headers.Get(api.DegradedHeader) != "":
		return customers.Degraded
	case r.Code >= 200 && r.Code < 300:
		return customers.Full
	case r.Code == http.StatusServiceUnavailable && r.Headers.Get("Retry-After") != "":
		return customers.Refused
	}
	return customers.Failed
}

// sum fills in what the requests tell.
func (r *Result) sum(results []*vegeta.Result, c Config) {
	if len(results) == 0 {
		return
	}
	start := results[0].Timestamp
	for _, one := range results {
		if one.Timestamp.Before(start) {
			start = one.Timestamp
		}
	}
	var counts [customers.Verdicts]int
	var took []float64
	byRow := make([][]float64, int(c.Lasts.Seconds()+.5))
	r.Rows = make([]Row, len(byRow))
	type edge struct {
		at   time.Time
		step int
	}
	var edges []edge
	for _, one := range results {
		v := verdict(one, c.patience())
		counts[v]++
		took = append(took, one.Latency.Seconds())
		edges = append(edges, edge{one.Timestamp, 1}, edge{one.Timestamp.Add(one.Latency), -1})
		row := min(int(one.Timestamp.Sub(start).Seconds()), len(byRow)-1)
		byRow[row] = append(byRow[row], one.Latency.Seconds())
		if r.Rows[row].Counts == nil {
			r.Rows[row].Counts = map[string]int{}
		}
		r.Rows[row].Counts[v.String()]++
	}
	for n := range r.Rows {
		slices.Sort(byRow[n])
		r.Rows[n].Second, r.Rows[n].P50, r.Rows[n].P99 = n, quantile(byRow[n], .5), quantile(byRow[n], .99)
	}
	slices.SortFunc(edges, func(a, b edge) int { return a.at.Compare(b.at) })
	now := 0
	for _, e := range edges {
		now += e.step
		r.InFlight = max(r.InFlight, now)
	}
	slices.Sort(took)
	share := func(v ...customers.Verdict) (sum float64) {
		for _, one := range v {
			sum += float64(counts[one]) / float64(len(results))
		}
		return sum
	}
	r.Requests = len(results)
	r.Full, r.Degraded, r.Refused = share(customers.Full), share(customers.Degraded), share(customers.Refused)
	r.Failed = share(customers.Failed, customers.Hung)
	r.Good = (1 - r.Failed) * float64(len(results)) / c.Lasts.Seconds()
	r.P50, r.P90, r.P99, r.Max = quantile(took, .5), quantile(took, .9), quantile(took, .99), took[len(took)-1]
}

// quantile returns the q-quantile of sorted values, 0 of none.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// service is one running service.
type service struct {
	command *exec.Cmd
	url     string
	ended   chan struct{} // closed when it has
}

// open starts a service and waits until it is open.
func (b *bench) open(ctx context.Context, v Variant, env []string) (s *service, err error) {
	for range 4 {
		if s, err = b.start(ctx, v, env); !errors.Is(err, errNotOpen) {
			break
		}
	}
	return s, err
}

func (b *bench) start(ctx context.Context, v Variant, env []string) (*service, error) {
	data, err := os.MkdirTemp(b.dir, "data-")
	if err != nil {
		return nil, err
	}
	addr, err := freeAddr(ctx)
	if err != nil {
		return nil, err
	}
	s := &service{command: exec.Command(filepath.Join(b.dir, string(v))), url: "http://" + addr, ended: make(chan struct{})} //nolint:gosec // built above
	s.command.Env = append(slices.Clip(env), "RETAIL_ADDR="+addr, "RETAIL_ADMIN_ADDR=127.0.0.1:0", "RETAIL_DATA="+data)
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = s.command.Wait() // with requests that hang it may have to be killed
		close(s.ended)
	}()
	for {
		open := status(ctx, http.DefaultClient, s.url) == nil
		select {
		case <-s.ended: // somebody else has its port by now
			return nil, errNotOpen
		default:
		}
		if open {
			return s, nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), s.stop())
		}
	}
}

var errNotOpen = errors.New("the service did not open")

func status(ctx context.Context, client *http.Client, url string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/healthz", http.NoBody)
	if err != nil {
		return err
	}
	//resil:guarded a probe: the service is still starting, and start asks again
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET /healthz: %s", response.Status)
	}
	_, read := io.Copy(io.Discard, response.Body) // or the connection cannot be kept
	return errors.Join(err, read, response.Body.Close())
}

func freeAddr(ctx context.Context) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// stop ends the service in good order, or after a while in any.
func (s *service) stop() error {
	_ = s.command.Process.Signal(syscall.SIGTERM)
	hurry := time.AfterFunc(20*time.Second, func() { _ = s.command.Process.Kill() })
	defer hurry.Stop()
	<-s.ended
	return nil
}
