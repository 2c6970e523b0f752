package cache_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/cache"
	"github.com/resilgo/resil/examples/retail/internal/standin"
)

func connect(t *testing.T, url string) *cache.Redis {
	t.Helper()
	c, err := cache.NewRedis(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func redis(t *testing.T) (*cache.Redis, *standin.Switch) {
	t.Helper()
	server, err := standin.Redis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return connect(t, server.URL), server.Switch
}

func TestStandIn(t *testing.T) {
	c, _ := redis(t)
	testCache(t, c)
}

// testCache is what every Redis has to do.
func testCache(t *testing.T, c *cache.Redis) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	if _, found, err := c.Get(ctx, "k"); found || err != nil {
		t.Errorf("unknown key: found %v, %v, want a miss and no error", found, err)
	}
	if err := c.Set(ctx, "k", []byte("v"), time.Minute); err != nil {
		t.Fatal(err)
	}
	if v, found, err := c.Get(ctx, "k"); !found || string(v) != "v" || err != nil {
		t.Errorf("Get = %q, %v, %v, want v", v, found, err)
	}
	if err := c.Delete(ctx, "k"); err != nil {
		t.Fatal(err)
	}
	if _, found, err := c.Get(ctx, "k"); found || err != nil {
		t.Errorf("deleted key: found %v, %v", found, err)
	}
}

func TestAServerThatRefusesIsAskedOnce(t *testing.T) {
	c, outage := redis(t)
	outage.Set(standin.Refuse)
	start := time.Now()
	if _, _, err := c.Get(t.Context(), "k"); err == nil {
		t.Fatal("a server that refuses has answered")
	}
	// The client's own retries would wait 8 to 512 ms before each new attempt
	// and dial five times: about a second.
	if d := time.Since(start); d > 500*time.Millisecond {
		t.Errorf("the refusal took %s", d)
	}
	outage.Set(standin.None)
	if err := c.Ping(t.Context()); err != nil {
		t.Errorf("after the outage: %v", err)
	}
}

func TestAHangingServerGivesWayToTheDeadline(t *testing.T) {
	c, outage := redis(t)
	if err := c.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	outage.Set(standin.Hang)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := c.Get(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
		var timeout interface{ Timeout() bool }
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("%v, want a timeout", err)
		}
	}
}

func TestABadURLIsRefused(t *testing.T) {
	if _, err := cache.NewRedis("http://example.com"); err == nil {
		t.Error("an http URL was accepted")
	}
}
