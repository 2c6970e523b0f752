package demo

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/customers"
	"github.com/resilgo/resil/examples/retail/internal/standin"
	resil "github.com/resilgo/resil/runtime"
)

var quick = Options{Fast: true, Addr: "127.0.0.1:0", Rate: 50}

func TestAnOutageIsPlayedAndSurvived(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as the outage")
	}
	var out bytes.Buffer
	err := perform(t.Context(), quick, []act{{
		title: "The cache goes", short: "cache", story: "It is away.", faults: map[string]standin.Fault{"redis": standin.Refuse},
		level: resil.Degraded, watch: []string{"browse", "order"},
	}}, &out)
	if err != nil {
		t.Errorf("%v; the story was:\n%s", err, &out)
	}
	for _, want := range []string{"OPTIMAL → DEGRADED", "→ OPTIMAL", "repaired", "no request hung", "none missing"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the story lacks %q:\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "\x1b[") {
		t.Error("colours in a file")
	}
}

func TestABrokenPromiseIsAnError(t *testing.T) {
	if testing.Short() {
		t.Skip("waits in vain for a level")
	}
	var out bytes.Buffer
	err := perform(t.Context(), quick, []act{{
		title: "Nothing happens", faults: map[string]standin.Fault{"redis": standin.None}, level: resil.Emergency,
	}}, &out)
	if !errors.Is(err, ErrPromiseBroken) || !strings.Contains(out.String(), "the level is optimal, not emergency") {
		t.Errorf("%v, want %v; the story was:\n%s", err, ErrPromiseBroken, &out)
	}
}

func TestAStripShowsTheWorstOfEachMoment(t *testing.T) {
	start := time.Now()
	at := func(d time.Duration, v customers.Verdict) customers.Result {
		return customers.Result{Kind: "order", At: start.Add(d), Verdict: v}
	}
	r := report{start: start, end: start.Add(time.Second), results: []customers.Result{
		at(0, customers.Full), at(250*time.Millisecond, customers.Degraded), at(299*time.Millisecond, customers.Full),
		at(450*time.Millisecond, customers.Refused), at(900*time.Millisecond, customers.Hung), at(time.Second, customers.Full),
	}}
	if got, want := newScreen(&bytes.Buffer{}).strip(r, "order"), "█▒×·?"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTimesReadAsPeopleSayThem(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "–", 1500 * time.Microsecond: "1.5 ms", 45 * time.Millisecond: "45 ms", 2340 * time.Millisecond: "2.3 s",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%s) = %s, want %s", d, got, want)
		}
	}
}
