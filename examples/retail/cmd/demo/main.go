// Command demo runs the reference service on embedded stand-ins, lets them
// fail one after the other while customers use it, and tells what happened. It
// exits 0 only if no request hung and the service recovered by itself each
// time.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/resilgo/resil/examples/retail/internal/demo"
)

func main() {
	var o demo.Options
	flag.BoolVar(&o.Fast, "fast", true, "shorten the waits of breakers, levels and health checks; -fast=false takes about seven minutes")
	flag.BoolVar(&o.Serve, "serve", false, "keep the service running after the last act")
	prepare := flag.Bool("prepare", true, "generate the guards and run resilvet first")
	flag.StringVar(&o.Addr, "addr", "127.0.0.1:0", "`address` of the service; port 0 is a free one")
	flag.IntVar(&o.Rate, "rate", 80, "requests per `second`")
	flag.Parse()
	if flag.NArg() > 0 || o.Rate < 1 || o.Rate > 1000 {
		fmt.Fprintln(os.Stderr, "demo: takes no arguments, and a rate of 1 to 1000")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *prepare, o); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, prepare bool, o demo.Options) error {
	if prepare {
		if err := demo.Prepare(ctx, os.Stdout); err != nil {
			return err
		}
	}
	return demo.Run(ctx, o, os.Stdout)
}
