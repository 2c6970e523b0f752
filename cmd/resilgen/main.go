// Command resilgen writes resilience decorators for annotated interfaces.
//
// Usage:
//
//	resilgen [-check] [-n] [-v] [packages]
//
// Run resilgen -h for the flags and the reports it can print.
package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/resilgo/resil/analyzer/command"
	"github.com/resilgo/resil/generator/cli"
)

func main() { os.Exit(run()) }

func run() int {
	// resilgen suggest asks resilvet, which calls this binary by the go command.
	if code, ours := command.Toolexec(os.Args, os.Stdout, os.Stderr); ours {
		return code
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	collectLate()
	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintln(os.Stderr, "resilgen:", err)
		return cli.Trouble
	}
	return cli.Run(ctx, cli.Process{Args: os.Args[1:], Dir: dir, Stdout: os.Stdout, Stderr: os.Stderr, Calls: unguarded})
}

// collectLate keeps the garbage collector quiet while there is little garbage,
// which is all there ever is in most runs; then it lets it run as often as
// keeps 200 packages under 150 MiB.
func collectLate() {
	const quiet, percent = 80 << 20, 200
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(quiet)
	// The first collection, when the limit is reached, finds this unused.
	runtime.AddCleanup(new([16]byte), func(struct{}) {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(math.MaxInt64)
	}, struct{}{})
}
