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
	"os"
	"os/signal"
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
	command.CollectLate()
	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintln(os.Stderr, "resilgen:", err)
		return cli.Trouble
	}
	return cli.Run(ctx, cli.Process{Args: os.Args[1:], Dir: dir, Stdout: os.Stdout, Stderr: os.Stderr, Calls: unguarded})
}
