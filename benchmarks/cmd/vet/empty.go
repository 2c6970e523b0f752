package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// emptyTool is an analyzer that looks at nothing, for go vet: what it costs is
// the price of being asked. It reports whether go vet has called.
func emptyTool(args []string, out io.Writer) (called bool, err error) {
	for _, arg := range args {
		switch {
		case arg == "-V=full":
			self, err := os.Executable()
			if err != nil {
				return true, err
			}
			content, err := os.ReadFile(self)
			if err != nil {
				return true, err
			}
			_, err = fmt.Fprintf(out, "empty version devel buildID=%x\n", sha256.Sum256(content))
			return true, err
		case arg == "-flags":
			_, err := fmt.Fprintln(out, "[]")
			return true, err
		case strings.HasSuffix(arg, ".cfg"):
			return true, emptyUnit(arg)
		}
	}
	return false, nil
}

func emptyUnit(name string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var unit struct{ VetxOutput, Stdout string }
	if err := json.Unmarshal(content, &unit); err != nil {
		return err
	}
	for _, file := range []string{unit.VetxOutput, unit.Stdout} {
		if file == "" {
			continue
		}
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			return err
		}
	}
	return nil
}
