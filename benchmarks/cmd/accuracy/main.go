// Command accuracy runs resilvet on the services of package accuracy, fetched
// as modules, refreshes what was found in their testdata, and rewrites the
// tables of docs/resilvet-accuracy.md.
//
//	accuracy [-check] [-only NAME,NAME] [-table]
//
// Places that are new get a question mark: somebody has to read them.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/resilgo/resil/benchmarks/accuracy"
	"github.com/resilgo/resil/benchmarks/internal/page"
)

// These are seen from the module's folder.
const (
	root     = ".."
	testdata = "accuracy/testdata"
	document = "../docs/resilvet-accuracy.md"
)

func main() {
	check := flag.Bool("check", false, "change nothing; fail when resilvet finds anything else than it did")
	only := flag.String("only", "", "names of the services to run, separated by commas; all by default")
	table := flag.Bool("table", false, "run nothing, rewrite the tables from testdata")
	flag.Parse()
	var err error
	if *table {
		err = publish()
	} else {
		err = run(*only, *check)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
		os.Exit(1)
	}
}

func run(only string, check bool) error {
	work, err := os.MkdirTemp("", "accuracy")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }() // a leftover in the temporary folder does no harm
	resilvet := filepath.Join(work, "resilvet")
	build := exec.Command("go", "build", "-o", resilvet, "./cmd/resilvet")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	changed := 0
	for _, s := range accuracy.Services {
		if only != "" && !slices.Contains(strings.Split(only, ","), s.Name) {
			continue
		}
		found, err := accuracy.Run(resilvet, work, s)
		if err != nil {
			return err
		}
		old, module, err := accuracy.Read(s.Name)
		if err != nil {
			return err
		}
		before := accuracy.Format(module, slices.Clone(old))
		if module != s.Module {
			for i := range old {
				old[i].Reading = "" // of another version
			}
		}
		after := accuracy.Format(s.Module, accuracy.Merge(old, found))
		fmt.Printf("%-14s %4d calls and findings\n", s.Name, len(found))
		if before == after {
			continue
		}
		changed++
		if check {
			fmt.Print(difference(before, after))
			continue
		}
		if err := os.WriteFile(filepath.Join(testdata, s.Name+".calls"), []byte(after), 0o644); err != nil {
			return err
		}
	}
	switch {
	case check && changed > 0:
		return fmt.Errorf("%d services differ", changed)
	case changed > 0:
		fmt.Println("testdata has changed: read it, then run with -table")
	}
	return nil
}

// difference lists the lines that only one of two texts has.
func difference(before, after string) string {
	var b strings.Builder
	only := func(sign, text, other string) {
		for line := range strings.Lines(text) {
			if !strings.Contains("\n"+other, "\n"+line) {
				b.WriteString(sign + line)
			}
		}
	}
	only("-", before, after)
	only("+", after, before)
	return b.String()
}

func publish() error {
	for name, part := range map[string]func() (string, error){"accuracy": accuracy.Table, "wrong": accuracy.Wrong} {
		text, err := part()
		if err != nil {
			return err
		}
		if err := page.Replace(document, name, text); err != nil {
			return err
		}
	}
	return nil
}
