//go:build linux

package archive_test

import (
	"testing"

	"github.com/resilgo/resil/examples/retail/internal/archive"
	"github.com/resilgo/resil/examples/retail/internal/realtest"
)

func TestServer(t *testing.T) {
	if testing.Short() {
		t.Skip("starts an S3 server")
	}
	testArchive(t, archive.NewS3(realtest.S3(t)))
}
