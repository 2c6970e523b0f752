package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"runtime/debug"

	"github.com/golangci/golangci-lint/v2/pkg/commands"
)

// linterModule is the module whose version the binary reports.
const linterModule = "github.com/golangci/golangci-lint/v2"

// buildInfo describes this binary. Its version is that of golangci-lint with a
// hash of the executable behind it: golangci-lint salts its cache with the
// version alone, so with a constant a rebuilt plugin would go on printing what
// the old one found.
func buildInfo() commands.BuildInfo {
	info := commands.BuildInfo{Version: "unknown", Commit: "?", Date: "?"}
	if bi, ok := debug.ReadBuildInfo(); ok {
		info.GoVersion = bi.GoVersion
		for _, dep := range bi.Deps {
			if dep.Path == linterModule {
				info.Version = dep.Version[len("v"):]
			}
		}
	}
	info.Version += "-resilvet-" + executableHash()
	return info
}

// executableHash returns the first 12 hexadecimal digits of the SHA-256 of the
// running program, or "unhashed" if it cannot be read.
func executableHash() string {
	path, err := os.Executable()
	if err != nil {
		return "unhashed"
	}
	f, err := os.Open(path)
	if err != nil {
		return "unhashed"
	}
	defer f.Close() //nolint:errcheck // opened for reading
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "unhashed"
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}
