package archive_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/archive"
	"github.com/resilgo/resil/examples/retail/internal/standin"
)

const bucket = "retail-test"

func start(t *testing.T, path string) (*archive.S3, *standin.Server) {
	t.Helper()
	server, err := standin.S3(path, bucket)
	if err != nil {
		t.Fatal(err)
	}
	return archive.NewS3(archive.S3Config{
		Endpoint: server.URL, Region: "us-east-1", Bucket: bucket, AccessKey: "a", SecretKey: "s",
	}), server
}

func fake(t *testing.T) (*archive.S3, *standin.Switch) {
	t.Helper()
	a, server := start(t, filepath.Join(t.TempDir(), "objects.bolt"))
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return a, server.Switch
}

func TestStandIn(t *testing.T) {
	a, _ := fake(t)
	testArchive(t, a)
}

// testArchive is what every S3 has to do.
func testArchive(t *testing.T, a *archive.S3) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := a.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Open(ctx, "receipts/none"); !errors.Is(err, archive.ErrNoObject) {
		t.Errorf("unknown key: %v, want %v", err, archive.ErrNoObject)
	}
	for range 2 { // the same again does no harm
		if err := a.Put(ctx, "receipts/1.txt", "text/plain", []byte("one mug")); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(ctx, t, a, "receipts/1.txt"); got != "one mug" {
		t.Errorf("read %q, want what was stored", got)
	}
}

func read(ctx context.Context, t *testing.T, a *archive.S3, key string) string {
	t.Helper()
	document, err := a.Open(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	defer document.Close()
	text, err := io.ReadAll(document)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAServerThatRefusesIsAskedOnce(t *testing.T) {
	a, outage := fake(t)
	outage.Set(standin.Refuse)
	start := time.Now()
	if err := a.Put(t.Context(), "k", "text/plain", nil); err == nil {
		t.Fatal("a server that refuses has answered")
	}
	if d := time.Since(start); d > 500*time.Millisecond {
		t.Errorf("the refusal took %s: the SDK retries", d)
	}
	outage.Set(standin.None)
	if err := a.Put(t.Context(), "k", "text/plain", nil); err != nil {
		t.Errorf("after the outage: %v", err)
	}
}

func TestAHangingServerGivesWayToTheDeadline(t *testing.T) {
	a, outage := fake(t)
	outage.Set(standin.Hang)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := a.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the deadline", err)
	}
}

func TestTheStandInKeepsItsObjectsOverARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "objects.bolt")
	first, server := start(t, path)
	if err := first.Put(t.Context(), "k", "text/plain", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	second, server := start(t, path)
	defer func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}()
	if got := read(t.Context(), t, second, "k"); got != "kept" {
		t.Errorf("read %q, want what was stored before", got)
	}
}
