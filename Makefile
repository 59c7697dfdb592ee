# WhatsAppLink Cloud. `make help` lists the targets.
SHELL := /bin/bash
GO ?= go

.DEFAULT_GOAL := help
.PHONY: help build demo test check bench faults proof soak fuzz image up down

help: ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

BINARIES := validate route deliver redact listen record custody wlctl

build: ## all binaries into bin/
	$(GO) build -o bin/ $(BINARIES:%=./cmd/%)

demo: ## the whole pipeline in one process, embedded parts, 10,000 requests
	$(GO) run ./cmd/wlctl demo

test: ## everything, race-clean and shuffled: in-process broker, real broker, real engine, separate processes
	$(GO) test -race -shuffle=on -timeout 15m ./...

check: ## format, vet, lint, tidy
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "gofmt: the files above are not formatted"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) mod tidy -diff
	@echo "check: fine"

bench: ## speed floors on a real broker and the real engine, with CPU microseconds a record
	$(GO) run ./cmd/internal/bench

proof: ## erasure at rest on a real broker: every case with the lateness measured, panics that show nothing, scans that find
	CI=true $(GO) test -count=1 -v -timeout 20m -parallel 4 -run '^TestProof' ./cmd/internal/e2e -proof

faults: ## 50,000 messages through 50 rounds of faults on a real broker: kills, stalls, outages; about 11 minutes
	CI=true $(GO) test ./cmd/internal/e2e -run Faults -count=1 -v -timeout 60m -rounds 50

soak: ## 5,000 random lives of content against every invariant, in fake time; CI runs 200
	$(GO) test ./cmd/internal/lifecycle -run '^TestContentsLife$$' -count=1 -v -timeout 60m -runs 5000

FUZZTIME ?= 30s

fuzz: ## every fuzz target for 30 seconds; FUZZTIME=5m for longer
	@set -e; for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p; done; done

image: ## the container image, all binaries
	docker build -t whatsapplink/cloud .

up: ## Kafka, ClickHouse, a simulated Cloud API, every stage and dashboards by docker compose, secrets made once
	$(GO) run ./cmd/wlctl setup --local .cache/compose
	docker compose up -d --build

down: ## stop what `make up` started and drop its volumes
	docker compose down -v
