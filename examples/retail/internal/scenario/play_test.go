//go:build linux

package scenario_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/customers"
	"github.com/resilgo/resil/examples/retail/internal/scenario"
	resil "github.com/resilgo/resil/runtime"
)

// act is one scenario.
type act struct {
	name  string
	fault string
	down  []string    // dependencies that misbehave, sorted
	level resil.Level // that is specified while they do
	flaps bool

	begin  func()
	during func()
	end    func()

	// gap is the time in which the service itself is not there; only then may
	// a request fail. Set by during.
	gap [2]time.Time
	// frozen is for how long the service was stopped; answers may take as much
	// longer.
	frozen time.Duration
	start  time.Time
	// note tells, in the recording, what else happened.
	note string
}

// outage is the act in which dependencies have a fault.
func (l *lane) outage(f fault, level resil.Level, down ...string) *act {
	a := &act{
		name: strings.Join(down, " ") + " " + f.name, fault: f.name, down: down, level: level, flaps: f.flaps,
		begin: func() {
			for _, d := range down {
				f.begin(l, d)
			}
		},
		end: func() {
			for _, d := range down {
				f.end(l, d)
			}
		},
	}
	a.during = func() {
		if f.during != nil {
			f.during(l, down)
			return
		}
		l.pause(*lasts)
	}
	if len(down) == 4 {
		a.name = "everything " + f.name
	}
	return a
}

// randomOutage is an outage of dependencies and with faults that the seed picks,
// for each dependency another.
func (l *lane) randomOutage(n uint64) *act {
	r := rand.New(rand.NewPCG(*seed, n)) //nolint:gosec // an outage, not a secret
	faults := slices.DeleteFunc(slices.Clone(everyFault), func(f fault) bool { return f.during != nil })
	var down []string
	for _, d := range []string{"db", "openai", "redis", "s3"} {
		if r.IntN(2) == 0 {
			down = append(down, d)
		}
	}
	if down == nil {
		down = []string{"db"}
	}
	picked := map[string]fault{}
	var names []string
	for _, d := range down {
		picked[d] = faults[r.IntN(len(faults))]
		names = append(names, d+" "+picked[d].name)
	}
	a := l.outage(refused, levelWithout(down...), down...)
	a.name, a.fault = fmt.Sprintf("random %d of seed %d", n, *seed), strings.Join(names, ", ")
	a.begin = func() {
		for _, d := range down {
			picked[d].begin(l, d)
		}
	}
	a.end = func() {
		for _, d := range down {
			picked[d].end(l, d)
		}
	}
	return a
}

// The promises.
const (
	recovery  = 2 * time.Minute         // from the end of the fault until all is well
	detection = time.Second             // from the last detection to the level
	slack     = 1500 * time.Millisecond // what a busy machine may add to an answer
)

// longestAnswer is the sum of the total timeouts on the way to an answer, the
// fallbacks' included; the cache is asked before the database and told after.
var longestAnswer = map[string]time.Duration{
	"browse":   5 * time.Second,
	"list":     5 * time.Second,
	"stock":    5 * time.Second,
	"receipt":  5500 * time.Millisecond,
	"order":    5500 * time.Millisecond,
	"price":    9500 * time.Millisecond,
	"describe": 9500 * time.Millisecond,
}

// waits is how long each dependency can hold an answer that needs it: the total
// timeouts of the calls on the way, and of what stands in for them.
var waits = map[string]time.Duration{
	"redis":  2 * 600 * time.Millisecond, // asked and told; at the quick pace
	"db":     2 * 2500 * time.Millisecond,
	"s3":     3 * time.Second,
	"openai": 4500*time.Millisecond + 2*time.Second,
}

// bound is the longest an answer may take while some dependencies misbehave: the
// others hold
// nobody up.
func bound(kind string, down []string) time.Duration {
	if len(down) == 0 {
		return longestAnswer[kind]
	}
	var sum time.Duration
	for _, d := range down {
		sum += waits[d]
	}
	return min(sum, longestAnswer[kind])
}

// allowed reports whether a customer may get such an answer while some
// dependencies misbehave.
func allowed(kind string, v customers.Verdict, down []string) bool {
	has := func(d string) bool { return slices.Contains(down, d) }
	switch v {
	case customers.Full:
		return true
	case customers.Degraded:
		switch kind {
		case "browse", "list", "stock":
			return has("db")
		case "price", "describe":
			return has("db") || has("openai")
		case "order":
			return has("s3") || minimal(down)
		}
	case customers.Refused:
		switch kind {
		case "order":
			return minimal(down)
		case "receipt":
			return has("db") && has("s3") || len(down) >= 3
		}
	default: // nobody deserves worse
	}
	return false
}

