package app_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/app"
	"github.com/resilgo/resil/examples/retail/internal/archive"
	"github.com/resilgo/resil/examples/retail/internal/standin"
	resil "github.com/resilgo/resil/runtime"
)

// TestLevels is the contract's table: which outage leads to which level, and
// that each level is left by itself.
func TestLevels(t *testing.T) {
	for _, test := range []struct {
		down string
		want resil.Level
	}{
		{"redis", resil.Degraded},
		{"openai", resil.Limited},
		{"openai redis", resil.Limited},
		{"db", resil.Minimal},
		{"db redis", resil.Minimal},
		{"db openai", resil.Minimal},
		{"db openai redis", resil.Emergency},
		{"s3", resil.Optimal},
		{"openai redis s3", resil.Minimal},
		{"db openai redis s3", resil.Emergency},
	} {
		for _, fault := range []standin.Fault{standin.Refuse, standin.Hang} {
			t.Run(fmt.Sprintf("%s %s", test.down, fault), func(t *testing.T) {
				t.Parallel() // each has a service of its own, and waits most of the time
				s := open(t, quick())
				down := strings.Fields(test.down)
				s.set(fault, down...)
				s.awaitDown(down...)
				s.awaitLevel(test.want)
				s.set(standin.None, down...)
				s.awaitDown()
				s.awaitLevel(resil.Optimal)
			})
		}
	}
}

func TestWithoutTheCacheTheDatabaseAnswers(t *testing.T) {
	s := open(t, quick())
	s.set(standin.Refuse, "redis")
	s.get("/items/mug").wants(http.StatusOK).is("", "")
	s.awaitDown("redis")
	s.get("/items/mug").wants(http.StatusOK).is("price_cents", 520).is("", "")
	s.get("/items/mug/stock").wants(http.StatusOK).is("on_hand", 100).is("", "")
	s.order("first", 1).wants(http.StatusCreated).is("receipt", "stored")
}

func TestWithoutTheModelPricesAreBasic(t *testing.T) {
	for _, fault := range []standin.Fault{standin.Refuse, standin.Hang} {
		t.Run(string(fault), func(t *testing.T) {
			policies := quick()
			delete(policies.Overrides.Dependencies, "openai") // once open, open for the whole test
			s := open(t, policies)
			s.set(fault, "openai")
			basic := func(r reply) {
				t.Helper()
				r.wants(http.StatusOK).is("price_cents", 520).is("reason", "cost plus 30 %").is("", "openai=call")
			}

			// Five customers come before anybody knows. They wait for no more
			// than the timeouts, and nobody after them waits at all.
			start := time.Now()
			var first [5]reply
			var all sync.WaitGroup
			for i := range first {
				all.Go(func() { first[i] = s.get("/items/mug/price-suggestion") })
			}
			all.Wait()
			for _, r := range first {
				basic(r)
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("the first answers took %s, the total timeout is 4.5 s", d)
			}
			start = time.Now()
			for range 10 {
				basic(s.get("/items/mug/price-suggestion"))
			}
			if d := time.Since(start); d > time.Second {
				t.Errorf("ten answers with an open breaker took %s", d)
			}
			s.awaitLevel(resil.Limited)
			s.get("/items/mug/description").wants(http.StatusOK).is("description", "Holds tea").is("", "openai=call")
			s.order("first", 1).wants(http.StatusCreated).is("", "")
		})
	}
}

func TestWithoutTheDatabaseTheShopIsReadOnly(t *testing.T) {
	s := open(t, quick())
	s.order("before", 1).wants(http.StatusCreated)
	s.get("/items/mug").wants(http.StatusOK)
	s.get("/items/mug/stock").wants(http.StatusOK).is("on_hand", 99)
	s.get("/items?limit=5").wants(http.StatusOK)
	s.set(standin.Refuse, "db")
	s.awaitDown("db")
	s.awaitLevel(resil.Minimal)

	t.Run("what the cache remembers is shown", func(t *testing.T) {
		s := s.on(t)
		s.get("/items/mug/stock").wants(http.StatusOK).is("on_hand", 99).is("", "db=call")
		s.get("/items?limit=5").wants(http.StatusOK).is("", "db=call")
		s.get("/items/mug/price-suggestion").wants(http.StatusOK)
	})
	t.Run("what it does not remember is refused, not denied", func(t *testing.T) {
		s := s.on(t)
		refused(t, s.get("/items/hat"))
		refused(t, s.get("/sales"))
	})
	t.Run("every write is refused at once", func(t *testing.T) {
		s := s.on(t)
		start := time.Now()
		refused(t, s.order("during", 1)).is("dependency", "db").is("level", "minimal").
			is("error", "not possible right now: db is away; nothing was changed")
		for _, r := range []reply{
			s.post("/items/mug/stock", `{"quantity": 1}`),
			s.post("/items", `{"sku": "hat", "name": "Hat", "cost_cents": 100}`),
			s.post("/exports", ""),
		} {
			refused(t, r).is("level", "minimal")
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("four refusals took %s", d)
		}
	})
	t.Run("receipts are still in the archive", func(t *testing.T) {
		s := s.on(t)
		s.get("/sales/before/receipt").wants(http.StatusOK)
	})
	t.Run("without the cache too this process remembers", func(t *testing.T) {
		s := s.on(t)
		s.set(standin.Refuse, "redis")
		s.awaitDown("db", "redis")
		s.get("/items/mug/stock").wants(http.StatusOK).is("on_hand", 99).is("", "db=stale")
		s.set(standin.None, "redis")
		s.awaitDown("db")
	})
	t.Run("afterwards orders are taken again and none was lost or doubled", func(t *testing.T) {
		s := s.on(t)
		s.set(standin.None, "db")
		s.awaitLevel(resil.Optimal)
		s.order("during", 1).wants(http.StatusCreated)
		s.get("/items/mug/stock").wants(http.StatusOK).is("on_hand", 98).is("", "")
	})
}

