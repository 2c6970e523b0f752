//go:build linux

// Command servers starts PostgreSQL, Redis and an S3 server on free loopback
// ports and runs a command with the environment that points tests and the
// reference service at them. They stop when the command ends.
//
//	go -C tools run ./cmd/servers go -C ../examples/retail run ./cmd/retail
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/resilgo/resil/tools/servers"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: servers COMMAND [ARGUMENT…]")
		os.Exit(2)
	}
	// The command gets the interrupt too, and ends; then the servers do.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		os.Exit(max(1, exit.ExitCode()))
	case err != nil:
		fmt.Fprintln(os.Stderr, "servers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, command []string) (err error) {
	var env []string
	for _, kind := range []struct {
		start servers.Start
		env   func(*servers.Server) []string
	}{
		{servers.Postgres, func(s *servers.Server) []string {
			return []string{"RESIL_TEST_PG_DSN=" + s.URL, "RETAIL_DATABASE_URL=" + s.URL}
		}},
		{servers.Redis, func(s *servers.Server) []string {
			return []string{"RESIL_TEST_REDIS_ADDR=" + s.Addr, "RETAIL_REDIS_URL=" + s.URL}
		}},
		{servers.S3, func(s *servers.Server) []string {
			return []string{
				"RETAIL_S3_ENDPOINT=" + s.URL, "RETAIL_S3_BUCKET=retail",
				"AWS_ACCESS_KEY_ID=" + servers.S3AccessKey, "AWS_SECRET_ACCESS_KEY=" + servers.S3SecretKey,
			}
		}},
	} {
		server, startErr := kind.start(ctx)
		if startErr != nil {
			return startErr
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
		env = append(env, kind.env(server)...)
	}
	child := exec.CommandContext(ctx, command[0], command[1:]...)
	child.Cancel = func() error { return child.Process.Signal(os.Interrupt) }
	child.Env = append(os.Environ(), env...)
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	return child.Run()
}
