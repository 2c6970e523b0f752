package main

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/resilgo/resil/analyzer/command"
	"github.com/resilgo/resil/cmd/internal/script"
	"github.com/resilgo/resil/generator/cli"
)

func TestMain(m *testing.M) {
	script.Main(m, map[string]func() int{
		"resilvet": func() int { return command.Main(os.Args, os.Stdout, os.Stderr) },
		"resilgen": resilgen,
	})
}

func resilgen() int {
	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return cli.Trouble
	}
	return cli.Run(context.Background(), cli.Process{Args: os.Args[1:], Dir: dir, Stdout: os.Stdout, Stderr: os.Stderr})
}

func TestScripts(t *testing.T) {
	script.Run(t, "../../testdata/script/resilvet_*.txtar")
}
