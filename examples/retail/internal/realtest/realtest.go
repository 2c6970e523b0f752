//go:build linux

// Package realtest gives tests real servers to talk to, each empty: a database,
// a Redis database, a bucket, and Toxiproxy to put between.
package realtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/redis/go-redis/v9"

	"github.com/resilgo/resil/examples/retail/internal/archive"
	"github.com/resilgo/resil/tools/servers"
)

// Postgres returns the URL of a new, empty database on a server of its own.
func Postgres(tb testing.TB) string {
	tb.Helper()
	return Database(tb, servers.Test(tb, servers.Postgres).URL)
}

// Database returns the URL of a new, empty database on the server whose
// superuser's URL is given.
func Database(tb testing.TB, server string) string {
	tb.Helper()
	admin, err := sql.Open("pgx", server)
	if err != nil {
		tb.Fatal(err)
	}
	name := "retail_" + strings.ToLower(rand.Text()[:10])
	if _, err := admin.ExecContext(tb.Context(), "CREATE DATABASE "+name); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		// The test's context is over by now.
		if _, err := admin.ExecContext(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			tb.Error(err)
		}
		if err := admin.Close(); err != nil {
			tb.Error(err)
		}
	})
	return withPath(tb, server, name)
}

// Redis returns the URL of an empty Redis database.
func Redis(tb testing.TB) string {
	tb.Helper()
	const ours = "9" // whatever others keep on the same server is in 0
	address := withPath(tb, servers.Test(tb, servers.Redis).URL, ours)
	options, err := redis.ParseURL(address)
	if err != nil {
		tb.Fatal(err)
	}
	client := redis.NewClient(options)
	if err := client.FlushDB(tb.Context()).Err(); err != nil {
		tb.Fatal(err)
	}
	if err := client.Close(); err != nil {
		tb.Error(err)
	}
	return address
}

// S3 returns where a new, empty bucket is, on a server of its own.
func S3(tb testing.TB) archive.S3Config {
	tb.Helper()
	return Bucket(tb, servers.Test(tb, servers.S3).URL)
}

// Bucket returns where a new, empty bucket is, on the server at endpoint.
func Bucket(tb testing.TB, endpoint string) archive.S3Config {
	tb.Helper()
	cfg := archive.S3Config{
		Endpoint: endpoint, Region: "us-east-1", Bucket: "retail-" + strings.ToLower(rand.Text()[:10]),
		AccessKey: servers.S3AccessKey, SecretKey: servers.S3SecretKey,
	}
	client := s3.New(s3.Options{
		BaseEndpoint: aws.String(cfg.Endpoint), Region: cfg.Region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(cfg.AccessKey, cfg.SecretKey, ""),
	})
	if _, err := client.CreateBucket(tb.Context(), &s3.CreateBucketInput{Bucket: aws.String(cfg.Bucket)}); err != nil {
		tb.Fatal(err)
	}
	return cfg
}

func withPath(tb testing.TB, raw, path string) string {
	tb.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		tb.Fatal(err)
	}
	u.Path = "/" + path
	return u.String()
}

// Toxiproxy lays proxies between clients and servers and makes them misbehave.
type Toxiproxy struct {
	tb  testing.TB
	url string
}

// NewToxiproxy starts Toxiproxy.
func NewToxiproxy(tb testing.TB) *Toxiproxy {
	tb.Helper()
	return &Toxiproxy{tb: tb, url: servers.Test(tb, servers.Toxiproxy).URL}
}

// Front lays a proxy before the server that raw names and returns raw with the
// proxy's address.
func (x *Toxiproxy) Front(name, raw string) string {
	x.tb.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		x.tb.Fatal(err)
	}
	var proxy struct{ Listen string }
	x.post("/proxies", map[string]any{"name": name, "listen": "127.0.0.1:0", "upstream": u.Host, "enabled": true}, &proxy)
	u.Host = proxy.Listen
	return u.String()
}

// On returns the same Toxiproxy as a subtest sees it.
func (x *Toxiproxy) On(tb testing.TB) *Toxiproxy {
	tb.Helper()
	return &Toxiproxy{tb: tb, url: x.url}
}

// Refuse cuts the connections through a proxy and takes no new ones.
func (x *Toxiproxy) Refuse(name string) {
	x.tb.Helper()
	x.post("/proxies/"+name, map[string]any{"enabled": false}, nil)
}

// Poison adds a toxic: "timeout" with timeout 0 lets nothing through,
// "latency" delays, "reset_peer" resets, "limit_data" cuts after some bytes.
func (x *Toxiproxy) Poison(name, toxic string, attributes map[string]any) {
	x.tb.Helper()
	x.post("/proxies/"+name+"/toxics", map[string]any{"type": toxic, "name": toxic, "attributes": attributes}, nil)
}

// Cure takes a toxic away again.
func (x *Toxiproxy) Cure(name, toxic string) {
	x.tb.Helper()
	x.send(http.MethodDelete, "/proxies/"+name+"/toxics/"+toxic, nil, nil)
}

// Accept ends what [Toxiproxy.Refuse] began.
func (x *Toxiproxy) Accept(name string) {
	x.tb.Helper()
	x.post("/proxies/"+name, map[string]any{"enabled": true}, nil)
}

// Redirect cuts the connections through a proxy and leads new ones to another
// server, host:port.
func (x *Toxiproxy) Redirect(name, upstream string) {
	x.tb.Helper()
	x.post("/proxies/"+name, map[string]any{"enabled": false}, nil)
	x.post("/proxies/"+name, map[string]any{"enabled": true, "upstream": upstream}, nil)
}

func (x *Toxiproxy) post(path string, body, answer any) {
	x.tb.Helper()
	x.send(http.MethodPost, path, body, answer)
}

func (x *Toxiproxy) send(method, path string, body, answer any) {
	x.tb.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		x.tb.Fatal(err)
	}
	request, err := http.NewRequestWithContext(x.tb.Context(), method, x.url+path, bytes.NewReader(text))
	if err != nil {
		x.tb.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		x.tb.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 300 {
		err = fmt.Errorf("status %d: %s", response.StatusCode, got)
	}
	if err == nil && answer != nil {
		err = json.Unmarshal(got, answer)
	}
	if err != nil {
		x.tb.Fatalf("toxiproxy: %s: %v", path, err)
	}
}
