// Package customers is the people who use the shop: they come at a steady pace
// whether or not those before them were served, as customers do, and each
// remembers what became of the visit. What they ask for depends on a seed and
// on nothing else.
package customers

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

// Verdict is what a customer got.
type Verdict uint8

// The verdicts, from the best to the worst.
const (
	Full     Verdict = iota // the whole answer
	Degraded                // an answer that something stood in for
	Refused                 // 503 with Retry-After: a clear no
	Failed                  // any other error
	Hung                    // nothing within patience
	Verdicts                // how many there are
)

var verdictNames = [Verdicts]string{"full", "degraded", "refused", "failed", "hung"}

// String returns the verdict's name.
func (v Verdict) String() string { return verdictNames[v] }

// Patience is how long a customer waits. All timeouts on the way to any answer
// add up to less, so a request that takes longer has slipped past a guard.
const Patience = 10 * time.Second

// Result is one request and what came of it.
type Result struct {
	Kind    string // of request
	At      time.Time
	Took    time.Duration
	Verdict Verdict
	Status  int    // of the answer; 0 = none
	Note    string // what a customer would have read
	StoodIn string // the header Degraded
	Order   *Order // of an order
}

// Order is what a customer wanted to buy.
type Order struct {
	ID       string
	SKU      string
	Quantity int
	Total    int  // cents, of an order that was confirmed
	Sold     bool // it was confirmed
}

// Request is what a customer is about to ask.
type Request struct {
	Kind   Kind
	Method string
	Path   string
	Header http.Header
	Body   any
	Order  *Order // of an order
}

// Kind is one sort of request.
type Kind struct {
	Name   string
	weight int // share of all requests
	make   func(c *Crowd, r *Request)
	note   func(answer map[string]any) string
}

// SKUs is how many items the shop sells.
const SKUs = 12

// SKU returns the SKU of item n.
func SKU(n int) string { return fmt.Sprintf("item-%02d", n%SKUs) }

// Names are the items' names.
var Names = [SKUs]string{
	"Mug", "Pan", "Teapot", "Bread knife", "Cutting board", "Wine glass",
	"Salad bowl", "Apron", "Candle", "Tray", "Kettle", "Lamp",
}

// Delivery is how many of each item there are at first, for a crowd that does
// not say otherwise: more than a demo sells.
const Delivery = 9_000

// Kinds is what customers do, and the shares in which they do it.
func Kinds() []Kind {
	return []Kind{
		{
			Name: "browse", weight: 8, make: get(func(c *Crowd) string { return "/items/" + c.anySKU() }),
			note: func(a map[string]any) string { return fmt.Sprintf("%v, %s", a["name"], money(a["price_cents"])) },
		},
		{Name: "list", weight: 2, make: get(func(*Crowd) string { return "/items?limit=5" })},
		{
			Name: "stock", weight: 4, make: get(func(c *Crowd) string { return "/items/" + c.anySKU() + "/stock" }),
			note: func(a map[string]any) string { return fmt.Sprintf("%v on hand", a["on_hand"]) },
		},
		{
			Name: "price", weight: 5, make: get(func(c *Crowd) string { return "/items/" + c.anySKU() + "/price-suggestion" }),
			note: func(a map[string]any) string { return fmt.Sprintf("%s: %v", money(a["price_cents"]), a["reason"]) },
		},
		{
			Name: "describe", weight: 2, make: get(func(c *Crowd) string { return "/items/" + c.anySKU() + "/description" }),
			note: func(a map[string]any) string { return fmt.Sprintf("%v", a["description"]) },
		},
		{
			Name: "order", weight: 5,
			make: func(c *Crowd, r *Request) {
				r.order(&Order{ID: c.orderID(), SKU: c.anySKU(), Quantity: 1 + c.random.IntN(3)})
			},
			note: func(a map[string]any) string {
				return fmt.Sprintf("sold for %s, receipt %v", money(a["total_cents"]), a["receipt"])
			},
		},
		{
			Name: "receipt", weight: 2, make: get(func(c *Crowd) string { return "/sales/" + c.soldID() + "/receipt" }),
			note: func(map[string]any) string { return "here it is" },
		},
	}
}

func get(path func(*Crowd) string) func(*Crowd, *Request) {
	return func(c *Crowd, r *Request) { r.Method, r.Path = http.MethodGet, path(c) }
}

