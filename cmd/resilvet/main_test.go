package main

import (
	"testing"

	"github.com/resilgo/resil/cmd/internal/script"
)

func TestMain(m *testing.M) { script.Main(m, "resilvet", "resilgen") }

func TestScripts(t *testing.T) {
	script.Run(t, "../../testdata/script/resilvet_*.txtar")
}
