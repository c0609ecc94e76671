# Everything needs Go and nothing else. With a C compiler the tests run under
# the race detector.
GO       ?= go
FUZZTIME ?= 30s
COUNT    ?= 5
# Two test binaries at a time: each is busy with files and sockets itself.
PARALLEL ?= 2
TIMEOUT  ?= 10m
RACE     ?= $(if $(filter 1,$(shell $(GO) env CGO_ENABLED)),-race)
GOFMT    := $(shell $(GO) env GOROOT)/bin/gofmt
PLATFORMS ?= linux/amd64 linux/arm64 windows/amd64 darwin/arm64

.DEFAULT_GOAL := help

.PHONY: help
help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build ./tributary, static and without a path of this machine in it
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o tributary ./cmd/tributary

.PHONY: test
test: lint ## all that a change must pass: formatting, vet, staticcheck, tests
	$(GO) test $(RACE) -p $(PARALLEL) -timeout $(TIMEOUT) ./...
	@test -n "$(RACE)" || echo 'note: without a C compiler the tests ran without the race detector'

.PHONY: quick
quick: ## the tests alone, without the race detector
	$(GO) test -p $(PARALLEL) -timeout $(TIMEOUT) ./...

.PHONY: lint
lint: ## formatting, vet and staticcheck
	@files="$$($(GOFMT) -l .)" || exit 1; \
	if [ -n "$$files" ]; then echo "not formatted; run gofmt -w on:"; echo "$$files"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

.PHONY: race
race: ## the tests COUNT times over on 1, 2 and 4 threads, to find those that fail now and then
	$(GO) test -race -p $(PARALLEL) -cpu 1,2,4 -count $(COUNT) -timeout 60m ./...

.PHONY: fuzz
fuzz: ## every fuzz test for FUZZTIME
	@grep -r --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' . \
	| grep -v -e '^./e2e/' -e '^./bench/' \
	| sed -e 's|/[^/]*:func | |' | sort -u \
	| while read -r folder name; do \
		echo "== $$folder $$name"; \
		$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$folder" || exit 1; \
	done

.PHONY: bench
bench: ## the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem -timeout 30m ./...

.PHONY: demo
demo: ## the whole program against a simulated Microsoft
	$(GO) run ./cmd/tributary demo

.PHONY: cross
cross: ## build for every platform, without cgo
	@for platform in $(PLATFORMS); do \
		echo "build $$platform"; \
		CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/} $(GO) build ./... || exit 1; \
	done

.PHONY: e2e
e2e: ## the tests against other people's software, each in a module of its own
	@for module in e2e/*/go.mod; do \
		folder=$${module%/go.mod}; \
		echo "== $$folder"; \
		(cd "$$folder" && $(GO) test -mod=readonly -p $(PARALLEL) -timeout $(TIMEOUT) ./...) || exit 1; \
	done

.PHONY: ci
ci: ## what the build server runs
	bash .ci/run
