package soak_test

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/api"
	"github.com/resilgo/resil/examples/retail/internal/app"
	"github.com/resilgo/resil/examples/retail/internal/customers"
	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/outbox"
)

var (
	seedFlag = flag.Uint64("seed", 0, "run this `seed` only, once; 0 = the seeds of the gate")
	runs     = flag.Int("runs", 0, "how many seeds to run, from a random one on; 0 = the seeds of the gate")
	length   = flag.Duration("for", 30*time.Minute, "virtual time of a run")
)

// TestSoak runs the service through random weather. Without flags it runs a few
// seeds that are always the same; make soak runs others, for longer.
func TestSoak(t *testing.T) {
	seeds := []uint64{1, 2, 3}
	switch {
	case *seedFlag != 0:
		seeds = []uint64{*seedFlag}
	case *runs > 0:
		first := uint64(time.Now().UnixNano())
		seeds = nil
		for n := range *runs {
			seeds = append(seeds, first+uint64(n))
		}
	}
	for _, seed := range seeds {
		name := fmt.Sprintf("seed=%d", seed)
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			s := run(t, seed, *length, nil)
			if t.Failed() {
				t.Logf("run it again, exactly: go test ./internal/soak -run TestSoak -seed=%d -for=%s", seed, *length)
			}
			t.Logf("%s of %s in %s: %s", *length, name, time.Since(begun).Round(time.Millisecond), s)
		})
	}
}

// TestTheSameSeedRunsTheSame holds that a failing seed can be run again: two
// runs are the same to the last answer, its time and its words.
func TestTheSameSeedRunsTheSame(t *testing.T) {
	first, second := run(t, 42, 10*time.Minute, nil), run(t, 42, 10*time.Minute, nil)
	if len(first.journal) < 1000 {
		t.Errorf("only %d lines of journal", len(first.journal))
	}
	for n, line := range first.journal {
		if n >= len(second.journal) || second.journal[n] != line {
			t.Fatalf("line %d is\n%s\nthe second time\n%s", n, line, second.journal[min(n, len(second.journal)-1)])
		}
	}
	if other := run(t, 43, 10*time.Minute, nil); slices.Equal(other.journal, first.journal) {
		t.Error("another seed ran the same")
	}
}

// TestBrokenPromisesAreNoticed lets the service break each promise and wants
// the run to say so.
func TestBrokenPromisesAreNoticed(t *testing.T) {
	for name, test := range map[string]struct {
		sabotage func(*world)
		want     string
	}{
		"an order is lost":            {locked(func(w *world) { delete(w.books.sales, w.books.order[3]) }), "was confirmed"},
		"an order is doubled":         {locked(func(w *world) { w.books.stock[customers.SKU(0)]-- }), "stock of item-00"},
		"a receipt is lost":           {locked(func(w *world) { delete(w.cellar.objects, "receipts/"+w.books.order[3]+".txt") }), "receipt"},
		"the level stays down":        {func(w *world) { _ = w.sys.Force(resil.Minimal, time.Hour, "sabotage") }, "after all weather was fine"},
		"somebody gets an error page": {func(w *world) { w.broken.Store(true); w.visit(-1, w.crowd.Next()) }, "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			s := run(t, 1, 2*time.Minute, test.sabotage)
			if !slices.ContainsFunc(s.wrong, func(line string) bool { return strings.Contains(line, test.want) }) {
				t.Errorf("noticed %q, want something with %q", s.wrong, test.want)
			}
		})
	}
}

// locked does something to books and cellar while nobody else does.
func locked(do func(*world)) func(*world) {
	return func(w *world) {
		w.books.mu.Lock()
		defer w.books.mu.Unlock()
		w.cellar.mu.Lock()
		defer w.cellar.mu.Unlock()
		do(w)
	}
}

// world is the service and everything around it.
type world struct {
	sky    *weather
	books  *books
	cellar *cellar
	sys    *resil.System
	crowd  *customers.Crowd
	spells int
	broken atomic.Bool // the shop answers with error pages: for tests of the tests

	mu      sync.Mutex // guards what follows
	journal []entry
	wrong   []string
}

// entry is a line of the journal and the moment at which it was written.
type entry struct {
	at   time.Duration
	text string
}

// write adds a line to the journal. Requires mu.
func (w *world) write(format string, args ...any) {
	w.journal = append(w.journal, entry{time.Since(w.sky.start), fmt.Sprintf(format, args...)})
}

// story is what came of a run.
type story struct {
	journal []string
	wrong   []string // promises that were not kept
	requests,
	sold,
	spells,
	changes int
	worst resil.Level
}

