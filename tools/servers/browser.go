//go:build linux

package servers

import (
	"context"
	"testing"
)

// Browser returns the path of Chromium, which it installs if need be.
func Browser(tb testing.TB) string {
	tb.Helper()
	path, err := debian("chromium", "/usr/bin/chromium")(context.Background())
	if err != nil {
		tb.Fatalf("no browser for the test: %v", err)
	}
	return path
}
