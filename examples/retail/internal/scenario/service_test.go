//go:build linux

package scenario_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/customers"
	resil "github.com/resilgo/resil/runtime"
)

// ofTheService are the scenarios in which more happens than that a dependency
// is away.
var ofTheService = []struct {
	name string
	act  func(*lane) *act
}{
	{"restart during an outage", (*lane).restartDuringOutage},
	{"kill -9 during replay", (*lane).killDuringReplay},
	{"frozen and thawed", (*lane).freeze},
	{"a clock that is ahead", (*lane).wrongClock},
	{"poisoned cache", (*lane).poisonedCache},
	{"new configuration during an outage", (*lane).reloadDuringOutage},
}

// restartDuringOutage ends the service in good order while the archive is away
// and starts it again: what waits in the outbox waits on.
func (l *lane) restartDuringOutage() *act {
	a := l.outage(refused, resil.Optimal, "s3")
	a.name, a.fault = "restart during an outage", "s3 refused, service restarted"
	a.during = func() {
		l.await("receipts wait", func() bool { return l.look().waiting() >= 3 })
		before := l.look().waiting()
		l.replaceProcess(a, syscall.SIGTERM)
		if after := l.look().waiting(); after < before {
			l.t.Errorf("%d deferred writes before the restart, %d after it", before, after)
		}
		l.pause(*lasts)
	}
	return a
}

// killDuringReplay kills the service while it delivers what was put aside.
func (l *lane) killDuringReplay() *act {
	const receipts = 60
	a := l.outage(refused, resil.Optimal, "s3")
	a.name, a.fault = "kill -9 during replay", "s3 refused, service killed while it delivers"
	a.during = func() {
		var orders []string
		for n := range receipts {
			r := l.crowd.Order(fmt.Sprintf("%s-killed-%d", l.name, n), customers.SKU(n), 1)
			if r.Verdict == customers.Degraded {
				orders = append(orders, r.Order.ID)
			}
		}
		if len(orders) != receipts {
			l.t.Errorf("%d of %d receipts were put aside", len(orders), receipts)
		}
		// The archive is back and slow, so that delivering takes its time.
		l.proxies.Poison(l.proxy("s3"), "latency", map[string]any{"latency": 60})
		l.accept("s3")
		l.await("some are delivered, not all", func() bool {
			delivered := 0
			for _, id := range orders {
				if _, found := l.receipt(id); found {
					delivered++
				}
			}
			if delivered > receipts*3/4 {
				l.t.Fatalf("%d of %d receipts were delivered before the kill", delivered, receipts)
			}
			return delivered >= 3
		})
		l.replaceProcess(a, syscall.SIGKILL)
	}
	a.end = func() { l.proxies.Cure(l.proxy("s3"), "latency") }
	return a
}

// replaceProcess ends the service by a signal, starts it again and sends the
// customers there.
func (l *lane) replaceProcess(a *act, signal syscall.Signal) {
	l.t.Helper()
	a.gap[0] = time.Now()
	err := l.process.end(signal)
	if signal == syscall.SIGTERM && err != nil {
		l.t.Errorf("the service ended with %v", err)
	}
	l.process = launch(l.t, l.logs, l.env)
	l.crowd.MoveTo(l.process.shop)
	a.gap[1] = time.Now()
	a.note = fmt.Sprintf("no service from %.1f s for %.1f s", a.gap[0].Sub(a.start).Seconds(), a.gap[1].Sub(a.gap[0]).Seconds())
}

// freeze stops the process for a while, as a virtual machine is that is moved:
// when it goes on, every deadline has passed.
func (l *lane) freeze() *act {
	a := &act{name: "frozen and thawed", fault: "the process stopped for 4 s", level: resil.Emergency, flaps: true, frozen: 4 * time.Second}
	// Whatever was under way has timed out, wherever it was.
	a.down = []string{"db", "openai", "redis", "s3"}
	a.begin = func() { l.signal(syscall.SIGSTOP) }
	a.during = func() { l.pause(a.frozen) }
	a.end = func() { l.signal(syscall.SIGCONT) }
	return a
}

func (l *lane) signal(s syscall.Signal) {
	l.t.Helper()
	if err := l.process.command.Process.Signal(s); err != nil {
		l.t.Fatal(err)
	}
}

