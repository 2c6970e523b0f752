//go:build linux

package app_test

import (
	"net/http"
	"testing"

	"github.com/resilgo/resil/examples/retail/internal/config"
	"github.com/resilgo/resil/examples/retail/internal/realtest"
	"github.com/resilgo/resil/examples/retail/internal/standin"
	resil "github.com/resilgo/resil/runtime"
)

// TestRealServers runs the service on PostgreSQL, Redis and S3 behind
// Toxiproxy, and a model behind it too, and makes each misbehave in the ways
// that stand-ins cannot.
func TestRealServers(t *testing.T) {
	if testing.Short() {
		t.Skip("starts PostgreSQL, Redis, an S3 server and Toxiproxy")
	}
	model, err := standin.OpenAI("small")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := model.Close(); err != nil {
			t.Error(err)
		}
	})
	bucket := realtest.S3(t)
	proxies := realtest.NewToxiproxy(t)
	s := openWith(t, quick(), config.Config{
		Data:        t.TempDir(),
		DatabaseURL: proxies.Front("db", realtest.Postgres(t)),
		RedisURL:    proxies.Front("redis", realtest.Redis(t)),
		S3Endpoint:  proxies.Front("s3", bucket.Endpoint),
		S3Bucket:    bucket.Bucket, S3Region: bucket.Region, S3AccessKey: bucket.AccessKey, S3SecretKey: bucket.SecretKey,
		OpenAIURL: proxies.Front("openai", model.URL), OpenAIModel: "small",
	})
	s.order("first", 1).wants(http.StatusCreated).is("receipt", "stored").is("", "")
	s.get("/items/mug/price-suggestion").wants(http.StatusOK).is("", "")

	faults := map[string]func(name string){
		"refused": proxies.Refuse,
		"hanging": func(name string) { proxies.Poison(name, "timeout", map[string]any{"timeout": 0}) },
		"reset":   func(name string) { proxies.Poison(name, "reset_peer", map[string]any{"timeout": 0}) },
		"slow":    func(name string) { proxies.Poison(name, "latency", map[string]any{"latency": 20_000}) },
		"cut":     func(name string) { proxies.Poison(name, "limit_data", map[string]any{"bytes": 3}) },
	}
	for _, test := range []struct {
		name  string
		level resil.Level
		check func(*shop)
	}{
		{"redis", resil.Degraded, func(s *shop) {
			s.get("/items/mug").wants(http.StatusOK).is("", "")
		}},
		{"openai", resil.Limited, func(s *shop) {
			s.get("/items/mug/price-suggestion").wants(http.StatusOK).is("price_cents", 520).is("", "openai=call")
		}},
		{"db", resil.Minimal, func(s *shop) {
			s.get("/items/mug/stock").wants(http.StatusOK).is("", "db=call")
			refused(t, s.order("refused", 1))
		}},
		{"s3", resil.Optimal, func(s *shop) {
			s.order("s3", 1).wants(http.StatusCreated).is("receipt", "deferred")
		}},
	} {
		for fault, breaks := range faults {
			t.Run(test.name+" "+fault, func(t *testing.T) {
				s := s.on(t)
				s.get("/items/mug/stock").wants(http.StatusOK).is("", "")
				breaks(test.name)
				s.awaitDown(test.name)
				s.awaitLevel(test.level)
				test.check(s)
				proxies.Heal()
				s.awaitDown()
				s.awaitLevel(resil.Optimal)
			})
		}
	}
	s.order("last", 1).wants(http.StatusCreated).is("receipt", "stored").is("", "")
	s.get("/sales/s3/receipt").wants(http.StatusOK)
}
