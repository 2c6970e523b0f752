// Package app puts the service together: clients, guards, shop, HTTP. It is
// the one place that knows all parts, and what to copy into a service of your
// own.
package app

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/resilgo/resil/examples/retail/internal/config"
	"github.com/resilgo/resil/examples/retail/internal/inventory"
	"github.com/resilgo/resil/examples/retail/internal/standin"
	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/admin"
	overrides "github.com/resilgo/resil/runtime/config"
	"github.com/resilgo/resil/runtime/metrics"
	"github.com/resilgo/resil/runtime/outbox"
	"github.com/resilgo/resil/runtime/tracing"
)

// App is the whole service in one process.
type App struct {
	System    *resil.System
	Shop      *inventory.Service
	Handler   http.Handler // for customers
	Operators http.Handler // for operators: live page, state, control, metrics

	clients  *clients
	outbox   *outbox.Store
	policies string             // file of overrides, "" = none
	watcher  *overrides.Watcher // of that file, once started
}

// New builds the service. It starts nothing but the stand-ins that cfg leaves
// room for. What policies leaves open is as the directives say.
func New(cfg config.Config, policies resil.Config, options ...resil.Option) (*App, error) {
	raw, err := connect(cfg)
	if err != nil {
		return nil, err
	}
	a, err := assemble(cfg, raw, policies, options)
	if err != nil {
		return nil, errors.Join(err, raw.close())
	}
	return a, nil
}

func assemble(cfg config.Config, raw *clients, policies resil.Config, options []resil.Option) (*App, error) {
	// Writes that the directives let wait go into files of their own.
	box, err := outbox.Open(filepath.Join(cfg.Data, "outbox"), outbox.Config{MaxPayload: maxDeferred})
	if err != nil {
		return nil, err
	}
	// Traces go to the process's provider, nowhere while none is set.
	traces := tracing.New(nil,
		tracing.Database("db", cfg.DatabaseSystem(), ""),
		tracing.Database("redis", "redis", ""),
		tracing.RPC("s3", "aws-api"),
		tracing.GenAI("openai", "openai", "chat", cfg.OpenAIModel))
	options = append([]resil.Option{resil.WithOutbox(box), traces}, options...)
	sys, err := resil.New(policies, options...)
	if err != nil {
		return nil, errors.Join(err, box.Close(context.Background()))
	}
	shop := Wire(sys, Clients{Store: raw.store, Cache: raw.cache, Archive: raw.archive, Assistant: raw.assistant})
	pool := sys.Knob("pool", [5]float64{1, .9, .75, .5, .2}) // of all connections
	sys.OnLevel(func(resil.Transition) { raw.store.SetMaxConnections(pool.Value()) })
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.New(sys), collectors.NewGoCollector())
	control := admin.Config{
		Metrics: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
		Logger:  policies.Logger,
	}
	if cfg.AdminToken != "" {
		control.Authorize = admin.BearerToken("operator", cfg.AdminToken)
	}
	if cfg.Policies != "" {
		control.Reload = func(context.Context) error { return overrides.Apply(cfg.Policies, sys) }
	}
	operators, err := admin.New(sys, control)
	if err != nil {
		return nil, errors.Join(err, box.Close(context.Background()))
	}
	return &App{
		System: sys, Shop: shop, Handler: handler(shop, sys), Operators: operators,
		clients: raw, outbox: box, policies: cfg.Policies,
	}, nil
}

// maxDeferred bounds one document that waits for the archive, in bytes; an
// export is the largest.
const maxDeferred = 16 << 20

// Start starts health checks and timers, and follows the file of policies if
// there is one. No dependency needs to be up.
func (a *App) Start(ctx context.Context) (err error) {
	if a.policies != "" {
		a.watcher, err = overrides.Watch(a.policies, a.System, overrides.Options{})
		if err != nil {
			return err
		}
	}
	return a.System.Start(ctx)
}

// Close drains the guards, then releases outbox, connections and stand-ins.
func (a *App) Close(ctx context.Context) error {
	if a.watcher != nil {
		a.watcher.Close()
	}
	return errors.Join(a.System.Close(ctx), a.outbox.Close(ctx), a.clients.close())
}

// Switches returns the switches of the embedded stand-ins, by dependency.
func (a *App) Switches() map[string]*standin.Switch {
	switches := map[string]*standin.Switch{}
	for name, server := range a.clients.standIns {
		switches[name] = server.Switch
	}
	return switches
}
