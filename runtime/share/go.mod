module github.com/resilgo/resil/runtime/share

go 1.26.0

replace github.com/resilgo/resil => ../..

replace github.com/resilgo/resil/tools => ../../tools

require (
	github.com/redis/go-redis/v9 v9.23.0
	github.com/resilgo/resil v0.0.0-00010101000000-000000000000
	github.com/resilgo/resil/tools v0.0.0-00010101000000-000000000000
)

require (
	github.com/cenkalti/backoff/v5 v5.0.3 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/maypok86/otter/v2 v2.4.0 // indirect
	github.com/sony/gobreaker/v2 v2.4.0 // indirect
	go.uber.org/atomic v1.12.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/time v0.16.0 // indirect
)
