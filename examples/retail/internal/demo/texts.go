package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/app"
	"github.com/resilgo/resil/examples/retail/internal/archive"
	"github.com/resilgo/resil/examples/retail/internal/customers"
	"github.com/resilgo/resil/examples/retail/internal/standin"
)

func (p *play) introduce() {
	s := p.screen
	s.line("%s", s.paint(bold, "A shop and its four dependencies, while they fail"))
	s.line("")
	s.line("   db      critical   items, stock, sales       SQLite instead of PostgreSQL")
	s.line("   openai  high       prices, descriptions      a stub of the OpenAI API")
	s.line("   redis   medium     cache                     miniredis")
	s.line("   s3      low        receipts, exports         gofakes3")
	s.line("")
	s.line("   %d requests per second from customers who come whether or not the last one was served.", p.options.Rate)
	if p.options.Fast {
		s.line("   -fast is on: breakers stay open 1 to 3 s (directives: 20 to 60 s), a better level has to hold")
		s.line("   for 1 to 2 s (10 to 40 s), health is checked each second (every 5 s). All else is as written.")
	}
	s.line("   Watch it live on %s", p.page)
	s.line("")
	s.line("   %s in full  %s degraded: something stood in  %s refused: 503 and Retry-After  %s failed  %s no answer",
		s.paint(green, "█"), s.paint(yellow, "▒"), s.paint(red, "×"), s.paint(red, "!"), s.paint(red, "?"))
}

// conclude shows the table and checks the promises.
func (p *play) conclude(ctx context.Context, reports []report) error {
	s := p.screen
	s.heading(len(p.acts)+1, "What happened", "")
	s.line("")
	s.summary(reports)
	s.line("")

	var n count
	var slowest time.Duration
	for _, r := range reports {
		c, d := tally(r.results)
		for v := range n {
			n[v] += c[v]
		}
		slowest = max(slowest, d)
	}
	p.promise(n[customers.Hung] == 0, "no request hung: the slowest answer took %s", span(slowest))
	p.promise(n[customers.Failed] == 0, "no request failed: whoever got no answer got a clear no and a time to come back")
	p.promise(len(p.broken) == 0, "each outage was noticed, and after each the service was optimal again by itself")
	p.audit(ctx)
	if len(p.broken) > 0 {
		return ErrPromiseBroken
	}
	return nil
}

// promise shows whether a promise was kept.
func (p *play) promise(kept bool, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if kept {
		p.screen.line("   %s %s", p.screen.paint(green, "✓"), text)
		return
	}
	p.screen.line("   %s %s", p.screen.paint(red, "✗ not kept:"), text)
	p.broken = append(p.broken, text)
}

// audit counts the stock and looks for every receipt.
func (p *play) audit(ctx context.Context) {
	shop := p.service.Shop
	sold := map[string]int{} // by SKU
	sales := map[string]bool{}
	after := ""
	for {
		page, err := shop.Sales(ctx, after, 500)
		if err != nil {
			p.promise(false, "the books can be read: %v", err)
			return
		}
		if len(page) == 0 {
			break
		}
		for _, sale := range page {
			sales[sale.ID] = true
			sold[sale.SKU] += sale.Quantity
			after = sale.ID
		}
	}
	lost, missing := 0, 0
	confirmed := p.crowd.Confirmed()
	for _, order := range confirmed {
		id := order.ID
		if !sales[id] {
			lost++
		}
		document, err := shop.Archive.Open(ctx, "receipts/"+id+".txt")
		switch {
		case errors.Is(err, archive.ErrNoObject):
			missing++
		case err != nil:
			p.promise(false, "the archive can be read: %v", err)
			return
		default:
			text, err := io.ReadAll(document)
			if err != nil || !strings.HasPrefix(string(text), "RECEIPT "+id) {
				missing++
			}
			_ = document.Close() // read to its end
		}
	}
	p.promise(lost == 0, "no confirmed order was lost: %d confirmed, %d of them missing", len(confirmed), lost)
	wrong := 0
	for n := range customers.SKUs {
		stock, err := shop.Stock(ctx, customers.SKU(n))
		if err != nil || stock.OnHand != customers.Delivery-sold[customers.SKU(n)] {
			wrong++
		}
	}
	p.promise(wrong == 0, "no order was carried out twice: the stock of %d items adds up", customers.SKUs)
	p.promise(missing == 0, "every receipt is in the archive: %d, none missing", len(confirmed)-missing)
}

// invite tells what to do with a service that keeps running.
func (p *play) invite() {
	s := p.screen
	s.heading(len(p.acts)+2, "Your turn", "")
	s.line("")
	s.line("   the shop         %s/items  /items/item-00/price-suggestion  /status", p.crowd.Base())
	s.line("   the live page    %s", p.page)
	s.line("   break something  curl -X POST %s/demo/redis/refuse", p.crowd.Base())
	s.line("   and repair it    curl -X POST %s/demo/redis/none", p.crowd.Base())
	s.line("                    (db, openai, redis, s3) × (refuse, hang, restart, none)")
	s.line("   stop             Ctrl-C")
}

// withSwitches adds to the service what only a demo may have: a way to break
// its dependencies by HTTP.
func withSwitches(service *app.App) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", service.Handler)
	mux.HandleFunc("POST /demo/{dependency}/{fault}", func(w http.ResponseWriter, r *http.Request) {
		sw, known := service.Switches()[r.PathValue("dependency")]
		if !known {
			http.Error(w, "no such dependency", http.StatusNotFound)
			return
		}
		for _, f := range standin.Faults() {
			if string(f) == r.PathValue("fault") {
				sw.Set(f)
				fmt.Fprintf(w, "%s: %s\n", r.PathValue("dependency"), f)
				return
			}
		}
		http.Error(w, fmt.Sprintf("no such fault; there are %v", standin.Faults()), http.StatusNotFound)
	})
	return mux
}
