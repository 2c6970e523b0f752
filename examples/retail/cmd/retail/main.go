// Command retail is the reference service: a shop whose four dependencies are
// guarded by resil. Package config says what the environment can set; with
// nothing set all four are embedded stand-ins.
package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/resilgo/resil/examples/retail/internal/app"
	"github.com/resilgo/resil/examples/retail/internal/config"
	"github.com/resilgo/resil/examples/retail/internal/telemetry"
	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/admin"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		slog.Error("retail stopped", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	cfg, err := config.Load(os.Getenv)
	if err != nil {
		return err
	}
	flush, err := telemetry.Start(ctx, os.Getenv, "retail")
	if err != nil {
		return err
	}
	service, err := app.New(cfg, resil.Config{})
	if err != nil {
		return err
	}
	// Closing takes time of its own: ctx is over by then.
	defer func() {
		closing, cancel := context.WithTimeout(context.Background(), shutdown)
		defer cancel()
		err = errors.Join(err, service.Close(closing), flush(closing))
	}()
	if err := service.Start(ctx); err != nil {
		return err
	}
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error { return serve(ctx, cfg.Addr, telemetry.Server(service.Handler)) })
	both.Go(func() error { return admin.Serve(ctx, cfg.AdminAddr, service.Operators, false) })
	slog.Info("open", "customers", "http://"+cfg.Addr, "operators", "http://"+cfg.AdminAddr)
	return both.Wait()
}

// shutdown is how long requests that are under way may take at the end.
const shutdown = 15 * time.Second

// serve serves until ctx ends, then lets requests finish.
func serve(ctx context.Context, addr string, handler http.Handler) error {
	server := &http.Server{Addr: addr, Handler: handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		closing, cancel := context.WithTimeout(context.Background(), shutdown)
		defer cancel()
		stopped <- server.Shutdown(closing)
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}
