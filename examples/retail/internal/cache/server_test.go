//go:build linux

package cache_test

import (
	"testing"

	"github.com/resilgo/resil/examples/retail/internal/realtest"
)

func TestServer(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Redis")
	}
	testCache(t, connect(t, realtest.Redis(t)))
}
