package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	resilvet "github.com/resilgo/resil/analyzer/command"
	"github.com/resilgo/resil/generator/report"
)

// unguarded asks resilvet's coverage report for the calls that no guard covers.
// The generator itself does not know the analyzer.
func unguarded(patterns []string) ([]report.Call, error) {
	var out, trouble bytes.Buffer
	args := append([]string{"resilvet", "-report", "json"}, patterns...)
	if code := resilvet.Main(args, &out, &trouble); code == 1 {
		return nil, errors.New(strings.TrimSpace(trouble.String()))
	}
	var coverage struct {
		Calls []struct {
			File, Package, Callee, Dependency, Guard, Excluded string
			Line                                               int
			Unknown                                            bool
		}
	}
	if err := json.Unmarshal(out.Bytes(), &coverage); err != nil {
		return nil, fmt.Errorf("reading the coverage report: %w", err)
	}
	var calls []report.Call
	for _, c := range coverage.Calls {
		if c.Guard == "" && c.Excluded == "" && !c.Unknown {
			calls = append(calls, report.Call{
				Place: fmt.Sprintf("%s:%d", c.File, c.Line), Package: c.Package, Callee: c.Callee, Dependency: c.Dependency,
			})
		}
	}
	return calls, nil
}
