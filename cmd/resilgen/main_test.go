package main

import (
	"testing"

	"github.com/resilgo/resil/cmd/internal/script"
)

func TestMain(m *testing.M) { script.Main(m, map[string]func() int{"resilgen": run}) }

func TestScripts(t *testing.T) { script.Run(t, "../../testdata/script/resilgen_*.txtar") }
