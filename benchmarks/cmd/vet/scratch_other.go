//go:build !linux

package main

import "os"

// scratch returns where to write everything.
func scratch() string { return os.TempDir() }
