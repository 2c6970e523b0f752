package resil_test

import (
	"log/slog"
	"runtime"
)

var quiet = slog.New(slog.DiscardHandler)

func goexit() { runtime.Goexit() }
