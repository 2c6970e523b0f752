// Package demo plays outages on the reference service while customers use it,
// and tells what happened. Nothing in it helps the service: it flips the
// switches of the stand-ins, sends requests and watches.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/app"
	"github.com/resilgo/resil/examples/retail/internal/config"
	"github.com/resilgo/resil/examples/retail/internal/customers"
	"github.com/resilgo/resil/examples/retail/internal/standin"
	resil "github.com/resilgo/resil/runtime"
)

// Options of a run.
type Options struct {
	Fast  bool   // shorten the waits of breakers, levels and health checks
	Serve bool   // keep the service running after the last act
	Addr  string // where the service listens; "127.0.0.1:0" = a free port
	Rate  int    // requests per second
}

// ErrPromiseBroken is returned when the service did not keep a promise; what
// happened has been printed.
var ErrPromiseBroken = errors.New("the service broke a promise")

// Run plays the demo and writes the story to w.
func Run(ctx context.Context, o Options, w io.Writer) error { return perform(ctx, o, script, w) }

func perform(ctx context.Context, o Options, acts []act, w io.Writer) (err error) {
	data, err := os.MkdirTemp("", "retail-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(data)) }()

	// Whatever the environment says: the demo breaks no server but its own.
	cfg, err := config.Load(func(key string) string {
		if key == "RETAIL_DATA" {
			return data
		}
		return ""
	})
	if err != nil {
		return err
	}
	service, err := app.New(cfg, policies(o.Fast))
	if err != nil {
		return err
	}
	defer func() {
		// The run may have ended because ctx did; closing takes its own time.
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, service.Close(closing))
	}()
	if err := service.Start(ctx); err != nil {
		return err
	}
	shop, err := open(o.Addr, withSwitches(service))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shop.close()) }()
	page, err := open("127.0.0.1:0", service.Operators)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, page.close()) }()

	p := &play{
		options: o,
		screen:  newScreen(w),
		service: service,
		crowd:   customers.New(customers.Config{Base: shop.url, PerSecond: o.Rate}),
		page:    page.url,
		acts:    acts,
	}
	if err := p.run(ctx); err != nil || !o.Serve {
		return err
	}
	p.invite()
	<-ctx.Done()
	return nil
}

// site is an HTTP server on this machine.
type site struct {
	url    string
	server *http.Server
	ended  chan error
}

func open(addr string, handler http.Handler) (*site, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &site{
		url:    "http://" + listener.Addr().String(),
		server: &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second},
		ended:  make(chan error, 1),
	}
	go func() { s.ended <- s.server.Serve(listener) }()
	return s, nil
}

