package demo

import (
	"github.com/resilgo/resil/examples/retail/internal/standin"
	resil "github.com/resilgo/resil/runtime"
)

// act is one scene of the demo: what breaks, what should come of it.
type act struct {
	title  string
	short  string // the title in the table at the end
	story  string
	faults map[string]standin.Fault
	level  resil.Level // that the service should find by itself
	watch  []string    // kinds of requests that the act is about
}

// script is the whole play. Each act ends with everything repaired.
var script = []act{
	{
		title: "All is well",
		short: "all well",
		story: "Four dependencies are up. Items come from the cache, prices from the model.",
		level: resil.Optimal,
		watch: []string{"browse", "stock", "price", "order"},
	},
	{
		title:  "Redis goes down",
		short:  "redis down",
		story:  "The cache refuses connections. The database answers in its place: slower, and complete.",
		faults: map[string]standin.Fault{"redis": standin.Refuse},
		level:  resil.Degraded,
		watch:  []string{"browse", "stock"},
	},
	{
		title:  "OpenAI hangs",
		short:  "openai hangs",
		story:  "The model takes requests and never answers. After five timeouts nobody waits for it any more:\nprices are cost plus 30 %, descriptions are the shop's own.",
		faults: map[string]standin.Fault{"openai": standin.Hang},
		level:  resil.Limited,
		watch:  []string{"price", "describe", "order"},
	},
	{
		title:  "S3 goes down",
		short:  "s3 down",
		story:  "Orders go on. Receipts wait in the outbox and are delivered when the archive is back.",
		faults: map[string]standin.Fault{"s3": standin.Refuse},
		level:  resil.Optimal,
		watch:  []string{"order", "receipt"},
	},
	{
		title:  "The database goes down",
		short:  "db down",
		story:  "The shop is read-only: what the cache remembers is shown, orders are refused at once and clearly.",
		faults: map[string]standin.Fault{"db": standin.Refuse},
		level:  resil.Minimal,
		watch:  []string{"browse", "stock", "order"},
	},
	{
		title: "Everything goes down",
		short: "all down",
		story: "Database, cache and archive refuse, the model hangs. What this process remembers is all there is.",
		faults: map[string]standin.Fault{
			"db": standin.Refuse, "redis": standin.Refuse, "s3": standin.Refuse, "openai": standin.Hang,
		},
		level: resil.Emergency,
		watch: []string{"browse", "price", "order"},
	},
}
