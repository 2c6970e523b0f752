// Command pictures draws the recordings that scenarios left behind, one picture
// for each group, and writes what they show into a document.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/resilgo/resil/examples/retail/internal/chart"
	"github.com/resilgo/resil/examples/retail/internal/scenario"
)

func main() {
	from := flag.String("from", "../../docs/data/scenarios", "`folder` of the recordings")
	to := flag.String("to", "../../docs/images", "`folder` for the pictures")
	flag.Parse()
	if err := run(*from, *to); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1)
	}
}

// groups are the pictures, each with its title.
var groups = []struct {
	name, title string
	in          func(scenario.Recording) bool
}{
	{"db", "The database", only("db")},
	{"openai", "The language model", only("openai")},
	{"redis", "The cache", only("redis")},
	{"s3", "The archive", only("s3")},
	{"several", "Several at once", func(r scenario.Recording) bool { return special(r) == "" && len(r.Down) > 1 }},
	{"service", "The service itself", func(r scenario.Recording) bool { return special(r) == "service" }},
	{"directives", "With the waits that the directives state", func(r scenario.Recording) bool { return special(r) == "directives" }},
}

func only(dependency string) func(scenario.Recording) bool {
	return func(r scenario.Recording) bool {
		return special(r) == "" && slices.Equal(r.Down, []string{dependency})
	}
}

// special names the group of a recording that is not about which dependency
// had which fault.
func special(r scenario.Recording) string {
	switch {
	case strings.HasPrefix(r.Name, "random "):
		return "random"
	case r.Pace == "directives":
		return "directives"
	case r.Name != cmp.Or(strings.Join(r.Down, " "), "?")+" "+r.Fault && !strings.HasPrefix(r.Name, "everything "):
		return "service"
	}
	return ""
}

func run(from, to string) error {
	all, err := scenario.Read(from)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fmt.Errorf("no recordings in %s; go test ./internal/scenario -record makes some", from)
	}
	for _, g := range groups {
		var members []scenario.Recording
		for _, r := range all {
			if g.in(r) {
				members = append(members, r)
			}
		}
		if len(members) == 0 {
			continue
		}
		slices.SortStableFunc(members, func(a, b scenario.Recording) int {
			return cmp.Or(cmp.Compare(len(a.Down), len(b.Down)), strings.Compare(a.Name, b.Name))
		})
		file := filepath.Join(to, "scenarios-"+g.name+".svg")
		if err := os.WriteFile(file, []byte(chart.Scenarios(g.title, members)), 0o644); err != nil { //nolint:gosec // documentation is for everybody
			return err
		}
	}
	return nil
}