// order makes r the request for o.
func (r *Request) order(o *Order) {
	r.Method, r.Path, r.Order = http.MethodPost, "/sales", o
	r.Header = http.Header{"Idempotency-Key": {o.ID}}
	r.Body = map[string]any{"sku": o.SKU, "quantity": o.Quantity}
}

func money(cents any) string {
	n, _ := cents.(float64)
	return fmt.Sprintf("%.2f", n/100)
}

// Config is what a crowd is.
type Config struct {
	Base      string            // URL of the shop
	PerSecond int               // visits per second
	Seed      uint64            // of what they ask for; 0 = another each time
	Transport http.RoundTripper // nil = connections of their own
	Delivery  int               // how many of each item there are at first; 0 = [Delivery]
	Prefix    string            // of the ids of orders; "" = "order"
}

// Crowd is the customers. It is safe for concurrent use.
type Crowd struct {
	config Config
	client *http.Client
	deck   []Kind

	done sync.WaitGroup

	mu      sync.Mutex // guards what follows
	random  *rand.Rand
	results []Result
	orders  int
	sold    []*Order // confirmed
	open    []*Order // neither confirmed nor known to have changed nothing
}

// New returns a crowd that stays at home until [Crowd.Run] or [Crowd.Visit].
func New(c Config) *Crowd {
	if c.Seed == 0 {
		c.Seed = rand.Uint64()
	}
	if c.Transport == nil {
		c.Transport = &http.Transport{MaxIdleConnsPerHost: 256}
	}
	if c.Delivery == 0 {
		c.Delivery = Delivery
	}
	if c.Prefix == "" {
		c.Prefix = "order"
	}
	crowd := &Crowd{
		config: c,
		client: &http.Client{Timeout: Patience, Transport: c.Transport},
		random: rand.New(rand.NewPCG(c.Seed, 0)), //nolint:gosec // wishes, not secrets
	}
	for _, k := range Kinds() {
		for range k.weight {
			crowd.deck = append(crowd.deck, k)
		}
	}
	return crowd
}

// Base returns the URL of the shop.
func (c *Crowd) Base() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.config.Base
}

// MoveTo sends the customers to another URL from now on.
func (c *Crowd) MoveTo(base string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.config.Base = base
}

// SetPatience changes how long customers wait, [Patience] at first.
func (c *Crowd) SetPatience(d time.Duration) { c.client.Timeout = d }

// StockUp fills the shop and lets the first customer buy something, so that
// there is a receipt to ask for. What was not confirmed it does again.
func (c *Crowd) StockUp() error {
	for n, name := range Names {
		item := map[string]any{"sku": SKU(n), "name": name, "description": name + ", plain and good.", "cost_cents": 250 + 175*n}
		err := c.insist("/items", item, func() bool {
			status, _, err := c.Send(http.MethodGet, "/items/"+SKU(n), nil, nil, nil)
			return err == nil && status == http.StatusOK
		})
		if err != nil {
			return err
		}
		err = c.insist("/items/"+SKU(n)+"/stock", map[string]any{"quantity": c.config.Delivery}, func() bool {
			var stock map[string]any
			_, _, err := c.Send(http.MethodGet, "/items/"+SKU(n)+"/stock", nil, nil, &stock)
			return err == nil && stock["on_hand"] == float64(c.config.Delivery)
		})
		if err != nil {
			return err
		}
	}
	r := Request{Kind: kindOf("order")}
	c.mu.Lock()
	r.Kind.make(c, &r)
	c.mu.Unlock()
	first := c.Visit(r)
	for try := 1; !first.Order.Sold && try < tries; try++ { // it has its key
		first = c.Visit(r)
	}
	c.Add(first)
	if !first.Order.Sold {
		return fmt.Errorf("the first order failed: %s", first.Note)
	}
	return nil
}

// tries bounds how often the staff tries to fill the shop.
const tries = 5

// insist posts until that is confirmed or found done.
func (c *Crowd) insist(path string, body map[string]any, done func() bool) error {
	for try := 1; ; try++ {
		var answer map[string]any
		status, _, err := c.Send(http.MethodPost, path, nil, body, &answer)
		switch {
		case err == nil && status < 300 || done():
			return nil
		case try == tries && err != nil:
			return err
		case try == tries:
			return fmt.Errorf("POST %s: %d, %v", path, status, answer["error"])
		}
	}
}

