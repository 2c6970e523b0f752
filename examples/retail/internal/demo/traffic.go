package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/api"
)

// verdict is what a customer got.
type verdict uint8

const (
	full     verdict = iota // the whole answer
	degraded                // an answer that something stood in for
	refused                 // 503 with Retry-After: a clear no
	failed                  // any other error
	hung                    // nothing within patience
	verdicts                // how many there are
)

// patience is how long a customer waits. All timeouts on the way to any answer
// add up to less, so a request that takes longer has slipped past a guard.
const patience = 10 * time.Second

// result is one request and what came of it.
type result struct {
	kind    string
	at      time.Time
	took    time.Duration
	verdict verdict
	note    string // what a customer would have read
	order   string // the id, of an order that was confirmed
}

// kind is one sort of request.
type kind struct {
	name   string
	weight int // share of all requests
	make   func(c *crowd) (method, path string, header http.Header, body any)
	note   func(answer map[string]any) string
}

const skus = 12

func sku(n int) string { return fmt.Sprintf("item-%02d", n%skus) }
func anySKU() string   { return sku(rand.IntN(skus)) }

// kinds is what customers do, and the shares in which they do it.
var kinds = []kind{
	{
		name: "browse", weight: 8, make: get(func(*crowd) string { return "/items/" + anySKU() }),
		note: func(a map[string]any) string { return fmt.Sprintf("%v, %s", a["name"], money(a["price_cents"])) },
	},
	{name: "list", weight: 2, make: get(func(*crowd) string { return "/items?limit=5" })},
	{
		name: "stock", weight: 4, make: get(func(*crowd) string { return "/items/" + anySKU() + "/stock" }),
		note: func(a map[string]any) string { return fmt.Sprintf("%v on hand", a["on_hand"]) },
	},
	{
		name: "price", weight: 5, make: get(func(*crowd) string { return "/items/" + anySKU() + "/price-suggestion" }),
		note: func(a map[string]any) string { return fmt.Sprintf("%s: %v", money(a["price_cents"]), a["reason"]) },
	},
	{
		name: "describe", weight: 2, make: get(func(*crowd) string { return "/items/" + anySKU() + "/description" }),
		note: func(a map[string]any) string { return fmt.Sprintf("%v", a["description"]) },
	},
	{
		name: "order", weight: 5,
		make: func(c *crowd) (string, string, http.Header, any) {
			return http.MethodPost, "/sales", http.Header{"Idempotency-Key": {c.orderID()}},
				map[string]any{"sku": anySKU(), "quantity": 1 + rand.IntN(3)}
		},
		note: func(a map[string]any) string {
			return fmt.Sprintf("sold for %s, receipt %v", money(a["total_cents"]), a["receipt"])
		},
	},
	{
		name: "receipt", weight: 2, make: get(func(c *crowd) string { return "/sales/" + c.soldID() + "/receipt" }),
		note: func(map[string]any) string { return "here it is" },
	},
}

func get(path func(*crowd) string) func(*crowd) (string, string, http.Header, any) {
	return func(c *crowd) (string, string, http.Header, any) {
		return http.MethodGet, path(c), nil, nil
	}
}

func money(cents any) string {
	n, _ := cents.(float64)
	return fmt.Sprintf("%.2f", n/100)
}

// crowd is the customers: they come at a steady pace whether or not those
// before them were served, as customers do.
type crowd struct {
	base   string
	client *http.Client
	pace   time.Duration

	done sync.WaitGroup

	mu      sync.Mutex
	results []result
	orders  int
	sold    []string // ids of confirmed orders
}

func newCrowd(base string, perSecond int) *crowd {
	return &crowd{
		base: base,
		client: &http.Client{
			Timeout:   patience,
			Transport: &http.Transport{MaxIdleConnsPerHost: 256},
		},
		pace: time.Second / time.Duration(perSecond),
	}
}

// run sends requests until ctx ends and returns when all have been answered or
// were given up.
func (c *crowd) run(ctx context.Context) {
	deck := make([]kind, 0, 32)
	for _, k := range kinds {
		for range k.weight {
			deck = append(deck, k)
		}
	}
	ticker := time.NewTicker(c.pace)
	defer ticker.Stop()
	start := time.Now()
	for sent := 0; ; {
		select {
		case <-ctx.Done():
			c.done.Wait()
			c.client.CloseIdleConnections()
			return
		case <-ticker.C:
		}
		// A busy machine drops ticks; customers come all the same.
		for ; sent < int(time.Since(start)/c.pace); sent++ {
			k := deck[rand.IntN(len(deck))]
			c.done.Go(func() { c.add(c.visit(k)) })
		}
	}
}

// visit is one request. It ends by itself within patience, also when the
// crowd has been told to stop: what was asked is answered.
func (c *crowd) visit(k kind) result {
	method, path, header, body := k.make(c)
	r := result{kind: k.name, at: time.Now(), verdict: failed}
	var answer map[string]any
	status, got, err := c.send(method, path, header, body, &answer)
	r.took = time.Since(r.at)
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		r.verdict, r.note = hung, "no answer"
		return r
	case err != nil:
		r.note = err.Error()
		return r
	}
	switch {
	case status < 300 && got.Get(api.DegradedHeader) != "":
		r.verdict = degraded
	case status < 300:
		r.verdict = full
	case status == http.StatusServiceUnavailable && got.Get("Retry-After") != "":
		r.verdict = refused
	}
	switch {
	case status >= 300:
		r.note = fmt.Sprintf("%d, %v", status, answer["error"])
		if after := got.Get("Retry-After"); after != "" {
			r.note += ", retry after " + after + " s"
		}
	case k.note != nil:
		r.note = k.note(answer)
	}
	if k.name == "order" && status < 300 {
		r.order = header.Get("Idempotency-Key")
	}
	return r
}

// send does one HTTP exchange and decodes a JSON answer into answer.
//
//resil:guarded this is the customer, who has nothing but patience
func (c *crowd) send(method, path string, header http.Header, body, answer any) (int, http.Header, error) {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, c.base+path, content)
	if err != nil {
		return 0, nil, err
	}
	if header != nil {
		request.Header = header
	}
	response, err := c.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, err
	}
	if answer != nil && bytes.HasPrefix(text, []byte("{")) {
		err = json.Unmarshal(text, answer)
	}
	return response.StatusCode, response.Header, err
}

func (c *crowd) add(r result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.results = append(c.results, r)
	if r.order != "" {
		c.sold = append(c.sold, r.order)
	}
}

// since returns the results of requests that were sent at or after t.
func (c *crowd) since(t time.Time) []result {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []result
	for _, r := range c.results {
		if !r.at.Before(t) {
			all = append(all, r)
		}
	}
	return all
}

// confirmed returns the ids of all orders that were confirmed.
func (c *crowd) confirmed() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.sold...)
}

func (c *crowd) orderID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.orders++
	return fmt.Sprintf("order-%06d", c.orders)
}

// soldID returns a confirmed order, usually one of the last.
func (c *crowd) soldID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	recent := c.sold[max(0, len(c.sold)-20):]
	return recent[rand.IntN(len(recent))]
}