func (s story) String() string {
	return fmt.Sprintf("%d spells of bad weather, %d requests, %d sales, %d changes of level, %s at worst", s.spells, s.requests, s.sold, s.changes, s.worst)
}

// run runs a seed. Without sabotage, which is done before the books are
// audited, every broken promise fails the test.
func run(t *testing.T, seed uint64, length time.Duration, sabotage func(*world)) (s story) {
	t.Helper()
	data := filepath.Join(t.TempDir(), "outbox")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, seed, length, data)
		s = w.live(t, length, sabotage)
	})
	if sabotage == nil {
		for n, line := range s.wrong {
			if n == 10 {
				t.Errorf("and %d more", len(s.wrong)-n)
				break
			}
			t.Error(line)
		}
	}
	return s
}

func newWorld(t *testing.T, seed uint64, length time.Duration, data string) *world {
	t.Helper()
	spells := forecast(seed, length)
	w := &world{sky: newWeather(seed, spells), spells: len(spells)}
	w.books, w.cellar = newBooks(w.sky), &cellar{sky: w.sky, objects: map[string]string{}}
	quiet := slog.New(slog.DiscardHandler)
	box, err := outbox.Open(data, outbox.Config{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	w.sys, err = resil.New(resil.Config{Logger: quiet, Seed: seed}, resil.WithOutbox(box))
	if err != nil {
		t.Fatal(err)
	}
	shop := app.Wire(w.sys, app.Clients{
		Store: w.books, Cache: &shelf{sky: w.sky, values: map[string][]byte{}}, Archive: w.cellar, Assistant: &oracle{w.sky},
	})
	w.crowd = customers.New(customers.Config{Base: "http://shop", PerSecond: 1, Seed: seed, Transport: direct{w, api.New(shop, w.sys)}})
	w.sys.OnLevel(func(tr resil.Transition) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.write("%s level %s → %s: %s", tr.At.Sub(w.sky.start), tr.From, tr.To, tr.Reason)
	})
	if err := w.sys.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := w.sys.Close(ctx); err != nil {
			t.Error(err)
		}
		if err := box.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return w
}

// direct carries requests to the shop without a network, which virtual time
// does not know.
type direct struct {
	w    *world
	shop http.Handler
}

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	answered := make(chan *http.Response, 1)
	go func() {
		page := httptest.NewRecorder()
		if d.w.broken.Load() {
			page.WriteHeader(http.StatusInternalServerError)
		} else {
			d.shop.ServeHTTP(page, r)
		}
		answered <- page.Result()
	}()
	select {
	case response := <-answered:
		return response, nil
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
}

// live lets time pass: customers come, the weather changes, and in the end all
// is fine and has to be well.
func (w *world) live(t *testing.T, length time.Duration, sabotage func(*world)) story {
	t.Helper()
	if err := w.crowd.StockUp(); err != nil {
		t.Fatal(err)
	}
	for n := range customers.SKUs { // what was seen once can be shown in an outage
		for _, path := range []string{"/items/" + customers.SKU(n), "/items/" + customers.SKU(n) + "/stock", "/items?limit=5"} {
			if _, _, err := w.crowd.Send(http.MethodGet, path, nil, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Customers come about three times a second, no two in the same instant:
	// what happens at once has no order.
	var visits sync.WaitGroup
	for n := 0; time.Since(w.sky.start) < length; n++ {
		time.Sleep(time.Duration(w.sky.luck("customer", fmt.Sprint(n)) % uint64(700*time.Millisecond)))
		q := w.crowd.Next()
		visits.Go(func() { w.visit(n, q) })
	}
	visits.Wait()
	if sabotage != nil {
		sabotage(w)
	}
	w.clearUp(t)
	w.audit(t)
	return w.tell()
}

// visit is one request and the judgement of its answer.
func (w *world) visit(n int, q customers.Request) {
	r := w.crowd.Visit(q)
	w.crowd.Add(r)
	bad := w.sky.bad(r.At.Add(-memory), r.At.Add(r.Took))
	line := fmt.Sprintf("%s request %d: %s %s in %s, %s (%s)", r.At.Sub(w.sky.start), n, q.Method, q.Path, r.Took, r.Verdict, r.Note)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.write("%s", line)
	switch {
	case r.Verdict == customers.Failed, r.Verdict == customers.Hung:
		w.wrong = append(w.wrong, line+": failed")
	case r.Took > longestAnswer[r.Kind]:
		w.wrong = append(w.wrong, line+": longer than all timeouts together")
	case r.Verdict == customers.Refused && !slices.Contains(bad, "db") && len(bad) < 3:
		// Without three of the others the level is Minimal, too.
		w.wrong = append(w.wrong, line+": refused, and the database was fine")
	case r.Verdict == customers.Degraded && len(bad) == 0:
		w.wrong = append(w.wrong, line+": degraded, and all was fine")
	}
}

// memory is for how long a spell that is over may still be felt: two minutes
// after the end of an outage the service is as it was.
const memory = 2 * time.Minute

// longestAnswer is the sum of the timeouts on the way to an answer. On virtual
// time nothing else takes any.
var longestAnswer = map[string]time.Duration{
	"browse": 4500 * time.Millisecond, "list": 4500 * time.Millisecond, "stock": 4500 * time.Millisecond,
	"receipt": 5500 * time.Millisecond, "order": 5500 * time.Millisecond,
	"price": 9 * time.Second, "describe": 9 * time.Second,
}

// clearUp waits until the last weather is forgotten and holds that the service
// is well within two minutes of it.
func (w *world) clearUp(t *testing.T) {
	t.Helper()
	w.sky.over.Store(true)
	end := time.Now()
	var s resil.Status
	for time.Since(end) < memory {
		s = w.sys.Status()
		waiting := 0
		for _, d := range s.Dependencies {
			waiting += d.Waiting
		}
		if s.Level == resil.Optimal && waiting == 0 {
			w.note("%s optimal again, %s after the weather", time.Since(w.sky.start), time.Since(end))
			return
		}
		time.Sleep(time.Second)
	}
	w.complain("the level is %s %s after all weather was fine: %s; %+v", s.Level, time.Since(end), s.Reason, s.Dependencies)
}

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.write(format, args...)
}

func (w *world) complain(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

// audit compares what customers were promised with books and cellar.
func (w *world) audit(t *testing.T) {
	t.Helper()
	if !w.broken.Load() {
		for _, r := range w.crowd.InsistOn() {
			if !r.Order.Sold && r.Status != http.StatusConflict {
				w.complain("order %s of unknown fate, sent again when all is well: %s %s", r.Order.ID, r.Verdict, r.Note)
			}
		}
	}
	time.Sleep(time.Minute) // the last receipts
	w.books.mu.Lock()
	defer w.books.mu.Unlock()
	w.cellar.mu.Lock()
	defer w.cellar.mu.Unlock()
	sold := map[string]int{}
	for _, id := range w.books.order {
		if sale, found := w.books.sales[id]; found {
			sold[sale.SKU] += sale.Quantity
		}
	}
	for _, o := range w.crowd.Confirmed() {
		sale, found := w.books.sales[o.ID]
		if !found || sale.SKU != o.SKU || sale.Quantity != o.Quantity || int(sale.Total) != o.Total {
			w.complain("order %+v was confirmed, the books say %+v", o, sale)
		}
		if got := w.cellar.objects["receipts/"+o.ID+".txt"]; found && got != sale.Receipt() {
			w.complain("the receipt of order %s is %q, want %q", o.ID, got, sale.Receipt())
		}
	}
	for n := range customers.SKUs {
		if got, want := w.books.stock[customers.SKU(n)], customers.Delivery-sold[customers.SKU(n)]; got != want {
			w.complain("stock of %s is %d, want %d: an order was lost or carried out twice", customers.SKU(n), got, want)
		}
	}
	for _, key := range w.cellar.twice {
		w.complain("%s was stored twice, with different words", key)
	}
}

// tell sums up. Lines of one instant have no order of their own.
func (w *world) tell() story {
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.SortFunc(w.journal, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(a.text, b.text))
	})
	s := story{spells: w.spells, wrong: w.wrong, worst: resil.Optimal, requests: len(w.crowd.Since(w.sky.start)), sold: len(w.crowd.Confirmed())}
	for _, line := range w.journal {
		s.journal = append(s.journal, line.text)
		if _, change, found := strings.Cut(line.text, " level "); found {
			s.changes++
			for _, l := range resil.Levels() {
				if strings.Contains(change, "→ "+l.String()) {
					s.worst = max(s.worst, l)
				}
			}
		}
	}
	return s
}

// TestTheForecastIsTheSeeds holds that the weather of a seed never changes: a
// seed that somebody wrote down must mean the same next year.
func TestTheForecastIsTheSeeds(t *testing.T) {
	h := fnv.New64a()
	var text bytes.Buffer
	for _, s := range forecast(1, time.Hour) {
		fmt.Fprintln(io.MultiWriter(h, &text), s)
	}
	const want = 0x79e550e7a60b645d
	if got := h.Sum64(); got != want {
		t.Errorf("the forecast of seed 1 has hash %#x, want %#x:\n%s", got, uint64(want), &text)
	}
}
