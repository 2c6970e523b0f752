package main

import (
	"os"
	"testing"

	"github.com/resilgo/resil/cmd/internal/script"
)

func TestMain(m *testing.M) {
	if os.Getenv("RESILGEN_CACHE") == "" { // keep out of the user's
		if err := os.Setenv("RESILGEN_CACHE", "off"); err != nil {
			panic(err)
		}
	}
	script.Main(m, "resilgen")
}

func TestScripts(t *testing.T) { script.Run(t, "../../testdata/script/resilgen_*.txtar") }