// wrongClock lets another host with a clock that is ten hours ahead leave old
// prices in the cache: they must not pass for fresh until then.
func (l *lane) wrongClock() *act {
	a := &act{name: "a clock that is ahead", fault: "another host's clock is 10 h ahead", level: resil.Optimal}
	a.begin = func() {
		for n := range customers.SKUs {
			item := l.ask("/items/" + customers.SKU(n))
			item["price_cents"] = 1
			l.remember("item:"+customers.SKU(n), map[string]any{"At": time.Now().Add(10 * time.Hour), "Value": item})
		}
	}
	a.during = func() {
		l.showsRightPrices()
		l.pause(*lasts)
	}
	a.end = func() { l.cacheCommand("FLUSHDB") }
	return a
}

// poisonedCache fills the cache with what nobody can read, also while the
// database is away and the cache is what there is to stand in.
func (l *lane) poisonedCache() *act {
	a := l.outage(refused, resil.Minimal, "db")
	a.name, a.fault = "poisoned cache", "nonsense in the cache, then db refused"
	// Values of another type are errors to Redis, so it may pass for down.
	a.down, a.flaps = []string{"db", "redis"}, true
	poisons := []func(key string){
		func(key string) { l.cacheCommand("SET", key, "\x00\xff{]") },
		func(key string) { l.cacheCommand("SET", key, "") },
		func(key string) { l.cacheCommand("SET", key, `{"At": "yesterday", "Value": 7}`) },
		func(key string) { l.cacheCommand("SET", key, `{"At": "2020-01-01T00:00:00Z", "Value": [[[{}]]]}`) },
		func(key string) { l.cacheCommand("SET", key, strings.Repeat("x", 1<<20)) },
		func(key string) { l.cacheCommand("DEL", key); l.cacheCommand("RPUSH", key, "a list") },
	}
	poison := func() {
		for n := range customers.SKUs {
			for _, kind := range []string{"item:", "stock:"} {
				poisons[n%len(poisons)](kind + customers.SKU(n))
			}
		}
		poisons[0]("items:5:")
	}
	a.begin = func() {
		// So that the process itself has something to remember when the
		// database is away.
		for n := range customers.SKUs {
			l.ask("/items/" + customers.SKU(n) + "/stock")
		}
		poison()
		l.showsRightPrices()
		poison()
	}
	a.during = func() {
		l.refuse("db")
		l.await("the database is down", func() bool { return slices.Contains(l.look().down(), "db") })
		l.showsRightPrices()
		l.pause(*lasts)
	}
	return a
}

// remember puts a value into the cache as the service does.
func (l *lane) remember(key string, v any) {
	l.t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		l.t.Fatal(err)
	}
	l.cacheCommand("SET", key, text)
}

// showsRightPrices asks for every item; each must be there at the price of the
// books.
func (l *lane) showsRightPrices() {
	l.t.Helper()
	for n := range customers.SKUs {
		var want float64
		if err := l.db.QueryRowContext(l.t.Context(), `SELECT price FROM items WHERE sku = $1`, customers.SKU(n)).Scan(&want); err != nil {
			l.t.Fatal(err)
		}
		var item map[string]any
		status, _, err := l.crowd.Send(http.MethodGet, "/items/"+customers.SKU(n), http.Header{}, nil, &item)
		if err != nil || status != http.StatusOK || item["price_cents"] != want {
			l.t.Errorf("%s: %d %v %v, want the price of %v", customers.SKU(n), status, item, err, want)
		}
	}
}

// reloadDuringOutage deploys configurations, a broken one among them, while the
// database is away: the breaker stays as it is, the broken one changes nothing.
func (l *lane) reloadDuringOutage() *act {
	a := l.outage(refused, resil.Minimal, "db")
	a.name, a.fault = "new configuration during an outage", "db refused, policies replaced three times"
	a.during = func() {
		since := time.Now()
		reloads := func() (n int) {
			for _, c := range l.history(since) {
				if c.Kind == "reloaded" {
					n++
				}
			}
			return n
		}
		deploy := func(text string) {
			if err := os.WriteFile(l.file, []byte(text), 0o600); err != nil {
				l.t.Fatal(err)
			}
		}
		deploy(strings.Replace(quickPolicies, "db: {breaker: {open: 300ms}}", "db: {breaker: {open: 400ms, failures: 4}}", 1))
		l.await("the first configuration is in force", func() bool { return reloads() == 1 })
		deploy(strings.Replace(quickPolicies, "breaker:", "braeker:", 1))
		l.pause(2500 * time.Millisecond) // longer than the file goes unread
		if n := reloads(); n != 1 {
			l.t.Errorf("%d reloads, one of them of a broken file", n)
		}
		deploy(quickPolicies)
		l.await("the third configuration is in force", func() bool { return reloads() == 2 })
		if s := l.look(); s.Level != "minimal" || s.breaker("db") == "closed" {
			l.t.Errorf("after the reloads: %+v", s)
		}
	}
	return a
}
