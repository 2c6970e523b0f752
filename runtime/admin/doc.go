// Package admin serves the state of a [resil.System] to people and machines: a
// live page, JSON, health endpoints and, for those who may, control.
//
// Nothing registers itself: New returns an [http.Handler] for the service to
// mount, or [Serve] runs it on a listener of its own and refuses any address
// beyond loopback without authentication. Without [Config.Authorize] the
// handler only reads. Reading never changes state.
//
// Routes, below the prefix the handler is mounted at (use [http.StripPrefix]):
//
//	GET  /                     the page
//	GET  /level                the level, as plain text
//	GET  /healthz              200 while the process runs
//	GET  /readyz, /health      503 unless the system is ready; application/health+json
//	GET  /metrics              Config.Metrics, if given
//	GET  /api/status           level and dependencies
//	GET  /api/explain          the rule and the dependencies behind the level
//	GET  /api/explain?dependency=NAME&method=NAME
//	                           policies in force with the source of each value, and what a call gets now
//	GET  /api/inventory        the same of all dependencies
//	GET  /api/history          the last 1000 changes of levels, breakers, health and overrides
//	GET  /api/events           server-sent events: what the page shows, once a second
//	POST /api/force/level      {"level","ttl","reason"}; level "" releases
//	POST /api/force/breaker    {"dependency","state","ttl","reason"}; state "" releases
//	POST /api/reset            {"dependency","reason"}: the breaker as new
//	POST /api/kill             {"on","ttl","reason"}: policies off, fallbacks kept
//	POST /api/reload           {"reason"}: Config.Reload
//	POST /api/chaos            {"on","ttl","reason"}: Config.Chaos
package admin
