//go:build linux

package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/resilgo/resil/examples/retail/internal/customers"
)

// Variant is one way to build the service.
type Variant string

// The variants, and the build tags that make them.
const (
	Guarded   Variant = "guarded"
	Deadlines Variant = "deadlines" // no guards; each call has the deadline that its guard gives an attempt
	Unguarded Variant = "unguarded" // no guards, no deadlines
)

// Variants lists them, the one of interest first.
func Variants() []Variant { return []Variant{Guarded, Deadlines, Unguarded} }

func (v Variant) tags() string {
	switch v {
	case Guarded:
		return ""
	case Deadlines:
		return "unguarded,deadlines"
	default:
		return "unguarded"
	}
}

// Cost is what a variant of the service did with a few hundred requests.
type Cost struct {
	Requests int     `json:"requests"`
	CPU      float64 `json:"cpu_seconds_per_request"` // of the service's process
	P50      float64 `json:"p50"`                     // seconds
	P99      float64 `json:"p99"`
}

// Round is what each variant did with the same requests at the same time, give
// or take a few seconds.
type Round map[Variant]Cost

// slice is how long customers come to one variant before it is the next one's
// turn: short, so that whatever else the machine does disturbs all alike.
const slice = 1500 * time.Millisecond

// healthy measures all variants side by side, on the same servers. Each round
// starts them anew: where a process happens to lie in memory makes it faster or
// slower by more than what is to be measured.
func (b *bench) healthy(ctx context.Context) (rounds []Round, err error) {
	order := Variants()
	for n := range b.c.Rounds {
		rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		round, err := b.round(ctx, order, uint64(n)) //nolint:gosec // a small number
		if err != nil {
			return nil, err
		}
		rounds = append(rounds, round)
		fmt.Fprintf(b.c.Log, "round %d: processor time per request: guarded %.0f µs, deadlines %.0f µs, unguarded %.0f µs\n",
			n+1, 1e6*round[Guarded].CPU, 1e6*round[Deadlines].CPU, 1e6*round[Unguarded].CPU)
	}
	return rounds, nil
}

// runner is a variant that runs, and its users.
type runner struct {
	*service
	people *users
	took   []float64 // seconds, of each request
	used   time.Duration
}

// round lets the variants take turns, there and back, so that what grows or
// wanes meanwhile favours none. All are asked for the same.
func (b *bench) round(ctx context.Context, order []Variant, n uint64) (round Round, err error) {
	running := map[Variant]*runner{}
	defer func() {
		for _, r := range running {
			r.people.leave()
			err = errors.Join(err, r.stop())
		}
	}()
	for _, v := range order {
		s, err := b.open(ctx, v, b.direct)
		if err != nil {
			return nil, err
		}
		running[v] = &runner{service: s, people: newUsers(b.c.Users)}
	}
	var warming errgroup.Group
	for _, r := range running {
		crowd, err := b.crowd(r.url, n)
		if err != nil {
			return nil, err
		}
		warming.Go(func() error {
			err := r.people.connect(ctx, r.url)
			b.attack(crowd, r.people, warm)
			return err
		})
	}
	if err := warming.Wait(); err != nil {
		return nil, err
	}
	for back := range uint64(2) {
		for _, v := range order {
			if err := b.turn(running[v], 2*n+back); err != nil {
				return nil, fmt.Errorf("%s: %w", v, err)
			}
		}
		slices.Reverse(order)
	}
	round = Round{}
	for v, r := range running {
		slices.Sort(r.took)
		round[v] = Cost{
			Requests: len(r.took), CPU: r.used.Seconds() / float64(len(r.took)),
			P50: quantile(r.took, .5), P99: quantile(r.took, .99),
		}
	}
	return round, nil
}

// turn sends customers to one variant. With all well, all must be served well.
func (b *bench) turn(r *runner, seed uint64) error {
	crowd, err := b.crowd(r.url, seed)
	if err != nil {
		return err
	}
	before, err := r.cpu()
	if err != nil {
		return err
	}
	results := b.attack(crowd, r.people, slice)
	after, err := r.cpu()
	if err != nil {
		return err
	}
	for _, one := range results {
		if verdict(one, b.c.patience()) != customers.Full {
			return fmt.Errorf("all was well, and %s %s got %d %s %v", one.Method, one.URL, one.Code, one.Error, one.Headers)
		}
		r.took = append(r.took, one.Latency.Seconds())
	}
	r.used += after - before
	return nil
}

// users are people with a connection each, which they keep. They speak in turn.
type users struct {
	each []http.Transport
	next atomic.Uint64
}

func newUsers(n int) *users { return &users{each: make([]http.Transport, n)} }

// RoundTrip sends a request over the connection of the user whose turn it is.
//
//resil:guarded these are the customers, who have nothing but patience
func (u *users) RoundTrip(r *http.Request) (*http.Response, error) {
	return u.each[u.next.Add(1)%uint64(len(u.each))].RoundTrip(r) //nolint:wrapcheck // a transport's wrapper
}

// connect lets each user open a connection.
func (u *users) connect(ctx context.Context, url string) error {
	for range u.each {
		if err := status(ctx, &http.Client{Transport: u}, url); err != nil {
			return err
		}
	}
	return nil
}

// leave closes all connections that nothing is under way on.
func (u *users) leave() {
	for i := range u.each {
		u.each[i].CloseIdleConnections()
	}
}

// cpu returns the processor time that the service has used.
func (s *service) cpu() (time.Duration, error) {
	// The clock of a process is named by its id; see clock_getcpuclockid(3).
	const scheduled = 2
	var used unix.Timespec
	if err := unix.ClockGettime(int32(^s.command.Process.Pid<<3|scheduled), &used); err != nil { //nolint:gosec // as the kernel wants it
		return 0, fmt.Errorf("processor time of the service: %w", err)
	}
	return time.Duration(used.Nano()), nil
}
