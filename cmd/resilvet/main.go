// Command resilvet finds outbound calls that no guard covers, and guards that do
// not hold what they promise. Run "resilvet -h" for its flags.
package main

import (
	"os"

	"github.com/resilgo/resil/analyzer/command"
)

func main() { os.Exit(command.Main(os.Args, os.Stdout, os.Stderr)) }