// close ends the server at once; whoever is still connected is cut off.
func (s *site) close() error {
	err := s.server.Close()
	if ended := <-s.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// policies returns what the guards use beyond the directives: nothing, or
// shorter waits, so that an hour's worth of outages fits into a minute.
func policies(fast bool) resil.Config {
	// The demo prints the transitions itself.
	c := resil.Config{Logger: slog.New(slog.DiscardHandler)}
	if !fast {
		return c
	}
	open := func(d time.Duration) resil.DependencyOverride {
		return resil.DependencyOverride{Breaker: &resil.Breaker{Open: d}}
	}
	c.Levels = resil.LevelConfig{Stable: time.Second, MaxStable: 2 * time.Second}
	c.Health = resil.HealthConfig{Every: time.Second, Timeout: time.Second}
	c.Overrides = resil.Overrides{Dependencies: map[string]resil.DependencyOverride{
		"db": open(1500 * time.Millisecond), "openai": open(3 * time.Second),
		"redis": open(time.Second), "s3": open(1500 * time.Millisecond),
	}}
	return c
}

// play is one run of the script.
type play struct {
	options Options
	screen  *screen
	service *app.App
	crowd   *customers.Crowd
	page    string // URL for operators
	acts    []act

	broken []string // promises
}

func (p *play) run(ctx context.Context) error {
	p.introduce()
	if err := p.crowd.StockUp(); err != nil {
		return fmt.Errorf("before the first act: %w", err)
	}
	shopping, closeShop := context.WithCancel(ctx)
	defer closeShop()
	left := make(chan struct{}, 1)
	go func() {
		defer func() { left <- struct{}{} }()
		p.crowd.Run(shopping)
	}()

	reports := make([]report, 0, len(p.acts))
	for n, a := range p.acts {
		reports = append(reports, p.play(ctx, n+1, a))
		if ctx.Err() != nil {
			closeShop()
			<-left
			return context.Cause(ctx)
		}
	}
	closeShop()
	<-left
	return p.conclude(ctx, reports)
}

// play plays one act: break, watch, repair, watch.
func (p *play) play(ctx context.Context, n int, a act) report {
	p.screen.heading(n, a.title, a.story)
	if len(a.faults) > 0 {
		p.screen.line("")
	}
	// A machine busy with other things can cause outages that nobody wrote.
	p.await(ctx, p.limit(30*time.Second), p.well)
	r := report{act: a, start: time.Now(), worst: resil.Optimal}
	stop := p.service.System.OnLevel(func(t resil.Transition) {
		p.screen.line("   %6s  %s → %s  %s", span(t.At.Sub(r.start)), p.screen.level(t.From), p.screen.level(t.To), p.screen.paint(dim, t.Reason))
	})
	defer stop()

	for name, fault := range a.faults {
		p.service.Switches()[name].Set(fault)
	}
	if len(a.faults) > 0 {
		if p.await(ctx, p.limit(20*time.Second), func() bool { return p.noticed(a) }) {
			r.degraded = time.Since(r.start)
			if a.level == resil.Optimal {
				p.screen.line("   %6s  noticed; the level stays %s", span(r.degraded), p.screen.level(a.level))
			}
		} else {
			p.breaks("%s: the level is %s, not %s", a.title, p.service.System.Level(), a.level)
		}
	}
	r.worst = p.service.System.Level()
	p.await(ctx, p.limit(3*time.Second), func() bool { return false })

	repaired := time.Now()
	for name := range a.faults {
		p.service.Switches()[name].Set(standin.None)
	}
	if len(a.faults) > 0 {
		p.screen.line("   %6s  %s", span(repaired.Sub(r.start)), p.screen.paint(bold, "repaired"))
		if p.await(ctx, p.limit(30*time.Second), p.well) {
			r.recovered = time.Since(repaired)
		} else {
			p.breaks("%s: it did not come back to optimal by itself", a.title)
		}
		p.await(ctx, p.limit(time.Second), func() bool { return false })
	}
	r.end = time.Now()
	r.results = p.crowd.Since(r.start)
	p.screen.customers(r)
	return r
}

// limit is d, or what corresponds to it when nothing is shortened.
func (p *play) limit(d time.Duration) time.Duration {
	if p.options.Fast {
		return d
	}
	return 8 * d
}

// noticed reports whether the service knows of all outages of a.
func (p *play) noticed(a act) bool {
	now := p.service.System.Status()
	for _, d := range now.Dependencies {
		if a.faults[d.Name] != "" && d.Up {
			return false
		}
	}
	return now.Level == a.level
}

// well reports whether all is well again and nothing waits to be delivered.
func (p *play) well() bool {
	now := p.service.System.Status()
	for _, d := range now.Dependencies {
		if !d.Up || d.Waiting > 0 {
			return false
		}
	}
	return now.Level == resil.Optimal
}

// await returns when the condition holds, true, or when it has not within d.
func (p *play) await(ctx context.Context, d time.Duration, condition func() bool) bool {
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !condition() {
		select {
		case <-look.C:
		case <-deadline.C:
			return condition()
		case <-ctx.Done():
			return false
		}
	}
	return true
}

func (p *play) breaks(format string, args ...any) {
	p.broken = append(p.broken, fmt.Sprintf(format, args...))
	p.screen.line("   %s", p.screen.paint(red, fmt.Sprintf(format, args...)))
}
