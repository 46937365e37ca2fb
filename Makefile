# Tollgate. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export GOFLAGS ?= -buildvcs=false
export GOTOOLCHAIN ?= local

MODULES := services/contract gateway-edge migrations services portal/client portal infra/tollgate terraform tests
BIN := bin
ROLES := tollgate gateway-edge portal worker
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
STEP = @printf '\033[1m== %s %s\033[0m\n' "$$(date +%T)"
WITH_SERVICES = go run ./tests/cmd/withservices

WEB := portal/web
NPM := npm --prefix $(WEB) --silent
WEB_SOURCES := $(shell find $(WEB) -path $(WEB)/node_modules -prune -o -path $(WEB)/dist -prune -o -type f ! -name '*.test.ts*' ! -name '*.go' ! -name '*.md' -print 2>/dev/null)

.PHONY: bench-before chaos-build billing stripe-mocks acceptance race tour policies tools suites deadcode help web web-test browser browser-needs browser-short run test build gen gen-check policy lint lint-full arch alone bench fuzz e2e chaos conformance services

help: ## Print this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

web: $(WEB)/dist/index.html ## Build the web portal, which the portal carries inside (needs Node.js; WEB_BUILD=no leaves it out)

# Only when the lock changed: a full install takes a minute.
$(WEB)/node_modules/.installed: $(WEB)/package-lock.json
	@$(WEB)/scripts/need-node.sh
	$(STEP) 'installing the packages of the web portal'
	@$(NPM) ci --no-progress --ignore-scripts && touch $@

$(WEB)/dist/index.html: $(if $(filter no,$(WEB_BUILD)),,$(WEB)/node_modules/.installed $(WEB_SOURCES))
ifneq ($(WEB_BUILD),no)
	$(STEP) 'building the web portal'
	@$(NPM) run build && touch $@
endif

web-test: $(WEB)/node_modules/.installed
	$(STEP) 'testing the web portal'
	@$(NPM) run test

run: web ## Build and run everything in one process, with a demo gateway and a curl line that works
	$(STEP) 'building tollgate (the first time takes some minutes)'
	@mkdir -p $(BIN) && go build -ldflags '$(LDFLAGS)' -o $(BIN)/tollgate ./infra/tollgate
	@exec ./$(BIN)/tollgate up --demo

build: web ## Build the one binary and the roles' small ones into bin/
	$(STEP) 'building'
	@mkdir -p $(BIN)
	@go build -ldflags '$(LDFLAGS)' -o $(BIN)/tollgate ./infra/tollgate
	@go build -ldflags '$(LDFLAGS)' -o $(BIN)/gateway-edge ./gateway-edge/cmd/gateway-edge
	@go build -ldflags '$(LDFLAGS)' -o $(BIN)/portal ./portal/cmd/portal
	@go build -ldflags '$(LDFLAGS)' -o $(BIN)/worker ./services/cmd/worker
	@go build -ldflags '$(LDFLAGS)' -o $(BIN)/terraform-provider-tollgate ./terraform
	@ls -l $(BIN) | awk 'NR>1{printf "  %-14s %.1f MB\n", $$NF, $$5/1048576}'

services:
	@tests/need.sh redis-server=redis-server postgres=postgresql nginx=nginx-light python3=python3

# A package may take long beside other work; go's own ten minutes are too few for that.
# `make lint` vets all code, with more than go test would.
TESTFLAGS ?= -timeout 20m -vet=off

# The tests of services and portal wait for databases more than they compute.
test: services build web-test ## Run the whole suite, on real Redis and PostgreSQL that it starts itself
	@failed=; for m in $(MODULES); do \
		[ $$m = tests ] && continue; \
		printf '\033[1m== %s testing %s\033[0m\n' "$$(date +%T)" $$m; \
		more=; case $$m in services | portal) more='-parallel 4';; esac; \
		(cd $$m && $(abspath $(BIN))/withservices go test $(TESTFLAGS) $$more ./...) || failed="$$failed $$m"; \
	done; [ -z "$$failed" ] || { echo "tests failed in:$$failed"; exit 1; }
	$(STEP) 'testing the race-prone rooms with the race detector'
	@cd gateway-edge && $(abspath $(BIN))/withservices go test -race -short $(TESTFLAGS) ./internal/... $$($(SHARING))
	$(STEP) 'testing end to end (tests that wait more than they compute: four at a time)'
	@cd tests && TOLLGATE_BIN=$(abspath $(BIN)) go test $(TESTFLAGS) -parallel 4 ./arch ./deploy ./harness ./stripefake ./billing ./e2e/... ./terraform
	@$(MAKE) -s browser-short

