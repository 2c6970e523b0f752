// Command gcl is golangci-lint with the resilvet plugin built in.
//
// "golangci-lint custom" makes such a binary too, but it clones golangci-lint
// from GitHub; this main needs nothing but Go modules, so it also builds behind
// a module proxy. It is a module of its own because golangci-lint is GPL-3.0
// and brings some two hundred modules, none of which the root module needs.
package main

import (
	"os"

	"github.com/golangci/golangci-lint/v2/pkg/commands"
	"github.com/golangci/golangci-lint/v2/pkg/exitcodes"

	_ "github.com/resilgo/resil/analyzer/golangci" // registers the plugin "resilvet"
)

func main() {
	if err := commands.Execute(buildInfo()); err != nil {
		os.Exit(exitcodes.Failure)
	}
}