// refused checks that a customer is told no and when to come back.
func refused(t *testing.T, r reply) reply {
	t.Helper()
	r.wants(http.StatusServiceUnavailable)
	if seconds, err := strconv.Atoi(r.header.Get("Retry-After")); err != nil || seconds < 1 {
		t.Errorf("%s: Retry-After is %q, want seconds", r.request, r.header.Get("Retry-After"))
	}
	return r
}

func TestWithoutTheArchiveReceiptsWait(t *testing.T) {
	s := open(t, quick())
	s.set(standin.Refuse, "s3")
	s.order("early", 1).wants(http.StatusCreated).is("receipt", "deferred").is("", "s3=outbox")
	s.awaitDown("s3")
	s.order("late", 1).wants(http.StatusCreated).is("receipt", "deferred").is("", "s3=outbox")
	s.post("/exports", "").wants(http.StatusCreated).is("filed", "deferred").is("sales", 2)

	t.Run("a receipt that waits is written anew on demand", func(t *testing.T) {
		s := s.on(t)
		if got := s.get("/sales/late/receipt").wants(http.StatusOK).text; !strings.HasPrefix(got, "RECEIPT late\n") {
			t.Errorf("the receipt is %q", got)
		}
	})
	t.Run("all are delivered when the archive is back", func(t *testing.T) {
		s := s.on(t)
		s.set(standin.None, "s3")
		s.await("both receipts in the archive", func() bool {
			return s.filed("early") && s.filed("late")
		})
	})
}

func TestWithNothingLeftTheShopStillAnswers(t *testing.T) {
	all := []string{"db", "openai", "redis", "s3"}
	s := open(t, quick())
	s.get("/items/mug/stock").wants(http.StatusOK)
	s.get("/items?limit=5").wants(http.StatusOK)
	s.set(standin.Refuse, "redis") // so that the item is read from the database once
	s.get("/items/mug").wants(http.StatusOK)
	s.set(standin.Refuse, all...)
	s.awaitDown(all...)
	s.awaitLevel(resil.Emergency)
	s.get("/status").wants(http.StatusOK).is("level", "emergency")
	s.get("/healthz").wants(http.StatusOK)
	s.get("/readyz").wants(http.StatusServiceUnavailable).is("status", "fail")
	s.get("/items/mug").wants(http.StatusOK).is("", "db=stale")
	s.get("/items/mug/stock").wants(http.StatusOK).is("", "db=stale")
	s.get("/items/mug/price-suggestion").wants(http.StatusOK).is("price_cents", 520).is("", "db=stale, openai=call")
	refused(t, s.order("no", 1)).is("level", "emergency")
	s.set(standin.None, all...)
	s.awaitLevel(resil.Optimal)
	s.order("yes", 1).wants(http.StatusCreated)
}

// TestDeferredReceiptsSurviveARestart stops the service while the archive is
// away and starts another on the same data.
func TestDeferredReceiptsSurviveARestart(t *testing.T) {
	cfg := standIns(t)
	t.Run("before", func(t *testing.T) {
		s := openWith(t, quick(), cfg)
		s.set(standin.Refuse, "s3")
		s.order("kept", 1).wants(http.StatusCreated).is("receipt", "deferred")
	})
	service, err := app.New(cfg, quick())
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{t: t, app: service}
	defer func() {
		if err := service.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	if _, err := service.Shop.Archive.Open(t.Context(), "receipts/kept.txt"); !errors.Is(err, archive.ErrNoObject) {
		t.Errorf("before the start: %v, want no receipt", err)
	}
	if err := service.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.await("the receipt in the archive", func() bool { return s.filed("kept") })
}

// TestPoliciesFollowAFile changes a policy of the running service.
func TestPoliciesFollowAFile(t *testing.T) {
	cfg := standIns(t)
	cfg.Policies = filepath.Join(t.TempDir(), "policies.yml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(cfg.Policies, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	opens := func(s *shop) time.Duration {
		for _, d := range s.app.System.Status().Dependencies {
			if d.Name == "openai" {
				return d.Limits.Breaker.Open
			}
		}
		return 0
	}
	write("dependencies: {openai: {breaker: {open: 7s}}}")
	s := openWith(t, resil.Config{Logger: quick().Logger}, cfg)
	if got := opens(s); got != 7*time.Second {
		t.Errorf("the breaker stays open for %s, the file says 7s", got)
	}
	write("dependencies: {openai: {breaker: {open: 9s}}}")
	s.await("the new value", func() bool { return opens(s) == 9*time.Second })
}

func TestARestartOfAServerIsNoOutage(t *testing.T) {
	s := open(t, quick())
	for _, d := range []string{"redis", "s3", "openai"} {
		s.set(standin.Restart, d)
	}
	s.get("/items/mug").wants(http.StatusOK).is("price_cents", 520)
	s.order("after", 1).wants(http.StatusCreated)
	s.get("/items/mug/price-suggestion").wants(http.StatusOK)
	s.awaitLevel(resil.Optimal)
}