// minimal reports whether the level is Minimal or worse while some dependencies
// are away, so that the archive is not written to even if it is there.
func minimal(down []string) bool { return slices.Contains(down, "db") || len(down) >= 3 }

// play plays an act and holds every promise.
func (l *lane) play(a *act) {
	l.t.Helper()
	start := time.Now()
	a.start = start
	ctx, stop := context.WithCancel(l.t.Context())
	defer stop()
	shopping, watching := make(chan struct{}), make(chan struct{})
	go func() { defer close(watching); l.watch(ctx) }()
	shopCtx, closeShop := context.WithCancel(ctx)
	defer closeShop()
	go func() { defer close(shopping); l.crowd.Run(shopCtx) }()

	l.pause(600 * time.Millisecond)
	begin := time.Now()
	a.begin()
	var noticed time.Time
	if !a.flaps && a.down != nil {
		l.await(fmt.Sprintf("%v down, level %s", a.down, a.level), func() bool {
			s := l.look()
			return s.Level == a.level.String() && slices.Equal(s.down(), a.down)
		})
		noticed = time.Now()
	}
	a.during()
	end := time.Now()
	a.end()
	l.within(recovery, "all is well again and nothing waits", func() bool {
		s := l.look()
		return s.Level == "optimal" && len(s.down()) == 0 && s.waiting() == 0
	})
	recovered := time.Now()
	l.pause(600 * time.Millisecond)
	closeShop()
	<-shopping
	finish := time.Now()
	stop()
	<-watching

	results := l.crowd.Since(start)
	l.record(a, start, begin, end, noticed, recovered, finish, results)
	l.judge(a, begin, recovered, results)
	l.judgeLevels(a, begin, end, noticed)
	l.audit()
	l.leavesNothing()
	if !noticed.IsZero() {
		l.t.Logf("%s: noticed after %s", a.name, noticed.Sub(begin).Round(time.Millisecond))
	}
	l.t.Logf("%s: well %s after the end", a.name, recovered.Sub(end).Round(time.Millisecond))
}

// judge looks at every single answer.
func (l *lane) judge(a *act, begin, recovered time.Time, results []customers.Result) {
	l.t.Helper()
	if len(results) == 0 {
		l.t.Error("no customer came")
	}
	wrong := 0
	var slowest customers.Result
	bad := func(r customers.Result, what string) {
		if wrong++; wrong <= 10 {
			l.t.Errorf("%s, %s after the fault began: %s %s after %s: %s (stood in: %q)",
				r.Kind, r.At.Sub(begin).Round(time.Millisecond), what, r.Verdict, r.Took.Round(time.Millisecond), r.Note, r.StoodIn)
		}
	}
	for _, r := range results {
		if r.Took > slowest.Took {
			slowest = r
		}
		var down []string
		if r.At.Add(r.Took).After(begin) && r.At.Before(recovered) {
			down = a.down
		}
		inGap := !a.gap[0].IsZero() && r.At.Add(r.Took).After(a.gap[0]) && r.At.Before(a.gap[1])
		switch {
		case r.Took > bound(r.Kind, down)+slack+a.frozen:
			bad(r, "longer than all timeouts on its way:")
		case inGap:
		case !allowed(r.Kind, r.Verdict, down):
			bad(r, "not to be")
		}
		for stoodIn := range strings.SplitSeq(r.StoodIn, ", ") {
			deferred := stoodIn == "s3=outbox" && minimal(down)
			if d, _, found := strings.Cut(stoodIn, "="); found && !deferred && !slices.Contains(down, d) && !inGap {
				bad(r, d+" was not away:")
			}
		}
	}
	l.t.Logf("%s: the slowest answer, %s, took %s", a.name, slowest.Kind, slowest.Took.Round(time.Millisecond))
	if wrong > 10 {
		l.t.Errorf("and %d more answers", wrong-10)
	}
}

