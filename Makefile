# The one entry point. `make` lists what there is; CI runs `make test`.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

step := tools/step
each := tools/each-module

# How long fuzzing runs per target.
FUZZTIME ?= 30s
# Arguments for the demo and the benchmarks: make demo ARGS=-serve
ARGS ?=

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

.PHONY: demo
demo: ## the reference service through a script of outages; ARGS=-serve keeps it running
	@go -C examples/retail run ./cmd/demo $(ARGS)

.PHONY: test
test: prepare build check pins race ## the gate: everything that has to hold, cheap steps first

.PHONY: check
check: format-check vet lint guards ## what needs no test run: style, vet, lint, our own tools on ourselves

.PHONY: prepare
prepare: ## install test servers and pinned tools, fetch modules
	@$(step) 'servers and browser (Debian packages)' tools/servers/install.sh
	@$(step) 'modules' $(each) "$(CURDIR)/tools/retry" go mod download
	@$(step) 'tools' $(SHELL) -ec 'for tool in gofumpt gcl toxiproxy-server versitygw; do tools/tool $$tool; done'

.PHONY: build
build: ## compile every module
	@$(step) 'build' $(each) go build -o /dev/null ./...

.PHONY: format
format: ## rewrite Go files in gofumpt style
	@gofumpt=$$(tools/tool gofumpt); "$$gofumpt" -w .

.PHONY: format-check
format-check:
	@$(step) 'gofumpt' tools/gofumpt-check

.PHONY: vet
vet: ## go vet in every module
	@$(step) 'go vet' $(each) go vet ./...

.PHONY: lint
lint: ## golangci-lint with the house list, in every module
	@gcl=$$(tools/tool gcl); $(step) 'golangci-lint' $(each) "$$gcl" run --config "$(CURDIR)/.golangci.yml" ./...

.PHONY: guards
guards: ## resilgen -check and resilvet, alone and as vet tool, on this repository
	@$(step) 'resilgen -check and resilvet on ourselves' tools/guards

.PHONY: pins
pins: ## what the race detector would falsify: allocations, size and cost at rest
	@$(step) 'allocations and cost at rest' go test -count=1 ./runtime

.PHONY: race
race: ## the tests of every module under the race detector
	@$(step) 'go test -race' $(each) go test -race -count=1 -timeout 20m ./...

.PHONY: quick
quick: ## the tests without race detector, those that are slow cut short
	@$(each) go test -short -timeout 5m ./...

.PHONY: soak
soak: ## random outages on virtual time, other seeds each time; ARGS='-runs=50 -for=12h' or ARGS=-seed=N
	@go -C examples/retail test ./internal/soak -count=1 -timeout 0 -run 'TestSoak$$' -v $(or $(ARGS),-runs=10 -for=6h)

.PHONY: scenarios
scenarios: ## every outage on real servers; ARGS='-random=50 -seed=7' for random ones
	@go -C examples/retail test ./internal/scenario -count=1 -timeout 0 -run TestScenarios -v -full $(ARGS)

.PHONY: traces
traces: ## a degraded request in a real Jaeger, which is built the first time
	@go -C examples/retail test ./cmd/retail -count=1 -timeout 0 -run TestJaegerShowsADegradedRequest -v -jaeger

.PHONY: pictures
pictures: ## draw the recordings of scenarios, for docs/chaos.md
	@go -C examples/retail run ./cmd/pictures

.PHONY: load
load: ## 1 000 users against the reference service with and without guards; rewrites the tables in docs/load.md
	@go -C examples/retail run ./cmd/load $(ARGS)

.PHONY: generate
generate: ## rewrite generated code and docs
	@$(each) go generate ./...

.PHONY: bench
bench: ## measure against peers and rewrite the table in docs/benchmarks.md
	@go -C benchmarks run ./cmd/bench $(ARGS)

.PHONY: accuracy
accuracy: ## run resilvet on public services and compare with what people say of them
	@go -C benchmarks run ./cmd/accuracy -check $(ARGS)

.PHONY: bench-gen
bench-gen: ## measure generating against peers and rewrite its table in docs/benchmarks.md
	@go -C benchmarks run ./cmd/gen $(ARGS)

.PHONY: fuzz
fuzz: ## fuzz every target for FUZZTIME
	@tools/fuzz $(FUZZTIME)

.PHONY: corpus
corpus: ## guard the exported interfaces of the standard library and of popular clients, build and vet the result
	@for set in all modules corpus; do RESIL_STD=$$set go test ./generator -run TestStandardLibrary -count=1 -timeout 120m -v || exit; done

.PHONY: vulns
vulns: ## known vulnerabilities in what we use; needs the vulnerability database, gates nothing
	@govulncheck=$$(tools/tool govulncheck); $(each) "$$govulncheck" ./...
