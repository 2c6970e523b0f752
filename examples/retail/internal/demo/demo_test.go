package demo

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

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

func TestAnswersAreJudgedAsCustomersWould(t *testing.T) {
	c := newCrowd("", 1)
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   verdict
	}{
		"the whole answer":   {func(http.ResponseWriter, *http.Request) {}, full},
		"something stood in": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Degraded", "db=call") }, degraded},
		"no, come back": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
		}, refused},
		"no":                     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, failed},
		"a bug":                  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, failed},
		"the line breaks":        {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, failed},
		"no answer for too long": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, hung},
		"half an answer, no more": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			if err := http.NewResponseController(w).Flush(); err != nil {
				panic(err)
			}
			<-r.Context().Done()
		}, hung},
	} {
		t.Run(name, func(t *testing.T) {
			shop, err := open("127.0.0.1:0", test.answer)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := shop.close(); err != nil {
					t.Error(err)
				}
			}()
			c.base = shop.url
			c.client.Timeout = 5 * time.Second
			if test.want == hung {
				c.client.Timeout = 50 * time.Millisecond
			}
			if got := c.visit(kinds[0]); got.verdict != test.want {
				t.Errorf("judged %d (%s), want %d", got.verdict, got.note, test.want)
			}
		})
	}
}

func TestAStripShowsTheWorstOfEachMoment(t *testing.T) {
	start := time.Now()
	at := func(d time.Duration, v verdict) result {
		return result{kind: "order", at: start.Add(d), verdict: v}
	}
	r := report{start: start, end: start.Add(time.Second), results: []result{
		at(0, full), at(250*time.Millisecond, degraded), at(299*time.Millisecond, full),
		at(450*time.Millisecond, refused), at(900*time.Millisecond, hung), at(time.Second, full),
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