// judgeLevels holds that the level was the specified one within a second of the
// last detection, stayed so, and was never a worse one.
func (l *lane) judgeLevels(a *act, begin, end, noticed time.Time) {
	l.t.Helper()
	if a.down == nil {
		return
	}
	var detected time.Time
	known := map[string]bool{}
	for _, c := range l.history(begin) {
		down := c.Kind == "breaker" && c.To == "open" || c.Kind == "health" && c.To == "down"
		if down && slices.Contains(a.down, c.Dependency) && !known[c.Dependency] && c.At.Before(end) {
			known[c.Dependency], detected = true, c.At
		}
		if c.Kind != "level" {
			continue
		}
		to, err := resil.ParseLevel(c.To)
		switch {
		case err != nil:
			l.t.Error(err)
		case to > a.level:
			l.t.Errorf("the level was %s, want %s at worst: %s", to, a.level, c.Reason)
		case to < a.level && !a.flaps && !noticed.IsZero() && c.At.After(noticed) && c.At.Before(end):
			l.t.Errorf("the level was %s amidst the outage: %s", to, c.Reason)
		}
	}
	if a.flaps || noticed.IsZero() || a.gap[0] != (time.Time{}) {
		return
	}
	if len(known) != len(a.down) {
		l.t.Errorf("the history tells of the outage of %v, want %v", known, a.down)
	}
	if late := noticed.Sub(detected); late > detection {
		l.t.Errorf("the level was %s only %s after the last detection", a.level, late)
	}
}

// audit compares what customers were promised with the books and the archive,
// both read past the service.
func (l *lane) audit() {
	l.t.Helper()
	for _, r := range l.crowd.InsistOn() {
		if !r.Order.Sold {
			l.t.Errorf("order %s of unknown fate, sent again when all is well: %s %s", r.Order.ID, r.Verdict, r.Note)
		}
	}
	l.await("the last receipts are delivered", func() bool { return l.look().waiting() == 0 })
	type sale struct {
		sku             string
		quantity, total int
	}
	sales, sold := map[string]sale{}, map[string]int{}
	rows, err := l.db.QueryContext(l.t.Context(), `SELECT id, sku, quantity, total FROM sales`)
	if err != nil {
		l.t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // Err tells
	for rows.Next() {
		var id string
		var s sale
		if err := rows.Scan(&id, &s.sku, &s.quantity, &s.total); err != nil {
			l.t.Fatal(err)
		}
		sales[id] = s
		sold[s.sku] += s.quantity
	}
	if err := rows.Err(); err != nil {
		l.t.Fatal(err)
	}
	confirmed := l.crowd.Confirmed()
	for _, o := range confirmed {
		if got, want := sales[o.ID], (sale{o.SKU, o.Quantity, o.Total}); got != want {
			l.t.Errorf("order %s was confirmed as %+v, the books say %+v", o.ID, want, got)
		}
		if text, found := l.receipt(o.ID); !found || !strings.HasPrefix(text, "RECEIPT "+o.ID+"\n") || !strings.Contains(text, " x "+o.SKU+"\n") {
			l.t.Errorf("the receipt of order %s in the archive is %q", o.ID, text)
		}
	}
	if len(sales) != len(confirmed) {
		l.t.Errorf("%d sales in the books, %d confirmed in the end", len(sales), len(confirmed))
	}
	for n := range customers.SKUs {
		var left int
		if err := l.db.QueryRowContext(l.t.Context(), `SELECT on_hand FROM stock WHERE sku = $1`, customers.SKU(n)).Scan(&left); err != nil {
			l.t.Fatal(err)
		}
		if want := 10_000 - sold[customers.SKU(n)]; left != want {
			l.t.Errorf("stock of %s is %d, want %d: an order was lost or carried out twice", customers.SKU(n), left, want)
		}
	}
}

// leavesNothing holds that the service keeps no goroutine and no memory of an
// outage. Pools may hold a few connections more than before.
func (l *lane) leavesNothing() {
	l.t.Helper()
	const goroutines, heap = 40, 16 << 20
	enough := func(k kept) bool {
		return k.Goroutines <= l.baseline.Goroutines+goroutines && k.Heap <= l.baseline.Heap+heap
	}
	if k := l.rest(enough); !enough(k) {
		l.t.Errorf("the service keeps %+v, before it was %+v", k, l.baseline)
	}
}

// record writes what happened where -record says.
func (l *lane) record(a *act, start, begin, end, noticed, recovered, finish time.Time, results []customers.Result) {
	l.t.Helper()
	if *recordTo == "" {
		return
	}
	h := scenario.Head{
		Name: a.name, Down: a.down, Fault: a.fault, Level: a.level.String(), Pace: l.pace, Note: a.note,
		Begin: begin.Sub(start).Seconds(), End: end.Sub(start).Seconds(), Recovered: recovered.Sub(start).Seconds(),
	}
	if !noticed.IsZero() {
		h.Noticed = noticed.Sub(start).Seconds()
	}
	if err := scenario.NewRecording(h, start, finish, results, l.seen()).Write(*recordTo); err != nil {
		l.t.Error(err)
	}
}
