// Package fleet models many replicas of a service that share one dependency of
// finite capacity, through an outage and after it, on virtual time.
//
// The dependency works off requests one after the other at a fixed rate. It
// does not know when a caller has given up: abandoned requests cost it as much
// as others, which is how retries keep a dependency down that could be up
// (Bronson et al., "Metastable Failures in Distributed Systems", HotOS 2021).
package fleet

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// Config describes the fleet. All fields are required.
type Config struct {
	Replicas int
	Rate     float64       // requests per second of each replica
	Capacity float64       // requests per second that the dependency works off
	Backlog  time.Duration // work that the dependency queues; beyond it, requests are refused
	Timeout  time.Duration // of one attempt
	Before   time.Duration // the time before the outage
	Outage   time.Duration
	WarmUp   time.Duration // after the outage the capacity grows from Cold to all of it
	Cold     float64       // share of the capacity right after the outage, (0,1]
	After    time.Duration // the time watched after it
}

// Guard protects one replica's calls of the dependency. A nil error means that
// the request was answered; degraded says that a fallback did.
type Guard func(ctx context.Context, call func(context.Context) error) (degraded bool, err error)

// Result is what happened to the fleet.
type Result struct {
	Requests int
	Full     int // answered by the dependency
	Degraded int // answered by a fallback
	// Peak is the most requests that reached the dependency in one second after
	// the outage, as a multiple of its capacity.
	Peak float64
	// Wasted is the share of the dependency's work after the outage that was
	// done for callers who had given up.
	Wasted float64
	// Recovered is the time from the end of the outage until the first second
	// from which on 95 % of the requests get the full answer to the end; -1 when
	// that never happens.
	Recovered time.Duration
}

var (
	errDown    = errors.New("connection refused")
	errBacklog = errors.New("too many requests")
)

// dependency is the shared server.
type dependency struct {
	config Config
	start  time.Time

	mu     sync.Mutex
	free   time.Time // when the work accepted so far is done
	calls  []int     // per second
	done   int       // requests worked off after the outage
	wasted int       // of these, for callers who had given up
}

func (d *dependency) down(at time.Time) bool {
	since := at.Sub(d.start)
	return since >= d.config.Before && since < d.config.Before+d.config.Outage
}

// pace returns the time that one request takes the dependency at a moment.
func (d *dependency) pace(at time.Time) time.Duration {
	share := 1.0
	if since := at.Sub(d.start) - d.config.Before - d.config.Outage; since >= 0 && since < d.config.WarmUp {
		share = d.config.Cold + (1-d.config.Cold)*float64(since)/float64(d.config.WarmUp)
	}
	return time.Duration(float64(time.Second) / (d.config.Capacity * share))
}

// call is one request.
func (d *dependency) call(ctx context.Context) error {
	now := time.Now()
	d.mu.Lock()
	d.calls[int(now.Sub(d.start)/time.Second)]++
	if d.down(now) {
		d.mu.Unlock()
		// A dead host does not refuse: callers wait for nothing.
		<-ctx.Done()
		return errors.Join(errDown, ctx.Err())
	}
	if d.free.Before(now) {
		d.free = now
	}
	if d.free.Sub(now) > d.config.Backlog {
		d.mu.Unlock()
		return errBacklog
	}
	d.free = d.free.Add(d.pace(d.free))
	finished := d.free
	after := now.Sub(d.start) >= d.config.Before+d.config.Outage
	deadline, bounded := ctx.Deadline()
	late := bounded && finished.After(deadline)
	if after {
		d.done++
		if late {
			d.wasted++
		}
	}
	d.mu.Unlock()
	timer := time.NewTimer(finished.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run plays the model. guard makes the guard of one replica. It must run in a
// testing/synctest bubble, where the minutes that it plays take no time; seed
// fixes when requests come.
func Run(ctx context.Context, c Config, seed uint64, guard func(replica int) Guard) Result {
	total := c.Before + c.Outage + c.After
	slots := int(total/time.Second) + 60 // requests under way at the end
	d := &dependency{config: c, start: time.Now(), calls: make([]int, slots)}
	var (
		mu                 sync.Mutex
		r                  Result
		asked, full        = make([]int, slots), make([]int, slots)
		replicas, underway sync.WaitGroup
		interval           = time.Duration(float64(time.Second) / c.Rate)
		request            = func(g Guard) {
			second := int(time.Since(d.start) / time.Second)
			degraded, err := g(ctx, func(ctx context.Context) error {
				ctx, cancel := context.WithTimeout(ctx, c.Timeout)
				defer cancel()
				return d.call(ctx)
			})
			mu.Lock()
			defer mu.Unlock()
			r.Requests++
			asked[second]++
			switch {
			case err == nil && degraded:
				r.Degraded++
			case err == nil:
				r.Full++
				full[second]++
			}
		}
	)
	for i := range c.Replicas {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		g := guard(i)
		replicas.Go(func() {
			next := time.Duration(random.Float64() * float64(interval))
			for next < total {
				time.Sleep(next - time.Since(d.start))
				underway.Go(func() { request(g) })
				// Poisson arrivals: users do not wait for each other.
				next += time.Duration(random.ExpFloat64() * float64(interval))
			}
		})
	}
	replicas.Wait()
	underway.Wait()
	r.Peak, r.Wasted = d.load()
	r.Recovered = recovered(c, asked, full)
	return r
}

// load returns the peak and the wasted share after the outage.
func (d *dependency) load() (peak, wasted float64) {
	from := int((d.config.Before + d.config.Outage) / time.Second)
	for _, n := range d.calls[from:] {
		peak = max(peak, float64(n)/d.config.Capacity)
	}
	if d.done > 0 {
		wasted = float64(d.wasted) / float64(d.done)
	}
	return peak, wasted
}

// recovered finds the second from which on the fleet is well to the end.
func recovered(c Config, asked, full []int) time.Duration {
	from, to := int((c.Before+c.Outage)/time.Second), int((c.Before+c.Outage+c.After)/time.Second)
	well := to
	for s := to - 1; s >= from; s-- {
		if float64(full[s]) < 0.95*float64(asked[s]) {
			break
		}
		well = s
	}
	if well == to {
		return -1
	}
	return time.Duration(well-from) * time.Second
}
