//go:build linux

package app_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"testing"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/admin"
)

// manyDependencies is the page of a system with n dependencies.
func manyDependencies(t *testing.T, n int) http.Handler {
	t.Helper()
	sys, err := resil.New(resil.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		sys.Dependency(fmt.Sprintf("dep-%04d", i))
	}
	page, err := admin.New(sys, admin.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return page
}
