SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

GO ?= $(or $(shell command -v go),$(wildcard /usr/local/go/bin/go),go)
GOLANGCI_VERSION := v2.15.0
GOLANGCI := .cache/golangci-lint-$(GOLANGCI_VERSION)/golangci-lint

# Every module builds and is tested on its own, as the images build it; go.work
# is for editors. Modules that link DuckDB are tested without the race detector:
# each of their test binaries already takes 10 s or more to link.
DUCKDB_MODULES := pkg/warehouse services/syncworker services/stats services/standalone
RACE_MODULES := migrations pkg web services/account services/ingest cmd/import_events
MODULES := $(RACE_MODULES) $(DUCKDB_MODULES) tests
ROUNDS ?= 100
OBJECT_ROUNDS ?= 10
SEED ?= 0
BUG ?= .
SDK ?= .
FUZZ_TIME ?= 30s
# ClickHouse, which bench-stats compares with and engine-test asks: a library of 560 MB, from
# npm, and the only two binaries that load it. There is one for this kind of machine alone.
CLICKHOUSE := $(if $(filter Linux-x86_64,$(shell uname -s)-$(shell uname -m)),.cache/clickhouse)
LIBCHDB := $(CLICKHOUSE)/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so
ICEBERG ?= bin/iceberg
SOURCES := migrations pkg services cmd web/*.go tests
BINARIES := account ingest syncworker stats standalone

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: run
run: install-run ## Run everything on http://localhost:5066 (PORT, DATA_DIR, DATABASE_URL, REDIS_URL); Ctrl-C stops it
	@GO=$(GO) deployments/build services/standalone ./cmd/standalone
	@exec bin/standalone

.PHONY: services
services: install-test ## Run the services as separate processes behind nginx, as operators do without Docker (PORT, DATA_DIR)
	@GO=$(GO) deployments/build tests ./cmd/services
	@exec bin/services

# What compares times, or must be quicker than a time-out, runs alone: others would disturb it.
ALONE := ^(TestWhoExists|TestLoginFlood|TestSlowRequests|TestStalledUploads)$$
TEST_FLAGS ?=

.PHONY: test
test: install-test build ## Run all tests, against a real Postgres, redis-server and nginx (TEST_FLAGS=-vet=off)
	@for module in $(RACE_MODULES); do GOWORK=off $(GO) test -C $$module -race $(TEST_FLAGS) ./...; done
	@for module in $(DUCKDB_MODULES); do GOWORK=off $(GO) test -C $$module -timeout 20m $(TEST_FLAGS) ./...; done
	@BUILT=1 GOWORK=off $(GO) test -C tests -race $(TEST_FLAGS) $$(GOWORK=off $(GO) list -C tests ./... | grep -v /suite/)
	@BUILT=1 GOWORK=off $(GO) test -C tests -count=1 -timeout 20m -p 3 $(TEST_FLAGS) -skip '$(ALONE)' $$(GOWORK=off $(GO) list -C tests ./suite/... | grep -v -e /compose$$ -e /noisy$$)
	@BUILT=1 GOWORK=off $(GO) test -C tests -count=1 -timeout 20m $(TEST_FLAGS) -run '$(ALONE)' ./suite/security
	@BUILT=1 GOWORK=off $(GO) test -C tests -count=1 -timeout 20m $(TEST_FLAGS) ./suite/security/noisy

# What needs no shared folder: with ALL, everything that can do without one.
ALL ?=
S3 ?= versitygw
OBJECT_E2E := TestWarehouseInABucket|TestBackupAndRestore
OBJECT_EXACTNESS := TestAnswersAreEqual

.PHONY: objects-test
objects-test: install-test $(if $(filter rclone,$(S3)),bin/rclone) ## Run a part of the suites and of the fault rounds with segments in an object store and no shared folder (OBJECT_ROUNDS=10, ALL=1 for the whole suites, S3=rclone for another store)
	@OBJECTS=$(S3) ROUNDS=2 GOWORK=off $(GO) test -C tests -count=1 -timeout 40m $(TEST_FLAGS) -run '$(if $(ALL),.,$(OBJECT_EXACTNESS))' ./suite/exactness
	@OBJECTS=$(S3) GOWORK=off $(GO) test -C tests -count=1 -timeout 40m $(TEST_FLAGS) -run '$(if $(ALL),.,$(OBJECT_E2E))' ./suite/e2e
	@GOWORK=off $(GO) build -C tests -o "$(CURDIR)/bin/" ./cmd/fault-test
	@OBJECTS=$(S3) bin/fault-test --rounds=$(OBJECT_ROUNDS) --seed=$(SEED) --only='$(if $(ALL),.,^object)' --quiet

.PHONY: lake-test
lake-test: install-test $(if $(CLICKHOUSE),$(LIBCHDB)) ## Read segments and published Iceberg tables, in a folder and in a bucket, with ClickHouse and with iceberg-go's reader, which takes minutes to build once (ICEBERG=: without it), and compare with the API
	@[ -n "$(CLICKHOUSE)" ] || { echo "There is a library of ClickHouse for Linux on x86-64 alone" >&2; exit 1; }
	@GOWORK=off $(GO) build -C tests/clickhouse -o "$(CURDIR)/bin/clickhouse" .
	@[ -z "$(ICEBERG)" ] || GOWORK=off $(GO) build -C tests/tools/iceberg -o "$(CURDIR)/$(ICEBERG)" .
	@CHDB_LIB_PATH="$(CURDIR)/$(LIBCHDB)" ICEBERG="$(ICEBERG)" GOWORK=off $(GO) test -C tests -count=1 $(TEST_FLAGS) ./suite/lake

ENGINE_TESTS := ^(TestDown|TestSilent|TestNotAsked|TestExceptions|TestBack|TestConfig|TestFiles|TestTally|TestRank|TestRetention|TestTooLarge|TestClickHouse.*)$$

.PHONY: engine-test
engine-test: go $(if $(CLICKHOUSE),$(LIBCHDB)) ## Run the tests that ask a real ClickHouse, in process: of the fixture itself, and of the engine of stats
	@[ -n "$(CLICKHOUSE)" ] || { echo "There is a library of ClickHouse for Linux on x86-64 alone" >&2; exit 1; }
	@GOWORK=off $(GO) build -C tests/clickhouse -o "$(CURDIR)/bin/clickhouse" .
	@CHDB_LIB_PATH="$(CURDIR)/$(LIBCHDB)" GOWORK=off $(GO) test -C tests/clickhouse -count=1 $(TEST_FLAGS) ./...
	@CHDB_LIB_PATH="$(CURDIR)/$(LIBCHDB)" GOWORK=off bin/clickhouse -small $(GO) test -C services/stats -count=1 -timeout 20m $(TEST_FLAGS) -run '$(ENGINE_TESTS)' . ./engine/clickhouse ./question

.PHONY: compose-test
compose-test: go ## Scale, kill, roll out, back up and restore with docker compose, while clients post
	@docker compose version >/dev/null || { echo "Docker with the compose plugin is required" >&2; exit 1; }
	@GOWORK=off $(GO) test -C tests -count=1 -timeout 45m -v ./suite/compose

.PHONY: fault-test
fault-test: install-test ## Break the service in every way while clients post, then check its counts (ROUNDS=100, SEED=0 for random, FAULT="--only=…")
	@GOWORK=off $(GO) build -C tests -o "$(CURDIR)/bin/" ./cmd/fault-test
	@bin/fault-test --rounds=$(ROUNDS) --seed=$(SEED) $(FAULT)

.PHONY: seeded-bugs
seeded-bugs: install-test ## Run the same rounds against deliberate bugs: each must be found (BUG=regular expression)
	@GOWORK=off $(GO) build -C tests -o "$(CURDIR)/bin/" ./cmd/fault-test
	@bin/fault-test --bug='$(BUG)' --seed=$(SEED) --quiet $(FAULT)

.PHONY: sdk-test
sdk-test: install-test ## Run vendors' SDKs, unmodified, against the service over a network that fails (SDK=regular expression, FAULT="--fault=…"); about 15 minutes
	@deployments/install npm
	@GOWORK=off $(GO) build -C tests -o "$(CURDIR)/bin/" ./cmd/sdk-test
	@bin/sdk-test --sdk='$(SDK)' $(FAULT)

.PHONY: fuzz
fuzz: go ## Fuzz everything that parses outside input, each target for FUZZ_TIME (30s)
	@tests/fuzz $(FUZZ_TIME)

.PHONY: vulncheck
vulncheck: go ## Look for known vulnerabilities in the code that is called; takes some minutes
	@tests/suite/security/govulncheck/run

.PHONY: bench-ingest
bench-ingest: install-test ## Compare ingest with a bare COPY on the same Postgres (BENCH="--only=upload --rounds=5"); about 20 minutes
	@GOWORK=off $(GO) build -C tests -o "$(CURDIR)/bin/" ./cmd/bench-ingest
	@bin/bench-ingest $(BENCH)

.PHONY: bench-stats
bench-stats: install-test $(if $(CLICKHOUSE),$(LIBCHDB)) ## Compare queries with DuckDB and ClickHouse on the same events (BENCH="--events=100000000 --soak=10m"); the events are kept for the next run
	@GOWORK=off $(GO) build -C tests -o "$(CURDIR)/bin/" ./cmd/bench-stats
	@[ -z "$(CLICKHOUSE)" ] || GOWORK=off $(GO) build -C tests/bench/clickhouse -o "$(CURDIR)/bin/bench-clickhouse" .
	@[ -z "$(CLICKHOUSE)" ] || GOWORK=off $(GO) build -C tests/clickhouse -o "$(CURDIR)/bin/clickhouse" .
	@CHDB_LIB_PATH="$(CURDIR)/$(LIBCHDB)" bin/bench-stats $(if $(CLICKHOUSE),--clickhouse=bin/bench-clickhouse) $(BENCH)

.PHONY: scale
scale: install-test ## Simulate 1, 10 and 100 billion events and print what was run and what computed (SCALE="--page=docs/scaling.md"); about 5 minutes
	@GOWORK=off $(GO) build -C tests -o "$(CURDIR)/bin/" ./cmd/scale
	@bin/scale $(SCALE)

$(LIBCHDB): tests/bench/clickhouse/package-lock.json
	@deployments/install npm
	@echo "fetching ClickHouse, once: 170 MB"
	@mkdir -p $(CLICKHOUSE)
	@cp tests/bench/clickhouse/package.json $< $(CLICKHOUSE)
	@npm ci --prefix $(CLICKHOUSE) --ignore-scripts --no-audit --no-fund
	@touch $@

.PHONY: loadgen
loadgen: go ## Post generated events to a running service (LOAD="--api-key=… --connections=64 --batch=1 --duration=30s")
	@GOWORK=off $(GO) run -C tests ./cmd/loadgen $(LOAD)

.PHONY: build
build: go ## Build the binaries into bin/
	@for name in $(BINARIES); do GO=$(GO) deployments/build services/$$name ./cmd/$$name; done
	@GO=$(GO) deployments/build cmd/import_events .

.PHONY: lint
lint: go $(GOLANGCI) ## Check the code with golangci-lint
	@for module in $(MODULES); do \
		echo "$$module"; (cd $$module && GOWORK=off "$(CURDIR)/$(GOLANGCI)" run --config "$(CURDIR)/.golangci.yml" ./...); \
	done

.PHONY: lint-deployments
lint-deployments: ## Check the compose files and the Dockerfile with dclint and dockerfile-utils
	@deployments/install npm
	@npx --yes dclint@3.1.0 -c deployments/docker/dclint.yaml docker-compose.yml deployments/docker/tls.yml deployments/docker/objects.yml deployments/docker/cell.yml deployments/docker/cells.yml deployments/docker/clickhouse.yml
	@npx --yes dockerfile-utils@0.16.3 lint deployments/docker/Dockerfile

.PHONY: lint-tool
lint-tool: $(GOLANGCI)
$(GOLANGCI):
	@echo "building golangci-lint $(GOLANGCI_VERSION), once; this takes a few minutes"
	@GOWORK=off GOFLAGS= GOBIN="$(CURDIR)/$(@D)" $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

.PHONY: generate
generate: go ## Regenerate the sample events, the OpenAPI document and the tables of settings and metrics
	@GOWORK=off $(GO) run -C tests ./cmd/sample
	@GOWORK=off $(GO) run -C services/standalone ./cmd/docgen "$(CURDIR)"

.PHONY: web
web: web/ui/node_modules/.package-lock.json ## Build the dashboard into web/dist and the tracker into web/tracker/dist, which are committed
	@npm --prefix web/node test
	@npm --prefix web/ui test
	@npm --prefix web/ui run build

web/ui/node_modules/.package-lock.json: web/ui/package-lock.json
	@deployments/install npm
	@PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --prefix web/ui --ignore-scripts --no-audit --no-fund
	@touch $@

.PHONY: web-test
web-test: install-run web/ui/node_modules/.package-lock.json ## Open every page of the dashboard in Chromium, on a service of its own with a sample; try the tracker and the client for Node (PAGES="--grep @short": what CI does)
	@deployments/install chromium
	@GO=$(GO) deployments/build services/standalone ./cmd/standalone
	@npm --prefix web/node run test:service
	@npm --prefix web/ui run test:pages -- $(PAGES)

.PHONY: web-transcripts
web-transcripts: install-run web/ui/node_modules/.package-lock.json ## Write again what web-test expects each page to say, after a change of it
	@deployments/install chromium
	@GO=$(GO) deployments/build services/standalone ./cmd/standalone
	@$(RM) -r web/ui/tests/transcripts
	@npm --prefix web/ui run test:pages -- matrix --update-snapshots=changed

.PHONY: web-pictures
web-pictures: ## Take the pictures of the dashboard's pages again, after a change of their looks (make web-test first)
	@$(RM) -r web/ui/tests/pictures
	@npm --prefix web/ui run test:pages -- --update-snapshots=all --grep '@pictures'

.PHONY: web-screens
web-screens: install-run web/ui/node_modules/.package-lock.json ## Take the pictures of the documentation again, of a made-up shop
	@deployments/install chromium
	@GO=$(GO) deployments/build services/standalone ./cmd/standalone
	@SCREENS=1 npm --prefix web/ui run test:pages

.PHONY: fmt
fmt: go ## Format the code
	@$(GO)fmt -w $(SOURCES)

.PHONY: tidy
tidy: go ## Bring go.mod, go.sum and go.work.sum up to date
	@$(GO) work sync
	@for module in $(MODULES); do GOWORK=off $(GO) mod tidy -C $$module; done

.PHONY: ci
ci: ## Run everything CI runs
	@bash .ci/run

.PHONY: clean
clean: ## Remove build output (./data stays)
	@rm -rf bin .cache

.PHONY: go
go:
	@deployments/check-go $(GO)
	@deployments/install c++

.PHONY: install-run install-test
install-run: go
	@[ -n "$${DATABASE_URL:-}" ] || deployments/install postgres
install-test: go bin/versitygw
	@deployments/install postgres redis nginx promtool curl strace ext4

# The object store that tests use, from the module proxy: a module of its own keeps its
# dependencies out of ours.
bin/versitygw: tests/tools/versitygw/go.mod
	@echo "building versitygw, once; this takes a minute or more"
	@GOWORK=off $(GO) build -C tests/tools/versitygw -o "$(CURDIR)/$@" github.com/versity/versitygw/cmd/versitygw

# A second opinion of object stores: make objects-test S3=rclone.
RCLONE_VERSION := v1.76.0
bin/rclone:
	@echo "building rclone $(RCLONE_VERSION), once; this takes some minutes"
	@GOWORK=off GOFLAGS= GOBIN="$(CURDIR)/$(@D)" $(GO) install github.com/rclone/rclone@$(RCLONE_VERSION)