func kindOf(name string) Kind {
	for _, k := range Kinds() {
		if k.Name == name {
			return k
		}
	}
	panic("no kind " + name)
}

// Run sends requests until ctx ends and returns when all have been answered or
// were given up.
func (c *Crowd) Run(ctx context.Context) {
	pace := time.Second / time.Duration(c.config.PerSecond)
	ticker := time.NewTicker(pace)
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
		for ; sent < int(time.Since(start)/pace); sent++ {
			r := c.Next()
			c.done.Go(func() { c.Add(c.Visit(r)) })
		}
	}
}

// Next returns what the next customer asks for.
func (c *Crowd) Next() Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := Request{Kind: c.deck[c.random.IntN(len(c.deck))]}
	r.Kind.make(c, &r)
	return r
}

// Visit is one request. It ends by itself within the customers' patience, also
// when the crowd has been told to stop: what was asked is answered.
func (c *Crowd) Visit(q Request) Result {
	r := Result{Kind: q.Kind.Name, At: time.Now(), Verdict: Failed, Order: q.Order}
	var answer map[string]any
	status, got, err := c.Send(q.Method, q.Path, q.Header, q.Body, &answer)
	r.Took, r.Status = time.Since(r.At), status
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		r.Verdict, r.Note = Hung, "no answer"
		return r
	case err != nil:
		r.Note = err.Error()
		return r
	}
	r.StoodIn = got.Get(api.DegradedHeader)
	switch {
	case status < 300 && r.StoodIn != "":
		r.Verdict = Degraded
	case status < 300:
		r.Verdict = Full
	case status == http.StatusServiceUnavailable && got.Get("Retry-After") != "":
		r.Verdict = Refused
	}
	switch {
	case status >= 300:
		r.Note = fmt.Sprintf("%d, %v", status, answer["error"])
		if after := got.Get("Retry-After"); after != "" {
			r.Note += ", retry after " + after + " s"
		}
	case q.Kind.note != nil:
		r.Note = q.Kind.note(answer)
	}
	if q.Order != nil && status < 300 {
		total, _ := answer["total_cents"].(float64)
		r.Order.Sold, r.Order.Total = true, int(total)
	}
	return r
}

// Send does one HTTP exchange and decodes a JSON answer into answer.
//
//resil:guarded this is the customer, who has nothing but patience
func (c *Crowd) Send(method, path string, header http.Header, body, answer any) (int, http.Header, error) {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, c.Base()+path, content)
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

// Add remembers a result.
func (c *Crowd) Add(r Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.results = append(c.results, r)
	switch {
	case r.Order == nil:
	case r.Order.Sold:
		c.sold = append(c.sold, r.Order)
	default:
		c.open = append(c.open, r.Order)
	}
}

// Order lets a customer order something in particular, and remembers the result.
func (c *Crowd) Order(id, sku string, quantity int) Result {
	r := Request{Kind: kindOf("order")}
	r.order(&Order{ID: id, SKU: sku, Quantity: quantity})
	one := c.Visit(r)
	c.Add(one)
	return one
}

// InsistOn sends the orders again whose fate their customers do not know, each
// with its old key, and forgets about those. What is confirmed now counts as
// confirmed.
func (c *Crowd) InsistOn() []Result {
	c.mu.Lock()
	open := c.open
	c.open = nil
	c.mu.Unlock()
	var results []Result
	for _, o := range open {
		r := Request{Kind: kindOf("order")}
		r.order(o)
		one := c.Visit(r)
		c.Add(one)
		results = append(results, one)
	}
	return results
}

// Since returns the results of requests that were sent at or after t.
func (c *Crowd) Since(t time.Time) []Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []Result
	for _, r := range c.results {
		if !r.At.Before(t) {
			all = append(all, r)
		}
	}
	return all
}

// Confirmed returns all orders that were confirmed.
func (c *Crowd) Confirmed() []Order {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]Order, len(c.sold))
	for i, o := range c.sold {
		all[i] = *o
	}
	return all
}

// The following require mu.

func (c *Crowd) anySKU() string { return SKU(c.random.IntN(SKUs)) }

func (c *Crowd) orderID() string {
	c.orders++
	return fmt.Sprintf("%s-%06d", c.config.Prefix, c.orders)
}

// soldID returns a confirmed order, usually one of the last.
func (c *Crowd) soldID() string {
	recent := c.sold[max(0, len(c.sold)-20):]
	return recent[c.random.IntN(len(recent))].ID
}