# Policies whose own code shares something between requests; the others are pure
# functions of one exchange, or share pools only, and `make race` takes them too.
SHARING = grep -lE '\bsync\.(Mutex|RWMutex|Map|Cond|WaitGroup)|\batomic\.|\bgo func|\.Go\(' policy/*/*.go | grep -v _test | xargs -n1 dirname | sort -u | sed 's|^|./|'

race: services build ## The edge's and the control plane's packages with the race detector, all of them
	$(STEP) 'testing with the race detector'
	@cd gateway-edge && $(abspath $(BIN))/withservices go test -race -timeout 30m ./...
	@cd services && $(abspath $(BIN))/withservices go test -race -short -timeout 30m ./...

build: $(BIN)/withservices
.PHONY: $(BIN)/withservices
$(BIN)/withservices:
	@mkdir -p $(BIN) && go build -o $(BIN)/withservices ./tests/cmd/withservices

gen: $(WEB)/node_modules/.installed ## Write all generated code, lists and pages anew
	$(STEP) 'generating'
	@cd portal && go generate ./... ./client/...
	@$(NPM) run gen
	@go run ./gateway-edge/internal/policygen
	@cd terraform && go run ./internal/schemagen && go run ./internal/docgen
	@cd infra/tollgate && go run ./internal/clidocs

gen-check: ## Fail where generated files are not what `make gen` writes
	@before=$$(git status --porcelain | sort); $(MAKE) -s gen; after=$$(git status --porcelain | sort); \
	if [ "$$before" != "$$after" ] || ! git diff --quiet; then echo 'generated files are stale: run make gen and commit'; git --no-pager diff --stat; exit 1; fi

TOOLS := $(BIN)/tools
tools:
	@mkdir -p $(TOOLS) && cd tests && GOWORK=off go build -o $(abspath $(TOOLS))/ mvdan.cc/gofumpt honnef.co/go/tools/cmd/staticcheck golang.org/x/tools/cmd/deadcode

lint: tools $(WEB)/node_modules/.installed ## gofumpt, go vet, staticcheck, dead code and the types of the web portal
	$(STEP) 'gofumpt'
	@out=$$(git ls-files '*.go' | grep -v '_gen\.go$$\|\.gen\.go$$\|_gen_test\.go$$' | xargs $(TOOLS)/gofumpt -l); [ -z "$$out" ] || { echo "$$out"; echo 'run: $(TOOLS)/gofumpt -w on them'; exit 1; }
	$(STEP) 'types of the web portal'
	@$(NPM) run check
	$(STEP) 'go vet and staticcheck'
	@for m in $(MODULES); do (cd $$m && go vet ./... && $(abspath $(TOOLS))/staticcheck ./...) || exit 1; done
	@$(MAKE) -s deadcode

deadcode: tools ## Find functions that no program reaches (minutes: it looks at the whole program)
	$(STEP) 'dead code'
	@tests/deadcode.sh $(abspath $(TOOLS))/deadcode

lint-full: ## golangci-lint with .golangci.yml (must be installed: it takes long to build)
	@for m in $(MODULES); do (cd $$m && golangci-lint run --config $(CURDIR)/.golangci.yml ./...) || exit 1; done

acceptance: build ## The Terraform provider with the real terraform: the complete example, every policy applied and imported, 1,000 routes
	$(STEP) 'testing the Terraform provider'
	@tests/need.sh redis-server=redis-server postgres=postgresql
	@cd tests && TOLLGATE_LONG=1 TOLLGATE_BIN=$(abspath $(BIN)) go test -count=1 -v -timeout 40m ./terraform

tour: ## Run the tour by the command line for real, and write its page of the documentation
	$(STEP) 'recording the tour'
	@tests/need.sh curl=curl
	@cd infra/tollgate && go test -count=1 -run TestTour . -update

arch: ## Check who imports whom
	$(STEP) 'import graph'
	@cd tests && go test -count=1 ./arch

# Compiled, not linked: what is looked for is a module that a go.mod lacks.
alone: ## Compile each module by itself, without the workspace
	$(STEP) 'compiling each module alone'
	@for m in $(MODULES); do (cd $$m && GOWORK=off go list -export -f '{{.Name}}' ./... >/dev/null && printf '  %s\n' $$m) || exit 1; done

policies: ## Every policy: its tests, page and form, and what a request pays for it
	@cd gateway-edge && ../bin/withservices go run ./internal/policytable

policy: ## Write the skeleton of a new policy: make policy NAME=my_policy
	@[ -n "$(NAME)" ] || { echo 'usage: make policy NAME=my_policy'; exit 2; }
	@go run ./gateway-edge/internal/policygen -new $(NAME)

BROWSER := tests/browser
$(BROWSER)/node_modules/.installed: $(BROWSER)/package-lock.json
	@$(WEB)/scripts/need-node.sh
	$(STEP) 'installing the packages of the browser tests'
	@npm --prefix $(BROWSER) --silent ci --no-progress --ignore-scripts && touch $@

browser-needs: $(BROWSER)/node_modules/.installed
	@tests/need.sh chromium=chromium redis-server=redis-server
	@npm --prefix $(BROWSER) --silent run check
	@go build -o $(BIN)/test-oidcprovider ./tests/oidcprovider
	@go build -o $(BIN)/test-stripefake ./tests/cmd/stripefake

browser: build browser-needs stripe-mocks ## The web portal in a real browser: the journey, every page and state, both widths and themes, sizes
	@tests/need.sh sqlite3=sqlite3
	@cd $(BROWSER) && TOLLGATE_BIN=$(abspath $(BIN)) npm --silent run all
	@echo 'screenshots: $(BROWSER)/artefacts/{journey,pages,account}/index.html'

browser-short: build browser-needs ## Each page once, by turns at either width and in either theme, and whole journeys: sign-up to traffic, accounts, payment
	$(STEP) 'testing the web portal in a browser'
	@cd $(BROWSER) && TOLLGATE_SHORT=1 TOLLGATE_BIN=$(abspath $(BIN)) npm --silent run short

bench: services build ## CPU a request beside nginx and HAProxy in the same rounds, and the other figures
	@tests/need.sh haproxy=haproxy wrk=wrk h2load=nghttp2-client
	@cd tests && TOLLGATE_BIN=$(abspath $(BIN)) go test -count=1 -timeout 60m -v -run '^TestBench' ./bench
	$(STEP) "the web application firewall beside stock Coraza"
	@cd gateway-edge && TOLLGATE_BENCH=1 go test -count=1 -v -run '^TestBenchStock$$' ./policy/waf
	$(STEP) 'holding every kind of usage question against a million requests'
	@cd services && TOLLGATE_LONG=1 $(abspath $(BIN))/withservices go test -count=1 -v -run '^TestMillionRequests$$' ./usage

bench-before: services build ## CPU a request beside an edge that was built before a change: make bench-before BEFORE=path/of/gateway-edge
	@tests/need.sh wrk=wrk
	@[ -x "$(BEFORE)" ] || { echo 'usage: make bench-before BEFORE=path/of/gateway-edge'; exit 2; }
	@cd tests && TOLLGATE_BIN=$(abspath $(BIN)) TOLLGATE_BEFORE=$(abspath $(BEFORE)) go test -count=1 -v -run '^TestBefore$$' ./bench

e2e: services build ## End-to-end tests, the long ones too
	@cd tests && TOLLGATE_BIN=$(abspath $(BIN)) TOLLGATE_LONG=1 go test -count=1 -timeout 60m -v ./e2e/...

# The roles as failpoints stop them (services/contract/failpoint), beside the released
# ones. Each process dies twice at each step; TOLLGATE_LONG=1: twenty times (three hours).
CHAOS_BIN := $(BIN)/chaos
chaos-build: web
	@mkdir -p $(CHAOS_BIN)
	@go build -tags chaos -o $(CHAOS_BIN)/gateway-edge ./gateway-edge/cmd/gateway-edge
	@go build -tags chaos -o $(CHAOS_BIN)/portal ./portal/cmd/portal
	@go build -tags chaos -o $(CHAOS_BIN)/worker ./services/cmd/worker

chaos: services build chaos-build ## Kill and starve processes under load and at every step between two writes, and check what must hold
	@cd services/contract && go vet -tags chaos ./failpoint && go test -tags chaos -count=1 ./failpoint
	@cd tests && TOLLGATE_BIN=$(abspath $(BIN)) TOLLGATE_CHAOS_BIN=$(abspath $(CHAOS_BIN)) go test -count=1 -timeout 300m -v ./chaos

# The suites of others that conformance runs.
CONNECT_SUITE := v1.0.7
CACHE_SUITE := 0.4.5
suites: ## Build the suites of others that conformance runs
	@mkdir -p $(TOOLS) && cd tests && GOWORK=off go build -o $(abspath $(TOOLS))/ github.com/summerwind/h2spec/cmd/h2spec
	@for p in connectconformance referenceserver; do GOWORK=off GOBIN=$(abspath $(TOOLS)) go install connectrpc.com/conformance/cmd/$$p@$(CONNECT_SUITE) || exit 1; done
	@mkdir -p $(TOOLS)/cache-tests && cd $(TOOLS)/cache-tests && { [ -f package/cli.mjs ] || { npm pack --silent http-cache-tests@$(CACHE_SUITE) > /dev/null && tar xzf http-cache-tests-$(CACHE_SUITE).tgz; }; } && \
		{ [ -d node_modules/node-fetch ] || npm install --silent --no-save --ignore-scripts --no-audit --no-fund --prefix . node-fetch@2; }

# JSON Schema's official test suite, as this module carries it.
JSON_SCHEMA_SUITE = github.com/kaptinlin/jsonschema@v0.4.6

conformance: services build suites ## The bad-input matrix, and the suites of HTTP/2, HTTP/3, gRPC, Connect, WebSocket, and of the OWASP Core Rule Set
	@cd gateway-edge && TOLLGATE_CACHE_SUITE=$(abspath $(TOOLS))/cache-tests/package go test -tags suites -count=1 -timeout 10m -v -run '^TestCacheSuite$$' ./internal/engine
	@cd gateway-edge && go test -tags suites -count=1 -timeout 10m -v -run '^(TestCoreRuleSet|TestFirewall)$$' ./internal/engine
	@cd gateway-edge && TOLLGATE_CONNECT=$(abspath $(TOOLS)) go test -tags connect -count=1 -timeout 30m -v -run '^TestConnectConformance$$' ./internal/engine
	@cd gateway-edge && TOLLGATE_JSON_SCHEMA=$$(go mod download -json $(JSON_SCHEMA_SUITE) | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')/testdata/JSON-Schema-Test-Suite go test -tags jsonschema -count=1 -v -run '^TestSuite$$' ./policy/jsonschema
	@cd tests && TOLLGATE_BIN=$(abspath $(BIN)) go test -count=1 -timeout 30m -v ./conformance

# stripe-mock of the API with billing meters, and of the API that Stripe's library speaks.
STRIPE_MOCKS := 0.203.0 0.183.0
stripe-mocks: ## Fetch and build stripe-mock, at both versions that billing is held against
	@for v in $(STRIPE_MOCKS); do \
		[ -x $(TOOLS)/stripe-mock-$$v ] && continue; \
		mkdir -p $(TOOLS)/fetched && GOWORK=off GOBIN=$(abspath $(TOOLS))/fetched go install github.com/stripe/stripe-mock@v$$v && mv $(TOOLS)/fetched/stripe-mock $(TOOLS)/stripe-mock-$$v || \
		{ echo "stripe-mock $$v could not be fetched: put its binary at $(TOOLS)/stripe-mock-$$v (https://github.com/stripe/stripe-mock/releases)"; exit 1; }; \
	done

billing: services build stripe-mocks ## Billing against a Stripe that misbehaves: the suites of rows, every order of a life's events, kills; replayed at stripe-mock
	$(STEP) 'testing billing'
	@cd tests && TOLLGATE_BIN=$(abspath $(BIN)) TOLLGATE_LONG=1 TOLLGATE_STRIPE_MOCK=1 go test -count=1 -timeout 60m -v ./stripefake ./billing

FUZZTIME ?= 2m
fuzz: ## Run every fuzz target for FUZZTIME (2m) each
	@for f in $$(git grep -l '^func Fuzz' -- '*_test.go'); do d=$$(dirname $$f); \
		for t in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$f); do \
			printf '\033[1m== %s %s\033[0m\n' $$d $$t; \
			(cd $$d && go test -run '^$$' -fuzz "^$$t\$$" -fuzztime $(FUZZTIME) .) || exit 1; \
		done; done
