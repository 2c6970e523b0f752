// Package retail is the root of the reference service: a shop with four
// dependencies, each behind an annotated interface in a package of its own.
//
//	internal/retail      items, stock, sales; knows nobody
//	internal/store       interface Store     → dependency "db"      PostgreSQL or SQLite
//	internal/cache       interface Cache     → dependency "redis"   Redis
//	internal/assistant   interface Assistant → dependency "openai"  an OpenAI-compatible server
//	internal/archive     interface Archive   → dependency "s3"      an S3-compatible server
//	internal/inventory   what the shop does, on these four interfaces
//	internal/api         the same over HTTP
//	internal/app         puts all of it together
//	internal/standin     small servers that replace the four, and can fail
//	internal/demo        outages, customers, and what became of them
//
// Begin with internal/assistant/assistant.go: an interface, its directives and
// its fallbacks. The guards are generated next to it.
package retail

//go:generate go tool resilgen ./...
//go:generate go tool resilgen tests ./...
