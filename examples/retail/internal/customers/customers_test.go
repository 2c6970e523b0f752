package customers_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/customers"
)

func TestAnswersAreJudgedAsCustomersWould(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   customers.Verdict
	}{
		"the whole answer":   {func(http.ResponseWriter, *http.Request) {}, customers.Full},
		"something stood in": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Degraded", "db=call") }, customers.Degraded},
		"no, come back": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
		}, customers.Refused},
		"no":                     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, customers.Failed},
		"a bug":                  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, customers.Failed},
		"the line breaks":        {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, customers.Failed},
		"no answer for too long": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, customers.Hung},
		"half an answer, no more": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			if err := http.NewResponseController(w).Flush(); err != nil {
				panic(err)
			}
			<-r.Context().Done()
		}, customers.Hung},
	} {
		t.Run(name, func(t *testing.T) {
			shop := httptest.NewServer(test.answer)
			t.Cleanup(shop.Close)
			c := customers.New(customers.Config{Base: shop.URL, PerSecond: 1})
			c.SetPatience(5 * time.Second)
			if test.want == customers.Hung {
				c.SetPatience(50 * time.Millisecond)
			}
			if got := c.Visit(customers.Request{Kind: customers.Kinds()[0], Method: http.MethodGet, Path: "/"}); got.Verdict != test.want {
				t.Errorf("judged %s (%s), want %s", got.Verdict, got.Note, test.want)
			}
		})
	}
}

func TestTheSameSeedAsksTheSame(t *testing.T) {
	asked := func(seed uint64) (all []string) {
		c := customers.New(customers.Config{PerSecond: 1, Seed: seed})
		c.Add(customers.Result{Order: &customers.Order{ID: "first", Sold: true}})
		for range 200 {
			r := c.Next()
			all = append(all, fmt.Sprint(r.Method, r.Path, r.Body))
		}
		return all
	}
	if !slices.Equal(asked(7), asked(7)) {
		t.Error("one seed asked two things")
	}
	if slices.Equal(asked(7), asked(8)) {
		t.Error("two seeds asked the same")
	}
}
